import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Episode, StepResult } from '../../../lib/env/environment.ts';
import { generateCatalogue } from '../../../lib/env/webshop/catalogue/generate-catalogue.ts';
import { GeneratedCatalogue } from '../../../lib/env/webshop/catalogue/generated-catalogue.ts';
import { AnswerCache } from '../../../lib/env/webshop/search/answer-cache.ts';
import { indexDocuments } from '../../../lib/env/webshop/search/index-builder.ts';
import { SearchPool } from '../../../lib/env/webshop/search/search-pool.ts';
import type { SearchRequest } from '../../../lib/env/webshop/search/search-worker.ts';
import { defaultSearchThreads, Searcher } from '../../../lib/env/webshop/search/searcher.ts';
import { openSession } from '../../../lib/env/webshop/shop/open-session.ts';
import { WebShopEnv, type WebShopTask } from '../../../lib/env/webshop/webshop-env.ts';
import { SmallRng } from '../../../lib/util/small-rng.ts';
import { readJsonLines, webshopData } from '../../fixtures/webshop-data.ts';

const folder = mkdtempSync(join(tmpdir(), 'astarpo-pool-'));
beforeAll(() => generateCatalogue({ out: folder, products: 600, seed: 4 }));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  vi.restoreAllMocks();
});

const open = (searchThreads: number) => WebShopEnv.open({ data: folder, searchThreads });
const { signal } = new AbortController();
const numbers = (...values: number[]) => Uint32Array.from(values);

describe('remembered answers', () => {
  test('stay within their bytes; those not asked for the longest go first', () => {
    const cache = new AnswerCache(2500);
    for (const query of ['a', 'b', 'c', 'd', 'e', 'f']) cache.set(query, numbers(1));
    cache.get('a');
    cache.set('g', numbers(1));
    cache.set('h', numbers(1));
    expect(['a', 'b', 'c', 'h'].map((query) => cache.get(query))).toEqual([numbers(1), undefined, undefined, numbers(1)]);
    for (let i = 0; i < 1000; i++) {
      cache.set(`${i}`.repeat(1 + (i % 300)), new Uint32Array(i % 50));
      expect(cache.bytes).toBeLessThanOrEqual(2500);
    }
    cache.set('x'.repeat(2000), numbers(1));
    expect(cache.has('x'.repeat(2000))).toBe(false);
    expect(cache.size).toBeGreaterThan(0);
  });

  test('count once however often they are set', () => {
    const cache = new AnswerCache(1e6);
    cache.set('a', numbers(1));
    const { bytes } = cache;
    cache.set('a', numbers(1));
    expect(cache).toMatchObject({ bytes, size: 1 });
  });
});

describe('a searcher', () => {
  const texts = Array.from({ length: 300 }, (_, i) => [`B${i}`, `red ${i % 7} shoe ${i % 11} hat`] as const);

  test('finds the same with and without threads, for many at a time and again', async () => {
    const index = indexDocuments(texts);
    const [plain, threaded] = [new Searcher(index, 0), new Searcher(index, 2)];
    expect(plain.prepare('red')).toBeUndefined();
    const queries = Array.from({ length: 200 }, (_, i) => ['red 3', 'shoe', 'hat 4 4', 'nothing', '', `red ${i % 13}`][i % 6] ?? '');
    const search = vi.spyOn(index, 'search');
    await Promise.all(queries.map((query) => threaded.prepare(query)));
    const found = queries.map((query) => threaded.find(query));
    expect(search).not.toHaveBeenCalled();
    expect(found).toEqual(queries.map((query) => plain.find(query)));
    expect(queries.map((query) => threaded.prepare(query)).filter((wait) => wait !== undefined)).toEqual([]);
    await threaded.close();
  });

  test('asks a thread once for what several wait for', async () => {
    const searcher = new Searcher(indexDocuments(texts), 1);
    const asked = vi.spyOn(SearchPool.prototype, 'search');
    await Promise.all([searcher.prepare('red'), searcher.prepare('red'), searcher.prepare('hat')]);
    expect(asked.mock.calls.map(([query]) => query)).toEqual(['red', 'hat']);
    await searcher.close();
  });

  test('leaves its threads to others over the same index when it is closed', async () => {
    const index = indexDocuments(texts);
    const [first, second] = [new Searcher(index, 1), new Searcher(index, 1)];
    await first.prepare('red');
    expect(second.prepare('red')).toBeUndefined();
    await first.close();
    await first.close();
    await expect(first.prepare('hat')).rejects.toMatchObject({ code: 'ASTARPO_DISPOSED' });
    await second.prepare('hat');
    const waits = expect(second.prepare('shoe')).rejects.toMatchObject({ code: 'ASTARPO_DISPOSED' });
    await second.close();
    await waits;
    const third = new Searcher(index, 1);
    await third.prepare('hat');
    expect(third.find('hat')).toHaveLength(50);
    await third.close();
  });

  test('that is forgotten ends its threads, but not before it has answered', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const ended = vi.spyOn(SearchPool.prototype, 'close');
    const search = () => new Searcher(indexDocuments(texts), 1).prepare('red');
    const answered = search();
    collect();
    await answered;
    for (let round = 0; round < 100 && ended.mock.calls.length === 0; round++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      collect();
    }
    expect(ended).toHaveBeenCalledTimes(1);
  });

  test('leaves searches that are over at once to the JavaScript thread', () => {
    expect(defaultSearchThreads(100_000)).toBe(0);
    expect(defaultSearchThreads(100_000_000)).toBeGreaterThanOrEqual(1);
  });
});

