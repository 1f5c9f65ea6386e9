import { readFileSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Policy } from '../../lib/model/policy.ts';
import { ReferenceModel } from '../../lib/model/reference-model.ts';
import { readSafetensors } from '../../lib/model/safetensors.ts';
import {
  distance,
  goldenBatch,
  goldenPath,
  goldenScores,
  largestDifference,
  largestRelative,
  norm,
  readTensors,
  withTemporaryFolder,
} from './golden.ts';

/** Adapters made by PEFT over the model 'tied': tests/golden/make_lora.py. */
const adapters = ['all-linear', 'patterns', 'pattern-layer-half'] as const;

interface AdapterScores {
  readonly logp: number[];
  readonly merged: number[];
  readonly base: number[];
  /** dLoss/dlogp of the golden gradients. */
  readonly weights: number[];
}

const folder = (name: string) => goldenPath(`lora/${name}`);
const scores = (name: string) => JSON.parse(readFileSync(join(folder(name), 'scores.json'), 'utf8')) as AdapterScores;
const batch = goldenBatch(goldenScores('tied'));
const base = goldenPath('tied');

/** Two steps on the batch: B is then away from 0. */
async function train(policy: Policy, steps = 2, dropoutSeed?: bigint): Promise<void> {
  for (let step = 0; step < steps; step++) {
    const pass = await policy.forward(batch, { dropoutSeed });
    await policy.backward(pass, { logp: new Float64Array(pass.logp.length).fill(-1 / pass.logp.length) });
    await policy.step({ lr: 1e-2 });
  }
}

describe.each(adapters)('the adapter %s of PEFT', (name) => {
  const golden = scores(name);

  it('gives the log-probs that it gives in PEFT, with the adapter, merged, and without', async () => {
    await using policy = await Policy.load(folder(name));
    expect(largestRelative(await policy.score(batch), golden.logp)).toBeLessThan(5e-5);
    await policy.merge();
    expect(policy.lora?.merged).toBe(true);
    expect(largestRelative(await policy.score(batch), golden.merged)).toBeLessThan(5e-5);
    await policy.unmerge();
    expect(largestRelative(await policy.score(batch), golden.logp)).toBeLessThan(5e-5);
    await using alone = await Policy.load(base);
    expect(largestRelative(await alone.score(batch), golden.base)).toBeLessThan(5e-5);
  });

  it('has the gradients of torch autograd', async () => {
    await using policy = await Policy.load(folder(name));
    const expected = await readTensors(join(folder(name), 'gradients.safetensors'));
    const globalNorm = norm([...expected.values()].map(norm));
    const pass = await policy.forward(batch);
    await policy.backward(pass, { logp: Float64Array.from(golden.weights) });
    for (const [key, values] of expected) {
      const { native } = policy;
      const own = await native.call(() => native.addon.readTensor(native.handle, 'gradient', key.replace('base_model.model.', '')));
      expect(distance(own, values), key).toBeLessThan(1e-3 * Math.max(norm(values), 1e-3 * globalNorm));
    }
  });

  it('keeps its values through loadAdapter and saveAdapter', async () => {
    await withTemporaryFolder(async (temporary) => {
      await using policy = await Policy.load(base);
      await policy.loadAdapter(folder(name));
      await policy.saveAdapter(join(temporary, 'again'));
      expect((await readdir(join(temporary, 'again'))).sort()).toEqual(['README.md', 'adapter_config.json', 'adapter_model.safetensors']);
      await using again = await Policy.load(join(temporary, 'again'));
      expect(await again.score(batch)).toEqual(await policy.score(batch));
      expect(await again.contentHash()).toBe(await policy.contentHash());
      expect(again.lora).toEqual(policy.lora);
    });
  });
});

