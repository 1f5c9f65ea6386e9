import { observationText } from '../../env/observation-text.ts';
import type { ReadTurn } from '../../env/webshop/agent/agent-style.ts';
import { SpokenSession } from '../../env/webshop/agent/spoken-session.ts';
import type { Goal } from '../../env/webshop/catalogue/goals.ts';
import { openSession } from '../../env/webshop/shop/open-session.ts';
import type { Page, Session } from '../../env/webshop/shop/session.ts';
import type { WebShopEnv } from '../../env/webshop/webshop-env.ts';
import type { Trajectory } from '../../rollout/trajectory.ts';
import { deriveSeed } from '../../util/rng.ts';
import { type RecordedStep, stepsOf } from './recorded-steps.ts';
import { type Manner, manners, unknownManner } from './recorded-style.ts';

/** What this shop shows at one step. */
export interface Shown {
  readonly page: Page;
  readonly search: Session['search'];
  readonly subPages: Session['subPages'];
}

export interface ReplayStep extends RecordedStep {
  /** Undefined where this shop is not the recorded one. */
  readonly shown: Shown | undefined;
  /** How what was said is understood; undefined where nothing was, and without a goal. */
  readonly read: ReadTurn | undefined;
}

export interface Replay {
  readonly steps: readonly ReplayStep[];
  readonly goal: Goal | undefined;
  /** Does this shop tell what the recording says: everywhere, up to a step, or in another form, so that it could not be compared. */
  readonly agreement: 'same' | 'different' | 'not compared' | 'no such goal';
}

/**
 * A recorded trajectory, step by step, with the pages that its actions lead to in this shop. What the model said is read in the style that
 * it was recorded in: the environment's, or the first whose prompt is the recorded one.
 */
export async function replay(trajectory: Trajectory, env: WebShopEnv): Promise<Replay> {
  const recorded = stepsOf(trajectory);
  const task = env.find(trajectory.taskId);
  if (task === undefined) {
    const steps = recorded.map((step) => ({ ...step, shown: undefined, read: undefined }));
    return { steps, goal: undefined, agreement: 'no such goal' };
  }
  const { goal, index, instruction } = task;
  const speak = (manner: Manner) => {
    const session = openSession(env, goal, deriveSeed(trajectory.seed, 'environment'));
    return new SpokenSession(session, { ...manner, instruction, name: String(index) });
  };
  const manner = manners(env.options).find((manner) => observationText(speak(manner).first) === recorded[0]?.told);
  const turns = recorded.flatMap(({ said }) => (said === undefined ? [] : [said.turn]));
  const spoken = speak(manner ?? unknownManner(env.options, turns));
  let agreement: Replay['agreement'] = manner === undefined ? 'not compared' : 'same';
  let observation = spoken.first;
  const steps: ReplayStep[] = [];
  for (const step of recorded) {
    if (manner !== undefined && step.told !== undefined && step.told !== observationText(observation)) agreement = 'different';
    const { page, search, subPages } = spoken.session;
    const shown = agreement === 'different' ? undefined : { page, search, subPages };
    if (step.said === undefined || spoken.over) {
      steps.push({ ...step, shown, read: undefined });
      continue;
    }
    const { text } = step.said.turn;
    const { read, outcome } = await env.shop.searchAhead(spoken.hearing(text));
    steps.push({ ...step, shown, read });
    observation = spoken.answer({ said: text, read, outcome });
  }
  return { steps, goal, agreement };
}
