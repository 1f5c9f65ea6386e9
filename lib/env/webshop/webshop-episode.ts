import { AStarPOError } from '../../errors.ts';
import type { JsonObject } from '../../util/json.ts';
import type { Episode, Observation, StepResult } from '../environment.ts';
import type { ReadTurn } from './agent/agent-style.ts';
import { type HeardTurn, SpokenSession } from './agent/spoken-session.ts';
import { EpisodePay } from './scoring/episode-pay.ts';
import { openSession } from './shop/open-session.ts';
import type { WebShopEnv, WebShopTask } from './webshop-env.ts';

/**
 * One shopping trip; see `WebShopEnv`. What the model says goes through the style to the shop, what the shop answers through the score
 * convention and the style back.
 */
export class WebShopEpisode implements Episode {
  readonly first: Observation;
  readonly #spoken: SpokenSession;
  readonly #pay: EpisodePay;

  constructor(env: WebShopEnv, task: WebShopTask, seed: bigint) {
    const { goal, index, instruction } = task;
    this.#pay = new EpisodePay(env.options.scoring, task);
    this.#spoken = new SpokenSession(openSession(env, goal, seed), { ...env.options, instruction, name: String(index) });
    this.first = this.#spoken.first;
  }

  step(said: string): StepResult {
    this.#refuseWhenOver();
    return this.#result(said, this.#spoken.hear(said));
  }

  /** `step` that yields every query before it is searched for, so that the caller can wait for the answer first. */
  *stepping(said: string): Generator<string, StepResult, undefined> {
    this.#refuseWhenOver();
    return this.#result(said, yield* this.#spoken.hearing(said));
  }

  #refuseWhenOver(): void {
    if (!this.#spoken.over) return;
    throw new AStarPOError('ASTARPO_ENVIRONMENT', 'expected no action after the end of the episode, got one', {
      hint: 'open a new episode',
    });
  }

  #result(said: string, { read, actions, outcome }: HeardTurn): StepResult {
    const { page } = this.#spoken.session;
    const score = page.kind === 'done' ? page.score : undefined;
    const { over } = this.#spoken;
    const turn = { formatted: read.formatted, actions, score, over };
    const paid = this.#pay.pay(turn);
    const info = this.#tell(said, read, this.#pay.signals(turn));
    return {
      observation: this.#spoken.answer({ said, read, outcome }),
      ...paid,
      done: over,
      valid: outcome !== 'nothing',
      ...(info === undefined ? {} : { info }),
    };
  }

  /** What readers of a trajectory cannot see in the text: how it was understood, unless the whole text is the action, and the signals. */
  #tell(said: string, { actions, thought }: ReadTurn, signals: JsonObject | undefined): JsonObject | undefined {
    const understood = actions.length === 1 && actions[0] === said ? {} : { actions };
    const info = { ...understood, ...(thought === undefined ? {} : { thought }), ...(signals === undefined ? {} : { signals }) };
    return Object.keys(info).length === 0 ? undefined : info;
  }
}
