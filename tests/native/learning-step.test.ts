import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rowOffsets } from '../../lib/model/packed-batch.ts';
import { Policy } from '../../lib/model/policy.ts';
import { ReferenceModel } from '../../lib/model/reference-model.ts';
import { layoutSafetensors, writeSafetensors } from '../../lib/model/safetensors.ts';
import { weightRanges } from '../../lib/model/weight-files.ts';
import type { BatchItem, Objective } from '../../lib/objective/objective.ts';
import { astarPO, astarPOSft } from '../../lib/objective/presets.ts';
import {
  distance,
  goldenAdamW,
  goldenBatch,
  goldenPath,
  goldenScores,
  largestDifference,
  largestRelative,
  norm,
  readTensors,
  withTemporaryFolder,
} from './golden.ts';

const models = ['tied', 'untied'] as const;
const dtypes = ['float32', 'bfloat16'] as const;

describe.each(models)('rows of %s', (name) => {
  const golden = goldenScores(name);
  const batch = goldenBatch(golden);

  it.each([false, true])('log-prob, entropy and full-vocabulary KL equal those of full logits (reproducible: %s)', async (reproducible) => {
    await using policy = await Policy.load(goldenPath(name), { reproducible });
    await using reference = await ReferenceModel.load(goldenPath(`${name}/reference`), { reproducible });
    const rows = await reference.rows(batch);
    const pass = await policy.forward(batch, { kl: rows.slice(0, rows.logp.length), entropy: true });
    expect(largestRelative(pass.logp, golden.logp)).toBeLessThan(5e-5);
    expect(largestRelative(pass.entropy ?? [], golden.entropy)).toBeLessThan(5e-5);
    expect(largestRelative(pass.kl ?? [], golden.kl)).toBeLessThan(5e-5);
    expect(largestRelative(rows.logp, golden.referenceLogp)).toBeLessThan(5e-5);
    expect(await policy.score(batch)).toEqual(pass.logp);
    expect(await reference.score(batch)).toEqual(rows.logp);
    pass.drop();
    rows.dispose();
  });

  it.each(dtypes)('log-ratios at step 0 are exactly 0, and so is the KL up to rounding (%s)', async (dtype) => {
    for (const reproducible of [false, true]) {
      await using policy = await Policy.load(goldenPath(name), { dtype, reproducible });
      await using reference = await ReferenceModel.of(policy);
      const rows = await reference.rows(batch);
      const pass = await policy.forward(batch, { kl: rows.slice(0, rows.logp.length) });
      expect(await policy.score(batch)).toEqual(await reference.score(batch));
      expect(pass.logp).toEqual(rows.logp);
      expect(largestDifference(pass.kl ?? [], new Float32Array(rows.logp.length))).toBeLessThan(1e-6);
      pass.drop();
      rows.dispose();
    }
  });

  const objectives: [string, Objective][] = [
    ['astar-po', astarPO({ beta2: golden.objective.beta2 })],
    ['astar-po-sft', astarPOSft({ klCoefficient: golden.objective.klCoef })],
  ];
  it.each(objectives)('gradients of %s equal torch autograd on full logits', async (preset, objective) => {
    const expected = await readTensors(goldenPath(`${name}/gradients.safetensors`));
    const globalNorm = norm([...expected].filter(([key]) => key.startsWith(`${preset}/`)).map(([, values]) => norm(values)));
    await using policy = await Policy.load(goldenPath(name));
    await using reference = await ReferenceModel.load(goldenPath(`${name}/reference`));
    const rows = await reference.rows(batch);
    const pass = await policy.forward(batch, objective.needs.reference === 'rows' ? { kl: rows.slice(0, rows.logp.length) } : {});

    const offsets = rowOffsets(batch);
    const sum = (values: Float32Array, i: number) => values.slice(offsets[i], offsets[i + 1]).reduce((total, value) => total + value, 0);
    const items: BatchItem[] = golden.objective.returns.map((value, i) => ({
      taskId: String(i),
      return: value,
      vstar: golden.objective.vstar[i],
      rows: (offsets[i + 1] ?? 0) - (offsets[i] ?? 0),
      sampledLogp: sum(pass.logp, i),
      referenceLogp: sum(rows.logp, i),
    }));
    const prepared = objective.prepare({ items });
    const view = { first: 0, offsets, logp: pass.logp, kl: pass.kl, entropy: pass.entropy };
    const { loss, ...gradients } = objective.weights(view, prepared);
    expect(Math.abs(loss / (golden.losses[preset] ?? Number.NaN) - 1)).toBeLessThan(1e-4);
    await policy.backward(pass, { logp: gradients.logp, kl: gradients.kl });

    for (const { name: tensor } of policy.native.tensors()) {
      const truth = expected.get(`${preset}/${tensor}`) ?? new Float32Array(0);
      const ours = await policy.native.addon.readTensor(policy.native.handle, 'gradient', tensor);
      // The floor: a tensor whose gradient is a rounding residue of the others (a key bias has none at all in exact arithmetic).
      const allowed = 1e-4 * norm(truth) + 1e-6 * globalNorm;
      expect(distance(ours, truth), tensor).toBeLessThan(allowed);
    }
    rows.dispose();
  });
});

