import { AStarPOError } from '../../../errors.ts';
import type { Observation } from '../../environment.ts';
import type { AgentStyle, PageView } from './agent-style.ts';

/** What stands behind an observation. */
export interface Moment {
  readonly view: PageView;
  readonly style: AgentStyle;
}

const moments = new WeakMap<Observation, Moment>();

/** Lets agents written by hand look behind `observation`: they need not read what a style makes of a page, and know how to answer in it. */
export function rememberMoment(observation: Observation, moment: Moment): Observation {
  moments.set(observation, moment);
  return observation;
}

/** Undefined for observations of other environments, and for copies. */
export function momentOf(observation: Observation): Moment | undefined {
  return moments.get(observation);
}

/** Throws ASTARPO_ENVIRONMENT for observations of other environments, and for copies. */
export function requireMoment(observation: Observation): Moment {
  const moment = momentOf(observation);
  if (moment !== undefined) return moment;
  throw new AStarPOError('ASTARPO_ENVIRONMENT', 'expected an observation of a WebShop episode, got one of another environment or a copy', {
    hint: 'hand over the object that the episode gave',
  });
}
