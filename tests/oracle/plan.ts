import { statfs } from 'node:fs/promises';
import { availableMemory } from 'node:process';
import { type ModelConfig, toNative } from '../../lib/model/config.ts';
import { parameterCount } from '../../lib/model/parameter-count.ts';
import { OracleTrouble } from './trouble.ts';

const gibibyte = 2 ** 30;

/** At most so many logits are compared: 240 MB of them in float32, for a vocabulary of 150,000 some 390 rows. */
const mostLogits = 60_000_000;
/** And so many products of a token and a parameter: on two cores a pass over them takes some seconds. */
const mostProducts = 150_000_000_000;
const longestByDefault = 200;

/**
 * Lengths of the packed sequences, not sorted, since order must not matter: 1, 2 and 3, odd and even ones, just past a sliding
 * window that is not longer than the rest, and the longest, which is cut where the limits above leave no room for all of it.
 */
export function sequenceLengths(config: ModelConfig): number[] {
  const longest = Math.min(config.maxPositions, longestByDefault);
  const windows = [...toNative(config).windows].filter((window) => window > 0 && window < longest);
  const window = Math.min(...windows);
  const past = windows.length === 0 ? [] : [window, window + 1, Math.min(longest, 2 * window + 3)];
  const wanted = [1, 2, 3, 7, 18, Math.ceil(longest / 2), longest, ...past].filter((length) => length <= longest);
  let room = Math.floor(Math.min(mostLogits / config.vocabSize, mostProducts / parameterCount(config)));
  const chosen: number[] = [];
  for (const length of [...new Set(wanted)].sort((a, b) => a - b)) {
    const taken = Math.min(length, room);
    if (taken <= (chosen.at(-1) ?? 0)) break;
    chosen.push(taken);
    room -= taken;
  }
  return [...chosen.filter((_, i) => i % 2 === 0), ...chosen.filter((_, i) => i % 2 === 1).reverse()];
}

/** Throws OracleTrouble unless every length fits the model and something is left to compare. */
export function checkLengths(lengths: readonly number[], config: ModelConfig): void {
  const longest = Math.max(...lengths);
  if (longest > config.maxPositions) {
    throw new OracleTrouble(`expected --lengths of at most ${config.maxPositions}, the model's positions, got ${longest}`);
  }
  if (longest < 2) throw new OracleTrouble('expected a sequence of at least two tokens: nothing predicts the first');
}

/** Bytes of the larger side at its peak: weights and gradients in float32, logits and their softmax, and the libraries themselves. */
export function memoryPlan(config: ModelConfig, lengths: readonly number[]): number {
  const rows = lengths.reduce((sum, length) => sum + length, 0);
  const logits = config.vocabSize * (12 * rows + 32 * Math.max(...lengths));
  return 8 * parameterCount(config) + logits + 2 * gibibyte;
}

/** The model as transformers and we save it, its gradients, and the expected logits. */
function diskPlan(config: ModelConfig, lengths: readonly number[]): number {
  const rows = lengths.reduce((sum, length) => sum + length, 0);
  return 12 * parameterCount(config) + 4 * rows * config.vocabSize;
}

/** Throws OracleTrouble when the comparison needs more memory or disk than there is, with the layers that would fit. */
export async function checkRoom(config: ModelConfig, lengths: readonly number[], scratch: string): Promise<void> {
  const need = memoryPlan(config, lengths);
  const memory = availableMemory();
  const { bavail, bsize } = await statfs(scratch);
  const disk = diskPlan(config, lengths);
  if (need <= memory && disk <= bavail * bsize) return;
  const fits = (layers: number) => {
    const smaller = { ...config, layers };
    return memoryPlan(smaller, lengths) <= memory && diskPlan(smaller, lengths) <= bavail * bsize;
  };
  let layers = config.layers - 1;
  while (layers > 0 && !fits(layers)) layers--;
  const short =
    need > memory
      ? `${gibibytes(need)} of memory (8 bytes per parameter and the logits), of which ${gibibytes(memory)} are available`
      : `${gibibytes(disk)} of disk in ${scratch}, of which ${gibibytes(bavail * bsize)} are free`;
  throw new OracleTrouble(
    `a model of ${(parameterCount(config) / 1e9).toFixed(2)} billion parameters needs ${short}`,
    layers > 0 ? `--layers ${layers} fits here` : 'not even one layer fits: try another machine',
  );
}

function gibibytes(bytes: number): string {
  return `${(bytes / gibibyte).toFixed(1)} GiB`;
}
