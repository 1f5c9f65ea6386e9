import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateCatalogue } from '../lib/env/webshop/catalogue/generate-catalogue.ts';
import { GeneratedCatalogue } from '../lib/env/webshop/catalogue/generated-catalogue.ts';
import { WebShopEnv } from '../lib/env/webshop/webshop-env.ts';
import type { WebShopEpisode } from '../lib/env/webshop/webshop-episode.ts';
import { AStarPOError } from '../lib/errors.ts';
import { quantile } from '../lib/util/statistics.ts';
import { type BenchOptions, type BenchRow, interleave, row } from './report.ts';

const seed = 1;
const fullSize = 1_181_430;

/**
 * The environment on one core: opening a catalogue of 1,000 products, actions per second with a quarter of them searches, time of a search,
 * memory of an open episode; then making and opening a catalogue of full size.
 */
export async function benchEnv({ quick, log }: BenchOptions): Promise<BenchRow[]> {
  const root = mkdtempSync(join(tmpdir(), 'astarpo-bench-env-'));
  try {
    const small = join(root, 'small');
    await generateCatalogue({ out: small, products: 1000, seed });
    log('env: 1,000 products');
    const rows = await benchSmall(small, quick);
    if (quick) return rows;
    log('env: making a catalogue of full size');
    return [...rows, ...(await benchFull(join(root, 'full')))];
  } finally {
    rmSync(root, { recursive: true });
  }
}

async function benchSmall(data: string, quick: boolean): Promise<BenchRow[]> {
  const name = '1,000 products';
  const open = async () => await timed(() => WebShopEnv.open({ data }));
  const loads = (await interleave([async () => (await open()).seconds], quick ? 3 : 9))[0] ?? [];
  const env = (await open()).result;
  const rates = (await interleave([async () => stepsPerSecond(env, quick ? 2000 : 20_000)], quick ? 3 : 7))[0] ?? [];
  return [
    row(name, 'load from the cache', 's', loads, { target: '< 0.5' }),
    row(name, 'actions, a quarter of them searches', '1/s', rates, { target: '> 10,000, aim 30,000' }),
    row(name, 'search', 'ms', searchTimes(env, 1000), { target: '< 0.2' }),
    row(name, 'memory of one of 10,000 open episodes', 'kB', [await episodeBytes(env)], { target: '< 20' }),
  ];
}

/** Search, open a result, look at its features, go on: every fourth action is a search, each asks for a text observation. */
function stepsPerSecond(env: WebShopEnv, steps: number): number {
  const tasks = env.tasks('all');
  const begin = performance.now();
  for (let done = 0; done < steps; done += 4) {
    const task = tasks.at((done / 4) % tasks.length);
    const episode = env.openNow(task, BigInt(done));
    const results = episode.step(`search[${task.goal.title}]`);
    const product = results.observation?.validActions?.at(-1);
    if (product === undefined) throw new AStarPOError('ASTARPO_INTERNAL', `expected results for "${task.goal.title}", got none`);
    for (const action of [product, 'click[features]', 'click[< prev]']) episode.step(action);
  }
  return (1000 * steps) / (performance.now() - begin);
}

function searchTimes(env: WebShopEnv, count: number): number[] {
  const catalogue = new GeneratedCatalogue(1000, seed);
  return Array.from({ length: count }, (_, i) => {
    const query = catalogue.searchQuery(i);
    const begin = performance.now();
    env.shop.index.search(query);
    return performance.now() - begin;
  });
}

/** Heap that 10,000 episodes hold on a product page with an option chosen. */
async function episodeBytes(env: WebShopEnv): Promise<number> {
  const count = 10_000;
  const before = await heapBytes();
  const tasks = env.tasks('all');
  const episodes: WebShopEpisode[] = [];
  for (let i = 0; i < count; i++) {
    const task = tasks.at(i % tasks.length);
    const episode = env.openNow(task, BigInt(i));
    episode.step(`search[${task.goal.title}]`);
    episode.step(`click[${task.goal.asin.toLowerCase()}]`);
    const option = 'named' in task.goal.options ? [...task.goal.options.named.values()][0] : undefined;
    if (option !== undefined) episode.step(`click[${option}]`);
    episodes.push(episode);
  }
  const bytes = (await heapBytes()) - before;
  if (episodes.length !== count) throw new AStarPOError('ASTARPO_INTERNAL', `expected ${count} episodes, got ${episodes.length}`);
  return bytes / count / 1000;
}

/** After a full collection, which needs --expose-gc or a moment in which the collector has nothing else to do. */
async function heapBytes(): Promise<number> {
  const { gc } = globalThis as { gc?: () => void };
  for (let round = 0; round < 3; round++) {
    gc?.();
    await new Promise((resolve) => setTimeout(resolve, gc === undefined ? 300 : 10));
  }
  return process.memoryUsage().heapUsed;
}

async function benchFull(out: string): Promise<BenchRow[]> {
  const name = `${fullSize} products`;
  const made = await timed(() => generateCatalogue({ out, products: fullSize, seed }));
  const peak = process.resourceUsage().maxRSS / 2 ** 20;
  const before = process.memoryUsage.rss();
  const loads: number[] = [];
  let env: WebShopEnv | undefined;
  for (let round = 0; round < 3; round++) {
    const { seconds, result } = await timed(() => WebShopEnv.open({ data: out }));
    loads.push(seconds);
    env = result;
  }
  const times = searchTimes(env as WebShopEnv, 200);
  return [
    row(name, 'made and indexed', 's', [made.seconds], { target: 'index alone < 240: bench search' }),
    row(name, 'peak memory of that', 'GiB', [peak], { target: '< 3' }),
    row(name, 'load from the cache', 's', loads, { target: '< 3' }),
    row(name, 'resident after loads', 'GiB', [(process.memoryUsage.rss() - before) / 2 ** 30], { target: '< 1.5' }),
    row(name, 'search, median', 'ms', [quantile(times, 0.5)]),
    row(name, 'search, 99th percentile', 'ms', [quantile(times, 0.99)]),
  ];
}

async function timed<T>(work: () => Promise<T>): Promise<{ seconds: number; result: T }> {
  const begin = performance.now();
  const result = await work();
  return { seconds: (performance.now() - begin) / 1000, result };
}
