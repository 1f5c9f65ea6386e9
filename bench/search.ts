import { asinOf, GeneratedCatalogue } from '../lib/env/webshop/catalogue/generated-catalogue.ts';
import { listProduct, searchableText } from '../lib/env/webshop/catalogue/products.ts';
import { IndexBuilder } from '../lib/env/webshop/search/index-builder.ts';
import type { SearchIndex } from '../lib/env/webshop/search/search-index.ts';
import { AStarPOError } from '../lib/errors.ts';
import { quantile } from '../lib/util/statistics.ts';
import { Lucene } from './peers/lucene/lucene.ts';
import { type BenchOptions, type BenchRow, row } from './report.ts';

/** As many products as the original's full catalogue has. */
const fullSize = 1_181_430;
const seed = 1;

/**
 * Search over a generated catalogue: time to build the index, and per query the median and the 99th percentile. With peers, Lucene 8 takes
 * turns over the same documents, and every query must give the same 50 products in the same order with the same scores.
 */
export async function benchSearch({ quick, peers, log }: BenchOptions): Promise<BenchRow[]> {
  const products = quick ? 20_000 : fullSize;
  const queries = quick ? 100 : 1000;
  const catalogue = new GeneratedCatalogue(products, seed);
  const name = `${products} products`;
  log(`search: indexing ${name}`);
  const { index, seconds, memory } = build(catalogue);
  const rows = [
    row(name, 'index build, analysis included', 's', [seconds], { target: '< 240' }),
    row(name, 'peak memory of the build', 'GiB', [memory / 2 ** 30], { target: '< 3' }),
    row(name, 'size of the index', 'MiB', [index.buffer.byteLength / 2 ** 20]),
  ];
  const texts = Array.from({ length: queries }, (_, i) => catalogue.searchQuery(i));
  const lucene = peers ? await startLucene(catalogue, log) : undefined;
  try {
    const [ours, theirs] = await takeTurns(index, texts, lucene, log);
    if (lucene === undefined) {
      const at = (q: number) => [quantile(ours, q)];
      return [...rows, row(name, 'search, median', 'ms', at(0.5)), row(name, 'search, 99th percentile', 'ms', at(0.99))];
    }
    return [
      ...rows,
      compared(lucene, name, 'search, median', ours, theirs, 0.5),
      compared(lucene, name, 'search, 99th percentile', ours, theirs, 0.99),
      row(
        name,
        'ratio per query, Lucene / ours',
        'times',
        theirs.map((time, i) => time / (ours[i] ?? 1)),
      ),
    ];
  } finally {
    await lucene?.close();
  }
}

/** Seconds of the index alone: the products are made in turns with it and their time is not counted. */
function build(catalogue: GeneratedCatalogue): { index: SearchIndex; seconds: number; memory: number } {
  const builder = new IndexBuilder();
  let milliseconds = 0;
  const timed = <T>(work: () => T): T => {
    const begin = performance.now();
    const result = work();
    milliseconds += performance.now() - begin;
    return result;
  };
  for (const [asin, text] of documentsOf(catalogue)) timed(() => builder.add(asin, text));
  const index = timed(() => builder.finish());
  return { index, seconds: milliseconds / 1000, memory: process.resourceUsage().maxRSS * 1024 };
}

function* documentsOf(catalogue: GeneratedCatalogue): Generator<[asin: string, text: string]> {
  for (const { product, attributes } of catalogue.records()) {
    const listed = listProduct({ product, attributes }, product.asin);
    yield [listed.asin, searchableText(listed)];
  }
}

async function startLucene(catalogue: GeneratedCatalogue, log: (text: string) => void): Promise<Lucene> {
  log('search: Lucene indexes the same products');
  const lucene = await Lucene.index(documentsOf(catalogue), '3g');
  log(`search: Lucene took ${lucene.buildSeconds.toFixed(0)} s`);
  return lucene;
}

/** Query by query, so that a slow minute hits both; the first tenth of the queries is run once before, to warm up. */
async function takeTurns(
  index: SearchIndex,
  queries: readonly string[],
  lucene: Lucene | undefined,
  log: (text: string) => void,
): Promise<[ours: number[], theirs: number[]]> {
  const ours: number[] = [];
  const theirs: number[] = [];
  const warmUp = queries.slice(0, Math.ceil(queries.length / 10));
  for (const [i, query] of [...warmUp, ...queries].entries()) {
    const begin = performance.now();
    const hits = index.search(query);
    const time = performance.now() - begin;
    const peer = await lucene?.search(query);
    if (peer !== undefined)
      checkSame(
        query,
        hits.map(({ document, score }) => ({ asin: asinOf(document), score })),
        peer.hits,
      );
    if (i < warmUp.length) continue;
    ours.push(time);
    if (peer !== undefined) theirs.push(peer.milliseconds);
  }
  log(`search: ${ours.length} queries done${lucene === undefined ? '' : ', all with the same hits and scores'}`);
  return [ours, theirs];
}

interface NamedHit {
  readonly asin: string;
  readonly score: number;
}

function checkSame(query: string, ours: readonly NamedHit[], theirs: readonly NamedHit[]): void {
  const length = Math.max(ours.length, theirs.length);
  for (let i = 0; i < length; i++) {
    const [a, b] = [ours[i], theirs[i]];
    if (a?.asin === b?.asin && a?.score === b?.score) continue;
    throw new AStarPOError(
      'ASTARPO_INTERNAL',
      `expected hit ${i} of "${query}" to be ${b?.asin} (${b?.score}), got ${a?.asin} (${a?.score})`,
    );
  }
}

function compared(lucene: Lucene, name: string, metric: string, ours: readonly number[], theirs: readonly number[], at: number): BenchRow {
  const value = quantile(ours, at);
  const peerValue = quantile(theirs, at);
  return { ...row(name, metric, 'ms', [value], { target: '3 times Lucene' }), peer: lucene.version, peerValue, ratio: peerValue / value };
}
