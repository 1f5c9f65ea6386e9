import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AStarPOError } from '../../lib/errors.ts';
import { packBatch } from '../../lib/model/packed-batch.ts';
import { Policy } from '../../lib/model/policy.ts';
import { ReferenceModel } from '../../lib/model/reference-model.ts';
import { goldenBatch, goldenPath, goldenScores, greedy } from './golden.ts';

const coded = (code: string) => expect.objectContaining({ code });
const batch = goldenBatch(goldenScores('tied'));
const long = { maxTokens: 150, stopIds: [], seed: 1n };

describe('errors of a policy', () => {
  let policy: Policy;
  beforeAll(async () => {
    policy = await Policy.load(goldenPath('tied'));
  });
  afterAll(() => policy.dispose());

  it('prompts: empty, too long, not of the vocabulary', async () => {
    await expect(policy.generate([{ prompt: [], params: greedy(3) }])).rejects.toThrow(coded('ASTARPO_EMPTY_PROMPT'));
    expect(() => policy.sequence(new Int32Array(policy.maxPositions + 1))).toThrow(coded('ASTARPO_CONTEXT'));
    await expect(policy.generate([{ prompt: new Int32Array(policy.maxPositions), params: greedy(3) }])).rejects.toThrow(
      coded('ASTARPO_CONTEXT'),
    );
    for (const bad of [-1, 320, 1.5, Number.NaN, 2 ** 32]) expect(() => policy.sequence([1, bad])).toThrow(coded('ASTARPO_TOKEN_RANGE'));
    expect(() => policy.sequence(Int32Array.of(320))).toThrow(coded('ASTARPO_TOKEN_RANGE'));
    const sequence = policy.sequence([1]);
    expect(() => sequence.extend(new Int32Array(policy.maxPositions))).toThrow(coded('ASTARPO_CONTEXT'));
    expect(sequence.length).toBe(1);
    sequence.release();
  });

  it('a sequence that meets the end of the context says so', async () => {
    const [result] = await policy.generate([{ prompt: new Int32Array(policy.maxPositions - 4), params: greedy(100) }]);
    expect(result?.finish).toBe('context');
    expect(result?.tokens.length).toBe(4);
  });

  it.each([
    [{ maxTokens: 0 }],
    [{ maxTokens: 1.5 }],
    [{ temperature: 0 }],
    [{ temperature: Number.POSITIVE_INFINITY }],
    [{ topP: 0 }],
    [{ topP: 1.1 }],
    [{ topK: -1 }],
    [{ minP: 1 }],
    [{ seed: -1n }],
    [{ seed: 2n ** 64n }],
  ])('sampling options out of range: %o', async (change) => {
    await expect(policy.generate([{ prompt: [1], params: { ...greedy(3), ...change } }])).rejects.toThrow(coded('ASTARPO_OPTION'));
  });

  it('devices: unknown, and CUDA where there is none', async () => {
    await expect(Policy.load(goldenPath('tied'), { device: 'gpu' })).rejects.toThrow(coded('ASTARPO_OPTION'));
    await expect(Policy.load(goldenPath('tied'), { dtype: 'float16' as 'float32' })).rejects.toThrow(coded('ASTARPO_OPTION'));
    await expect(Policy.load(goldenPath('tied'), { threads: 0 })).rejects.toThrow(coded('ASTARPO_OPTION'));
    if (policy.native.addon.info().cudaDevices === 0)
      await expect(Policy.load(goldenPath('tied'), { device: 'cuda' })).rejects.toThrow(coded('ASTARPO_DEVICE'));
  });

  it('batches that do not fit together', async () => {
    const bad = [
      { ...batch, mask: batch.mask.slice(1) },
      { ...batch, offsets: batch.offsets.slice(0, -1) },
      { ...batch, temperature: batch.temperature.map(() => 0) },
      { ...batch, tokens: batch.tokens.map(() => 320) },
    ];
    for (const broken of bad) await expect(policy.score(broken)).rejects.toBeInstanceOf(AStarPOError);
    expect(() => packBatch([{ tokens: Int32Array.of(1, 2), mask: Uint8Array.of(1, 1) }])).toThrow(coded('ASTARPO_BATCH'));
    expect(() => packBatch([{ tokens: Int32Array.of(1, 2), mask: Uint8Array.of(0) }])).toThrow(coded('ASTARPO_BATCH'));
  });

  it('steps while rows generate or a pass is open; one pass at a time, used once', async () => {
    const running = policy.generate([{ prompt: [1], params: long }]);
    await expect(policy.step({ lr: 0 })).rejects.toThrow(coded('ASTARPO_GENERATING'));
    await running;
    const pass = await policy.forward(batch);
    await expect(policy.step({ lr: 0 })).rejects.toThrow(coded('ASTARPO_OPEN_PASS'));
    await expect(policy.forward(batch)).rejects.toThrow(coded('ASTARPO_OPEN_PASS'));
    const zeros = new Float64Array(pass.logp.length);
    await policy.backward(pass, { logp: zeros });
    await expect(policy.backward(pass, { logp: zeros })).rejects.toThrow(coded('ASTARPO_PASS_CONSUMED'));
    await expect(policy.step({ lr: Number.NaN })).rejects.toThrow(coded('ASTARPO_OPTION'));
    await expect(policy.step({ lr: 0, beta1: 1 })).rejects.toThrow(coded('ASTARPO_OPTION'));
    await policy.discardGradients();
    await policy.step({ lr: 0 });
  });

  it('gradients of a wrong length free the pass', async () => {
    const pass = await policy.forward(batch);
    await expect(policy.backward(pass, { logp: new Float64Array(1) })).rejects.toThrow(coded('ASTARPO_ARGUMENT'));
    const again = await policy.forward(batch);
    await expect(
      policy.backward(again, { logp: new Float64Array(again.logp.length), kl: new Float64Array(again.logp.length) }),
    ).rejects.toThrow(coded('ASTARPO_ARGUMENT'));
    await policy.discardGradients();
  });

  it('a backward that was aborted leaves nothing open', async () => {
    const pass = await policy.forward(batch);
    await expect(policy.backward(pass, { logp: new Float64Array(pass.logp.length) }, { signal: AbortSignal.abort() })).rejects.toThrow(
      coded('ASTARPO_ABORTED'),
    );
    await policy.discardGradients();
    await policy.step({ lr: 0 });
  });

  it('reference rows: of another size, or disposed', async () => {
    await using reference = await ReferenceModel.of(policy);
    const rows = await reference.rows(batch);
    expect(() => rows.slice(0, rows.logp.length + 1)).toThrow(coded('ASTARPO_BATCH'));
    await expect(policy.forward(batch, { kl: rows.slice(0, 3) })).rejects.toThrow(coded('ASTARPO_BATCH'));
    const slice = rows.slice(0, rows.logp.length);
    rows.dispose();
    rows.dispose();
    await expect(policy.forward(batch, { kl: slice })).rejects.toThrow(coded('ASTARPO_DISPOSED'));
  });

  it('errors carry the stack of the caller', async () => {
    async function theCallOfTheUser(): Promise<unknown> {
      return await policy.score({ ...batch, tokens: batch.tokens.map(() => -1) });
    }
    const error = (await theCallOfTheUser().catch((caught: unknown) => caught)) as Error;
    expect(error).toBeInstanceOf(AStarPOError);
    expect(error.stack).toContain('theCallOfTheUser');
  });
});

