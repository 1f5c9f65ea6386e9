import type { Rng } from '../util/rng.ts';
import type { Observation } from './environment.ts';

/** A policy written by hand: a teacher for a warm start, or a baseline. One object plays one episode, so it may remember. */
export interface Agent {
  /** What to do now; all chance comes from `random`. */
  act(observation: Observation, random: Rng): string;
}
