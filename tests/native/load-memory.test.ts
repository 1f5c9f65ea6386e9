import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { Policy } from '../../lib/model/policy.ts';
import type { LoadProgress } from '../../lib/model/progress.ts';
import { writeLargeModel } from '../fixtures/large-model.ts';
import { withTemporaryFolder } from './golden.ts';

const child = fileURLToPath(new URL('children/load-memory.mjs', import.meta.url));

interface Measured {
  readonly baseline: number;
  readonly peak: number;
  readonly seconds: number;
}

// Layers over Qwen2.5-0.5B's vocabulary, 12 unless ASTARPO_LOAD_LAYERS says otherwise: then more types are tried too (50: 500 MB in bf16).
const wanted = process.env.ASTARPO_LOAD_LAYERS;
const layers = Number(wanted ?? 12);
const cases = [
  ['F32', 'bfloat16', 2],
  ['F16', 'float32', 4],
  ['BF16', 'bfloat16', 2],
] as const;

it.each(cases.slice(0, wanted === undefined ? 1 : undefined))(
  'a model stored in %s loads as %s in little more memory than its weights take',
  (stored, dtype, bytesPerNumber) =>
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
      const stop = new AbortController();
      const seen: LoadProgress[] = [];
      const progress = (event: LoadProgress) => {
        seen.push(event);
        stop.abort();
      };
      await expect(Policy.load(folder, { dtype, signal: stop.signal, progress })).rejects.toMatchObject({ code: 'ASTARPO_ABORTED' });
      expect(seen).toHaveLength(1);
    }),
);
