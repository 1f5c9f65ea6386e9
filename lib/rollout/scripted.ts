import type { Agent } from '../env/agent.ts';
import type { Environment, Observation, StepResult, Task } from '../env/environment.ts';
import type { ChatFormat } from '../model/chat/chat-format.ts';
import { deriveSeed, Rng } from '../util/rng.ts';
import { buildTrajectory } from './build-trajectory.ts';
import { defaultMaxTurns, defaultStepTimeoutMs } from './limits.ts';
import { LiveEpisode } from './live-episode.ts';
import { Tally } from './tally.ts';
import type { FinishReason, Trajectory } from './trajectory.ts';
import { Transcript } from './transcript.ts';

export interface PlayAgentOptions {
  /** Decides the environment's and the agent's chances. Default 0. */
  readonly seed?: bigint;
  /** Sample index of the trajectory. Default 0. */
  readonly sample?: number;
  /** Agent turns at most. Default 15. */
  readonly maxTurns?: number;
  /** Tokens of a context at most; an observation or turn that would not fit ends the episode before it. Default: no limit. */
  readonly maxContext?: number;
  readonly system?: string;
  /** For one call of the environment. Default 60,000. */
  readonly stepTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What an agent said and what it earned, without tokens. */
export interface AgentEpisode {
  readonly tally: Tally;
  readonly finish: FinishReason;
}

/** How an episode is written down while it is played; `observe` and `say` may refuse what has no room. */
interface Scribe {
  observe(observation: Observation): boolean;
  say(action: string): boolean;
  answered(result: StepResult): void;
}

const noScribe: Scribe = { observe: () => true, say: () => true, answered: () => undefined };

/**
 * A scripted agent's episode as a Trajectory with the tokens that a model would have had to sample (mask 1, log-prob 0), in the contexts
 * that it would have seen: for imitation and for baselines. Throws ASTARPO_ENVIRONMENT, ASTARPO_TIMEOUT, ASTARPO_REWARD,
 * ASTARPO_CONTEXT (the first prompt has no room), ASTARPO_ABORTED.
 */
export async function playAgent<T extends Task>(
  env: Environment<T>,
  task: T,
  agent: Agent,
  chat: ChatFormat,
  options: PlayAgentOptions = {},
): Promise<Trajectory> {
  const { system, maxContext = Number.POSITIVE_INFINITY, sample = 0, seed = 0n } = options;
  const transcript = new Transcript(chat, { system, maxContext });
  const { tally, finish } = await play(env, task, agent, options, {
    observe: (observation) => transcript.observe(observation) !== undefined,
    say: (text) => {
      const tokens = chat.say(text);
      if (tokens.length > transcript.room) return false;
      transcript.say({ tokens, logps: new Float32Array(tokens.length), text });
      return true;
    },
    answered: (result) => transcript.answered(result),
  });
  return buildTrajectory({ taskId: task.id, sample, seed, temperature: 1 }, transcript, tally, finish);
}

/** A scripted agent's episode without tokens: a baseline needs no tokenizer. Throws as `playAgent` does. */
export async function runAgent<T extends Task>(
  env: Environment<T>,
  task: T,
  agent: Agent,
  options: Omit<PlayAgentOptions, 'maxContext' | 'system'> = {},
): Promise<AgentEpisode> {
  return play(env, task, agent, options, noScribe);
}

async function play<T extends Task>(
  env: Environment<T>,
  task: T,
  agent: Agent,
  options: PlayAgentOptions,
  scribe: Scribe,
): Promise<AgentEpisode> {
  const { seed = 0n, maxTurns = defaultMaxTurns, stepTimeoutMs = defaultStepTimeoutMs } = options;
  const signal = options.signal ?? new AbortController().signal;
  const random = new Rng(deriveSeed(seed, 'agent'));
  const episode = await LiveEpisode.open(env, task, { seed, stepTimeoutMs, signal });
  try {
    const tally = new Tally();
    let observation = episode.first;
    scribe.observe(observation);
    for (let turn = 0; ; turn++) {
      const action = agent.act(observation, random);
      if (!scribe.say(action)) return { tally, finish: 'max_context' };
      const result = await episode.step(action);
      const next = tally.add(result);
      scribe.answered(result);
      if (next === undefined) return { tally, finish: 'done' };
      if (turn + 1 >= maxTurns) return { tally, finish: 'max_turns' };
      if (!scribe.observe(next)) return { tally, finish: 'max_context' };
      observation = next;
    }
  } finally {
    episode.close();
  }
}
