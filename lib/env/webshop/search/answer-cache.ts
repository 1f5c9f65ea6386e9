import { RecentMap } from '../../../util/recent-map.ts';
import { unattached } from './unattached.ts';

/** What an entry takes besides its characters and numbers: strings, array and map have heads. Measured. */
const overhead = 400;

/** Answers by query, bounded in memory: when it is full, those that were not asked for the longest go. */
export class AnswerCache {
  readonly #answers: RecentMap<string, Uint32Array>;

  /** `capacity`: bytes at most. */
  constructor(capacity: number) {
    this.#answers = new RecentMap(capacity, (query, answer) => overhead + 2 * query.length + answer.byteLength);
  }

  get size(): number {
    return this.#answers.size;
  }

  /** What the entries take, nearly. */
  get bytes(): number {
    return this.#answers.weight;
  }

  has(query: string): boolean {
    return this.#answers.has(query);
  }

  get(query: string): Uint32Array | undefined {
    return this.#answers.get(query);
  }

  /** Keeps an answer, unless it is larger than the cache. */
  set(query: string, answer: Uint32Array): void {
    this.#answers.set(unattached(query), answer);
  }
}
