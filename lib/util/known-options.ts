import { AStarPOError } from '../errors.ts';
import { type JsonValue, shortJson } from './json.ts';
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

/**
 * Throws ASTARPO_OPTION, naming the nearest choice, for a value of the option `name` that is none of them. `what`: what they are called where all
 * are listed.
 */
export function checkChoice<C extends string>(name: string, value: unknown, choices: readonly C[], what?: string): asserts value is C {
  if (choices.some((choice) => choice === value)) return;
  throw new AStarPOError('ASTARPO_OPTION', `expected ${name} to be one of ${choices.join(', ')}, got ${shown(value)}`, {
    hint: nameHint(String(value), choices, what),
  });
}

/** Throws ASTARPO_OPTION unless `holds`; `expected`: the option and what it should be. */
export function checkOption(holds: boolean, expected: string, value: unknown): void {
  if (!holds) throw new AStarPOError('ASTARPO_OPTION', `expected ${expected}, got ${shown(value)}`);
}

/** Throws ASTARPO_OPTION unless the option `name` is an integer from `least` to `most`. */
export function checkInteger(name: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): void {
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  checkOption(Number.isInteger(value) && value >= least && value <= most, `${name} to be an integer ${range}`, value);
}

function shown(value: unknown): string {
  return typeof value === 'string' || typeof value === 'object' ? shortJson(value as JsonValue) : String(value);
}
