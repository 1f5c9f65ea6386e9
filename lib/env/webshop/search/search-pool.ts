import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { AStarPOError } from '../../../errors.ts';
import type { SearchIndex } from './search-index.ts';
import type { SearchAnswer, SearchRequest, WorkerStart } from './search-worker.ts';
import type { Hit } from './top-hits.ts';

/** Requests that a worker is given at a time: enough to hide the way there and back, few enough to share the work evenly. */
const batchLength = 8;

interface Waiting extends SearchRequest {
  readonly resolve: (hits: Hit[]) => void;
  readonly reject: (error: Error) => void;
  /** Whether a thread has died over it. */
  readonly suspect: boolean;
}

interface Thread {
  readonly worker: Worker;
  /** What it searches for. */
  busy: Waiting[];
}

/**
 * Searches on worker threads that share one index, for catalogues so large that a search would hold up everything else in the process.
 * Threads start with the first search and keep the process alive only while they work. When one dies, what it had in hand is searched for
 * once more, one by one on fresh threads, so that a query that threads die of takes no other with it.
 */
export class SearchPool {
  readonly #index: SearchIndex;
  readonly #size: number;
  readonly #threads: Thread[] = [];
  readonly #queue: Waiting[] = [];
  #closing: Promise<void> | undefined;

  /** `threads`: default one less than the machine has, at least one. */
  constructor(index: SearchIndex, threads: number = Math.max(1, availableParallelism() - 1)) {
    this.#index = index;
    this.#size = threads;
  }

  /** Ids of the threads that run. */
  get threads(): readonly number[] {
    return this.#threads.map(({ worker }) => worker.threadId);
  }

  /** Like `SearchIndex.search`. Throws ASTARPO_DISPOSED after `close`, ASTARPO_ENVIRONMENT when two threads died of the query. */
  search(query: string, limit = 50): Promise<Hit[]> {
    if (this.#closing !== undefined) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      this.#queue.push({ query, limit, resolve, reject, suspect: false });
      this.#next();
    });
  }

  /** Ends the threads; searches that wait fail with ASTARPO_DISPOSED. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    const waiting = [...this.#threads.flatMap(({ busy }) => busy.splice(0)), ...this.#queue.splice(0)];
    for (const { reject } of waiting) reject(closedError());
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #next(): void {
    while (this.#queue.length > 0) {
      const thread = this.#threads.find(({ busy }) => busy.length === 0) ?? this.#start();
      if (thread === undefined) return;
      thread.busy = this.#take();
      thread.worker.ref();
      thread.worker.postMessage(thread.busy.map(({ query, limit }): SearchRequest => ({ query, limit })));
    }
  }

  /** The requests for a thread without work. While there are others like it the queue is shared among them. */
  #take(): Waiting[] {
    if (this.#queue[0]?.suspect === true) return this.#queue.splice(0, 1);
    const idle = this.#size - this.#threads.filter(({ busy }) => busy.length > 0).length;
    const suspect = this.#queue.findIndex((one) => one.suspect);
    const ready = suspect < 0 ? this.#queue.length : suspect;
    return this.#queue.splice(0, Math.min(batchLength, Math.ceil(this.#queue.length / idle), ready));
  }

  #start(): Thread | undefined {
    if (this.#threads.length >= this.#size) return undefined;
    const { buffer, counts } = this.#index;
    const worker = startWorker({ buffer, counts });
    const thread: Thread = { worker, busy: [] };
    worker.unref();
    worker.on('message', (answers: readonly SearchAnswer[]) => {
      worker.unref();
      thread.busy.splice(0).forEach(({ resolve }, i) => {
        resolve(toHits(answers[i] as SearchAnswer));
      });
      this.#next();
    });
    worker.on('error', (error) => this.#lost(thread, error));
    worker.on('exit', (status) => this.#lost(thread, new Error(`exit status ${status}`)));
    this.#threads.push(thread);
    return thread;
  }

  #lost(thread: Thread, cause: Error): void {
    const at = this.#threads.indexOf(thread);
    if (at >= 0) this.#threads.splice(at, 1);
    const inHand = thread.busy.splice(0);
    for (const { reject } of inHand.filter(({ suspect }) => suspect)) reject(lostError(cause));
    this.#queue.unshift(...inHand.filter(({ suspect }) => !suspect).map((one) => ({ ...one, suspect: true })));
    this.#next();
  }
}

/**
 * From TypeScript sources (tests, benches) a thread has to load its own loader first. Node's own options are not passed on: some, such as
 * --input-type, let no file be a thread.
 */
function startWorker(workerData: WorkerStart): Worker {
  const options = { workerData, execArgv: [] };
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./search-worker.js', import.meta.url), options);
  const loader = import.meta.resolve('tsx/esm/api');
  const source = new URL('./search-worker.ts', import.meta.url).href;
  const [from, what, to] = [loader, source, import.meta.url].map((text) => JSON.stringify(text));
  const code = `import(${from}).then(({ tsImport }) => tsImport(${what}, ${to}))`;
  return new Worker(code, { ...options, eval: true });
}

function toHits({ documents, scores }: SearchAnswer): Hit[] {
  return Array.from(documents, (document, i) => ({ document, score: scores[i] ?? 0 }));
}

export function closedError(): AStarPOError {
  return new AStarPOError('ASTARPO_DISPOSED', 'expected an open search pool, got a closed one', {
    hint: 'close the environment after its last episode has ended',
  });
}

function lostError(cause: Error): AStarPOError {
  return new AStarPOError('ASTARPO_ENVIRONMENT', `expected an answer from a search thread, got the end of two: ${cause.message}`, {
    cause,
    hint: 'searchThreads: 0 searches without threads; memory may have run out',
  });
}
