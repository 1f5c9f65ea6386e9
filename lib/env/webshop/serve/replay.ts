import type { Context, Trajectory, Turn } from '../../../rollout/trajectory.ts';
import { deriveSeed } from '../../../util/rng.ts';
import type { Goal } from '../catalogue/goals.ts';
import { openSession } from '../open-session.ts';
import { describePage } from '../pages/describe-page.ts';
import type { Outcome, Page, Session } from '../session.ts';
import type { WebShopEnv } from '../webshop-env.ts';
import { type Layout, layouts } from '../webshop-options.ts';

/** What a model said at one step, with where its turn is. */
export interface Said {
  readonly turn: Turn;
  /** Places of the context in the trajectory and of the turn in it. */
  readonly context: number;
  readonly place: number;
  /** Log-probs of the sampled tokens, in order. */
  readonly logps: readonly number[];
}

/** What this shop shows at one step. */
export interface Shown {
  readonly page: Page;
  readonly search: Session['search'];
  readonly subPages: Session['subPages'];
}

export interface ReplayStep {
  /** The observation in the recording; undefined after the last. */
  readonly told: string | undefined;
  /** Undefined at the end. */
  readonly said: Said | undefined;
  /** Undefined where this shop is not the recorded one. */
  readonly shown: Shown | undefined;
}

export interface Replay {
  readonly steps: readonly ReplayStep[];
  readonly goal: Goal | undefined;
  /** Does this shop tell what the recording says: everywhere, up to a step, or in another form, so that it could not be compared. */
  readonly agreement: 'same' | 'different' | 'not compared' | 'no such goal';
}

/** A recorded trajectory, step by step, with the pages that its actions lead to in this shop. */
export async function replay(trajectory: Trajectory, env: WebShopEnv): Promise<Replay> {
  const recorded = stepsOf(trajectory);
  const index = env.shop.goals.find(trajectory.taskId);
  if (index === undefined) {
    return { steps: recorded.map((step) => ({ ...step, shown: undefined })), goal: undefined, agreement: 'no such goal' };
  }
  const goal = env.shop.goals.at(index);
  const session = openSession(env, goal, deriveSeed(trajectory.seed, 'environment'));
  const tell = (layout: Layout, outcome: Outcome | 'start') =>
    describePage(layout, session, { instruction: goal.instruction, outcome, name: String(index) });
  const layout = layouts.find((layout) => tell(layout, 'start') === recorded[0]?.told);
  let agreement: Replay['agreement'] = layout === undefined ? 'not compared' : 'same';
  let outcome: Outcome | 'start' = 'start';
  const steps: ReplayStep[] = [];
  for (const step of recorded) {
    if (layout !== undefined && step.told !== undefined && step.told !== tell(layout, outcome)) agreement = 'different';
    const { page, search, subPages } = session;
    steps.push({ ...step, shown: agreement === 'different' ? undefined : { page, search, subPages } });
    if (step.said === undefined) continue;
    const action = actionIn(step.said.turn.text);
    await session.prepare(action);
    outcome = session.act(action);
  }
  return { steps, goal, agreement };
}

/** A model may think before it acts: what it does is then the last action in its text. */
export function actionIn(text: string): string {
  const trimmed = text.trim();
  if (/^(search|click)\[/.test(trimmed)) return trimmed;
  return trimmed.match(/\b(?:search|click)\[[^\n]*\]/g)?.at(-1) ?? trimmed;
}

function stepsOf({ contexts, finish }: Trajectory): Omit<ReplayStep, 'shown'>[] {
  const steps: Omit<ReplayStep, 'shown'>[] = [];
  for (const [place, context] of contexts.entries()) {
    let told: string | undefined;
    for (const [at, turn] of context.turns.entries()) {
      if (turn.role === 'environment') told = turn.text;
      else {
        steps.push({ told, said: { turn, context: place, place: at, logps: logpsOf(context, turn) } });
        told = undefined;
      }
    }
    if (told !== undefined && place === contexts.length - 1) steps.push({ told, said: undefined });
  }
  // The page after the purchase is not told to a model any more.
  if (finish === 'done' && steps.at(-1)?.said !== undefined) steps.push({ told: undefined, said: undefined });
  return steps;
}

function logpsOf({ mask, logps }: Context, { start, end }: Turn): number[] {
  return Array.from(logps.subarray(start, end)).filter((_, i) => mask[start + i] === 1);
}
