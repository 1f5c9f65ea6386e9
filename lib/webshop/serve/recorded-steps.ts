import type { Context, Trajectory, Turn } from '../../rollout/trajectory.ts';

/** What a model said at one step, with where its turn is. */
export interface Said {
  readonly turn: Turn;
  /** Places of the context in the trajectory and of the turn in it. */
  readonly context: number;
  readonly place: number;
  /** Log-probs of the sampled tokens, in order. */
  readonly logps: readonly number[];
}

/** What a recording says of one step. */
export interface RecordedStep {
  /** The observation; undefined after the last. */
  readonly told: string | undefined;
  /** Undefined at the end. */
  readonly said: Said | undefined;
}

/** The steps of a trajectory, one for every turn of the model, through all contexts. */
export function stepsOf({ contexts, finish }: Trajectory): RecordedStep[] {
  const steps: RecordedStep[] = [];
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
