import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { AStarPOError } from '../errors.ts';
import type { FinishReason } from '../rollout/trajectory.ts';
import { AppendFile, ioError } from '../util/atomic-file.ts';
import { FileLock } from '../util/file-lock.ts';
import { refuseUnknownOptions } from '../util/known-options.ts';
import { deriveSeed } from '../util/rng.ts';
import { estimateVStar, type VStarEstimate, type VStarMode } from './estimator.ts';

const schema = 'astar-po/vstar/1';

/** One reference episode of one task, as stored. */
export interface StoredSample {
  readonly key: string;
  /** 0, 1, … among the samples of the key. */
  readonly index: number;
  /** What V* is made of: the sum of all that was paid. */
  readonly return: number;
  /** The raw score (the reward part `score`), where the environment names one: for people, V* does not read it. */
  readonly score?: number;
  readonly success: boolean;
  readonly turns: number;
  /** Sampled tokens. */
  readonly tokens: number;
  readonly finish: FinishReason;
  readonly seed: bigint;
  /** ISO 8601. */
  readonly time: string;
}

/** Where the store stood: it goes on growing, so a run names it by its beginning. */
export interface StorePrefix {
  readonly bytes: number;
  readonly sha256: string;
}

export interface StoreCounters {
  /** Requests that found all, none, or some of their samples. */
  readonly hits: number;
  readonly misses: number;
  readonly topUps: number;
  /** Lines that could not be read when the file was opened (a torn last line is not one of them). */
  readonly damaged: number;
}

/**
 * The durable store of raw reference returns. V* is computed when read, so β1, the mode and the number of samples can change
 * without new samples. One checksummed JSON line per sample, appended as soon as the sample is finished; a half-written last
 * line is cut, any other damaged line is skipped and counted (its sample is then missing and will be drawn again).
 *
 * The file's header fixes the *store seed*: sample i of a key has the seed hash(store seed, key, i) in every run.
 */
export class VStarCache {
  readonly path: string;
  readonly seed: bigint;
  readonly #samples: Map<string, Map<number, StoredSample>>;
  readonly #file: AppendFile | undefined;
  readonly #lock: FileLock | undefined;
  readonly #hash: Hash;
  #bytes: number;
  #counters: { hits: number; misses: number; topUps: number; damaged: number };
  #closed = false;

  private constructor(path: string, content: Content, seed: bigint, file: AppendFile | undefined, lock: FileLock | undefined) {
    this.path = path;
    this.seed = seed;
    this.#samples = content.samples;
    this.#file = file;
    this.#lock = lock;
    this.#hash = content.hash;
    this.#bytes = content.bytes;
    this.#counters = { hits: 0, misses: 0, topUps: 0, damaged: content.damaged };
  }

  /**
   * Opens or creates a store. `seed` (default 0) seeds a new one; an existing file keeps its own. There is one writer per file;
   * `readOnly` needs no lock and creates nothing. Throws ASTARPO_VSTAR for a file that is no V* store, ASTARPO_BUSY when another
   * process writes it, ASTARPO_UNKNOWN_OPTION, ASTARPO_IO.
   */
  static async open(file: string, options: { seed?: bigint; readOnly?: boolean } = {}): Promise<VStarCache> {
    refuseUnknownOptions('VStarCache.open', options, { seed: true, readOnly: true });
    if (options.readOnly === true) {
      const content = await readContent(file);
      if (content === undefined) throw new AStarPOError('ASTARPO_VSTAR', `there is no V* store at ${file}`, { hint: 'stage 1 creates it' });
      return new VStarCache(file, content, content.seed, undefined, undefined);
    }
    const lock = FileLock.acquire(`${file}.lock`);
    let appender: AppendFile | undefined;
    try {
      const content = await readContent(file);
      appender = await AppendFile.open(file, { length: content?.bytes ?? 0 });
      if (content !== undefined) return new VStarCache(file, content, content.seed, appender, lock);
      const seed = BigInt.asUintN(64, options.seed ?? 0n);
      const cache = new VStarCache(file, emptyContent(seed), seed, appender, lock);
      cache.#append({ schema, storeSeed: seed.toString() });
      await appender.sync();
      return cache;
    } catch (error) {
      await appender?.close();
      lock.release();
      throw error;
    }
  }

