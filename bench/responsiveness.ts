import { packBatch } from '../lib/model/packed-batch.ts';
import type { Policy } from '../lib/model/policy.ts';
import { quantile } from '../lib/util/statistics.ts';
import { timerLateness } from './lateness.ts';
import { type BenchModel, halfBillion, openBenchModel, syntheticTokens, tiny } from './models.ts';
import type { BenchOptions, BenchRow } from './report.ts';

/** How late a 5 ms timer fires while the model generates and while it goes backward: what a server in the same process feels. */
export async function benchResponsiveness({ quick, log }: BenchOptions): Promise<BenchRow[]> {
  const model: BenchModel = quick ? tiny : halfBillion;
  log(`responsiveness: ${model.name}`);
  const policy = await openBenchModel(model);
  try {
    const rows: BenchRow[] = [];
    for (const [name, work] of works(policy, quick)) {
      await work();
      rows.push(...(await lateness(`${model.name}, ${name}`, work)));
    }
    return [...(await lateness('nothing else', () => new Promise((resolve) => setTimeout(resolve, 3000)))), ...rows];
  } finally {
    await policy.dispose();
  }
}

function works(policy: Policy, quick: boolean): (readonly [string, () => Promise<void>])[] {
  const vocabulary = policy.config.vocabSize;
  const length = quick ? 128 : 512;
  const generate = async () => {
    const params = { maxTokens: quick ? 256 : 48, stopIds: [], seed: 1n };
    await policy.generate(Array.from({ length: 16 }, (_, index) => ({ prompt: syntheticTokens(length, vocabulary, index), params })));
  };
  const update = async () => {
    const contexts = Array.from({ length: quick ? 64 : 2 }, (_, index) => ({
      tokens: syntheticTokens(length, vocabulary, index),
      mask: Uint8Array.from({ length }, (_, at) => (at === 0 ? 0 : 1)),
    }));
    const pass = await policy.forward(packBatch(contexts, 1));
    await policy.backward(pass, { logp: new Float64Array(pass.logp.length).fill(1e-6) });
    await policy.discardGradients();
  };
  return [
    ['generate', generate],
    ['forward and backward', update],
  ];
}

async function lateness(name: string, work: () => Promise<unknown>): Promise<BenchRow[]> {
  const late = await timerLateness(work);
  const figure = (metric: string, q: number, extra: { target?: string } = {}): BenchRow => ({
    case: name,
    metric,
    unit: 'ms',
    value: quantile(late, q),
    spread: 0,
    ...extra,
  });
  return [figure('timer lateness p50', 0.5), figure('timer lateness p99', 0.99, { target: '< 50' }), figure('timer lateness max', 1)];
}
