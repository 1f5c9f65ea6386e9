import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AStarPOError, isAStarPOError } from '../errors.ts';
import type { ModelCard } from '../model/model-card.ts';
import type { Policy } from '../model/policy.ts';
import { ioError, syncFolder, syncTree } from '../util/atomic-file.ts';
import type { StorePrefix } from '../vstar/cache.ts';
import type { FileLengths } from './run-folder.ts';
import { loadTrained, saveTrained } from './trained-state.ts';

const schema = 1;

/** Everything beside weights and optimizer that a run needs to go on; all randomness is derived from (seed, step). */
export interface CheckpointState {
  readonly schema: number;
  /** Optimizer steps done; the task cursor and all random seeds follow from it. */
  readonly step: number;
  readonly configHash: string;
  readonly seed: string;
  /** Step of the last evaluation, -1 if none. */
  readonly evaluated: number;
  readonly best: { readonly step: number; readonly success: number } | null;
  /** Steps in a row, up to this one, that were skipped because something was not finite. */
  readonly nonFinite: number;
  /** Where the V* store stood. */
  readonly vstar: StorePrefix;
  readonly files: FileLengths;
}

export interface Checkpoint {
  readonly folder: string;
  readonly state: CheckpointState;
}

/**
 * Writes `checkpoints/step-N` with `model/` (Hugging Face layout) or, with LoRA, `adapter/` (PEFT's), `optimizer.safetensors` and
 * `state.json`: under another name first, made durable, then renamed, so that a checkpoint that can be seen is whole. Throws ASTARPO_IO.
 */
export async function saveCheckpoint(
  runFolder: string,
  policy: Policy,
  state: Omit<CheckpointState, 'schema'>,
  card: ModelCard,
): Promise<Checkpoint> {
  const parent = join(runFolder, 'checkpoints');
  const folder = join(parent, folderName(state.step));
  const temporary = join(parent, `.${folderName(state.step)}.tmp`);
  try {
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { recursive: true });
    await saveTrained(policy, temporary, card);
    const whole: CheckpointState = { schema, ...state };
    const json = JSON.stringify(whole);
    await writeFile(join(temporary, 'state.json'), `${JSON.stringify({ state: whole, sha256: sha256(json) }, null, 2)}\n`);
    await syncTree(temporary);
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
    await syncFolder(parent);
    return { folder, state: whole };
  } catch (error) {
    // The first failure is the one to tell; whatever caused it may well hinder the cleaning up.
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw isAStarPOError(error) ? error : ioError('write', folder, error);
  }
}

/** Loads weights, or the adapter, and optimizer state of a checkpoint. Throws ASTARPO_CHECKPOINT when they cannot be used. */
export async function restoreCheckpoint(checkpoint: Checkpoint, policy: Policy): Promise<void> {
  try {
    await loadTrained(policy, checkpoint.folder);
  } catch (error) {
    throw damaged(checkpoint.folder, error);
  }
}

/** The checkpoint with the most steps; undefined when there is none. Throws ASTARPO_CHECKPOINT when its state cannot be read. */
export async function latestCheckpoint(runFolder: string, configHash: string): Promise<Checkpoint | undefined> {
  const step = (await checkpointSteps(runFolder)).at(-1);
  if (step === undefined) return undefined;
  const folder = join(runFolder, 'checkpoints', folderName(step));
  try {
    const { state, sha256: expected } = JSON.parse(await readFile(join(folder, 'state.json'), 'utf8')) as {
      state: CheckpointState;
      sha256: string;
    };
    if (sha256(JSON.stringify(state)) !== expected) throw new Error('state.json does not match its checksum');
    if (state.schema !== schema) throw new Error(`expected schema ${schema}, got ${state.schema}`);
    if (state.configHash !== configHash) throw new Error('it belongs to another configuration');
    return { folder, state };
  } catch (error) {
    throw damaged(folder, error);
  }
}

/** Removes all but the last `keep` checkpoints and that of step `best`, and what an interrupted save left. Throws ASTARPO_IO. */
export async function pruneCheckpoints(runFolder: string, keep: number, best: number | undefined): Promise<void> {
  const steps = await checkpointSteps(runFolder);
  const old = steps.slice(0, Math.max(0, steps.length - keep)).filter((step) => step !== best);
  const parent = join(runFolder, 'checkpoints');
  try {
    const unfinished = (await readdir(parent)).filter((name) => /^\.step-\d+\.tmp$/.test(name));
    for (const name of [...old.map(folderName), ...unfinished]) await rm(join(parent, name), { recursive: true, force: true });
  } catch (error) {
    throw ioError('prune', parent, error);
  }
}

/** Steps that have a checkpoint, ascending. */
export async function checkpointSteps(runFolder: string): Promise<number[]> {
  try {
    const names = await readdir(join(runFolder, 'checkpoints'));
    return names.flatMap((name) => (/^step-\d+$/.test(name) ? [Number(name.slice('step-'.length))] : [])).sort((a, b) => a - b);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw ioError('read', join(runFolder, 'checkpoints'), error);
  }
}

function folderName(step: number): string {
  return `step-${String(step).padStart(6, '0')}`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function damaged(folder: string, cause: unknown): AStarPOError {
  return new AStarPOError(
    'ASTARPO_CHECKPOINT',
    `the checkpoint ${folder} cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`,
    {
      hint: 'move it away to go on from the one before it, or start anew in another run folder',
      cause,
    },
  );
}
