import { describe, expect, it } from 'vitest';
import { packBatch } from '../../lib/model/packed-batch.ts';
import { Policy } from '../../lib/model/policy.ts';
import { ReferenceModel } from '../../lib/model/reference-model.ts';
import { goldenPath, greedy, greedyCases, largestDifference } from './golden.ts';

const models = ['tied', 'untied', 'odd'] as const;
const modes = [false, true] as const;

/** Sampling that visits unlikely tokens too. */
const sampling = (seed: bigint) => ({ maxTokens: 20, temperature: 1.3, stopIds: [], seed });

/** Context and mask of a prompt and what was sampled after it. */
function scored(prompt: readonly number[], tokens: Int32Array) {
  const all = Int32Array.from([...prompt, ...tokens]);
  return { tokens: all, mask: Uint8Array.from(all, (_, i) => (i < prompt.length ? 0 : 1)) };
}

describe.each(models)('greedy generation of %s', (name) => {
  const cases = greedyCases(name);

  it.each(modes)('equals transformers token for token, 50 prompts in one batch (reproducible: %s)', async (reproducible) => {
    await using policy = await Policy.load(goldenPath(name), { reproducible });
    const results = await policy.generate(cases.map(({ prompt, tokens }) => ({ prompt, params: greedy(tokens.length) })));
    expect(results.map(({ tokens }) => Array.from(tokens))).toEqual(cases.map(({ tokens }) => tokens));
    for (const [i, { logps, finish, weightsVersion }] of results.entries()) {
      expect(largestDifference(logps, cases[i]?.logps ?? [])).toBeLessThan(1e-4);
      expect(finish).toBe('length');
      expect(weightsVersion).toBe(policy.weightsVersion);
    }
  });

  it('equals transformers token for token, each prompt alone', async () => {
    await using policy = await Policy.load(goldenPath(name));
    for (const { prompt, tokens } of cases) {
      const [result] = await policy.generate([{ prompt, params: greedy(tokens.length) }]);
      expect(Array.from(result?.tokens ?? [])).toEqual(tokens);
    }
  });

  it('equals transformers when a sequence grows in turns', async () => {
    await using policy = await Policy.load(goldenPath(name));
    for (const { prompt, tokens } of cases.slice(0, 10)) {
      const sequence = policy.sequence(prompt.slice(0, 1));
      if (prompt.length > 1) {
        // What the model says here is thrown away by going back to a fork.
        const fork = sequence.fork();
        await fork.generate(greedy(3));
        fork.release();
        sequence.extend(prompt.slice(1));
      }
      const half = await sequence.generate(greedy(10));
      const rest = await sequence.generate(greedy(tokens.length - 10));
      expect([...half.tokens, ...rest.tokens]).toEqual(tokens);
      expect(Array.from(sequence.tokens)).toEqual([...prompt, ...tokens]);
      expect(sequence.length).toBe(prompt.length + tokens.length);
      sequence.release();
    }
  });

  it('ends with the stop id, which is kept', async () => {
    await using policy = await Policy.load(goldenPath(name));
    const { prompt, tokens } = cases[3] ?? { prompt: [] as number[], tokens: [] as number[] };
    const stop = tokens[5] ?? -1;
    const [result] = await policy.generate([{ prompt, params: greedy(24, [stop]) }]);
    expect(Array.from(result?.tokens ?? [])).toEqual(tokens.slice(0, tokens.indexOf(stop) + 1));
    expect(result?.finish).toBe('stop');
  });
});

