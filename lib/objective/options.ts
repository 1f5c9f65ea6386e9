import { AStarPOError } from '../errors.ts';
import { nameHint } from '../util/nearest-name.ts';

/**
 * `given` over `defaults`, an undefined value counting as not given. Throws ASTARPO_UNKNOWN_OPTION naming the nearest known option:
 * a misspelt option must not be ignored.
 */
export function withDefaults<O extends object>(what: string, defaults: O, given: { readonly [K in keyof O]?: O[K] | undefined }): O {
  const known = Object.keys(defaults);
  const merged = { ...defaults } as Record<string, unknown>;
  for (const [key, value] of Object.entries(given)) {
    if (!known.includes(key)) {
      throw new AStarPOError('ASTARPO_UNKNOWN_OPTION', `unknown option ${key} of ${what}`, { hint: nameHint(key, known, 'options') });
    }
    if (value !== undefined) merged[key] = value;
  }
  return merged as O;
}

/** Throws ASTARPO_OPTION unless `value` is a finite number in [low, high]. */
export function checkRange(name: string, value: number, low: number, high = Number.POSITIVE_INFINITY): void {
  if (!(Number.isFinite(value) && value >= low && value <= high)) {
    const range = high === Number.POSITIVE_INFINITY ? `at least ${low}` : `from ${low} to ${high}`;
    throw new AStarPOError('ASTARPO_OPTION', `expected ${name} to be a number ${range}, got ${value}`);
  }
}
