import { unattached } from './unattached.ts';

/** What an entry takes besides its characters and numbers: strings, array and map have heads. Measured. */
const overhead = 400;

/** Answers by query, bounded in memory: when it is full, those that were not asked for the longest go. */
export class AnswerCache {
  readonly #capacity: number;
  /** The most recently used last. */
  readonly #answers = new Map<string, Uint32Array>();
  #bytes = 0;

  /** `capacity`: bytes at most. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#answers.size;
  }

  /** What the entries take, nearly. */
  get bytes(): number {
    return this.#bytes;
  }

  has(query: string): boolean {
    return this.#answers.has(query);
  }

  get(query: string): Uint32Array | undefined {
    const answer = this.#answers.get(query);
    if (answer === undefined) return undefined;
    this.#answers.delete(query);
    this.#answers.set(query, answer);
    return answer;
  }

  /** Keeps an answer, unless it is larger than the cache. */
  set(query: string, answer: Uint32Array): void {
    this.#delete(query);
    const bytes = bytesOf(query, answer);
    if (bytes > this.#capacity) return;
    this.#answers.set(unattached(query), answer);
    this.#bytes += bytes;
    for (const oldest of this.#answers.keys()) {
      if (this.#bytes <= this.#capacity) return;
      this.#delete(oldest);
    }
  }

  #delete(query: string): void {
    const answer = this.#answers.get(query);
    if (answer === undefined) return;
    this.#answers.delete(query);
    this.#bytes -= bytesOf(query, answer);
  }
}

function bytesOf(query: string, answer: Uint32Array): number {
  return overhead + 2 * query.length + answer.byteLength;
}
