import { readFileSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, URL } from 'node:url';
import type { GenerateParams } from '../../lib/model/generator.ts';
import type { PackedBatch } from '../../lib/model/packed-batch.ts';
import { readSafetensors } from '../../lib/model/safetensors.ts';

/** Golden files made by tests/golden/make_models.py, and how tests compare with them. */

export const goldenPath = (name: string) => fileURLToPath(new URL(`../golden/${name}`, import.meta.url));

function readJson<T>(name: string): T {
  return JSON.parse(readFileSync(goldenPath(name), 'utf8')) as T;
}

export interface GreedyCase {
  readonly prompt: number[];
  readonly tokens: number[];
  readonly logps: number[];
}

export const greedyCases = (model: string) => readJson<{ cases: GreedyCase[] }>(`${model}/greedy.json`).cases;

export interface Scores {
  readonly batch: { tokens: number[]; offsets: number[]; mask: number[]; temperature: number[] };
  readonly logp: number[];
  readonly entropy: number[];
  readonly kl: number[];
  readonly referenceLogp: number[];
  readonly objective: { beta2: number; klCoef: number; returns: number[]; vstar: number[]; weights: number[] };
  readonly losses: Record<string, number>;
}

export const goldenScores = (model: string) => readJson<Scores>(`${model}/scores.json`);

export interface AdamWGolden {
  readonly options: { lr: number; beta1: number; beta2: number; eps: number; weightDecay: number; clip: number; steps: number };
  /** Parameter names in the order in which gradients are numbered. */
  readonly order: string[];
  readonly gradNorms: number[];
}

export const goldenAdamW = (model: string) => readJson<AdamWGolden>(`${model}/adamw.json`);

export function goldenBatch({ batch }: Scores): PackedBatch {
  return {
    tokens: Int32Array.from(batch.tokens),
    offsets: Int32Array.from(batch.offsets),
    mask: Uint8Array.from(batch.mask),
    temperature: Float32Array.from(batch.temperature),
  };
}

/** All fp32 tensors of a safetensors file. */
export async function readTensors(path: string): Promise<Map<string, Float32Array>> {
  const { tensors } = await readSafetensors(path);
  const file = await open(path);
  try {
    const result = new Map<string, Float32Array>();
    for (const { name, offset, length } of tensors.values()) {
      const values = new Float32Array(length / 4);
      await file.read(new Uint8Array(values.buffer), 0, length, offset);
      result.set(name, values);
    }
    return result;
  } finally {
    await file.close();
  }
}

export function norm(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}

export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`lengths differ: ${a.length} and ${b.length}`);
  return norm(Array.from(a, (value, i) => value - (b[i] ?? Number.NaN)));
}

export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`lengths differ: ${a.length} and ${b.length}`);
  return Array.from(a, (value, i) => Math.abs(value - (b[i] ?? Number.NaN))).reduce((most, value) => Math.max(most, value), 0);
}

/** The largest |a − b| / (1 + |b|): absolute for small values, relative for large ones. */
export function largestRelative(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return largestDifference(
    Array.from(a, (value, i) => value / (1 + Math.abs(b[i] ?? Number.NaN))),
    Array.from(b, (value) => value / (1 + Math.abs(value))),
  );
}

/** Greedy parameters without stop ids, unless given. */
export const greedy = (maxTokens: number, stopIds: number[] = []): GenerateParams => ({ maxTokens, stopIds, seed: 0n, greedy: true });

/** Runs `use` with a folder that is removed afterwards. */
export async function withTemporaryFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'astarpo-test-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
