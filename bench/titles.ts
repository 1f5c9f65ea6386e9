import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateCatalogue } from '../lib/env/webshop/catalogue/generate-catalogue.ts';
import { GeneratedCatalogue } from '../lib/env/webshop/catalogue/generated-catalogue.ts';
import { type NounTagger, scorePurchase } from '../lib/env/webshop/reward/reward.ts';
import { NounTable, tableFormat } from '../lib/env/webshop/titles/noun-table.ts';
import { ruleNouns } from '../lib/env/webshop/titles/rule-nouns.ts';
import { openTitles } from '../lib/env/webshop/titles/title-tagger.ts';
import { winkNouns, winkTitleNouns } from '../lib/env/webshop/titles/wink-nouns.ts';
import { WebShopEnv } from '../lib/env/webshop/webshop-env.ts';
import { AStarPOError } from '../lib/errors.ts';
import { type BenchOptions, type BenchRow, interleave, row } from './report.ts';

const seed = 1;
const fullSize = 1_181_430;

/**
 * Who names the nouns of titles: time of a title by each tagger, purchases scored per second when titles are kept, and a table of nouns for
 * a catalogue of full size. How they agree with recorded scores is told by `npm run test:webshop`.
 */
export async function benchTitles({ quick, log }: BenchOptions): Promise<BenchRow[]> {
  const root = mkdtempSync(join(tmpdir(), 'astarpo-bench-titles-'));
  try {
    const catalogue = new GeneratedCatalogue(1000, seed);
    const titles = Array.from(catalogue.records(), ({ product }) => product.name);
    const repeats = quick ? 3 : 9;
    const rows: BenchRow[] = [];
    const taggers: Readonly<Record<string, NounTagger>> = { wink: winkNouns, 'wink-titles': winkTitleNouns, rule: ruleNouns };
    const times = await interleave(
      Object.values(taggers).map((nouns) => async () => microseconds(titles, nouns)),
      repeats,
    );
    Object.keys(taggers).forEach((name, i) => {
      rows.push(row(name, 'nouns of a title', 'µs', times[i] ?? []));
    });
    const small = join(root, 'small');
    await generateCatalogue({ out: small, products: 1000, seed });
    const env = await WebShopEnv.open({ data: small, titles: 'wink' });
    const rates = (await interleave([async () => purchasesPerSecond(env, quick ? 5000 : 20_000)], repeats))[0] ?? [];
    rows.push(row('1,000 products, titles kept', 'purchases scored', '1/s', rates, { target: '> 10,000' }));
    return [...rows, ...(await benchTable(join(root, 'nouns.jsonl'), quick ? 100_000 : fullSize, log))];
  } finally {
    rmSync(root, { recursive: true });
  }
}

function microseconds(titles: readonly string[], nouns: (title: string) => unknown): number {
  const begin = performance.now();
  for (const title of titles) nouns(title);
  return (1000 * (performance.now() - begin)) / titles.length;
}

/** Goals and products in turn, the first value of every option chosen. */
function purchasesPerSecond(env: WebShopEnv, count: number): number {
  const { goals, products } = env.shop;
  const purchases = Array.from({ length: count }, (_, i) => ({
    goal: goals.at(i % goals.length),
    product: products.at((i * 7) % products.length),
  }));
  const begin = performance.now();
  let paid = 0;
  for (const { goal, product } of purchases) {
    const chosen = [...product.options.values()].map(([first]) => first ?? '');
    paid += scorePurchase(product, goal, product.price, chosen, env.options.titles.nouns).reward;
  }
  if (!Number.isFinite(paid)) throw new AStarPOError('ASTARPO_INTERNAL', `expected finite rewards, got ${paid}`);
  return (1000 * count) / (performance.now() - begin);
}

async function benchTable(path: string, count: number, log: (text: string) => void): Promise<BenchRow[]> {
  const name = `table of ${count.toLocaleString('en')} titles`;
  log(`titles: writing a ${name}`);
  const catalogue = new GeneratedCatalogue(count, seed);
  const distinct = await writeTable(path, catalogue);
  const before = process.memoryUsage().arrayBuffers;
  const begin = performance.now();
  const table = NounTable.open(path);
  const opened = (performance.now() - begin) / 1000;
  const held = (process.memoryUsage().arrayBuffers - before) / 2 ** 20;
  if (table.head.titles !== distinct) throw new AStarPOError('ASTARPO_INTERNAL', `expected ${distinct} titles, got ${table.head.titles}`);
  const wanted = Array.from({ length: 10_000 }, (_, i) => catalogue.record((i * 113) % count).product.name);
  for (const title of wanted)
    if (table.nounsOf(title) === undefined) throw new AStarPOError('ASTARPO_INTERNAL', `expected ${title} in the table`);
  const lookups = Array.from({ length: 5 }, () => microseconds(wanted, (title) => table.nounsOf(title)));
  const titles = openTitles({ table: path });
  for (const title of wanted.slice(0, 1000)) titles.nouns(title);
  const kept = Array.from({ length: 5 }, () => microseconds(wanted.slice(0, 1000), titles.nouns));
  table.close();
  return [
    row(name, 'open and check', 's', [opened]),
    row(name, 'arrays in memory', 'MiB', [held]),
    row(name, 'nouns of a title, from disk', 'µs', lookups),
    row(name, 'nouns of a title that is kept', 'µs', kept),
  ];
}

/** The rule's nouns stand in for spaCy's. Returns how many titles there are. */
async function writeTable(path: string, catalogue: GeneratedCatalogue): Promise<number> {
  const titles = new Set<string>();
  for (const { product } of catalogue.records()) titles.add(product.name);
  const file = createWriteStream(path);
  file.write(`${JSON.stringify({ format: tableFormat, tagger: 'bench', model: 'rule 1', titles: titles.size })}\n`);
  for (const title of titles) {
    if (!file.write(`{"title": ${JSON.stringify(title)}, "nouns": ${JSON.stringify(ruleNouns(title))}}\n`)) await once(file, 'drain');
  }
  file.end();
  await once(file, 'close');
  return titles.size;
}
