import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { agentStyleNames } from '../../../lib/env/webshop/agent/styles.ts';
import { generateCatalogue } from '../../../lib/env/webshop/catalogue/generate-catalogue.ts';

const folder = mkdtempSync(join(tmpdir(), 'astarpo-memory-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('an episode, one of 10,000 that are open, holds less than 20 kB in every style', async () => {
  await generateCatalogue({ out: folder, products: 40, seed: 6 });
  const script = fileURLToPath(new URL('../../fixtures/episode-memory.ts', import.meta.url));
  const { stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', '--import', 'tsx', script, folder], { encoding: 'utf8' });
  const bytes: Record<string, number> = JSON.parse(stdout || JSON.stringify({ stderr }));
  expect(Object.keys(bytes)).toEqual([...agentStyleNames]);
  for (const [style, each] of Object.entries(bytes)) {
    // Far below what any state takes, the measurement itself went wrong.
    expect(each, style).toBeGreaterThan(500);
    expect(each, style).toBeLessThan(20_000);
  }
});
