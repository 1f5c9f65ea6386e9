import { AStarPOError } from '../errors.ts';
import { nameHint } from './nearest-name.ts';

/** The names of all options of O: the compiler says when one is missing here. */
export type OptionNames<O extends object> = Readonly<Record<keyof O, true>>;

/** Throws ASTARPO_UNKNOWN_OPTION, naming the nearest known option, for a key of `given` that is not known: it must not be ignored. */
export function refuseUnknownOptions(what: string, given: object, known: Readonly<Record<string, unknown>>): void {
  for (const key of Object.keys(given)) {
    if (Object.hasOwn(known, key)) continue;
    throw new AStarPOError('ASTARPO_UNKNOWN_OPTION', `unknown option ${key} of ${what}`, {
      hint: nameHint(key, Object.keys(known), 'options'),
    });
  }
}
