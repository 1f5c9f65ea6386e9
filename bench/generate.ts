import type { GenerateParams } from '../lib/model/generator.ts';
import { packBatch } from '../lib/model/packed-batch.ts';
import type { Policy } from '../lib/model/policy.ts';
import { type BenchModel, halfBillion, openBenchModel, syntheticTokens, tiny } from './models.ts';
import { type BenchOptions, type BenchRow, interleave, row, seconds } from './report.ts';

interface Case {
  readonly model: BenchModel;
  readonly batches: readonly number[];
  readonly prompt: number;
  readonly completion: number;
  readonly repeats: number;
}

/** Prefill and decoding speed: `prompt` tokens in, `completion` tokens out, for several numbers of rows at once. */
export async function benchGenerate({ quick, log }: BenchOptions): Promise<BenchRow[]> {
  const cases: Case[] = quick
    ? [{ model: tiny, batches: [1, 8], prompt: 64, completion: 16, repeats: 3 }]
    : [
        { model: tiny, batches: [1, 8, 32, 128], prompt: 256, completion: 64, repeats: 7 },
        { model: halfBillion, batches: [1, 8, 32], prompt: 256, completion: 64, repeats: 3 },
      ];
  const rows: BenchRow[] = [];
  for (const each of cases) {
    log(`generate: ${each.model.name}`);
    const policy = await openBenchModel(each.model);
    try {
      await checkSampledLogps(policy, each);
      rows.push(...(await measure(policy, each)));
    } finally {
      await policy.dispose();
    }
  }
  return rows;
}

function params(completion: number, seed: number): GenerateParams {
  // No stop id: every row runs to the end, so that the work is known.
  return { maxTokens: completion, stopIds: [], seed: BigInt(seed) };
}

function requests(policy: Policy, count: number, prompt: number, completion: number) {
  const vocabulary = policy.config.vocabSize;
  return Array.from({ length: count }, (_, index) => ({
    prompt: syntheticTokens(prompt, vocabulary, index),
    params: params(completion, index),
  }));
}

/** Correct before fast: what was sampled must score alike when it is scored again. */
async function checkSampledLogps(policy: Policy, { model, prompt }: Case): Promise<void> {
  const tolerance = model.dtype === 'float32' ? 1e-3 : 0.1;
  const asked = requests(policy, 2, prompt, 8);
  const sampled = await policy.generate(asked);
  const contexts = sampled.map(({ tokens }, index) => {
    const before = asked[index]?.prompt ?? new Int32Array(0);
    return {
      tokens: Int32Array.from([...before, ...tokens]),
      mask: Uint8Array.from({ length: before.length + tokens.length }, (_, at) => (at < before.length ? 0 : 1)),
    };
  });
  const scored = await policy.score(packBatch(contexts, 1));
  const original = sampled.flatMap(({ logps }) => [...logps]);
  const gap = Math.max(...original.map((logp, index) => Math.abs(logp - (scored[index] ?? Number.NaN))));
  if (!(gap <= tolerance)) throw new Error(`sampled and scored log-probs differ by ${gap}, more than ${tolerance}`);
}

async function measure(policy: Policy, { model, batches, prompt, completion, repeats }: Case): Promise<BenchRow[]> {
  const contenders = batches.map((batch) => async () => {
    // One token costs the prefill and one step; the difference to a whole completion is decoding alone.
    const first = await seconds(() => policy.generate(requests(policy, batch, prompt, 1)));
    const whole = await seconds(() => policy.generate(requests(policy, batch, prompt, completion)));
    return { first, whole };
  });
  const results = await interleave(contenders, repeats);
  return batches.flatMap((batch, index) => {
    const times = results[index] ?? [];
    const name = `${model.name}, ${batch} × (${prompt} in, ${completion} out)`;
    return [
      row(
        name,
        'prefill',
        'tokens/s',
        times.map(({ first }) => (batch * prompt) / first),
      ),
      row(
        name,
        'decode',
        'tokens/s',
        times.map(({ first, whole }) => (batch * (completion - 1)) / (whole - first)),
      ),
      row(
        name,
        'end to end',
        'tokens/s',
        times.map(({ whole }) => (batch * completion) / whole),
      ),
    ];
  });
}
