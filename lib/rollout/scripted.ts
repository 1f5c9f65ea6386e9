import type { Agent } from '../env/agent.ts';
import type { Environment, Episode, Observation, StepResult, Task } from '../env/environment.ts';
import { observationText } from '../env/observation-text.ts';
import { AStarPOError } from '../errors.ts';
import { type ChatFormat, type Conversation, openConversation } from '../model/chat/chat-format.ts';
import { deriveSeed, Rng } from '../util/rng.ts';
import { ContextBuilder } from './context-builder.ts';
import { closeQuietly, defaultMaxTurns, fromEnvironment } from './episode.ts';
import { chatInput, checkObservation } from './observation.ts';
import { Tally } from './tally.ts';
import { withTimeout } from './timeout.ts';
import type { FinishReason, Trajectory } from './trajectory.ts';

export interface PlayAgentOptions {
  /** Decides the environment's and the agent's chances. Default 0. */
  readonly seed?: bigint;
  /** Sample index of the trajectory. Default 0. */
  readonly sample?: number;
  /** Agent turns at most. Default 15. */
  readonly maxTurns?: number;
  /** Tokens of the context at most; an observation or turn that would not fit ends the episode before it. Default: no limit. */
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
  observe(observation: Observation, first: boolean): boolean;
  say(action: string): boolean;
  answered(result: StepResult): void;
}

/**
 * A scripted agent's episode as a Trajectory with the tokens that a model would have had to sample (mask 1, log-prob 0): for
 * imitation and for baselines. Throws ASTARPO_ENVIRONMENT, ASTARPO_TIMEOUT, ASTARPO_REWARD, ASTARPO_ABORTED.
 */
export async function playAgent<T extends Task>(
  env: Environment<T>,
  task: T,
  agent: Agent,
  chat: ChatFormat,
  options: PlayAgentOptions = {},
): Promise<Trajectory> {
  const context = new ContextBuilder();
  const room = options.maxContext ?? Number.POSITIVE_INFINITY;
  let sampledTokens = 0;
  let conversation: Conversation | undefined;
  let said = '';
  const tokensOf = (observation: Observation) => {
    const input = chatInput(observation);
    if (conversation !== undefined) return conversation.next(said, input);
    conversation = openConversation(chat, { system: options.system, input, tools: observation.tools });
    return conversation.prompt;
  };
  const { tally, finish } = await play(env, task, agent, options, {
    observe: (observation, first) => {
      const tokens = tokensOf(observation);
      if (context.length + tokens.length >= room) {
        if (first)
          throw new AStarPOError(
            'ASTARPO_CONTEXT',
            `expected the first prompt to leave room in a context of ${room} tokens, got ${tokens.length}`,
          );
        return false;
      }
      context.environment(tokens, observationText(observation));
      return true;
    },
    say: (action) => {
      const tokens = chat.say(action);
      if (context.length + tokens.length > room) return false;
      sampledTokens += tokens.length;
      said = action;
      context.agent(tokens, new Float32Array(tokens.length), { text: action });
      return true;
    },
    answered: (result) => context.answered(result),
  });
  return {
    taskId: task.id,
    sample: options.sample ?? 0,
    seed: options.seed ?? 0n,
    temperature: 1,
    contexts: [context.build()],
    return: tally.return,
    rewards: tally.rewards,
    success: tally.success,
    finish,
    agentTurns: tally.agentTurns,
    sampledTokens,
    validActions: tally.validActions,
    ...(tally.info === undefined ? {} : { info: tally.info }),
  };
}

/** A scripted agent's episode without tokens: a baseline needs no tokenizer. Throws as `playAgent` does. */
export async function runAgent<T extends Task>(
  env: Environment<T>,
  task: T,
  agent: Agent,
  options: Omit<PlayAgentOptions, 'maxContext' | 'system'> = {},
): Promise<AgentEpisode> {
  return play(env, task, agent, options, { observe: () => true, say: () => true, answered: () => undefined });
}

async function play<T extends Task>(
  env: Environment<T>,
  task: T,
  agent: Agent,
  options: PlayAgentOptions,
  scribe: Scribe,
): Promise<AgentEpisode> {
  const seed = options.seed ?? 0n;
  const signal = options.signal ?? new AbortController().signal;
  const random = new Rng(deriveSeed(seed, 'agent'));
  const timed = <R>(what: string, work: () => R | Promise<R>) =>
    fromEnvironment(what, () => withTimeout(work, { ms: options.stepTimeoutMs ?? 60_000, what, signal }));
  const episode: Episode = await timed('open()', () => env.open(task, { seed: deriveSeed(seed, 'environment'), signal }));
  try {
    const tally = new Tally();
    let observation = checkObservation(episode.first, 'first');
    scribe.observe(observation, true);
    const maxTurns = options.maxTurns ?? defaultMaxTurns;
    for (let turn = 0; turn < maxTurns; turn++) {
      const action = agent.act(observation, random);
      if (!scribe.say(action)) return { tally, finish: 'max_context' };
      const result = await timed('step()', () => episode.step(action));
      tally.add(result);
      scribe.answered(result);
      if (result.done) return { tally, finish: 'done' };
      observation = checkObservation(result.observation);
      if (turn + 1 < maxTurns && !scribe.observe(observation, false)) return { tally, finish: 'max_context' };
    }
    return { tally, finish: 'max_turns' };
  } finally {
    closeQuietly(episode);
  }
}
