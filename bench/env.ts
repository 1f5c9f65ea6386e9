import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { generateCatalogue } from '../lib/env/webshop/catalogue/generate-catalogue.ts';
import { GeneratedCatalogue } from '../lib/env/webshop/catalogue/generated-catalogue.ts';
import { WebShopEnv } from '../lib/env/webshop/webshop-env.ts';
import type { WebShopEpisode } from '../lib/env/webshop/webshop-episode.ts';
import { AStarPOError } from '../lib/errors.ts';
import { quantile } from '../lib/util/statistics.ts';
import { crowdSize, type FullFigures, type FullTask } from './env-child.ts';
import { type BenchOptions, type BenchRow, interleave, row } from './report.ts';

const seed = 1;
const fullSize = 1_181_430;

/**
 * The environment on one core: opening a catalogue of 1,000 products, actions per second with a quarter of them searches, time of a search,
 * memory of an open episode; then making and opening a catalogue of full size, and many episodes over it at a time, with search threads and
 * without.
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
    return [...rows, ...(await benchFull(join(root, 'full'), log))];
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
  const verlAgent = await WebShopEnv.open({ data, style: 'verl-agent' });
  return [
    row(name, 'load from the cache', 's', loads, { target: '< 0.5' }),
    row(name, 'actions, a quarter of them searches', '1/s', rates, { target: '> 10,000, aim 30,000' }),
    row(name, 'search', 'ms', searchTimes(env, 1000), { target: '< 0.2' }),
    row(name, 'memory of one of 10,000 open episodes', 'kB', [await episodeBytes(env)], { target: '< 20' }),
    row(name, "the same in verl-agent's style", 'kB', [await episodeBytes(verlAgent)], { target: '< 20' }),
  ];
}

let searches = 0;

/** Search, open a result, look at its features, go on: every fourth action is a search, each asks for a text observation. */
function stepsPerSecond(env: WebShopEnv, steps: number): number {
  const tasks = env.tasks('all');
  const catalogue = new GeneratedCatalogue(env.shop.products.length, seed);
  // None was searched for before, so that no answer is remembered.
  const queries = Array.from({ length: steps / 4 }, () => catalogue.searchQuery(searches++));
  const begin = performance.now();
  for (const [place, query] of queries.entries()) {
    const episode = env.openNow(tasks.at(place % tasks.length), BigInt(place));
    const results = episode.step(`search[${query}]`);
    const product = results.observation?.validActions?.at(-1);
    if (product === undefined) throw new AStarPOError('ASTARPO_INTERNAL', `expected results for "${query}", got none`);
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
    const act = (action: string) => episode.step(env.options.style.say(action, 'That is what was asked for.'));
    act(`search[${task.goal.title}]`);
    act(`click[${task.goal.asin.toLowerCase()}]`);
    const option = 'named' in task.goal.options ? [...task.goal.options.named.values()][0] : undefined;
    if (option !== undefined) act(`click[${option}]`);
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

async function benchFull(data: string, log: (text: string) => void): Promise<BenchRow[]> {
  const name = `${fullSize} products`;
  const made = await timed(() => generateCatalogue({ out: data, products: fullSize, seed }));
  const peak = process.resourceUsage().maxRSS / 2 ** 20;
  log('env: episodes over it');
  const opened = [];
  for (let round = 0; round < 3; round++) opened.push(await inProcess({ data, work: 'open' }));
  const { searches } = await inProcess({ data, work: 'search' });
  const rows = [
    row(name, 'made and indexed', 's', [made.seconds], { target: 'index alone < 240: bench search' }),
    row(name, 'peak memory of that', 'GiB', [peak], { target: '< 3' }),
    row(name, 'load from the cache', 's', pick(opened, 'loadSeconds'), { target: '< 3' }),
    row(name, 'resident after loading', 'GiB', pick(opened, 'residentGiB'), { target: '< 1.5' }),
    row(name, 'search, median', 'ms', [quantile(searches, 0.5)]),
    row(name, 'search, 99th percentile', 'ms', [quantile(searches, 0.99)]),
  ];
  const threads = [0, 1, 2];
  const crowds = await interleave(
    threads.map((count) => () => inProcess({ data, work: 'crowd', threads: count })),
    3,
  );
  for (const [i, runs] of crowds.entries()) {
    const crowd = `${name}, ${crowdSize} episodes, ${threads[i] === 0 ? 'no search thread' : `search threads: ${threads[i]}`}`;
    rows.push(
      row(crowd, 'actions, a quarter of them searches', '1/s', pick(runs, 'actionsPerSecond')),
      row(crowd, 'timer lateness p99', 'ms', pick(runs, 'lateness')),
      row(crowd, 'resident at the end', 'GiB', pick(runs, 'residentGiB'), { target: '< 1.5' }),
    );
  }
  return rows;
}

function pick(figures: readonly FullFigures[], name: Exclude<keyof FullFigures, 'searches'>): number[] {
  return figures.map((figure) => figure[name]);
}

/** In a fresh process, so that nothing of this one counts as the environment's. */
async function inProcess(task: FullTask): Promise<FullFigures> {
  const script = fileURLToPath(new URL('./env-child.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '--import', 'tsx', script, JSON.stringify(task)]);
  return JSON.parse(stdout);
}

async function timed<T>(work: () => Promise<T>): Promise<{ seconds: number; result: T }> {
  const begin = performance.now();
  const result = await work();
  return { seconds: (performance.now() - begin) / 1000, result };
}
