import { availableParallelism } from 'node:os';
import { AnswerCache } from './answer-cache.ts';
import type { SearchIndex } from './search-index.ts';
import { SearchPool } from './search-pool.ts';

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

/**
 * Finds products for all episodes over an index. Answers are remembered: the pages of a result list ask for the same query again, and so do
 * many episodes with one goal. Long searches can be left to threads: `prepare` first, then `find` has the answer.
 */
export class Searcher {
  readonly index: SearchIndex;
  readonly #answers = new AnswerCache(cacheBytes);
  readonly #pool: SearchPool | undefined;
  /** Queries that threads search for. */
  readonly #underWay = new Map<string, Promise<void>>();

  /** `threads`: 0 searches where it is asked. Default: see `defaultSearchThreads`. */
  constructor(index: SearchIndex, threads: number = defaultSearchThreads(index.counts.postings)) {
    this.index = index;
    this.#pool = threads > 0 ? new SearchPool(index, threads) : undefined;
  }

  /** Whether `prepare` may have something to wait for. */
  get waits(): boolean {
    return this.#pool !== undefined;
  }

  /** Numbers of the best 50 documents, best first. */
  find(query: string): Uint32Array {
    const known = this.#answers.get(query);
    if (known !== undefined) return known;
    const found = Uint32Array.from(this.index.search(query, maxHits), ({ document }) => document);
    this.#answers.set(query, found);
    return found;
  }

  /**
   * Searches on a thread, so that `find` need not; undefined where there is nothing to wait for. The promise fails with ASTARPO_DISPOSED
   * after `close`, and with ASTARPO_ENVIRONMENT when threads die of the query.
   */
  prepare(query: string): Promise<void> | undefined {
    if (this.#pool === undefined || this.#answers.has(query)) return undefined;
    let search = this.#underWay.get(query);
    if (search === undefined) {
      search = this.#searchOn(this.#pool, query).finally(() => this.#underWay.delete(query));
      this.#underWay.set(query, search);
    }
    return search;
  }

  /** Ends the threads; what waits for them fails with ASTARPO_DISPOSED. Idempotent. */
  async close(): Promise<void> {
    await this.#pool?.close();
  }

  async #searchOn(pool: SearchPool, query: string): Promise<void> {
    const hits = await pool.search(query, maxHits);
    this.#answers.set(
      query,
      Uint32Array.from(hits, ({ document }) => document),
    );
  }
}
