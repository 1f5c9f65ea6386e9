import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { writeLargeModel } from '../fixtures/large-model.ts';
import { withTemporaryFolder } from './golden.ts';

const child = fileURLToPath(new URL('children/load-memory.mjs', import.meta.url));

interface Measured {
  readonly baseline: number;
  readonly peak: number;
  readonly seconds: number;
}

// Layers of Qwen2.5-0.5B's vocabulary; ASTARPO_LOAD_LAYERS makes the model larger (45 bfloat16 layers of width 512: 500 MB).
const layers = Number(process.env.ASTARPO_LOAD_LAYERS ?? 12);

it.each([
  ['F32', 'bfloat16', 2],
  ['F16', 'float32', 4],
] as const)('a model stored in %s loads as %s in little more memory than its weights take', (stored, dtype, bytesPerNumber) =>
  withTemporaryFolder(async (folder) => {
    const numbers = await writeLargeModel(folder, { vocab: 151_936, hidden: 512, layers, dtype: stored });
    const { stdout, stderr, status } = spawnSync(process.execPath, ['--import', 'tsx', child, folder, dtype], { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    const { baseline, peak, seconds } = JSON.parse(stdout) as Measured;
    const [weights, above] = [numbers * bytesPerNumber, peak - baseline];
    const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
    console.log(`${stored} as ${dtype}: weights ${mib(weights)}, peak ${mib(above)} above the baseline, ${seconds.toFixed(1)} s`);
    expect(above).toBeGreaterThan(weights * 0.9);
    expect(above).toBeLessThan(weights * 1.1 + 64 * 2 ** 20);
  }),
);
