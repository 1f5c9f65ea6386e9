/** One task of bench/shapes.ts, in a process of its own: its JSON comes as the argument, its figures go to stdout. */
import type { ModelConfig } from '../lib/model/config.ts';
import { packBatch } from '../lib/model/packed-batch.ts';
import { Policy } from '../lib/model/policy.ts';
import { ReferenceModel } from '../lib/model/reference-model.ts';
import type { DType } from '../lib/native/addon.ts';
import { nativeAddon } from '../lib/native/load.ts';
import { openBenchModel, syntheticTokens } from './models.ts';

export type ShapeTask =
  | { readonly kind: 'create'; readonly folder: string; readonly config: ModelConfig }
  | {
      readonly kind: 'work';
      readonly folder: string;
      readonly dtype: DType;
      readonly rank: number | undefined;
      /** Prompts that generate at a time, each up to `context` tokens. */
      readonly sequences: number;
      readonly context: number;
      /** Tokens of each training sequence; `perPass` of them in each of `passes` micro-batches. */
      readonly sequenceLength: number;
      readonly perPass: number;
      readonly passes: number;
    };

/** Seconds, and bytes of the process's peak so far. */
export interface ShapeWork {
  readonly baseline: number;
  readonly loadSeconds: number;
  readonly loadPeak: number;
  readonly tokensPerSecond: number;
  readonly generatePeak: number;
  readonly stepSeconds: number;
  readonly peak: number;
}

async function work(task: ShapeTask & { kind: 'work' }): Promise<ShapeWork> {
  const { folder, dtype, rank, sequences, context } = task;
  const peak = () => nativeAddon().memory('cpu').peakBytes;
  const baseline = peak();
  const begun = performance.now();
  const policy = await Policy.load(folder, { dtype, ...(rank === undefined ? {} : { lora: { rank } }), progress: false });
  const loadSeconds = (performance.now() - begun) / 1000;
  const loadPeak = peak();

  const prompt = context / 2;
  const requests = Array.from({ length: sequences }, (_, index) => ({
    prompt: syntheticTokens(prompt, policy.config.vocabSize, index),
    params: { maxTokens: context - prompt, stopIds: [], seed: BigInt(index) },
  }));
  const generating = performance.now();
  const generated = await policy.generate(requests);
  const tokens = generated.reduce((total, each) => total + each.tokens.length, 0);
  const tokensPerSecond = (1000 * tokens) / (performance.now() - generating);
  const generatePeak = peak();

  const reference = await ReferenceModel.of(policy);
  const stepping = performance.now();
  await takeStep(policy, reference, task);
  const stepSeconds = (performance.now() - stepping) / 1000;
  return { baseline, loadSeconds, loadPeak, tokensPerSecond, generatePeak, stepSeconds, peak: peak() };
}

/** A step of the A*-PO kind: every row scored by the reference, then forward and backward. */
async function takeStep(policy: Policy, reference: ReferenceModel, task: ShapeTask & { kind: 'work' }): Promise<void> {
  const { sequenceLength: length, perPass, passes } = task;
  for (let pass = 0; pass < passes; pass++) {
    const contexts = Array.from({ length: perPass }, (_, index) => ({
      tokens: syntheticTokens(length, policy.config.vocabSize, pass * perPass + index),
      mask: Uint8Array.from({ length }, (_, at) => (at === 0 ? 0 : 1)),
    }));
    const batch = packBatch(contexts, 1);
    const expected = await reference.score(batch);
    const open = await policy.forward(batch);
    // Correct before fast: nothing was learnt yet, so the policy is its reference.
    if (open.logp.some((logp, at) => logp !== expected[at])) throw new Error('log-ratios of a fresh reference differ from 0');
    await policy.backward(open, { logp: new Float64Array(open.logp.length).fill(-1 / open.logp.length) });
  }
  const { skipped } = await policy.step({ lr: 1e-6 });
  if (skipped) throw new Error('the step was skipped: a gradient is not finite');
}

async function create({ folder, config }: ShapeTask & { kind: 'create' }): Promise<object> {
  await using policy = await openBenchModel({ name: folder, config, dtype: 'bfloat16' });
  await policy.save(folder);
  return {};
}

const task = JSON.parse(process.argv[2] ?? '') as ShapeTask;
process.stdout.write(`${JSON.stringify(await (task.kind === 'create' ? create(task) : work(task)))}\n`);
process.exit();
