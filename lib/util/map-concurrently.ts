import { abortWith } from './on-abort.ts';

/**
 * What `work` gives for each item, in the order of the items; at most `limit` are under way. When one fails, no other is begun, those
 * under way are told by their signal, and the failure is thrown once all have ended.
 */
export async function mapConcurrently<A, B>(
  items: readonly A[],
  limit: number,
  work: (item: A, signal: AbortSignal) => Promise<B>,
  outer?: AbortSignal,
): Promise<B[]> {
  const stop = new AbortController();
  const stopListening = abortWith(stop, outer);
  const results: B[] = [];
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const worker = async () => {
    while (next < items.length && failure === undefined) {
      const index = next++;
      try {
        results[index] = await work(items[index] as A, stop.signal);
      } catch (error) {
        failure ??= { error };
        stop.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  stopListening();
  if (failure !== undefined) throw failure.error;
  return results;
}
