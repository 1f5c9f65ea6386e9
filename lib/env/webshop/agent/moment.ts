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
