/**
 * npm run test:webshop -- --vectors DIR [--data DIR] [--titles FILE]
 *
 * Compares all recordings of the original that a folder holds, told apart by what they look like, with this library, and shows the first
 * difference of each file. `--data`: the catalogue that they were made over; default the same folder, else ../shared/webshop.
 * `--titles`: a table of nouns (docs/webshop-titles.md), to compare with recorded title scores beside the built-in taggers.
 * Status: 0 all the same, 1 something differs or a file cannot be compared, 2 nothing could be compared.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeFailure } from '../../lib/cli/failure.ts';
import { NounTable } from '../../lib/env/webshop/titles/noun-table.ts';
import { AStarPOError } from '../../lib/errors.ts';
import { Catalogue } from './catalogue.ts';
import { findRecordings } from './recordings.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const shared = resolve(root, '../shared/webshop');

function catalogueFolder(vectors: string, data: string | undefined): string {
  const candidates = data === undefined ? [vectors, shared] : [data];
  const found = candidates.find((folder) => Catalogue.isIn(folder));
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
  const { values } = parseArgs({ options: { vectors: { type: 'string' }, data: { type: 'string' }, titles: { type: 'string' } } });
  const vectors = resolve(values.vectors ?? shared);
  if (!existsSync(vectors)) {
    throw new AStarPOError('ASTARPO_DATA', `expected a folder of recordings at ${vectors}, got none`, { hint: 'name it with --vectors' });
  }
  const titles = values.titles === undefined ? undefined : NounTable.open(values.titles);
  let opened: Promise<Catalogue> | undefined;
  const catalogue = (): Promise<Catalogue> => {
    opened ??= Catalogue.open(catalogueFolder(vectors, values.data));
    return opened;
  };
  const { recordings, unknown, broken } = findRecordings(vectors, catalogue, titles);
  if (unknown.length > 0) console.log(`no recordings that are known: ${unknown.join(', ')}`);
  const failures = broken.map(({ error }) => error);
  if (recordings.length === 0 && broken.length === 0) {
    throw new AStarPOError('ASTARPO_DATA', `expected recordings in ${vectors}, got none`, {
      hint: 'what recordings look like is told in tests/webshop-vectors',
    });
  }
  const totals = { passed: 0, failed: 0 };
  for (const recording of recordings) {
    const outcome = await recording.run().catch((error: unknown) => {
      failures.push(error);
      console.log(`${recording.file}: not compared`);
    });
    if (outcome === undefined) continue;
    const { file, format, compared, different, first, notes } = outcome;
    totals.passed += compared - different;
    totals.failed += different;
    console.log(`${file} (${format}): ${compared - different} of ${compared} the same`);
    for (const note of notes) console.log(`  ${note}`);
    if (first !== undefined) console.log(`  first difference: ${first.replaceAll('\n', '\n  ')}`);
  }
  // Many files may miss the same catalogue.
  for (const message of new Set(failures.map(describeFailure))) console.error(message);
  console.log(`${totals.passed} passed, ${totals.failed} failed${failures.length > 0 ? `, ${failures.length} files not compared` : ''}`);
  if (totals.passed + totals.failed === 0) return 2;
  return totals.failed + failures.length > 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(describeFailure(error));
  process.exitCode = 2;
}