describe('AdamW', () => {
  /** The same values as tests/golden/make_models.py makes, from integers alone. */
  function pseudoGradient(length: number, offset: number, step: number): Float32Array {
    const scale = 2 ** (-(step % 9) - 4);
    return Float32Array.from({ length }, (_, i) => {
      let x = Math.imul(i + offset, 2654435761) ^ Math.imul(step, 2246822519);
      x = Math.imul(x ^ (x >>> 15), 3266489917);
      x ^= x >>> 13;
      return ((x >>> 0) / 2 ** 32 - 0.5) * scale;
    });
  }

  it("stays within 1e-6 of each parameter's norm of torch's over 100 steps, clipped and not", async () => {
    const { options, order, gradNorms } = goldenAdamW('untied');
    const { steps, ...step } = options;
    await using policy = await Policy.load(goldenPath('untied'));
    const { addon, handle } = policy.native;
    const shapes = new Map(policy.native.tensors().map(({ name, shape }) => [name, shape]));
    const layout = layoutSafetensors(order.map((name) => ({ name, dtype: 'F32' as const, shape: shapes.get(name) ?? [] })));
    await withTemporaryFolder(async (folder) => {
      const path = join(folder, 'gradient.safetensors');
      for (let t = 0; t < steps; t++) {
        await writeSafetensors(path, layout, async (temporary) => {
          const file = await open(temporary, 'r+');
          let offset = 0;
          for (const tensor of layout.tensors) {
            const values = pseudoGradient(tensor.length / 4, offset, t);
            await file.write(new Uint8Array(values.buffer), 0, tensor.length, tensor.offset);
            offset += values.length;
          }
          await file.close();
        });
        await addon.loadTensors(handle, 'gradient', path, weightRanges(layout));
        const { gradNorm, skipped } = await policy.step(step);
        expect(skipped).toBe(false);
        expect(Math.abs(gradNorm / (gradNorms[t] ?? Number.NaN) - 1)).toBeLessThan(1e-5);
      }
    });
    expect(policy.optimizerSteps).toBe(steps);
    expect(Math.min(...gradNorms)).toBeLessThan(step.clip);
    expect(Math.max(...gradNorms)).toBeGreaterThan(step.clip);
    const expected = await readTensors(goldenPath('untied/adamw.safetensors'));
    for (const name of order) {
      const truth = expected.get(name) ?? new Float32Array(0);
      const ours = await addon.readTensor(handle, 'weights', name);
      expect(distance(ours, truth) / norm(truth), name).toBeLessThan(1e-6);
    }
  });

  it('skips a step whose gradients are not finite, and says so', async () => {
    await using policy = await Policy.load(goldenPath('untied'));
    const before = await policy.contentHash();
    const batch = goldenBatch(goldenScores('untied'));
    const pass = await policy.forward(batch);
    await policy.backward(pass, { logp: new Float64Array(pass.logp.length).fill(1e300) });
    const outcome = await policy.step({ lr: 1 });
    expect(outcome.skipped).toBe(true);
    expect(Number.isFinite(outcome.gradNorm)).toBe(false);
    expect(await policy.contentHash()).toBe(before);
    const next = await policy.step({ lr: 1 });
    expect(next).toEqual({ gradNorm: 0, skipped: false });
  });

  it.each(dtypes)('moves the weights, leaves the reference alone, and a higher log-prob is what it moves to (%s)', async (dtype) => {
    await using policy = await Policy.load(goldenPath('tied'), { dtype });
    await using reference = await ReferenceModel.of(policy);
    const batch = goldenBatch(goldenScores('tied'));
    const before = await policy.score(batch);
    const version = policy.weightsVersion;
    for (let t = 0; t < 3; t++) {
      const pass = await policy.forward(batch);
      await policy.backward(pass, { logp: new Float64Array(pass.logp.length).fill(-1 / pass.logp.length) });
      await policy.step({ lr: 1e-3 });
    }
    const after = await policy.score(batch);
    const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(after)).toBeGreaterThan(mean(before) + 0.05);
    expect(await reference.score(batch)).toEqual(before);
    expect(policy.weightsVersion).toBe(version + 3);
  });

  it('micro-batches accumulate to the gradient of the whole', async () => {
    const golden = goldenScores('tied');
    const whole = goldenBatch(golden);
    const weights = Float64Array.from({ length: golden.logp.length }, (_, i) => Math.sin(i));
    const gradients = async (cut: boolean) => {
      await using policy = await Policy.load(goldenPath('tied'));
      const rows = rowOffsets(whole);
      const n = whole.temperature.length;
      const ranges = cut ? Array.from({ length: n }, (_, i) => [i, i + 1] as const) : [[0, n] as const];
      for (const [first, last] of ranges) {
        const [begin, end] = [whole.offsets[first] ?? 0, whole.offsets[last] ?? 0];
        const pass = await policy.forward({
          tokens: whole.tokens.slice(begin, end),
          mask: whole.mask.slice(begin, end),
          offsets: whole.offsets.slice(first, last + 1).map((offset) => offset - begin),
          temperature: whole.temperature.slice(first, last),
        });
        await policy.backward(pass, { logp: weights.slice(rows[first], rows[last]) });
      }
      const values: number[] = [];
      for (const { name } of policy.native.tensors())
        values.push(...(await policy.native.addon.readTensor(policy.native.handle, 'gradient', name)));
      return values;
    };
    const [a, b] = [await gradients(false), await gradients(true)];
    expect(distance(a, b)).toBeLessThan(1e-5 * norm(a));
  });

  it('discarded gradients are gone', async () => {
    await using policy = await Policy.load(goldenPath('untied'));
    const pass = await policy.forward(goldenBatch(goldenScores('untied')));
    await policy.backward(pass, { logp: new Float64Array(pass.logp.length).fill(1) });
    await policy.discardGradients();
    expect(await policy.step({ lr: 0.1 })).toEqual({ gradNorm: 0, skipped: false });
  });
});
