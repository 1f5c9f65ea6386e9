import type { Observation } from '../../env/environment.ts';
import { observationText } from '../../env/observation-text.ts';
import { randomValidAgent } from '../../env/webshop/shoppers/random-agent.ts';
import type { WebShopEnv, WebShopTask } from '../../env/webshop/webshop-env.ts';
import { deriveSeed, Rng } from '../../util/rng.ts';

export interface DeterminismResult {
  readonly episodes: number;
  /** Whether the second round was played in an environment of its own: a second copy of a large catalogue would not fit everywhere. */
  readonly environments: 1 | 2;
  /** The first difference; undefined when both rounds were the same. */
  readonly difference: string | undefined;
}

/** One episode of a random player, step by step. */
interface Run {
  readonly lines: string[];
  /** Plays one turn; false when the episode is over. */
  turn(): Promise<boolean>;
}

/**
 * Plays the tasks at random twice with the same seeds: one episode after another in `first`, then interleaved in an order drawn from `seed` in
 * `second`, and compares all that was said, told and paid. Throws what the environment throws.
 */
export async function checkDeterminism(
  first: WebShopEnv,
  second: WebShopEnv,
  tasks: readonly WebShopTask[],
  { seed, maxTurns }: { readonly seed: bigint; readonly maxTurns: number },
): Promise<DeterminismResult> {
  const expected: Run[] = [];
  for (const task of tasks) {
    const run = await begin(first, task, seed, maxTurns);
    expected.push(run);
    while (await run.turn());
  }
  const again = await Promise.all(tasks.map((task) => begin(second, task, seed, maxTurns)));
  const random = new Rng(deriveSeed(seed, 'interleaved'));
  const open = [...again];
  while (open.length > 0) {
    const place = random.integer(open.length);
    if (!(await open[place]?.turn())) open.splice(place, 1);
  }
  const difference = tasks.map((task, i) => compare(task.id, expected[i]?.lines ?? [], again[i]?.lines ?? [])).find(Boolean);
  return { episodes: tasks.length, environments: first === second ? 1 : 2, difference };
}

async function begin(env: WebShopEnv, task: WebShopTask, seed: bigint, maxTurns: number): Promise<Run> {
  const episode = await env.open(task, { seed: deriveSeed(seed, 'episode', task.id), signal: new AbortController().signal });
  const agent = randomValidAgent();
  const random = new Rng(deriveSeed(seed, 'player', task.id));
  let observation: Observation | undefined = episode.first;
  const lines = [observationText(episode.first)];
  let turns = 0;
  return {
    lines,
    turn: async () => {
      if (observation === undefined || turns++ >= maxTurns) return false;
      const said = agent.act(observation, random);
      const { observation: next, reward, done, valid } = await episode.step(said);
      lines.push(said, `${reward} ${done} ${valid}`, next === undefined ? '' : observationText(next));
      observation = done ? undefined : next;
      return observation !== undefined;
    },
  };
}

function compare(task: string, expected: readonly string[], got: readonly string[]): string | undefined {
  const place = expected.findIndex((line, i) => line !== got[i]);
  if (place < 0 && expected.length === got.length) return undefined;
  const at = place < 0 ? expected.length : place;
  return `task ${task}, line ${at}: expected ${shown(expected[at])}, got ${shown(got[at])}`;
}

function shown(line: string | undefined): string {
  return line === undefined ? 'nothing' : JSON.stringify(line.length > 120 ? `${line.slice(0, 119)}…` : line);
}