describe('disposal', () => {
  it('cancels what waits, is idempotent, and later use is an error', async () => {
    const policy = await Policy.load(goldenPath('tied'));
    const sequence = policy.sequence([1]);
    const running = sequence.generate(long);
    const outcome = running.then(
      () => 'finished',
      (error: { code?: string }) => error.code,
    );
    const disposal = policy.dispose();
    expect(policy.dispose()).toBe(disposal);
    await disposal;
    expect(['finished', 'ASTARPO_ABORTED', 'ASTARPO_DISPOSED']).toContain(await outcome);
    const disposed = coded('ASTARPO_DISPOSED');
    expect(() => policy.sequence([1])).toThrow(disposed);
    expect(() => sequence.extend([1])).toThrow(disposed);
    expect(() => policy.weightsVersion).toThrow(disposed);
    await expect(sequence.generate(long)).rejects.toThrow(disposed);
    await expect(policy.score(batch)).rejects.toThrow(disposed);
    await expect(policy.forward(batch)).rejects.toThrow(disposed);
    await expect(policy.step({ lr: 1 })).rejects.toThrow(disposed);
    await expect(policy.save('/nowhere')).rejects.toThrow(disposed);
    await expect(ReferenceModel.of(policy)).rejects.toThrow(disposed);
    sequence.release();
  });

  it('a reference outlives the policy it was made of', async () => {
    const policy = await Policy.load(goldenPath('tied'));
    const before = await policy.score(batch);
    await using reference = await ReferenceModel.of(policy);
    await policy.dispose();
    expect(await reference.score(batch)).toEqual(before);
  });
});
