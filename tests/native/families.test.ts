import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Policy } from '../../lib/model/policy.ts';
import { layoutSafetensors, writeSafetensors } from '../../lib/model/safetensors.ts';
import {
  type Check,
  checkBfloat16Logits,
  checkFloat32Logits,
  checkGradients,
  checkScores,
  logitsOf,
  readTruth,
  type Truth,
} from '../oracle/checks.ts';
import { completeFolder } from '../oracle/scratch-model.ts';
import { TensorFile } from '../oracle/tensor-file.ts';
import { drawWeights } from '../oracle/weights.ts';
import { goldenPath } from './golden.ts';

/** Numbers of transformers for models of every family: tests/golden/families/make.py. The live comparison is `npm run test:oracle`. */
interface Manifest {
  readonly seed: number;
  readonly models: Readonly<Record<string, Pick<Truth, 'logitsRms' | 'bfloat16Rms'>>>;
}

const { default: manifest } = (await import(goldenPath('families/manifest.json'), { with: { type: 'json' } })) as { default: Manifest };

describe.each(Object.entries(manifest.models))('%s', (name, numbers) => {
  it('has the logits and log-probs of transformers in fp32, and the gradients of autograd', async () => {
    await withModel(name, numbers, async (folder, truth) => {
      await using policy = await Policy.load(folder, { dtype: 'float32' });
      const logits = await logitsOf(policy.native, truth);
      expectWithin(await checkFloat32Logits(logits, truth, policy.config.vocabSize));
      expectWithin(await checkScores(policy.native, logits, truth));
      for (const check of await checkGradients(policy, truth)) expectWithin(check);
    });
  });

  it.each([false, true])('is at most 1.3 times as far from fp32 in bf16 as transformers is (reproducible: %s)', async (reproducible) => {
    await withModel(name, numbers, async (folder, truth) => {
      await using policy = await Policy.load(folder, { dtype: 'bfloat16', reproducible });
      const logits = await logitsOf(policy.native, truth);
      expectWithin(await checkBfloat16Logits(logits, truth));
      expectWithin(await checkScores(policy.native, logits, truth));
    });
  });
});

function expectWithin({ name, error, limit, detail }: Check): void {
  expect(error, `${name} (${detail})`).toBeLessThanOrEqual(limit);
}

/** Runs `use` with the model's folder, whose weights are drawn, not stored. */
async function withModel(
  name: string,
  numbers: Pick<Truth, 'logitsRms' | 'bfloat16Rms'>,
  use: (folder: string, truth: Truth) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'astarpo-test-'));
  try {
    await using file = await TensorFile.open(goldenPath(`families/${name}/expected.safetensors`));
    const config = await readFile(goldenPath(`families/${name}/config.json`), 'utf8');
    await completeFolder(folder, config, Number(JSON.parse(config).vocab_size));
    await writeWeights(join(folder, 'model.safetensors'), file);
    await use(folder, await readTruth(file, numbers));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The tensors that transformers has gradients for: all there are, a tied head once. */
async function writeWeights(path: string, expected: TensorFile): Promise<void> {
  const plans = expected.names('gradient/').map((name) => ({ name, dtype: 'F32' as const, shape: expected.shape(`gradient/${name}`) }));
  const layout = layoutSafetensors(plans);
  await writeSafetensors(path, layout, async (temporary) => {
    const file = await open(temporary, 'r+');
    try {
      for (const { name, shape, offset, length } of layout.tensors) {
        await file.write(new Uint8Array(drawWeights(manifest.seed, name, shape).buffer), 0, length, offset);
      }
    } finally {
      await file.close();
    }
  });
}