describe('sampling', () => {
  it.each(modes)('gives log-probs that scoring gives again, within 1e-4 (reproducible: %s)', async (reproducible) => {
    for (const name of models) {
      await using policy = await Policy.load(goldenPath(name), { reproducible });
      const prompts = greedyCases(name).map(({ prompt }) => prompt);
      const results = await policy.generate(prompts.map((prompt, i) => ({ prompt, params: sampling(BigInt(i)) })));
      const batch = packBatch(
        results.map(({ tokens }, i) => scored(prompts[i] ?? [], tokens)),
        1.3,
      );
      const rescored = await policy.score(batch);
      const sampled = results.flatMap(({ logps }) => [...logps]);
      const difference = largestDifference(sampled, rescored);
      console.info(`${name}, float32, reproducible ${reproducible}: sampled and re-scored log-probs differ by at most ${difference}`);
      expect(difference).toBeLessThan(1e-4);
      if (reproducible) expect(sampled).toEqual([...rescored]);
    }
  });

  it('reproducible: ids and log-probs do not depend on what else is in the batch', async () => {
    await using policy = await Policy.load(goldenPath('tied'), { reproducible: true });
    const requests = greedyCases('tied').map(({ prompt }, i) => ({
      prompt,
      params: { ...sampling(BigInt(1000 + i)), maxTokens: 5 + (i % 17) },
    }));
    const together = await policy.generate(requests);
    const reversed = (await policy.generate(requests.toReversed())).toReversed();
    expect(reversed).toEqual(together);
    for (const i of [0, 7, 23, 49]) {
      const [alone] = await policy.generate(requests.slice(i, i + 1));
      expect(alone).toEqual(together[i]);
    }
    const later = policy.generate(requests.slice(0, 25));
    const [first, second] = await Promise.all([later, policy.generate(requests.slice(25))]);
    expect([...first, ...second]).toEqual(together);
  });

  it('the same seed draws the same, another seed does not', async () => {
    await using policy = await Policy.load(goldenPath('untied'));
    const draw = async (seed: bigint) =>
      Array.from((await policy.generate([{ prompt: [1, 2, 3], params: sampling(seed) }]))[0]?.tokens ?? []);
    expect(await draw(5n)).toEqual(await draw(5n));
    expect(await draw(5n)).not.toEqual(await draw(6n));
  });

  it('top-k 1 is greedy, and log-probs stay those of the untruncated distribution', async () => {
    await using policy = await Policy.load(goldenPath('untied'));
    const cases = greedyCases('untied').slice(0, 8);
    const results = await policy.generate(
      cases.map(({ prompt }) => ({ prompt, params: { maxTokens: 24, stopIds: [], seed: 9n, topK: 1 } })),
    );
    for (const [i, { tokens, logps }] of results.entries()) {
      expect(Array.from(tokens)).toEqual(cases[i]?.tokens);
      expect(largestDifference(logps, cases[i]?.logps ?? [])).toBeLessThan(1e-4);
    }
  });

  it('draws tokens as often as their probabilities say', async () => {
    await using policy = await Policy.load(goldenPath('odd'));
    const draws = 3000;
    const temperature = 4;
    const results = await policy.generate(
      Array.from({ length: draws }, (_, i) => ({ prompt: [5, 9], params: { maxTokens: 1, temperature, stopIds: [], seed: BigInt(i) } })),
    );
    const counts = new Map<number, { count: number; logp: number }>();
    for (const { tokens, logps } of results) {
      const [id = -1] = tokens;
      counts.set(id, { count: (counts.get(id)?.count ?? 0) + 1, logp: logps[0] ?? 0 });
    }
    for (const { count, logp } of counts.values()) {
      const p = Math.exp(logp);
      // Six standard deviations and one: passes for every sound generator, fails for a biased one.
      expect(Math.abs(count - draws * p)).toBeLessThan(6 * Math.sqrt(draws * p * (1 - p)) + 1);
    }
  });

  it('fork: two continuations of one past, each as if it had been alone', async () => {
    await using policy = await Policy.load(goldenPath('tied'), { reproducible: true });
    const prompt = greedyCases('tied')[1]?.prompt ?? [];
    const trunk = policy.sequence(prompt);
    const start = await trunk.generate(sampling(1n));
    const branch = trunk.fork();
    const [a, b] = await Promise.all([trunk.generate(sampling(2n)), branch.generate(sampling(3n))]);
    trunk.release();
    const [alone] = await policy.generate([{ prompt: [...prompt, ...start.tokens], params: sampling(3n) }]);
    expect(b).toEqual(alone);
    expect(a.tokens).not.toEqual(b.tokens);
    expect(Array.from(branch.tokens)).toEqual([...prompt, ...start.tokens, ...b.tokens]);
    branch.release();
    branch.release();
    expect(() => branch.tokens).toThrow(expect.objectContaining({ code: 'ASTARPO_DISPOSED' }));
  });

  it('the reference samples what the policy samples, under its own view', async () => {
    await using policy = await Policy.load(goldenPath('tied'), { reproducible: true });
    await using reference = await ReferenceModel.of(policy);
    const request = [{ prompt: [3, 1, 4], params: sampling(2n) }];
    const [ours, theirs] = [await policy.generate(request), await reference.generate(request)];
    expect(theirs.map(({ tokens, logps }) => ({ tokens, logps }))).toEqual(ours.map(({ tokens, logps }) => ({ tokens, logps })));
    expect(policy.view).toBe('policy');
    expect(reference.view).toBe(reference.hash);
    expect(reference.hash).toBe(await policy.contentHash());
  });

  it('bf16 differs from fp32 by its rounding', async () => {
    for (const name of models) {
      await using exact = await Policy.load(goldenPath(name));
      await using rounded = await Policy.load(goldenPath(name), { dtype: 'bfloat16' });
      const cases = greedyCases(name);
      const results = await rounded.generate(cases.map(({ prompt }) => ({ prompt, params: greedy(24) })));
      const flipped = results.filter(({ tokens }, i) => tokens.some((id, t) => id !== cases[i]?.tokens[t])).length;
      const batch = packBatch(cases.map(({ prompt, tokens }) => scored(prompt, Int32Array.from(tokens))));
      const [a, b] = [await exact.score(batch), await rounded.score(batch)];
      const mean = a.reduce((sum, value, i) => sum + Math.abs(value - (b[i] ?? Number.NaN)), 0) / a.length;
      console.info(
        `${name}, bfloat16: log-probs differ from float32 by ${mean} on average; ${flipped} of ${cases.length} greedy continuations differ`,
      );
      // Logits of these models are some ten units wide and bf16 has 8 bits.
      expect(mean).toBeLessThan(0.3);
      expect(mean).toBeGreaterThan(0);
    }
  });
});

