import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type ModelConfig, modelConfig } from '../lib/model/config.ts';
import { adapterModules } from '../lib/model/lora/options.ts';
import type { DType } from '../lib/native/addon.ts';
import { planMemory } from '../lib/train/memory-plan.ts';
import { halfBillion } from './models.ts';
import { type BenchOptions, type BenchRow, row } from './report.ts';
import type { ShapeTask, ShapeWork } from './shapes-child.ts';

interface Shape {
  readonly name: string;
  readonly config: ModelConfig;
  /** Rank of the adapter that is trained; undefined: all weights are. */
  readonly rank?: number;
}

const shapes: readonly Shape[] = [
  { name: 'Qwen2.5-0.5B', config: halfBillion.config },
  {
    name: 'Qwen3-0.6B',
    config: modelConfig({
      ...{ architecture: 'Qwen3ForCausalLM', vocabSize: 151_936, hiddenSize: 1024, layers: 28, heads: 16, kvHeads: 8, headDim: 128 },
      ...{ intermediateSize: 3072, maxPositions: 40_960, rope: { type: 'default', theta: 1_000_000 } },
    }),
  },
  {
    name: 'Llama-3.2-1B',
    rank: 16,
    config: modelConfig({
      ...{ architecture: 'LlamaForCausalLM', vocabSize: 128_256, hiddenSize: 2048, layers: 16, heads: 32, kvHeads: 8, headDim: 64 },
      ...{ intermediateSize: 8192, maxPositions: 131_072, rmsNormEps: 1e-5 },
      rope: { type: 'llama3', theta: 500_000, factor: 32, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 8192 },
    }),
  },
];

/** No process may take more. */
const limit = 20 * 2 ** 30;

interface Sizes {
  readonly sequences: number;
  readonly context: number;
  readonly sequenceLength: number;
  readonly perPass: number;
  readonly passes: number;
}

const whole: Sizes = { sequences: 4, context: 128, sequenceLength: 256, perPass: 2, passes: 2 };
const small: Sizes = { sequences: 2, context: 32, sequenceLength: 64, perPass: 2, passes: 1 };

/**
 * Models of exactly these shapes, with random weights on disk: loads, generates and takes a whole optimizer step in a process of its own,
 * and puts the peak of its memory beside the plan.
 */
export async function benchShapes({ quick, log }: BenchOptions): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'astar-po-shapes-'));
  try {
    const rows: BenchRow[] = [];
    for (const dtype of quick ? (['float32'] as const) : (['float32', 'bfloat16'] as const)) {
      for (const shape of shapes) {
        const part = quick ? { ...shape, name: `two layers of ${shape.name}`, config: { ...shape.config, layers: 2 } } : shape;
        log(`shapes: ${part.name} in ${dtype}`);
        rows.push(...(await measure(join(folder, 'model'), part, dtype, quick ? small : whole)));
      }
    }
    return rows;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(folder: string, shape: Shape, dtype: DType, sizes: Sizes): Promise<BenchRow[]> {
  const { config, rank } = shape;
  const name = `${shape.name} (${dtype}, ${rank === undefined ? 'all weights' : `LoRA of rank ${rank}`})`;
  const { sequences, context, sequenceLength, perPass, passes } = sizes;
  await inChild({ kind: 'create', folder, config });
  const work = await inChild({ kind: 'work', folder, dtype, rank, sequences, context, sequenceLength, perPass, passes });
  const adapter = rank === undefined ? undefined : adapterModules({ rank }, config);
  const plan = planMemory({ config, dtype, adapter, microBatchTokens: perPass * sequenceLength, sequences, context });
  if (work.peak > limit) throw new Error(`${name} took ${gibibytes(work.peak)} GiB, more than ${gibibytes(limit)}`);
  const gib = (metric: string, bytes: number, planned: number) =>
    row(name, metric, 'GiB', [bytes / 2 ** 30], { target: `plan ${gibibytes(planned)}` });
  return [
    row(name, 'load', 's', [work.loadSeconds]),
    gib('peak above the loaded addon while loading', work.loadPeak - work.baseline, plan.weights),
    row(name, `tokens per second, ${sequences} sequences to ${context} tokens`, '1/s', [work.tokensPerSecond]),
    gib('peak of the process after generating', work.generatePeak, plan.rollout - plan.gradients - plan.optimizer),
    row(name, `step of ${passes} × ${perPass} × ${sequenceLength} tokens`, 's', [work.stepSeconds]),
    gib('peak of the process after the step', work.peak, plan.peak),
  ];
}

function gibibytes(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(2);
}

/** Runs one task alone in a process, so that its peak is its own. */
async function inChild(task: ShapeTask): Promise<ShapeWork> {
  const script = fileURLToPath(new URL('./shapes-child.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script, JSON.stringify(task)]);
  return JSON.parse(stdout) as ShapeWork;
}
