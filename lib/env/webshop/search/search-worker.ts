import { parentPort, workerData } from 'node:worker_threads';
import type { IndexCounts } from './index-arrays.ts';
import { SearchIndex } from './search-index.ts';

/** What a worker thread is started with: the index as it lies in shared memory. */
export interface WorkerStart {
  readonly buffer: SharedArrayBuffer;
  readonly counts: IndexCounts;
}

export interface SearchRequest {
  readonly query: string;
  readonly limit: number;
}

/** Hits of one request, best first. */
export interface SearchAnswer {
  readonly documents: Uint32Array;
  readonly scores: Float32Array;
}

const { buffer, counts } = workerData as WorkerStart;
const index = new SearchIndex(buffer, counts);

parentPort?.on('message', (requests: readonly SearchRequest[]) => {
  const answers = requests.map(({ query, limit }): SearchAnswer => {
    const hits = index.search(query, limit);
    return { documents: Uint32Array.from(hits, (hit) => hit.document), scores: Float32Array.from(hits, (hit) => hit.score) };
  });
  parentPort?.postMessage(answers);
});