describe('streaming', () => {
  it('gives the tokens, log-probs and text of generate', async () => {
    await using policy = await Policy.load(goldenPath('tied'), { reproducible: true });
    const request = { prompt: [...policy.chat.start(undefined, 'hello')], params: sampling(4n) };
    const [whole] = await policy.generate([request]);
    const ids: number[] = [];
    const logps: number[] = [];
    let text = '';
    for await (const token of policy.stream(request)) {
      ids.push(token.id);
      logps.push(token.logp);
      text += token.text;
    }
    expect(ids).toEqual(Array.from(whole?.tokens ?? []));
    expect(logps).toEqual(Array.from(whole?.logps ?? []));
    expect(text.length).toBeGreaterThan(0);
  });

  it('leaving the loop ends the generation', async () => {
    await using policy = await Policy.load(goldenPath('tied'));
    for await (const token of policy.stream({ prompt: [1], params: { ...sampling(1n), maxTokens: 150 } })) {
      expect(token.id).toBeGreaterThanOrEqual(0);
      break;
    }
    await expect(policy.step({ lr: 0 })).resolves.toMatchObject({ skipped: false });
  });
});

describe('cancelling', () => {
  it('a signal ends a generation; the sequence can be used again', async () => {
    // Long enough that it cannot end before the signal comes, however late this thread gets its turn.
    await using small = await Policy.load(goldenPath('tied'));
    const config = { ...small.config, hiddenSize: 128, intermediateSize: 256, layers: 4, maxPositions: 20_000 };
    await using policy = await Policy.init(config, { tokenizer: small.tokenizer, seed: 1n });
    const sequence = policy.sequence([1, 2, 3]);
    const abort = new AbortController();
    const running = sequence.generate(
      { ...sampling(1n), maxTokens: 19_000 },
      { signal: abort.signal, onToken: () => abort.abort(new Error('enough')) },
    );
    const error = await running.catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'ASTARPO_ABORTED' });
    expect((error as Error).cause).toMatchObject({ message: 'enough' });
    await expect(sequence.generate({ ...sampling(1n), maxTokens: 3 })).resolves.toMatchObject({ finish: 'length' });
    sequence.release();
  });

  it('a signal that already fired starts nothing', async () => {
    await using policy = await Policy.load(goldenPath('tied'));
    const signal = AbortSignal.abort();
    const code = expect.objectContaining({ code: 'ASTARPO_ABORTED' });
    await expect(policy.generate([{ prompt: [1], params: greedy(3) }], { signal })).rejects.toThrow(code);
    await expect(policy.score(packBatch([scored([1], Int32Array.of(2))]), { signal })).rejects.toThrow(code);
  });

  it('one bad request cancels the others and leaves nothing running', async () => {
    await using policy = await Policy.load(goldenPath('tied'));
    const good = { prompt: [1], params: { ...sampling(1n), maxTokens: 150 } };
    await expect(policy.generate([good, { ...good, prompt: [] }])).rejects.toThrow(
      expect.objectContaining({ code: 'ASTARPO_EMPTY_PROMPT' }),
    );
    await expect(policy.step({ lr: 0 })).resolves.toMatchObject({ skipped: false });
  });
});
