import { availableParallelism } from 'node:os';
import { AnswerCache } from './answer-cache.ts';
import type { SearchIndex } from './search-index.ts';
import { closedError, SearchPool } from './search-pool.ts';

const maxHits = 50;

/** Some ten thousand answers of 50 products. */
const cacheBytes = 8 * 2 ** 20;

/** With fewer postings, those of some 100,000 products, a search is over before a thread has heard of it. */
const longPostings = 10_000_000;

/**
 * How many threads search an index of so many postings unless a number is given: none where a search takes well under a millisecond, else
 * all cores but one, at least one.
 */
export function defaultSearchThreads(postings: number): number {
  return postings < longPostings ? 0 : Math.max(1, availableParallelism() - 1);
}

/** What all searchers of one index with the same number of threads have in common. */
interface Shared {
  readonly answers: AnswerCache;
  readonly pool: SearchPool | undefined;
  /** Queries that threads search for. */
  readonly underWay: Map<string, Promise<void>>;
  users: number;
}

/** By an index's memory and the number of threads. */
const allShared = new WeakMap<SharedArrayBuffer, Map<number, Shared>>();

/** Searchers that are forgotten without `close` must not keep threads, and with them the index, for good. */
const forgotten = new FinalizationRegistry<Shared>((shared) => {
  release(shared);
});

/**
 * Finds products for all episodes over an index. Answers are remembered: the pages of a result list ask for the same query again, and so do
 * many episodes with one goal. Long searches can be left to threads: `prepare` first, then `find` has the answer. Searchers over the same
 * memory share threads and answers.
 */
export class Searcher {
  readonly index: SearchIndex;
  readonly #shared: Shared;
  #closing: Promise<void> | undefined;

  /** `threads`: 0 searches where it is asked. Default: see `defaultSearchThreads`. */
  constructor(index: SearchIndex, threads: number = defaultSearchThreads(index.counts.postings)) {
    this.index = index;
    this.#shared = share(index, threads);
    forgotten.register(this, this.#shared, this);
  }

  /** Whether `prepare` may have something to wait for. */
  get waits(): boolean {
    return this.#shared.pool !== undefined;
  }

  /** Numbers of the best 50 documents, best first. */
  find(query: string): Uint32Array {
    const { answers } = this.#shared;
    const known = answers.get(query);
    if (known !== undefined) return known;
    const found = Uint32Array.from(this.index.search(query, maxHits), ({ document }) => document);
    answers.set(query, found);
    return found;
  }

  /**
   * Searches on a thread, so that `find` need not; undefined where there is nothing to wait for. The promise fails with ASTARPO_DISPOSED
   * after `close`, and with ASTARPO_ENVIRONMENT when threads die of the query.
   */
  prepare(query: string): Promise<void> | undefined {
    const { answers, pool, underWay } = this.#shared;
    if (pool === undefined || answers.has(query)) return undefined;
    if (this.#closing !== undefined) return Promise.reject(closedError());
    let search = underWay.get(query);
    if (search === undefined) {
      search = this.#searchOn(pool, query);
      underWay.set(query, search);
    }
    return search;
  }

  /** Refers to this searcher to its end: one that is waited for is not forgotten. */
  async #searchOn(pool: SearchPool, query: string): Promise<void> {
    try {
      const hits = await pool.search(query, maxHits);
      const found = Uint32Array.from(hits, ({ document }) => document);
      this.#shared.answers.set(query, found);
    } finally {
      this.#shared.underWay.delete(query);
    }
  }

  /** Ends the threads unless another searcher uses them; what waits for them fails with ASTARPO_DISPOSED. Idempotent. */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      forgotten.unregister(this);
      this.#closing = release(this.#shared);
    }
    return this.#closing;
  }
}

function share(index: SearchIndex, threads: number): Shared {
  const ofIndex = allShared.get(index.buffer) ?? new Map<number, Shared>();
  allShared.set(index.buffer, ofIndex);
  let shared = ofIndex.get(threads);
  if (shared === undefined || shared.users === 0) {
    const pool = threads > 0 ? new SearchPool(index, threads) : undefined;
    shared = { answers: new AnswerCache(cacheBytes), pool, underWay: new Map(), users: 0 };
    ofIndex.set(threads, shared);
  }
  shared.users++;
  return shared;
}

async function release(shared: Shared): Promise<void> {
  shared.users--;
  if (shared.users === 0) await shared.pool?.close();
}
