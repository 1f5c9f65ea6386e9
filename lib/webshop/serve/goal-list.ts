import type { WebShopEnv, WebShopTask } from '../../env/webshop/webshop-env.ts';

export interface ListedGoal {
  readonly place: number;
  readonly task: WebShopTask;
}

export interface FoundGoals {
  readonly goals: readonly ListedGoal[];
  /** How many goals were looked at; less than the split has when looking took too long. */
  readonly searched: number;
  readonly length: number;
  readonly more: boolean;
}

export const goalsPerPage = 20;

/** A request must not hold up the others for longer, in milliseconds: a full catalogue has millions of goals. */
const patience = 400;

/** Goals of a split from `start` on whose instruction has every word of `words`; all when there are none. Throws ASTARPO_TASKS. */
export function listGoals(
  env: WebShopEnv,
  split: string,
  { start, words }: { readonly start: number; readonly words: string },
): FoundGoals {
  const tasks = env.tasks(split);
  const wanted = words.toLowerCase().split(/\s+/u).filter(Boolean);
  const goals: ListedGoal[] = [];
  const deadline = performance.now() + patience;
  let place = start;
  for (; place < tasks.length && goals.length <= goalsPerPage; place++) {
    if (place % 64 === 0 && performance.now() > deadline) break;
    const task = tasks.at(place);
    const text = wanted.length === 0 ? '' : task.instruction.toLowerCase();
    if (wanted.every((word) => text.includes(word))) goals.push({ place, task });
  }
  return { goals: goals.slice(0, goalsPerPage), searched: place, length: tasks.length, more: goals.length > goalsPerPage };
}
