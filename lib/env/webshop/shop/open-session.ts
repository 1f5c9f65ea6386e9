import type { Goal } from '../catalogue/goals.ts';
import { PythonRandom } from '../python/python-random.ts';
import type { WebShopEnv } from '../webshop-env.ts';
import { Session } from './session.ts';

/** A shopper of a goal, as the environment has them. `seed` only decides what searches for random products find. */
export function openSession({ shop, options }: WebShopEnv, goal: Goal, seed: bigint): Session {
  const { showAttributes, titles } = options;
  let made: PythonRandom | undefined;
  // Made when it is asked for: most games never search for random products.
  const random = () => {
    made ??= new PythonRandom(seed);
    return made;
  };
  return new Session(shop, goal, { random, showAttributes, nouns: titles.nouns });
}