describe('a fresh adapter', () => {
  it.each(['float32', 'bfloat16'] as const)('changes no bit, and its reference is the base (%s)', async (dtype) => {
    await using plain = await Policy.load(base, { dtype });
    await using policy = await Policy.load(base, { dtype, lora: { rank: 4, seed: 3n } });
    expect(policy.lora).toMatchObject({ rank: 4, alpha: 8, dropout: 0, merged: false, parameters: expect.any(Number) });
    const expected = await plain.score(batch);
    expect(await policy.score(batch)).toEqual(expected);
    expect(await policy.contentHash()).toBe(await plain.contentHash());
    await using reference = await ReferenceModel.of(policy);
    await using ofBase = await ReferenceModel.load(base, { dtype });
    expect(reference.hash).toBe(ofBase.hash);
    const pass = await policy.forward(batch);
    expect(await reference.score(batch)).toEqual(pass.logp);
    pass.drop();

    await train(policy);
    expect(await policy.score(batch)).not.toEqual(expected);
    expect(await reference.score(batch)).toEqual(expected);
    expect(await policy.contentHash()).not.toBe(reference.hash);
  });

  it('draws the same A from the same seed, another from another', async () => {
    const hashAfterTraining = async (seed: bigint) => {
      await using policy = await Policy.load(base, { lora: { seed } });
      await train(policy, 1);
      return await policy.contentHash();
    };
    const first = await hashAfterTraining(1n);
    expect(await hashAfterTraining(1n)).toBe(first);
    expect(await hashAfterTraining(2n)).not.toBe(first);
  });

  it('can be given to a policy that is there, and to one from nothing', async () => {
    await using policy = await Policy.load(base);
    expect(policy.lora).toBeUndefined();
    await policy.addLora({ targetModules: ['q_proj'], layers: [1] });
    expect(policy.lora?.modules.map(({ module }) => module)).toEqual(['model.layers.1.self_attn.q_proj']);
    await using drawn = await Policy.init(policy.config, { tokenizer: policy.tokenizer, seed: 5n, lora: { rank: 2 } });
    expect(drawn.lora?.modules).toHaveLength(14);
  });
});

describe('a trained adapter', () => {
  it('is copied into a reference, whose base is shared', async () => {
    await using policy = await Policy.load(base, { lora: {} });
    await train(policy);
    await using reference = await ReferenceModel.of(policy);
    expect(reference.hash).toBe(await policy.contentHash());
    const before = await policy.score(batch);
    expect(await reference.score(batch)).toEqual(before);
    await train(policy, 1);
    expect(await reference.score(batch)).toEqual(before);
  });

  it('can be left out of a reference, which is then exactly the base, also while it is merged', async () => {
    await using plain = await Policy.load(base);
    await using policy = await Policy.load(base, { lora: {} });
    await train(policy);
    for (const merge of [false, true]) {
      if (merge) await policy.merge();
      await using reference = await ReferenceModel.of(policy, { adapter: 'off' });
      expect(reference.hash).toBe(await plain.contentHash());
      expect(await reference.score(batch)).toEqual(await plain.score(batch));
      expect(await policy.score(batch)).not.toEqual(await plain.score(batch));
    }
    const wrong = ReferenceModel.of(policy, { adapter: 'of' as 'off' });
    await expect(wrong).rejects.toThrow(expect.objectContaining({ code: 'ASTARPO_OPTION' }));
  });

  it('is the same merged, up to rounding, and saved merged', async () => {
    await withTemporaryFolder(async (temporary) => {
      await using policy = await Policy.load(base, { lora: { rank: 4 } });
      await train(policy);
      const apart = await policy.score(batch);
      await policy.save(join(temporary, 'merged'));
      await policy.merge();
      const merged = await policy.score(batch);
      expect(largestDifference(merged, apart)).toBeLessThan(1e-4);
      await using loaded = await Policy.load(join(temporary, 'merged'));
      expect(await loaded.score(batch)).toEqual(merged);
      expect(loaded.lora).toBeUndefined();
      await policy.unmerge();
      expect(await policy.score(batch)).toEqual(apart);
    });
  });

  it('loses no more by merging in bfloat16 than by bfloat16 itself, and knows its base in either dtype', async () => {
    await withTemporaryFolder(async (temporary) => {
      const saved = join(temporary, 'adapter');
      await using exact = await Policy.load(base, { lora: { rank: 4, alpha: 6, targetModules: ['q_proj', 'up_proj'] } });
      await train(exact);
      await exact.save(saved, { format: 'adapter' });
      const truth = await exact.score(batch);
      await using policy = await Policy.load(saved, { dtype: 'bfloat16' });
      const apart = await policy.score(batch);
      const error = distance(apart, truth);
      await policy.save(join(temporary, 'merged'));
      await policy.merge();
      const merged = await policy.score(batch);
      expect(distance(merged, truth)).toBeLessThan(1.5 * error);
      await using loaded = await Policy.load(join(temporary, 'merged'), { dtype: 'bfloat16' });
      expect(await loaded.score(batch)).toEqual(merged);
      await policy.unmerge();
      expect(await policy.score(batch)).toEqual(apart);
    });
  });

  it('is saved alone, small, as PEFT writes it', async () => {
    await withTemporaryFolder(async (temporary) => {
      const saved = join(temporary, 'adapter');
      await using policy = await Policy.load(base, { lora: { rank: 4, alpha: 6, targetModules: ['q_proj', 'up_proj'] } });
      await policy.save(saved, { format: 'adapter' });
      const config = JSON.parse(await readFile(join(saved, 'adapter_config.json'), 'utf8')) as Record<string, unknown>;
      expect(config).toMatchObject({
        peft_type: 'LORA',
        r: 4,
        lora_alpha: 6,
        target_modules: ['q_proj', 'up_proj'],
        task_type: 'CAUSAL_LM',
      });
      expect(config.base_model_name_or_path).toBe(base);
      const { tensors } = await readSafetensors(join(saved, 'adapter_model.safetensors'));
      expect(tensors.get('base_model.model.model.layers.1.mlp.up_proj.lora_B.weight')).toMatchObject({ dtype: 'F32', shape: [96, 4] });
      expect(tensors.size).toBe(8);
    });
  });

  it('trains on from a checkpoint bit for bit, with dropout', async () => {
    await withTemporaryFolder(async (temporary) => {
      const options = { lora: { rank: 4, dropout: 0.2, seed: 9n } };
      const run = async (policy: Policy, from: number, to: number) => {
        for (let step = from; step < to; step++) await train(policy, 1, BigInt(step));
      };
      await using whole = await Policy.load(base, options);
      await run(whole, 0, 4);
      await using first = await Policy.load(base, options);
      await run(first, 0, 2);
      await first.saveAdapter(join(temporary, 'adapter'));
      await first.saveOptimizer(join(temporary, 'optimizer.safetensors'));
      await using second = await Policy.load(base, options);
      await second.loadAdapter(join(temporary, 'adapter'));
      await second.loadOptimizer(join(temporary, 'optimizer.safetensors'));
      expect(second.optimizerSteps).toBe(2);
      await run(second, 2, 4);
      expect(await second.contentHash()).toBe(await whole.contentHash());
    });
  });
});

