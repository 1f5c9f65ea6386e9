import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AStarPOError } from '../errors.ts';
import type { Trajectory } from '../rollout/trajectory.ts';
import { TrajectoryFile } from '../rollout/trajectory-file.ts';
import { AppendFile, ioError, writeFileAtomic } from '../util/atomic-file.ts';
import { defined } from '../util/defined.ts';
import { FileLock } from '../util/file-lock.ts';
import { canonicalJson, type JsonObject, jsonDifferences } from '../util/json.ts';
import { packageVersion } from '../util/package-version.ts';
import { type Checkpoint, latestCheckpoint } from './checkpoint.ts';
import { type EvaluationRecord, parseEvaluation } from './evaluation-record.ts';
import type { EvalEvent, StepEvent } from './events.ts';

const schema = 1;

export interface Manifest {
  readonly schema: number;
  readonly status: 'running' | 'finished';
  /** Everything that decides the course of the run. */
  readonly config: JsonObject;
  readonly configHash: string;
  /** Content hashes of the weights that the run started from. */
  readonly start: StartHashes;
  readonly versions: Readonly<Record<string, string>>;
  /** CPU threads of native work when the run began; in reproducible mode the results do not depend on them. */
  readonly threads: number;
  readonly created: string;
  readonly finished?: string;
}

export interface StartHashes {
  readonly policy: string;
  readonly reference: string;
  /** Of the policy's adapter, if it has one: the A matrices of a fresh one decide how training goes, though not what the policy says. */
  readonly adapter?: string | undefined;
}

/** What a run starts from. */
export interface RunStart extends StartHashes {
  readonly threads: number;
  /** Writes the reference's snapshot into the folder it is given, unless it is nothing but the base of the policy's adapter. */
  readonly saveReference: (folder: string) => Promise<void>;
}

/** Lengths in bytes up to which the append-only files belong to what is done. */
export interface FileLengths {
  readonly metrics: number;
  readonly eval: number;
  readonly trajectories: number;
}

export function hashConfig(config: JsonObject): string {
  return createHash('sha256').update(canonicalJson(config)).digest('hex');
}

/**
 * The durable side of a run: `manifest.json`, `metrics.jsonl`, `eval.jsonl`, `trajectories.jsonl`, `stage1.json`, `reference/`,
 * `checkpoints/`. On opening an unfinished run, lines after its last checkpoint are cut.
 */
export class RunFolder {
  readonly path: string;
  readonly manifest: Manifest;
  /** Whether the run was begun by an earlier process. */
  readonly resumed: boolean;
  /** Where to go on; undefined at the start. */
  readonly checkpoint: Checkpoint | undefined;
  /** An evaluation made before the first step and before any checkpoint: not to be repeated. */
  readonly before: EvaluationRecord | undefined;
  readonly #lock: FileLock;
  readonly #metrics: AppendFile;
  readonly #eval: AppendFile;
  readonly #trajectories: TrajectoryFile;

  private constructor(parts: {
    path: string;
    manifest: Manifest;
    resumed: boolean;
    checkpoint: Checkpoint | undefined;
    before: EvaluationRecord | undefined;
    lock: FileLock;
    files: [AppendFile, AppendFile, TrajectoryFile];
  }) {
    this.path = parts.path;
    this.manifest = parts.manifest;
    this.resumed = parts.resumed;
    this.checkpoint = parts.checkpoint;
    this.before = parts.before;
    this.#lock = parts.lock;
    [this.#metrics, this.#eval, this.#trajectories] = parts.files;
  }

  /**
   * Opens `path` for a run of this config: a new folder, or an unfinished run to go on with. If the run there is finished, the next
   * free of `path-2`, `path-3`, … is taken. The reference's snapshot is written before the manifest names it.
   * Throws ASTARPO_RUN_FOLDER for another config or other weights, ASTARPO_BUSY while another process runs there,
   * ASTARPO_CHECKPOINT, ASTARPO_IO.
   */
  static async open(path: string, config: JsonObject, start: RunStart): Promise<RunFolder> {
    for (let number = 1; ; number++) {
      const folder = number === 1 ? path : `${path}-${number}`;
      const manifest = await readManifest(folder);
      if (manifest !== undefined) checkConfig(folder, manifest, config);
      if (manifest?.status === 'finished') continue;
      if (manifest !== undefined) checkWeights(folder, manifest, start);
      return RunFolder.#openAt(folder, manifest, config, start);
    }
  }

  static async #openAt(path: string, found: Manifest | undefined, config: JsonObject, start: RunStart): Promise<RunFolder> {
    const lock = FileLock.acquire(join(path, '.lock'));
    const open: { close(): Promise<void> }[] = [];
    const keep = <F extends { close(): Promise<void> }>(file: F): F => {
      open.push(file);
      return file;
    };
    try {
      if (found === undefined && existsSync(join(path, 'metrics.jsonl'))) {
        throw new AStarPOError('ASTARPO_RUN_FOLDER', `${path} holds metrics of a run but no manifest.json`, {
          hint: 'choose another run folder',
        });
      }
      const manifest = found ?? newManifest(config, start);
      if (found === undefined) {
        await start.saveReference(join(path, 'reference'));
        await writeManifest(path, manifest);
      }
      const checkpoint = await latestCheckpoint(path, manifest.configHash);
      const before = checkpoint === undefined ? await firstEvaluation(path) : undefined;
      const lengths: FileLengths = checkpoint?.state.files ?? { metrics: 0, eval: before?.bytes ?? 0, trajectories: 0 };
      const files: [AppendFile, AppendFile, TrajectoryFile] = [
        keep(await AppendFile.open(join(path, 'metrics.jsonl'), { length: lengths.metrics })),
        keep(await AppendFile.open(join(path, 'eval.jsonl'), { length: lengths.eval })),
        keep(await TrajectoryFile.open(join(path, 'trajectories.jsonl'), { length: lengths.trajectories })),
      ];
      const folder = new RunFolder({ path, manifest, resumed: found !== undefined, checkpoint, before: before?.record, lock, files });
      folder.#checkLengths(lengths);
      return folder;
    } catch (error) {
      for (const file of open) await file.close();
      lock.release();
      throw error;
    }
  }