  /** The seed of sample `index` of `key`. */
  sampleSeed(key: string, index: number): bigint {
    return deriveSeed(this.seed, key, index);
  }

  /** All stored samples of a key, by index. */
  get(key: string): readonly StoredSample[] {
    return [...(this.#samples.get(key)?.values() ?? [])].sort((a, b) => a.index - b.index);
  }

  /** Keys in the order in which they were first stored. */
  keys(): readonly string[] {
    return [...this.#samples.keys()];
  }

  /** Indices below `n` that are not stored. */
  missing(key: string, n: number): number[] {
    const stored = this.#samples.get(key);
    return Array.from({ length: n }, (_, index) => index).filter((index) => stored?.has(index) !== true);
  }

  /** Like `missing`, and counts the request as hit, miss or top-up. */
  request(key: string, n: number): number[] {
    const missing = this.missing(key, n);
    if (missing.length === 0) this.#counters.hits++;
    else if (missing.length === n) this.#counters.misses++;
    else this.#counters.topUps++;
    return missing;
  }

  /**
   * Stores one finished sample. Throws ASTARPO_REWARD for a return that is not finite, ASTARPO_VSTAR if the sample is stored
   * already, ASTARPO_IO (the samples before it stay), ASTARPO_DISPOSED.
   */
  add(sample: StoredSample): void {
    if (!Number.isFinite(sample.return)) throw new AStarPOError('ASTARPO_REWARD', `expected a finite return, got ${sample.return}`);
    if (this.#samples.get(sample.key)?.has(sample.index) === true) {
      throw new AStarPOError('ASTARPO_VSTAR', `sample ${sample.index} of key ${sample.key} is stored already`);
    }
    this.#append({ ...sample, seed: sample.seed.toString() });
    store(this.#samples, sample);
  }

  /** V* from the first `n` samples of a key; undefined when fewer are stored. */
  vstar(key: string, options: { beta: number; mode: VStarMode; n: number }): VStarEstimate | undefined {
    const stored = this.#samples.get(key);
    const returns: number[] = [];
    for (let index = 0; index < options.n; index++) {
      const sample = stored?.get(index);
      if (sample === undefined) return undefined;
      returns.push(sample.return);
    }
    return estimateVStar(returns, options);
  }

  get counters(): StoreCounters {
    return { ...this.#counters };
  }

  get damaged(): number {
    return this.#counters.damaged;
  }

  /** Number of stored samples. */
  get size(): number {
    let size = 0;
    for (const samples of this.#samples.values()) size += samples.size;
    return size;
  }

  /** Length and hash of the file as it is now. */
  prefix(): StorePrefix {
    return { bytes: this.#bytes, sha256: this.#hash.copy().digest('hex') };
  }

  /** Whether the file still begins with what `prefix` named. Throws ASTARPO_IO. */
  async hasPrefix(prefix: StorePrefix): Promise<boolean> {
    if (prefix.bytes > this.#bytes) return false;
    const hash = createHash('sha256');
    if (prefix.bytes > 0) {
      try {
        for await (const chunk of createReadStream(this.path, { end: prefix.bytes - 1 })) hash.update(chunk as Buffer);
      } catch (error) {
        throw ioError('read', this.path, error);
      }
    }
    return hash.digest('hex') === prefix.sha256;
  }

  /** Makes all samples durable. Throws ASTARPO_IO. */
  async sync(): Promise<void> {
    await this.#file?.sync();
  }

  /** Makes all samples durable and lets the file go; idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.#file?.close();
    } finally {
      this.#lock?.release();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #append(record: object): void {
    if (this.#closed) throw new AStarPOError('ASTARPO_DISPOSED', `the V* store ${this.path} was closed`);
    if (this.#file === undefined) throw new AStarPOError('ASTARPO_VSTAR', `the V* store ${this.path} was opened for reading only`);
    const line = withChecksum(record);
    this.#file.append(line);
    this.#bytes = this.#file.length;
    this.#hash.update(`${line}\n`);
  }
}

interface Content {
  readonly seed: bigint;
  readonly samples: Map<string, Map<number, StoredSample>>;
  readonly damaged: number;
  /** Up to and with the last line feed. */
  readonly bytes: number;
  readonly hash: Hash;
}

function emptyContent(seed: bigint): Content {
  return { seed, samples: new Map(), damaged: 0, bytes: 0, hash: createHash('sha256') };
}

function store(samples: Map<string, Map<number, StoredSample>>, sample: StoredSample): void {
  let ofKey = samples.get(sample.key);
  if (ofKey === undefined) {
    ofKey = new Map();
    samples.set(sample.key, ofKey);
  }
  ofKey.set(sample.index, sample);
}

/** Undefined when there is no file, or one without a single whole line (a crash at birth). */
async function readContent(path: string): Promise<Content | undefined> {
  try {
    if (!(await stat(path)).isFile()) throw new AStarPOError('ASTARPO_VSTAR', `expected a file at ${path}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error instanceof AStarPOError ? error : ioError('read', path, error);
  }
  const samples = new Map<string, Map<number, StoredSample>>();
  const hash = createHash('sha256');
  let seed: bigint | undefined;
  let damaged = 0;
  let bytes = 0;
  let rest = Buffer.alloc(0);
  try {
    for await (const chunk of createReadStream(path)) {
      const data = Buffer.concat([rest, chunk as Buffer]);
      let start = 0;
      for (let end = data.indexOf(10, start); end !== -1; end = data.indexOf(10, start)) {
        const line = data.toString('utf8', start, end);
        if (seed === undefined) seed = readHeader(line, path);
        else {
          const sample = readSample(line);
          if (sample === undefined || samples.get(sample.key)?.has(sample.index) === true) damaged++;
          else store(samples, sample);
        }
        start = end + 1;
      }
      hash.update(data.subarray(0, start));
      bytes += start;
      rest = Buffer.from(data.subarray(start));
    }
  } catch (error) {
    throw error instanceof AStarPOError ? error : ioError('read', path, error);
  }
  if (seed === undefined) {
    // Nothing but the beginning of a header may be overwritten.
    if (rest.length > 0 && !`{"schema":"${schema}"`.startsWith(rest.toString('utf8').slice(0, schema.length + 12))) throw notAStore(path);
    return undefined;
  }
  return { seed, samples, damaged, bytes, hash };
}

/** The record's JSON with a last field `crc`: CRC-32 of the JSON without it. */
function withChecksum(record: object): string {
  const json = JSON.stringify(record);
  return `${json.slice(0, -1)},"crc":"${crc32(json).toString(16).padStart(8, '0')}"}`;
}

function readChecked(line: string): Record<string, unknown> | undefined {
  const match = /^(\{.*),"crc":"([0-9a-f]{8})"\}$/.exec(line);
  if (match === null) return undefined;
  const json = `${match[1]}}`;
  if (crc32(json) !== Number.parseInt(match[2] as string, 16)) return undefined;
  return JSON.parse(json) as Record<string, unknown>;
}

function readHeader(line: string, path: string): bigint {
  const header = readChecked(line);
  if (header === undefined || typeof header.schema !== 'string' || typeof header.storeSeed !== 'string') throw notAStore(path);
  if (header.schema !== schema) {
    throw new AStarPOError('ASTARPO_VSTAR', `expected a store of schema ${schema} at ${path}, got ${header.schema}`, {
      hint: 'use another file, or the version of astar-po that wrote this one',
    });
  }
  return BigInt(header.storeSeed);
}

function notAStore(path: string): AStarPOError {
  return new AStarPOError('ASTARPO_VSTAR', `${path} does not begin with the header of a V* store`, {
    hint: 'name another file; this one is left as it is',
  });
}

function readSample(line: string): StoredSample | undefined {
  const record = readChecked(line);
  if (record === undefined) return undefined;
  const { key, index, seed } = record;
  if (typeof key !== 'string' || typeof index !== 'number' || typeof seed !== 'string' || !Number.isFinite(record.return)) return undefined;
  return { ...(record as unknown as StoredSample), seed: BigInt(seed) };
}