describe('a search thread that dies', () => {
  const index = indexDocuments(Array.from({ length: 100 }, (_, i) => [`B${i}`, `red ${i} shoe`] as const));
  const send = Worker.prototype.postMessage;

  /** Kills the threads that are given a batch for which `holds`. */
  function kill(holds: (requests: readonly SearchRequest[]) => boolean) {
    return vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, requests: readonly SearchRequest[]) {
      if (holds(requests)) void this.terminate();
      else send.call(this, requests);
    });
  }

  test('costs nobody an answer', async () => {
    const pool = new SearchPool(index, 2);
    let killed = 0;
    kill(() => killed++ < 2);
    const queries = Array.from({ length: 60 }, (_, i) => `red ${i}`);
    expect(await Promise.all(queries.map((query) => pool.search(query)))).toEqual(queries.map((query) => index.search(query)));
    expect(killed).toBeGreaterThan(2);
    await pool.close();
  });

  test('takes no other query along with the one that it dies of', async () => {
    const pool = new SearchPool(index, 1);
    const sent = kill((requests) => requests.some(({ query }) => query === 'poison'));
    const queries = ['red', 'shoe', 'poison', 'red 7', 'red 8', 'red 9'];
    const outcomes = await Promise.allSettled(queries.map((query) => pool.search(query)));
    for (const [i, outcome] of outcomes.entries()) {
      const query = queries[i] ?? '';
      if (query === 'poison') expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ASTARPO_ENVIRONMENT' } });
      else expect(outcome).toEqual({ status: 'fulfilled', value: index.search(query) });
    }
    expect(sent.mock.calls.flatMap(([requests]) => requests).filter(({ query }) => query === 'poison')).toHaveLength(2);
    expect(await pool.search('red')).toEqual(index.search('red'));
    await pool.close();
    expect(pool.threads).toEqual([]);
  });

  test('fails a step with a code, and the next episode has a fresh one', async () => {
    const env = await open(1);
    const task = env.tasks('all').at(0);
    const killer = kill(() => true);
    const lost = await env.open(task, { seed: 1n, signal });
    await expect(lost.step('search[red shoe]')).rejects.toMatchObject({ code: 'ASTARPO_ENVIRONMENT' });
    killer.mockRestore();
    const episode = await env.open(task, { seed: 1n, signal });
    expect(await episode.step('search[red shoe]')).toEqual(env.openNow(task, 1n).step('search[red shoe]'));
    await env.close();
  });
});

/** What a shopper without a plan does next, given what was offered. */
function nextAction(random: SmallRng, offered: readonly string[], queries: GeneratedCatalogue): string {
  const kind = random.uniform();
  if (kind < 0.3) return `search[${random.pick(['', '<r> ', '<c> fashion ', '<q> '])}${queries.searchQuery(random.integer(8))}]`;
  if (kind < 0.5) return random.pick(['click[next >]', 'click[< prev]', 'click[back to search]', 'think', 'search[', 'search[ ]']);
  return offered.length === 0 ? 'click[nothing]' : random.pick(offered);
}

describe('an action', () => {
  test('searches for what was foretold, and for nothing else', async () => {
    const env = await open(0);
    const searched: string[] = [];
    const page = env.shop.page.bind(env.shop);
    vi.spyOn(env.shop, 'page').mockImplementation((query, ...rest) => {
      searched.push(query);
      return page(query, ...rest);
    });
    const queries = new GeneratedCatalogue(600, 4);
    let foretold = 0;
    for (let trip = 0; trip < 60; trip++) {
      const random = new SmallRng(trip, 0, 1);
      const session = openSession(env, env.shop.goals.at(trip), 1n);
      for (let turn = 0; turn < 30; turn++) {
        const offered = session.clickables().map((target) => `click[${target}]`);
        const action = nextAction(random, offered, queries);
        const query = session.queryFor(action);
        searched.length = 0;
        session.act(action);
        expect(searched).toEqual(query === undefined ? [] : [query]);
        foretold += searched.length;
      }
    }
    expect(foretold).toBeGreaterThan(200);
  });
});