  get lengths(): FileLengths {
    return { metrics: this.#metrics.length, eval: this.#eval.length, trajectories: this.#trajectories.length };
  }

  appendStep(event: StepEvent): void {
    const { step, skipped, metrics } = event;
    this.#metrics.append(JSON.stringify({ step, skipped, metrics, time: new Date().toISOString() }));
  }

  appendEvaluation(event: EvalEvent): void {
    const { step, when, result } = event;
    this.#eval.append(JSON.stringify({ step, when, result, time: new Date().toISOString() } satisfies EvaluationRecord));
  }

  appendTrajectories(step: number, trajectories: Iterable<Trajectory>): void {
    for (const trajectory of trajectories) this.#trajectories.append(trajectory, step);
  }

  /** What stage 1 found, for people; V* itself is always read from the store. */
  async writeStage1(summary: JsonObject): Promise<void> {
    await writeFileAtomic(join(this.path, 'stage1.json'), `${JSON.stringify(summary, null, 2)}\n`);
  }

  /** Makes everything appended so far durable. */
  async sync(): Promise<void> {
    await Promise.all([this.#metrics.sync(), this.#eval.sync(), this.#trajectories.sync()]);
  }

  async finish(): Promise<void> {
    await this.sync();
    await writeManifest(this.path, { ...this.manifest, status: 'finished', finished: new Date().toISOString() });
  }

  async close(): Promise<void> {
    try {
      for (const file of [this.#metrics, this.#eval, this.#trajectories]) await file.close();
    } finally {
      this.#lock.release();
    }
  }

  #checkLengths(expected: FileLengths): void {
    for (const name of ['metrics', 'eval', 'trajectories'] as const) {
      if (this.lengths[name] >= expected[name]) continue;
      throw new AStarPOError(
        'ASTARPO_CHECKPOINT',
        `expected at least ${expected[name]} bytes in ${join(this.path, `${name}.jsonl`)}, got ${this.lengths[name]}`,
        { hint: 'the file was changed after the checkpoint; restore it or start anew in another run folder' },
      );
    }
  }
}

/** Reads `manifest.json`; undefined when there is none. Throws ASTARPO_RUN_FOLDER when it is damaged. */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  const path = join(folder, 'manifest.json');
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  try {
    const manifest = JSON.parse(text) as Manifest;
    if (manifest.schema !== schema) throw new Error(`expected schema ${schema}, got ${manifest.schema}`);
    return manifest;
  } catch (error) {
    throw new AStarPOError('ASTARPO_RUN_FOLDER', `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`, {
      hint: 'choose another run folder',
      cause: error,
    });
  }
}

/** All evaluations of a run folder, in order. Throws ASTARPO_RUN_FOLDER for a damaged line, ASTARPO_IO. */
export async function readEvaluations(folder: string): Promise<EvaluationRecord[]> {
  const path = join(folder, 'eval.jsonl');
  const text = (await readIfThere(path)) ?? '';
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return lines.flatMap((line, index) => (line === '' ? [] : [parseEvaluation(line, path, index + 1)]));
}

async function firstEvaluation(folder: string): Promise<{ record: EvaluationRecord; bytes: number } | undefined> {
  const path = join(folder, 'eval.jsonl');
  const text = await readIfThere(path);
  const end = text?.indexOf('\n') ?? -1;
  if (text === undefined || end === -1) return undefined;
  const line = text.slice(0, end);
  const record = parseEvaluation(line, path, 1);
  return record.step === 0 ? { record, bytes: Buffer.byteLength(line) + 1 } : undefined;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw ioError('read', path, error);
  }
}

async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  await writeFileAtomic(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

function newManifest(config: JsonObject, start: RunStart): Manifest {
  return {
    schema,
    status: 'running',
    config,
    configHash: hashConfig(config),
    start: defined({ policy: start.policy, reference: start.reference, adapter: start.adapter }),
    versions: { 'astar-po': packageVersion(), node: process.versions.node },
    threads: start.threads,
    created: new Date().toISOString(),
  };
}

function checkConfig(folder: string, manifest: Manifest, config: JsonObject): void {
  if (manifest.configHash === hashConfig(config)) return;
  const differences = jsonDifferences(manifest.config, config);
  throw new AStarPOError(
    'ASTARPO_RUN_FOLDER',
    `${folder} belongs to a run with another configuration: ${differences.slice(0, 6).join('; ')}`,
    {
      hint: `to go on with that run use its options (they are in ${join(folder, 'manifest.json')}); to start anew choose another run folder`,
    },
  );
}

function checkWeights(folder: string, manifest: Manifest, start: RunStart): void {
  for (const name of ['policy', 'reference', 'adapter'] as const) {
    if (manifest.start[name] === start[name]) continue;
    const reference = join(folder, 'reference');
    const snapshot = existsSync(reference) ? `, whose reference is kept in ${reference}` : '';
    const short = (hash: string | undefined) => hash?.slice(0, 12) ?? 'none';
    throw new AStarPOError(
      'ASTARPO_RUN_FOLDER',
      `the run in ${folder} started from another ${name} (${short(manifest.start[name])}, got ${short(start[name])})`,
      {
        hint: `to go on load the model it started from${snapshot} (the last checkpoint is loaded by itself); to start anew choose another run folder`,
      },
    );
  }
}