describe('adapters that cannot be used', () => {
  it('are refused before anything changes, naming file, tensor and remedy', async () => {
    await withTemporaryFolder(async (temporary) => {
      await using policy = await Policy.load(base);
      const before = await policy.contentHash();
      const copyOf = async (change: (folder: string) => Promise<void>) => {
        const copy = join(temporary, String(Math.random()).slice(2));
        await cp(folder('all-linear'), copy, { recursive: true });
        await change(copy);
        return copy;
      };
      const config = (values: object) => async (at: string) => {
        const path = join(at, 'adapter_config.json');
        await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), ...values }));
      };
      const tensors = (change: (bytes: Buffer) => Buffer) => async (at: string) => {
        const path = join(at, 'adapter_model.safetensors');
        await writeFile(path, change(await readFile(path)));
      };
      const cases: [string, (at: string) => Promise<void>, string, RegExp][] = [
        ['another rank', config({ r: 5 }), 'ASTARPO_ADAPTER', /down_proj\.lora_A\.weight to be \[5,96\] in this model, got \[4,96\]/],
        [
          'fewer targets',
          config({ target_modules: ['q_proj'] }),
          'ASTARPO_ADAPTER',
          /adapter_model\.safetensors: expected the modules that adapter_config/,
        ],
        ['DoRA', config({ use_dora: true }), 'ASTARPO_ADAPTER', /use_dora/],
        ['no such targets', config({ target_modules: ['query'] }), 'ASTARPO_ADAPTER', /which chooses none/],
        ['the head', config({ target_modules: ['q_proj', 'lm_head'] }), 'ASTARPO_ADAPTER', /lm_head/],
        ['a bad pattern', config({ target_modules: '(' }), 'ASTARPO_ADAPTER', /target_modules/],
        ['truncated', tensors((bytes) => bytes.subarray(0, -4)), 'ASTARPO_SAFETENSORS', /adapter_model\.safetensors/],
        [
          'NaN',
          tensors((bytes) => Buffer.concat([bytes.subarray(0, -4), Buffer.from(Float32Array.of(Number.NaN).buffer)])),
          'ASTARPO_SAFETENSORS',
          /finite values in base_model\.model\./,
        ],
        ['missing', tensors(rename('q_proj.lora_A', 'q_proj.lora_C')), 'ASTARPO_ADAPTER', /q_proj\.lora_C/],
        ['no JSON', (at) => writeFile(join(at, 'adapter_config.json'), '{'), 'ASTARPO_ADAPTER', /adapter_config\.json/],
      ];
      for (const [what, change, code, text] of cases) {
        const failing = policy.loadAdapter(await copyOf(change));
        await expect(failing, what).rejects.toMatchObject({ code, message: expect.stringMatching(text) });
        expect(policy.lora, what).toBeUndefined();
      }
      await expect(policy.loadAdapter(join(temporary, 'nowhere'))).rejects.toMatchObject({ code: 'ASTARPO_IO' });
      expect(await policy.contentHash()).toBe(before);
    });
  });

  it('because they belong to another base: by shape, by number of layers, by content', async () => {
    await withTemporaryFolder(async (temporary) => {
      await using untied = await Policy.load(goldenPath('untied'));
      await expect(untied.loadAdapter(folder('all-linear'))).rejects.toMatchObject({
        code: 'ASTARPO_ADAPTER',
        message: expect.stringMatching(
          /to be \[4,64\] in this model, got \[4,96\]\n {2}load the model that the adapter was trained on: \.\.\/\.\.\/tied/,
        ),
      });
      await using policy = await Policy.load(base, { lora: { rank: 2 } });
      await policy.saveAdapter(join(temporary, 'own'), { base: 'some/model' });
      await using moved = await Policy.load(goldenPath('tied/reference'));
      await expect(moved.loadAdapter(join(temporary, 'own'))).rejects.toMatchObject({
        code: 'ASTARPO_ADAPTER',
        message: expect.stringMatching(/other weights with the same shapes\n.*some\/model/),
      });
      await using deep = await Policy.load(goldenPath('odd'), { lora: { layers: [2], targetModules: ['q_proj'] } });
      await deep.saveAdapter(join(temporary, 'deep'));
      await expect(policy.loadAdapter(join(temporary, 'deep'))).rejects.toMatchObject({ code: 'ASTARPO_ADAPTER' });
    });
  });

  it('need the options that fit them', async () => {
    await expect(Policy.load(folder('all-linear'), { lora: {} })).rejects.toMatchObject({ code: 'ASTARPO_OPTION' });
    await expect(Policy.load(base, { base })).rejects.toMatchObject({ code: 'ASTARPO_OPTION' });
    await expect(Policy.load(base, { lora: { rnak: 3 } as object })).rejects.toMatchObject({ code: 'ASTARPO_UNKNOWN_OPTION' });
    await expect(ReferenceModel.load(base, { lora: {} } as object)).rejects.toMatchObject({ code: 'ASTARPO_UNKNOWN_OPTION' });
    await using policy = await Policy.load(base);
    await expect(policy.saveAdapter('/tmp/unused')).rejects.toMatchObject({ code: 'ASTARPO_ADAPTER' });
    await expect(policy.merge()).rejects.toMatchObject({ code: 'ASTARPO_ADAPTER' });
    await policy.addLora({ dropout: 0.5 });
    await expect(policy.addLora()).rejects.toMatchObject({ code: 'ASTARPO_ADAPTER' });
    await expect(policy.forward(batch)).rejects.toMatchObject({ code: 'ASTARPO_OPTION' });
    await expect(policy.loadAdapter(folder('all-linear'))).rejects.toMatchObject({ code: 'ASTARPO_ADAPTER' });
    await policy.merge();
    await expect(policy.forward(batch, { dropoutSeed: 1n })).rejects.toMatchObject({ code: 'ASTARPO_ADAPTER' });
  });

  it('are told before the weights of the base are read', async () => {
    await withTemporaryFolder(async (temporary) => {
      const copy = join(temporary, 'base');
      await cp(goldenPath('untied'), copy, { recursive: true });
      await writeFile(join(copy, 'model.safetensors'), '');
      await expect(Policy.load(copy, { lora: { layers: [7] } })).rejects.toMatchObject({ code: 'ASTARPO_OPTION' });
      await expect(Policy.load(folder('all-linear'), { base: copy })).rejects.toMatchObject({ code: 'ASTARPO_ADAPTER' });
      await expect(Policy.load(copy, { lora: {} })).rejects.toMatchObject({ code: 'ASTARPO_SAFETENSORS' });
    });
  });

  it('leave the older adapter in a folder whole', async () => {
    await withTemporaryFolder(async (temporary) => {
      const target = join(temporary, 'adapter');
      await using policy = await Policy.load(base, { lora: { rank: 2 } });
      await mkdir(target);
      await writeFile(join(target, 'notes.txt'), 'mine');
      await expect(policy.saveAdapter(target)).rejects.toMatchObject({ code: 'ASTARPO_IO' });
      expect(await readdir(target)).toEqual(['notes.txt']);
    });
  });
});

/** Replaces a part of the header by another of the same length. */
function rename(from: string, to: string): (bytes: Buffer) => Buffer {
  return (bytes) => Buffer.from(bytes.toString('latin1').replace(from, to), 'latin1');
}
