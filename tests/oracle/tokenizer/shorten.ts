/**
 * Leaves out parts of an input, halves first, as long as `fails` still finds something; gives what it found last. The first call,
 * with the whole input, must find something.
 */
export async function shorten<T, F>(input: readonly T[], fails: (input: readonly T[]) => Promise<F | undefined>): Promise<F> {
  let failure = await fails(input);
  if (failure === undefined) throw new Error('expected an input that fails');
  let current = input;
  for (let size = Math.ceil(current.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = 0; start < current.length; ) {
      const candidate = [...current.slice(0, start), ...current.slice(start + size)];
      const found = candidate.length === 0 ? undefined : await fails(candidate);
      if (found === undefined) start += size;
      else {
        failure = found;
        current = candidate;
      }
    }
  }
  return failure;
}
