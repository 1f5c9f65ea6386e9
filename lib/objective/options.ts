import { AStarPOError } from '../errors.ts';
import { refuseUnknownOptions } from '../util/known-options.ts';

/**
 * `given` over `defaults`, an undefined value counting as not given. Throws ASTARPO_UNKNOWN_OPTION naming the nearest known option:
 * a misspelt option must not be ignored.
 */
export function withDefaults<O extends object>(what: string, defaults: O, given: { readonly [K in keyof O]?: O[K] | undefined }): O {
  refuseUnknownOptions(what, given, defaults as Record<string, unknown>);
  const merged = { ...defaults } as Record<string, unknown>;
  for (const [key, value] of Object.entries(given)) if (value !== undefined) merged[key] = value;
  return merged as O;
}

/** Throws ASTARPO_OPTION unless `value` is a finite number in [low, high]. */
export function checkRange(name: string, value: number, low: number, high = Number.POSITIVE_INFINITY): void {
  if (!(Number.isFinite(value) && value >= low && value <= high)) {
    const range = high === Number.POSITIVE_INFINITY ? `at least ${low}` : `from ${low} to ${high}`;
    throw new AStarPOError('ASTARPO_OPTION', `expected ${name} to be a number ${range}, got ${value}`);
  }
}
