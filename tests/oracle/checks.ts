import type { NativeModel } from '../../lib/model/native-model.ts';
import { type PackedBatch, packBatch } from '../../lib/model/packed-batch.ts';
import type { Policy } from '../../lib/model/policy.ts';
import { distance, largestDifference, logProbability, norm, rmsDifference } from './arithmetic.ts';
import type { TensorFile } from './tensor-file.ts';

/** One comparison; it passes when error ≤ limit, so that a NaN does not. */
export interface Check {
  readonly name: string;
  readonly error: number;
  readonly limit: number;
  /** Where the error is, or what it is measured by. */
  readonly detail: string;
}

export function passes(check: Check): boolean {
  return check.error <= check.limit;
}

/** What transformers made of a model; see python/server.py. */
export interface Truth {
  readonly file: TensorFile;
  /** Sequences with masked rows, temperatures and a loss weight per row. */
  readonly batch: PackedBatch;
  readonly rowWeights: Float32Array;
  /** The same sequences, every token but the first a row, at temperature 1: what `logits` of the file has rows for. */
  readonly everyRow: PackedBatch;
  /** Root mean square of the logits. */
  readonly logitsRms: number;
  /** That of the difference between transformers' bf16 and fp32 logits. */
  readonly bfloat16Rms: number;
}

export async function readTruth(file: TensorFile, numbers: Pick<Truth, 'logitsRms' | 'bfloat16Rms'>): Promise<Truth> {
  const tokens = await file.integers('inputs/tokens');
  const offsets = await file.integers('inputs/offsets');
  const mask = await file.bytes('inputs/mask');
  const temperature = await file.floats('inputs/temperature');
  const everyMask = new Uint8Array(tokens.length).fill(1);
  for (const begin of offsets.subarray(0, -1)) everyMask[begin] = 0;
  return {
    file,
    batch: { tokens, offsets, mask, temperature },
    rowWeights: await file.floats('inputs/row_weights'),
    everyRow: { tokens, offsets, mask: everyMask, temperature: new Float32Array(temperature.length).fill(1) },
    ...numbers,
  };
}

/** The largest fp32 difference that is still taken for rounding. */
export function float32Limit(truth: Truth): number {
  return 2e-4 * Math.max(1, truth.logitsRms);
}

export function logitsOf(model: NativeModel, truth: Truth): Promise<Float32Array> {
  return model.call((abort) => model.addon.logits(model.handle, truth.everyRow, abort));
}

export async function checkFloat32Logits(logits: Float32Array, truth: Truth, vocabSize: number): Promise<Check> {
  const { value, index } = largestDifference(logits, await truth.file.floats('logits'));
  const detail = `row ${Math.floor(index / vocabSize)}, token ${index % vocabSize}`;
  return { name: 'fp32 logits, largest difference', error: value, limit: float32Limit(truth), detail };
}

export async function checkBfloat16Logits(logits: Float32Array, truth: Truth): Promise<Check> {
  const error = rmsDifference(logits, await truth.file.floats('logits'));
  const detail = `${(error / truth.bfloat16Rms).toFixed(3)} × transformers' own`;
  return { name: 'bf16 logits, root mean square', error, limit: 1.3 * truth.bfloat16Rms, detail };
}

/** `score` of every row must be the log-softmax of the same model's logits. */
export async function checkScores(model: NativeModel, logits: Float32Array, truth: Truth): Promise<Check> {
  const { tokens, mask } = truth.everyRow;
  const targets = tokens.filter((_, t) => mask[t] === 1);
  const { vocabSize } = model.config;
  const expected = Float32Array.from(targets, (token, row) =>
    logProbability(logits.subarray(row * vocabSize, (row + 1) * vocabSize), token),
  );
  const { value, index } = largestDifference(await model.score(truth.everyRow), expected);
  const dtype = model.device.dtype === 'float32' ? 'fp32' : 'bf16';
  return { name: `${dtype} score against own logits`, error: value, limit: float32Limit(truth) / 2, detail: `row ${index}` };
}

/** Log-probs of the pass, then the gradients of Σ weight · log-prob. fp32. */
export async function checkGradients(policy: Policy, truth: Truth): Promise<Check[]> {
  const pass = await policy.forward(truth.batch);
  const logp = largestDifference(pass.logp, await truth.file.floats('logp'));
  await policy.backward(pass, { logp: Float64Array.from(truth.rowWeights) });
  const { native } = policy;
  let sumOfSquares = 0;
  const errors: { name: string; distance: number; norm: number }[] = [];
  for (const name of truth.file.names('gradient/')) {
    const expected = await truth.file.floats(`gradient/${name}`);
    const ours = await native.call(() => native.addon.readTensor(native.handle, 'gradient', name));
    errors.push({ name, distance: distance(ours, expected), norm: norm(expected) });
    sumOfSquares += norm(expected) ** 2;
  }
  await policy.discardGradients();
  // The floor: a tensor whose gradient is the rounding residue of others has no digits to compare.
  const floor = 1e-3 * Math.sqrt(sumOfSquares);
  const relative = errors.map((each) => ({ name: each.name, error: each.distance / Math.max(each.norm, floor) }));
  const worst = relative.reduce((a, b) => (b.error <= a.error ? a : b), { name: 'no tensor', error: 0 });
  return [
    // Divided by the temperature, logits differ by as much more.
    { name: 'fp32 forward log-probs', error: logp.value, limit: float32Limit(truth) / 0.7, detail: `row ${logp.index}` },
    { name: 'fp32 gradients, L2 / norm', error: worst.error, limit: 1e-3, detail: worst.name },
  ];
}

export interface GreedyCase {
  readonly prompt: readonly number[];
  readonly tokens: readonly number[];
  /** By how much each token's logit was ahead of the second. */
  readonly margins: readonly number[];
}

/**
 * Greedy continuations with keys and values kept, all prompts in one batch: token for token, up to the first token whose margin is
 * within rounding; and their log-probs against `score`. fp32.
 */
export async function checkGreedy(model: NativeModel, cases: readonly GreedyCase[], truth: Truth): Promise<Check[]> {
  const params = { stopIds: [], seed: 0n, greedy: true };
  const generated = await model.generate(cases.map(({ prompt, tokens }) => ({ prompt, params: { ...params, maxTokens: tokens.length } })));
  let compared = 0;
  let unlike = 0;
  let unclear = 0;
  for (const [i, { tokens, margins }] of cases.entries()) {
    for (const [t, token] of tokens.entries()) {
      if ((margins[t] ?? 0) < 2 * float32Limit(truth)) {
        unclear++;
        break;
      }
      compared++;
      if (generated[i]?.tokens[t] === token) continue;
      unlike++;
      break;
    }
  }
  const contexts = cases.map(({ prompt }, i) => ({
    tokens: Int32Array.from([...prompt, ...(generated[i]?.tokens ?? [])]),
    mask: Uint8Array.from([...prompt.map(() => 0), ...(generated[i]?.tokens ?? []).map(() => 1)]),
  }));
  const sampled = Float32Array.from(generated.flatMap(({ logps }) => [...logps]));
  const { value, index } = largestDifference(sampled, await model.score(packBatch(contexts)));
  const detail = `${compared} tokens compared${unclear === 0 ? '' : `; continuations cut where two tokens tie: ${unclear}`}`;
  return [
    { name: 'greedy tokens that differ', error: unlike, limit: 0, detail },
    { name: 'fp32 log-probs with kept keys', error: value, limit: float32Limit(truth), detail: `token ${index}` },
  ];
}