/** Steps all episodes in a random order, many at a time, each by its own plan. */
async function playTogether(episodes: readonly Episode[], next: (episode: number, offered: readonly string[]) => string | undefined) {
  return await Promise.all(
    episodes.map(async (episode, i) => {
      const told: unknown[] = [episode.first];
      let offered = episode.first.validActions ?? [];
      for (let action = next(i, offered); action !== undefined; action = next(i, offered)) {
        const result: StepResult = await episode.step(action);
        told.push(result);
        if (result.done) break;
        offered = result.observation?.validActions ?? [];
        if (i % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      return told;
    }),
  );
}

describe('episodes whose searches wait for threads', () => {
  test('tell what those tell that search at once', async () => {
    const [waiting, direct] = [await open(2), await open(0)];
    const queries = new GeneratedCatalogue(600, 4);
    const plan = () => {
      const randoms = Array.from({ length: 80 }, (_, i) => ({ random: new SmallRng(9, i, 2), left: 12 }));
      return (i: number, offered: readonly string[]) => {
        const own = randoms[i];
        return own === undefined || own.left-- === 0 ? undefined : nextAction(own.random, offered, queries);
      };
    };
    const tasks = waiting.tasks('all');
    const opened = Array.from({ length: 80 }, (_, i) => waiting.open(tasks.at(i), { seed: BigInt(i), signal }));
    const search = vi.spyOn(waiting.shop.index, 'search');
    const told = await playTogether(await Promise.all(opened), plan());
    expect(search).not.toHaveBeenCalled();
    const same = Array.from({ length: 80 }, (_, i) => direct.openNow(tasks.at(i), BigInt(i)));
    expect(told).toEqual(await playTogether(same, plan()));
    await Promise.all([waiting.close(), direct.close()]);
  });

  test.skipIf(webshopData === undefined)('tell what was recorded of the original', async () => {
    interface Recorded {
      readonly goal_idx: number;
      readonly instruction: string;
      readonly steps: readonly { readonly action: string; readonly obs?: string | null }[];
    }
    const recorded = readJsonLines<Recorded>('replay_vectors.jsonl');
    const env = await WebShopEnv.open({ data: webshopData ?? '', searchThreads: 2 });
    const opened = recorded.map(({ goal_idx, instruction }) => {
      const task: WebShopTask = { ...env.tasks('all').at(goal_idx), instruction };
      return env.open(task, { seed: 1n, signal });
    });
    const actions = recorded.map(({ steps }) => steps.map(({ action }) => action).values());
    const told = await playTogether(await Promise.all(opened), (i) => actions[i]?.next().value);
    let compared = 0;
    for (const [i, { steps }] of recorded.entries()) {
      for (const [turn, { obs }] of steps.entries()) {
        if (obs == null) continue;
        expect(told[i]?.[turn + 1]).toMatchObject({ observation: { text: obs } });
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(500);
    await env.close();
  });

  test('take one step at a time', async () => {
    const env = await open(1);
    const episode = await env.open(env.tasks('all').at(0), { seed: 1n, signal });
    const first = episode.step('search[red]');
    await expect(episode.step('search[blue]')).rejects.toMatchObject({ code: 'ASTARPO_BUSY' });
    expect(await first).toMatchObject({ valid: true });
    expect(await episode.step('search[blue]')).toMatchObject({ valid: true });
    await env.close();
  });
});

describe('an environment with search threads', () => {
  test('has the config of one without', async () => {
    const [waiting, direct] = [await open(3), await open(0)];
    expect(waiting.config).toEqual(direct.config);
    await waiting.close();
  });

  test.each([-1, 1.5, 1000, Number.NaN])('is refused with %d of them', async (threads) => {
    await expect(open(threads)).rejects.toMatchObject({ code: 'ASTARPO_OPTION' });
  });

  test('ends them when it is closed, once, and opens nothing afterwards', async () => {
    const env = await open(1);
    const task = env.tasks('all').at(0);
    const episode = await env.open(task, { seed: 1n, signal });
    const waits = expect(episode.step('search[red shoe]')).rejects.toMatchObject({ code: 'ASTARPO_DISPOSED' });
    await Promise.all([env.close(), env.close()]);
    await waits;
    await env[Symbol.asyncDispose]();
    expect(() => env.openNow(task, 1n)).toThrow(expect.objectContaining({ code: 'ASTARPO_DISPOSED' }));
    await expect(env.open(task, { seed: 1n, signal })).rejects.toMatchObject({ code: 'ASTARPO_DISPOSED' });
  });

  test('shares the catalogue with others over the same folder', async () => {
    const [first, second] = [await open(1), await open(1)];
    expect(second.shop.index.buffer).toBe(first.shop.index.buffer);
    await first.close();
    const episode = await second.open(second.tasks('all').at(0), { seed: 1n, signal });
    expect(await episode.step('search[red shoe]')).toMatchObject({ valid: true });
    await second.close();
  });

  test('does not hold a process that forgets to close it', () => {
    const lib = new URL('../../../lib/env/webshop/webshop-env.ts', import.meta.url).href;
    const code = `
      const { WebShopEnv } = await import(${JSON.stringify(lib)});
      const env = await WebShopEnv.open({ data: ${JSON.stringify(folder)}, searchThreads: 1 });
      const episode = await env.open(env.tasks('all').at(0), { seed: 1n, signal: new AbortController().signal });
      console.log((await episode.step('search[red shoe]')).valid);`;
    const args = ['--import', 'tsx', '--input-type=module', '-e', code];
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 });
    expect({ stdout, stderr, status }).toEqual({ stdout: 'true\n', stderr: '', status: 0 });
  });
});
