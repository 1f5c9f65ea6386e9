import { PythonRandom } from '../python/python-random.ts';

/**
 * How projects divide WebShop's goals. `paper`: test is goals 0-499, dev 500-1,499, train the rest, whatever the catalogue's size.
 * `upstream`: what the original does whenever it is told a number of products: every split has all goals. `ragen`: the paper's ranges over
 * RAGEN's fixed permutation of the goals, with `val` for dev. `verl-agent`: goals in the order of its own seed, test 0-499, train the rest.
 * `agentgym`: one list, `all`, in the original's order: item webshop_k is goal k.
 */
export const splitSchemes = ['paper', 'upstream', 'ragen', 'verl-agent', 'agentgym'] as const;
export type SplitScheme = (typeof splitSchemes)[number];

/** Goal indices by place. */
export interface GoalList {
  readonly length: number;
  at(place: number): number | undefined;
}

/** Goals per split. */
export type Splits = Readonly<Record<string, GoalList>>;

const testGoals = 500;
const devGoals = 1000;
const ragenSeed = 42;

/** The splits of a shop with so many goals. */
export function goalSplits(scheme: SplitScheme, goals: number): Splits {
  const all = range(0, goals);
  const [test, dev, train] = [
    range(0, testGoals, goals),
    range(testGoals, testGoals + devGoals, goals),
    range(testGoals + devGoals, goals),
  ];
  switch (scheme) {
    case 'paper':
      return { train, dev, test, all };
    case 'upstream':
      return { train: all, dev: all, test: all, all };
    case 'verl-agent':
      return { train: range(testGoals, goals), test, all };
    case 'agentgym':
      return { all };
    case 'ragen': {
      const order = new PythonRandom(ragenSeed).shuffle(Uint32Array.from({ length: goals }, (_, index) => index));
      return { train: through(order, train), val: through(order, dev), test: through(order, test), all: through(order, all) };
    }
  }
}

/** Indices begin … end − 1, none beyond `goals`. */
function range(begin: number, end: number, goals: number = end): GoalList {
  const first = Math.min(begin, goals);
  const length = Math.max(0, Math.min(end, goals) - first);
  return { length, at: (place) => (Number.isInteger(place) && place >= 0 && place < length ? first + place : undefined) };
}

function through(order: Uint32Array, list: GoalList): GoalList {
  return {
    length: list.length,
    at: (place) => {
      const index = list.at(place);
      return index === undefined ? undefined : order[index];
    },
  };
}

/** A split that is a plain list. */
export function listed(indices: readonly number[]): GoalList {
  return { length: indices.length, at: (place) => indices[place] };
}
