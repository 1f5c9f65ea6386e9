import { AStarPOError } from '../../../errors.ts';
import { checkChoice } from '../../../util/known-options.ts';
import { nameHint } from '../../../util/nearest-name.ts';
import { seedCode, seedText, stepCost } from './action-bonuses.ts';
import { partialCredit, potential, processLevels } from './progress-credit.ts';
import type { Shaping } from './scoring.ts';

type Settings = Readonly<Record<string, number>>;

/** A shaping that can be had by name. */
interface ShapingKind<S extends Settings> {
  readonly defaults: S;
  readonly make: (settings: S) => Shaping;
}

const kind = <S extends Settings>(make: (settings: S) => Shaping, defaults: S): ShapingKind<S> => ({ defaults, make });

const kinds = {
  'step-cost': kind(stepCost, { cost: 0.1 }),
  'seed-text': kind(seedText, { step: 0.1, search: 0.1, click: 0.2 }),
  'seed-code': kind(seedCode, { search: 0.1, click: 0.2, buy: 0.05, unknown: 0.05, low: -0.1, high: 2 }),
  process: kind(processLevels, { weight: 1 }),
  'partial-credit': kind(partialCredit, { search: 0.1, kind: 0.1 }),
  potential: kind(potential, { search: 0.1, kind: 0.1, discount: 1 }),
};

type Kinds = typeof kinds;
export type ShapingName = keyof Kinds;

/** Shapings by name; docs/webshop-scores.md has their formulas. */
export const shapingNames = Object.keys(kinds) as readonly ShapingName[];

/** A shaping by its name, by its name with other numbers (`{ name: 'step-cost', cost: 0.02 }`), or one of your own. */
export type ShapingChoice =
  | ShapingName
  | { readonly [N in ShapingName]: { readonly name: N } & Partial<Kinds[N]['defaults']> }[ShapingName]
  | Shaping;

/** Errors: `ASTARPO_OPTION` for a name that does not exist or a number that is none, `ASTARPO_UNKNOWN_OPTION` for a number it does not have. */
export function shapingOf(choice: ShapingChoice): Shaping {
  if (isOwn(choice)) return choice;
  const { name, ...changes } = typeof choice === 'object' && choice !== null ? choice : { name: choice };
  checkChoice('shaping', name, shapingNames, 'shapings');
  const { defaults, make } = kinds[name] as unknown as ShapingKind<Settings>;
  for (const [key, value] of Object.entries(changes)) {
    if (!Object.hasOwn(defaults, key)) {
      throw new AStarPOError('ASTARPO_UNKNOWN_OPTION', `expected a number of the shaping ${name}, got ${key}`, {
        hint: nameHint(key, Object.keys(defaults), 'numbers'),
      });
    }
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw new AStarPOError('ASTARPO_OPTION', `expected ${key} of the shaping ${name} to be a finite number, got ${String(value)}`);
    }
  }
  return make({ ...defaults, ...changes });
}

function isOwn(choice: ShapingChoice): choice is Shaping {
  return (
    typeof choice === 'object' &&
    choice !== null &&
    'begin' in choice &&
    typeof choice.begin === 'function' &&
    typeof choice.name === 'string'
  );
}
