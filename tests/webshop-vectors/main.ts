/**
 * npm run test:webshop -- --vectors DIR [--data DIR]
 *
 * Compares whatever recordings of the original a folder holds (some or all of the known files) with this library, and shows the first
 * difference of each. `--data`: the catalogue that they were made over; default the same folder, else ../shared/webshop.
 * Status: 0 all the same, 1 something differs, 2 nothing to compare or no catalogue.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeFailure } from '../../lib/cli/failure.ts';
import { WebShopEnv } from '../../lib/env/webshop/webshop-env.ts';
import { AStarPOError } from '../../lib/errors.ts';
import { checks } from './checks.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const shared = resolve(root, '../shared/webshop');

function catalogueFolder(vectors: string, data: string | undefined): string {
  const candidates = data === undefined ? [vectors, shared] : [data];
  const found = candidates.find((folder) => ['items_shuffle_1000.json', 'catalogue.json'].some((name) => existsSync(join(folder, name))));
  if (found !== undefined) return found;
  throw new AStarPOError(
    'ASTARPO_DATA',
    `expected the products that the recordings were made over in ${candidates.join(' or ')}, got none`,
    {
      hint: 'name their folder with --data',
    },
  );
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { vectors: { type: 'string' }, data: { type: 'string' } } });
  const vectors = resolve(values.vectors ?? shared);
  const present = checks.filter(({ file }) => existsSync(join(vectors, file)));
  if (present.length === 0) {
    throw new AStarPOError('ASTARPO_DATA', `expected recordings in ${vectors}, got none`, {
      hint: `known files: ${checks.map(({ file }) => file).join(', ')}`,
    });
  }
  let env: Promise<WebShopEnv> | undefined;
  const shop = (): Promise<WebShopEnv> => {
    env ??= WebShopEnv.open({ data: catalogueFolder(vectors, values.data) });
    return env;
  };
  const totals = { passed: 0, failed: 0 };
  for (const check of present) {
    const { file, compared, different, first, notes } = await check.run(vectors, shop);
    totals.passed += compared - different;
    totals.failed += different;
    console.log(`${file}: ${compared - different} of ${compared} the same`);
    for (const note of notes) console.log(`  ${note}`);
    if (first !== undefined) console.log(`  first difference: ${first.replaceAll('\n', '\n  ')}`);
  }
  const absent = checks.filter((check) => !present.includes(check)).map(({ file }) => file);
  if (absent.length > 0) console.log(`not in this folder: ${absent.join(', ')}`);
  console.log(`${totals.passed} passed, ${totals.failed} failed`);
  return totals.failed > 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(describeFailure(error));
  process.exitCode = 2;
}
