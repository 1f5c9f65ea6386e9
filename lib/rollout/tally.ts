import type { Observation, StepResult } from '../env/environment.ts';
import { AStarPOError } from '../errors.ts';
import { checkObservation, describe } from './observation.ts';

/** What an episode has earned so far. */
export class Tally {
  return = 0;
  success = false;
  done = false;
  agentTurns = 0;
  validActions = 0;
  readonly rewards: Record<string, number> = {};
  info: StepResult['info'];

  /**
   * Counts one answer of the environment and returns what the agent sees next; undefined when the episode is done. Throws
   * ASTARPO_REWARD for a reward that is not a finite number, ASTARPO_ENVIRONMENT for an answer that is no StepResult.
   */
  add(result: StepResult): Observation | undefined {
    if (typeof result !== 'object' || result === null || typeof result.done !== 'boolean') {
      throw new AStarPOError('ASTARPO_ENVIRONMENT', `expected step() to give { reward, done, … }, got ${describe(result)}`);
    }
    checkReward('reward', result.reward);
    for (const [name, value] of Object.entries(result.rewards ?? {})) checkReward(`rewards.${name}`, value);
    this.return += result.reward;
    for (const [name, value] of Object.entries(result.rewards ?? {})) this.rewards[name] = (this.rewards[name] ?? 0) + value;
    this.agentTurns++;
    if (result.valid !== false) this.validActions++;
    if (result.info !== undefined) this.info = result.info;
    this.done = result.done;
    if (!result.done) return checkObservation(result.observation, 'later');
    this.success = result.success === true;
    return undefined;
  }
}

function checkReward(name: string, value: unknown): void {
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new AStarPOError('ASTARPO_REWARD', `expected ${name} to be a finite number, got ${describe(value)}`);
  }
}
