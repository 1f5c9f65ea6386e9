import { type PackedBatch, packBatch } from '../lib/model/packed-batch.ts';
import type { Policy } from '../lib/model/policy.ts';
import { ReferenceModel } from '../lib/model/reference-model.ts';
import { nativeAddon } from '../lib/native/load.ts';
import { type BenchModel, halfBillion, openBenchModel, syntheticTokens, tiny } from './models.ts';
import { type BenchOptions, type BenchRow, interleave, row, seconds } from './report.ts';

interface Case {
  readonly model: BenchModel;
  /** Sequences of a step, each its own micro-batch or all in one. */
  readonly sequences: number;
  readonly length: number;
  /** Tokens at the end of each that the loss counts. */
  readonly masked: number;
  readonly perPass: number;
  readonly repeats: number;
}

/** A whole optimizer step: reference, forward, backward, AdamW; with the regression of astar-po and with the KL of astar-po-sft. */
export async function benchStep({ quick, log }: BenchOptions): Promise<BenchRow[]> {
  const cases: Case[] = quick
    ? [{ model: tiny, sequences: 8, length: 128, masked: 32, perPass: 8, repeats: 3 }]
    : [
        { model: tiny, sequences: 64, length: 256, masked: 64, perPass: 64, repeats: 7 },
        { model: halfBillion, sequences: 4, length: 1024, masked: 512, perPass: 1, repeats: 3 },
      ];
  const rows: BenchRow[] = [];
  for (const each of cases) {
    log(`step: ${each.model.name}`);
    const policy = await openBenchModel(each.model);
    const reference = await ReferenceModel.of(policy);
    try {
      const batches = makeBatches(policy, each);
      await checkLogRatios(policy, reference, batches);
      rows.push(...(await measure(policy, reference, batches, each)));
    } finally {
      await reference.dispose();
      await policy.dispose();
    }
  }
  return rows;
}

function makeBatches(policy: Policy, { sequences, length, masked, perPass }: Case): PackedBatch[] {
  const contexts = Array.from({ length: sequences }, (_, index) => ({
    tokens: syntheticTokens(length, policy.config.vocabSize, index),
    mask: Uint8Array.from({ length }, (_, at) => (at >= length - masked ? 1 : 0)),
  }));
  return Array.from({ length: Math.ceil(sequences / perPass) }, (_, index) =>
    packBatch(contexts.slice(index * perPass, (index + 1) * perPass), 1),
  );
}

/** Correct before fast: at the start the policy is its reference. */
async function checkLogRatios(policy: Policy, reference: ReferenceModel, batches: readonly PackedBatch[]): Promise<void> {
  const batch = batches[0];
  if (batch === undefined) throw new Error('expected a batch');
  const logps = await reference.score(batch);
  const pass = await policy.forward(batch);
  const gap = Math.max(...pass.logp.map((logp, index) => Math.abs(logp - (logps[index] ?? Number.NaN))));
  pass.drop();
  if (gap !== 0) throw new Error(`log-ratios of a fresh reference differ from 0 by up to ${gap}`);
}

async function measure(policy: Policy, reference: ReferenceModel, batches: readonly PackedBatch[], each: Case): Promise<BenchRow[]> {
  const regression = async () => {
    for (const batch of batches) {
      await reference.score(batch);
      const pass = await policy.forward(batch);
      await policy.backward(pass, { logp: new Float64Array(pass.logp.length).fill(1e-4) });
    }
    await policy.step({ lr: 1e-9 });
  };
  const weightedWithKl = async () => {
    for (const batch of batches) {
      const rows = await reference.rows(batch);
      const pass = await policy.forward(batch, { kl: rows.slice(0, rows.logp.length) });
      const length = pass.logp.length;
      await policy.backward(pass, { logp: new Float64Array(length).fill(1e-4), kl: new Float64Array(length).fill(1e-6) });
      rows.dispose();
    }
    await policy.step({ lr: 1e-9 });
  };
  const name = `${each.model.name}, ${each.sequences} × ${each.length} tokens, ${each.masked} masked in, ${each.perPass} per pass`;
  const contenders = [regression, weightedWithKl].map((work) => () => seconds(work));
  const [plain = [], withKl = []] = await interleave(contenders, each.repeats);
  const peak = nativeAddon().memory(policy.device).peakBytes / 2 ** 30;
  return [
    row(name, 'astar-po step', 's', plain),
    row(name, 'astar-po-sft step with full KL', 's', withKl),
    row(name, 'peak memory of the process so far', 'GiB', [peak]),
  ];
}
