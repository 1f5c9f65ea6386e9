const listeners = new WeakMap<AbortSignal, { readonly acts: Set<() => void>; readonly actAll: () => void }>();

/**
 * Calls `act` when the signal fires; returns what takes that back. One event listener serves all of a signal: Node warns of more than ten,
 * and looks through all of them whenever one is added or removed. It goes with the last: a signal that something listens to is never
 * collected while those it is made of live.
 */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  let known = listeners.get(signal);
  if (known === undefined) {
    const acts = new Set<() => void>();
    known = {
      acts,
      actAll: () => {
        for (const each of acts) each();
      },
    };
    listeners.set(signal, known);
    signal.addEventListener('abort', known.actAll, { once: true });
  }
  const { acts, actAll } = known;
  // Its own function, so that the same one may be given twice.
  const entry = () => act();
  acts.add(entry);
  return () => {
    acts.delete(entry);
    if (acts.size > 0 || listeners.get(signal)?.acts !== acts) return;
    signal.removeEventListener('abort', actAll);
    listeners.delete(signal);
  };
}

/** Aborts `controller` once `outer` is aborted, or at once if it already is; returns what ends that. `AbortSignal.any` without what it leaves behind. */
export function abortWith(controller: AbortController, outer: AbortSignal | undefined): () => void {
  if (outer?.aborted === true) controller.abort(outer.reason);
  if (outer === undefined || outer.aborted) return () => undefined;
  return onAbort(outer, () => controller.abort(outer.reason));
}
