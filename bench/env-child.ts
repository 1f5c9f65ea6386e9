/** One task of bench/env.ts over a large catalogue, in a process of its own: its JSON comes as the argument, its figures go to stdout. */
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { GeneratedCatalogue } from '../lib/env/webshop/catalogue/generated-catalogue.ts';
import { WebShopEnv } from '../lib/env/webshop/webshop-env.ts';
import { AStarPOError } from '../lib/errors.ts';
import { quantile } from '../lib/util/statistics.ts';
import { timerLateness } from './lateness.ts';

/** Episodes that are played at a time. */
export const crowdSize = 64;
/** Searches of each. */
const rounds = 10;

export interface FullTask {
  readonly data: string;
  /** `open`: only that. `search`: searches one after the other. `crowd`: episodes at the same time. */
  readonly work: 'open' | 'search' | 'crowd';
  readonly threads?: number;
}

export interface FullFigures {
  readonly loadSeconds: number;
  /** At the end. */
  readonly residentGiB: number;
  /** Milliseconds. */
  readonly searches: readonly number[];
  readonly actionsPerSecond: number;
  /** 99th percentile, in milliseconds. */
  readonly lateness: number;
}

async function run({ data, work, threads = 0 }: FullTask): Promise<FullFigures> {
  const begin = performance.now();
  const env = await WebShopEnv.open({ data, searchThreads: threads });
  const loadSeconds = (performance.now() - begin) / 1000;
  const queries = new GeneratedCatalogue(env.shop.products.length, 1);
  const searches = work === 'search' ? searchTimes(env, queries) : [];
  let actionsPerSecond = 0;
  let late: readonly number[] = [0];
  if (work === 'crowd') {
    // The threads start, and what the compiler has to learn is learned.
    await play(env, queries, 0);
    const started = performance.now();
    late = await timerLateness(() => play(env, queries, 1));
    actionsPerSecond = (4 * crowdSize * rounds * 1000) / (performance.now() - started);
  }
  (globalThis as { gc?: () => void }).gc?.();
  const figures = {
    loadSeconds,
    residentGiB: process.memoryUsage.rss() / 2 ** 30,
    searches,
    actionsPerSecond,
    lateness: quantile(late, 0.99),
  };
  await env.close();
  return figures;
}

function searchTimes(env: WebShopEnv, queries: GeneratedCatalogue): number[] {
  const times = Array.from({ length: 330 }, (_, i) => {
    const query = queries.searchQuery(i);
    const begin = performance.now();
    env.shop.index.search(query);
    return performance.now() - begin;
  });
  return times.slice(30);
}

/** Each episode searches, opens a result, looks at its features and goes back, again and again; every query is a new one. */
async function play(env: WebShopEnv, queries: GeneratedCatalogue, phase: number): Promise<void> {
  const tasks = env.tasks('all');
  const { signal } = new AbortController();
  const shopper = async (place: number) => {
    const episode = await env.open(tasks.at(place), { seed: BigInt(place), signal });
    for (let round = 0; round < rounds; round++) {
      // As between the steps of any environment: others have their turn.
      await setImmediate();
      const results = await episode.step(`search[${queries.searchQuery((phase * rounds + round) * crowdSize + place)}]`);
      const product = results.observation?.validActions?.at(-1);
      if (product === undefined) throw new AStarPOError('ASTARPO_INTERNAL', 'expected results, got none');
      for (const action of [product, 'click[features]', 'click[< prev]']) await episode.step(action);
    }
  };
  await Promise.all(Array.from({ length: crowdSize }, (_, place) => shopper(place)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(JSON.stringify(await run(JSON.parse(process.argv[2] ?? ''))));
}
