import { AStarPOError } from '../../errors.ts';
import type { Episode, Observation, StepResult } from '../environment.ts';
import { SpokenSession } from './agent/spoken-session.ts';
import { openSession } from './open-session.ts';
import type { Score } from './reward.ts';
import type { TurnFacts } from './scoring/scoring.ts';
import type { WebShopEnv, WebShopTask } from './webshop-env.ts';

/** One shopping trip; see `WebShopEnv`. What the model says goes through the style to the shop, what the shop answers through the score convention and the style back. */
export class WebShopEpisode implements Episode {
  readonly first: Observation;
  readonly #env: WebShopEnv;
  readonly #spoken: SpokenSession;

  constructor(env: WebShopEnv, { goal, index, instruction }: WebShopTask, seed: bigint) {
    this.#env = env;
    this.#spoken = new SpokenSession(openSession(env, goal, seed), { ...env.options, instruction, name: String(index) });
    this.first = this.#spoken.first;
  }

  step(said: string): StepResult {
    if (this.#spoken.over) {
      throw new AStarPOError('ASTARPO_ENVIRONMENT', 'expected no action after the purchase, got one', { hint: 'open a new episode' });
    }
    const { read, actions, outcome } = this.#spoken.hear(said);
    const { page } = this.#spoken.session;
    const score = page.kind === 'done' ? page.score : undefined;
    const { over } = this.#spoken;
    const { reward, rewards } = this.#pay({ formatted: read.formatted, actions, score, over });
    return {
      observation: this.#spoken.answer({ said, read, outcome, reward }),
      reward,
      ...(rewards === undefined ? {} : { rewards }),
      done: over,
      ...(score === undefined ? {} : { success: this.#env.options.scoring.success(score) }),
      valid: outcome !== 'nothing',
    };
  }

  #pay(turn: TurnFacts): Pick<StepResult, 'reward' | 'rewards'> {
    const { reward, rewards } = this.#env.options.scoring.pay(turn);
    const parts = { ...(turn.score === undefined ? {} : partsOf(turn.score)), ...rewards };
    return Object.keys(parts).length === 0 ? { reward } : { reward, rewards: parts };
  }
}

function partsOf(score: Score): Record<string, number> {
  const parts = { r_type: score.typeFactor, r_att: score.attributes, r_price: score.price ? 1 : 0 };
  return score.options === undefined ? parts : { ...parts, r_option: score.options };
}
