import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { AStarPOError } from '../errors.ts';
import { AppendFile, ioError } from '../util/atomic-file.ts';
import type { Context, Trajectory, Turn } from './trajectory.ts';

const schema = 1;

/** A trajectory and the optimizer step that it was made for, if any. */
export interface TrajectoryRecord {
  readonly step: number | undefined;
  readonly trajectory: Trajectory;
}

/**
 * Append-only JSON lines with exact ids. A context is `{ tokens, mask: [[start, length], …] (runs of 1), logps (of the masked
 * tokens, exact to the last bit of a float32), turns }`; seeds are decimal strings.
 */
export class TrajectoryFile {
  readonly #file: AppendFile;

  private constructor(file: AppendFile) {
    this.#file = file;
  }

  /** Opens or creates; `length` cuts the file first. Throws ASTARPO_IO. */
  static async open(path: string, options: { length?: number } = {}): Promise<TrajectoryFile> {
    return new TrajectoryFile(await AppendFile.open(path, options));
  }

  /** Bytes so far. */
  get length(): number {
    return this.#file.length;
  }

  /** Throws ASTARPO_IO. */
  append(trajectory: Trajectory, step?: number): void {
    const { contexts, seed, ...rest } = trajectory;
    this.#file.append(JSON.stringify({ schema, step, ...rest, seed: seed.toString(), contexts: contexts.map(encodeContext) }));
  }

  async sync(): Promise<void> {
    await this.#file.sync();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** Writes trajectories to a new or grown file. Throws ASTARPO_IO. */
export async function saveTrajectories(path: string, trajectories: Iterable<Trajectory>): Promise<void> {
  const file = await TrajectoryFile.open(path);
  try {
    for (const trajectory of trajectories) file.append(trajectory);
  } finally {
    await file.close();
  }
}

/**
 * Reads one by one; a half-written last line is left out. Throws ASTARPO_DATA naming the line that is no trajectory, ASTARPO_IO.
 */
export async function* readTrajectories(path: string): AsyncGenerator<TrajectoryRecord, void, undefined> {
  for await (const { step, trajectory } of locateTrajectories(path)) yield { step, trajectory };
}

/** Where in its file a trajectory is: bytes [start, end). */
export interface TrajectoryPlace {
  /** Of its line, from 1. */
  readonly line: number;
  readonly start: number;
  readonly end: number;
}

/** `readTrajectories` with the place of each, for `readTrajectoryAt`; `after`: only what follows that place. */
export async function* locateTrajectories(
  path: string,
  after?: TrajectoryPlace,
): AsyncGenerator<TrajectoryRecord & { readonly place: TrajectoryPlace }, void> {
  let rest = '';
  let number = after?.line ?? 0;
  let start = after === undefined ? 0 : after.end + 1;
  try {
    for await (const chunk of createReadStream(path, { encoding: 'utf8', start })) {
      const lines = (rest + (chunk as string)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const end = start + Buffer.byteLength(line);
        yield { ...decode(line, path, ++number), place: { line: number, start, end } };
        start = end + 1;
      }
    }
  } catch (error) {
    throw error instanceof AStarPOError ? error : ioError('read', path, error);
  }
}

/** One trajectory, without those before it. Throws ASTARPO_DATA when the file is another by now, ASTARPO_IO. */
export async function readTrajectoryAt(path: string, { line, start, end }: TrajectoryPlace): Promise<TrajectoryRecord> {
  const bytes = Buffer.alloc(end - start);
  try {
    await using file = await open(path);
    await file.read(bytes, 0, bytes.length, start);
  } catch (error) {
    throw ioError('read', path, error);
  }
  return decode(bytes.toString(), path, line);
}

interface StoredContext {
  tokens: number[];
  mask: [number, number][];
  logps: number[];
  turns: Turn[];
}

function encodeContext(context: Context): StoredContext {
  const mask: [number, number][] = [];
  const logps: number[] = [];
  for (let i = 0; i < context.mask.length; i++) {
    if (context.mask[i] !== 1) continue;
    const run = mask.at(-1);
    if (run !== undefined && run[0] + run[1] === i) run[1]++;
    else mask.push([i, 1]);
    // Nine digits name a float32 uniquely.
    logps.push(Number((context.logps[i] as number).toPrecision(9)));
  }
  return { tokens: [...context.tokens], mask, logps, turns: [...context.turns] };
}

function decodeContext(stored: StoredContext): Context {
  const tokens = Int32Array.from(stored.tokens);
  const mask = new Uint8Array(tokens.length);
  const logps = new Float32Array(tokens.length);
  let row = 0;
  for (const [start, length] of stored.mask) {
    if (!(start >= 0 && length >= 1 && start + length <= tokens.length)) throw new RangeError('a mask run leaves the tokens');
    mask.fill(1, start, start + length);
    for (let i = start; i < start + length; i++) logps[i] = stored.logps[row++] ?? Number.NaN;
  }
  if (row !== stored.logps.length) throw new RangeError(`expected ${row} log-probs, got ${stored.logps.length}`);
  return { tokens, mask, logps, turns: stored.turns };
}

function decode(line: string, path: string, number: number): TrajectoryRecord {
  try {
    const { schema: found, step, contexts, seed, ...rest } = JSON.parse(line) as Record<string, unknown>;
    if (found !== schema) throw new RangeError(`expected schema ${schema}, got ${String(found)}`);
    const trajectory = {
      ...(rest as Omit<Trajectory, 'contexts' | 'seed'>),
      seed: BigInt(seed as string),
      contexts: (contexts as StoredContext[]).map(decodeContext),
    };
    return { step: step as number | undefined, trajectory };
  } catch (error) {
    throw new AStarPOError(
      'ASTARPO_DATA',
      `line ${number} of ${path} is no trajectory: ${error instanceof Error ? error.message : String(error)}`,
      {
        hint: 'the file is made by astar-po; remove the damaged line to go on without it',
        cause: error,
      },
    );
  }
}
