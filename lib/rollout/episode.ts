import type { Environment, Episode, StepResult, Task } from '../env/environment.ts';
import { observationText } from '../env/observation-text.ts';
import { AStarPOError, isAStarPOError } from '../errors.ts';
import { type ChatFormat, type Conversation, openConversation } from '../model/chat/chat-format.ts';
import type { Generator, SamplingOptions, Sequence } from '../model/generator.ts';
import { deriveSeed } from '../util/rng.ts';
import { ContextBuilder } from './context-builder.ts';
import { chatInput, checkObservation } from './observation.ts';
import { Tally } from './tally.ts';
import { throwIfAborted, withTimeout } from './timeout.ts';
import type { FinishReason, Trajectory } from './trajectory.ts';

/** A model that takes part in a conversation: Policy and ReferenceModel both are one. */
export interface ChatGenerator extends Generator {
  readonly chat: ChatFormat;
}

/** What an episode may use; the same for stage 1 and stage 2. */
export interface EpisodeLimits {
  readonly sampling: SamplingOptions;
  /** Agent turns at most. Default 15. */
  readonly maxTurns?: number | undefined;
  /** Tokens of the context at most. Default: the model's positions. */
  readonly maxContext?: number | undefined;
  readonly system?: string | undefined;
  /**
   * When a turn is cut at sampling.maxTokens, its text goes to the environment like any other; then the episode goes on
   * ('continue', default; the end-of-turn token that the policy did not sample is added with mask 0) or ends as
   * 'turn_token_limit' ('end').
   */
  readonly turnTokenLimit?: 'continue' | 'end' | undefined;
  /** For one call of the environment's open, step or close. Default 60,000. */
  readonly stepTimeoutMs?: number | undefined;
  /** For the whole episode, waiting for the model included; past it the episode is an env_error. Default: no limit. */
  readonly episodeTimeoutMs?: number | undefined;
}

export const defaultMaxTurns = 15;
const defaultStepTimeoutMs = 60_000;

/** One episode to play. `seed` alone decides what is random in it. */
export interface RolloutJob<T extends Task = Task> {
  readonly task: T;
  /** 0, 1, … among the samples of the task. */
  readonly sample: number;
  readonly seed: bigint;
}

/** A fault that ended one episode and not the run. */
export interface EpisodeFault {
  readonly finish: 'env_error' | 'model_error';
  readonly error: AStarPOError;
  /** Whether a fresh episode with the same seed may do better. */
  readonly retry: boolean;
}

export type EpisodeOutcome = { readonly trajectory: Trajectory } | { readonly fault: EpisodeFault };

/**
 * Plays one episode: generate → text → step → extend, on one sequence whose keys and values stay with the model. The sequence is
 * released and the environment's episode closed however it ends. A fault of the environment or of this one prompt is an
 * outcome; an abort (ASTARPO_ABORTED) and a model that cannot go on are thrown.
 */
export async function playEpisode<T extends Task>(
  generator: ChatGenerator,
  env: Environment<T>,
  job: RolloutJob<T>,
  limits: EpisodeLimits,
  signal?: AbortSignal,
): Promise<EpisodeOutcome> {
  throwIfAborted(signal);
  const deadline = limits.episodeTimeoutMs === undefined ? undefined : AbortSignal.timeout(limits.episodeTimeoutMs);
  const signals = [signal, deadline].filter((one) => one !== undefined);
  const either = AbortSignal.any(signals);
  const ms = limits.stepTimeoutMs ?? defaultStepTimeoutMs;
  let episode: Episode | undefined;
  let sequence: Sequence | undefined;
  try {
    episode = await fromEnvironment('open()', () =>
      withTimeout(() => env.open(job.task, { seed: deriveSeed(job.seed, 'environment'), signal: either }), {
        ms,
        what: 'open()',
        signal: either,
        late: (opened) => closeQuietly(opened),
      }),
    );
    const opened = episode;
    const step = (action: string) =>
      fromEnvironment('step()', () => withTimeout(() => opened.step(action), { ms, what: 'step()', signal: either }));
    const first = await fromEnvironment('open()', async () => checkObservation(opened.first, 'first'));
    const conversation = openConversation(generator.chat, { system: limits.system, input: chatInput(first), tools: first.tools });
    const { prompt } = conversation;
    const maxContext = Math.min(limits.maxContext ?? generator.maxPositions, generator.maxPositions);
    if (prompt.length >= maxContext) {
      throw new AStarPOError(
        'ASTARPO_CONTEXT',
        `expected the first prompt to leave room in a context of ${maxContext} tokens, got ${prompt.length}`,
        {
          hint: 'raise maxContext, use a model with more positions, or shorten the observations',
        },
      );
    }
    sequence = generator.sequence(prompt);
    const context = new ContextBuilder();
    context.environment(prompt, observationText(first));
    const tally = new Tally();
    const finish = await converse(generator, sequence, conversation, context, tally, step, { ...limits, maxContext }, job.seed, either);
    return { trajectory: buildTrajectory(job, limits, context, tally, finish) };
  } catch (error) {
    throwIfAborted(signal);
    const fault = deadline?.aborted === true ? episodeTimeout(limits.episodeTimeoutMs as number) : asFault(error);
    if (fault === undefined) throw error;
    return { fault };
  } finally {
    sequence?.release();
    if (episode !== undefined) closeQuietly(episode);
  }
}

/** Turns until something ends them; says what. */
async function converse(
  generator: ChatGenerator,
  sequence: Sequence,
  conversation: Conversation,
  context: ContextBuilder,
  tally: Tally,
  step: (action: string) => Promise<StepResult>,
  limits: EpisodeLimits & { readonly maxContext: number },
  seed: bigint,
  signal: AbortSignal,
): Promise<FinishReason> {
  const { chat } = generator;
  const maxTurns = limits.maxTurns ?? defaultMaxTurns;
  for (let turn = 0; ; turn++) {
    const room = limits.maxContext - context.length;
    const generated = await sequence.generate(
      {
        ...limits.sampling,
        maxTokens: Math.min(limits.sampling.maxTokens, room),
        stopIds: chat.stopIds,
        seed: deriveSeed(seed, 'turn', turn),
      },
      { signal },
    );
    const text = chat.text(generated.tokens);
    context.agent(generated.tokens, generated.logps, { text, weightsVersion: generated.weightsVersion, view: generator.view });
    const cut = generated.finish !== 'stop';
    // Cut by the context, not by the turn's own limit: half a turn is not an action.
    if (cut && (generated.finish === 'context' || room < limits.sampling.maxTokens)) return 'max_context';
    const result = await step(text);
    tally.add(result);
    context.answered(result);
    if (result.done) return 'done';
    if (cut && limits.turnTokenLimit === 'end') return 'turn_token_limit';
    if (turn + 1 >= maxTurns) return 'max_turns';
    const observation = checkObservation(result.observation);
    const next = conversation.next(text, chatInput(observation), { unfinished: cut });
    if (context.length + next.length >= limits.maxContext) return 'max_context';
    sequence.extend(next);
    context.environment(next, observationText(observation));
  }
}

function buildTrajectory(job: RolloutJob, limits: EpisodeLimits, builder: ContextBuilder, tally: Tally, finish: FinishReason): Trajectory {
  const context = builder.build();
  let sampledTokens = 0;
  for (const bit of context.mask) sampledTokens += bit;
  return {
    taskId: job.task.id,
    sample: job.sample,
    seed: job.seed,
    temperature: limits.sampling.temperature ?? 1,
    contexts: [context],
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

/** Gives whatever the environment throws a code, so that it cannot be taken for a fault of ours. */
export async function fromEnvironment<R>(what: string, work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    if (isAStarPOError(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new AStarPOError('ASTARPO_ENVIRONMENT', `the environment's ${what} threw: ${reason}`, { cause: error });
  }
}

/** Codes that end one episode only. Everything else ends the run. */
const faults: Readonly<Record<string, { finish: EpisodeFault['finish']; retry: boolean }>> = {
  ASTARPO_ENVIRONMENT: { finish: 'env_error', retry: true },
  ASTARPO_TIMEOUT: { finish: 'env_error', retry: true },
  ASTARPO_REWARD: { finish: 'env_error', retry: true },
  ASTARPO_DATA: { finish: 'env_error', retry: true },
  ASTARPO_TASKS: { finish: 'env_error', retry: false },
  // The same prompt and seed would fail again.
  ASTARPO_CONTEXT: { finish: 'model_error', retry: false },
  ASTARPO_EMPTY_PROMPT: { finish: 'model_error', retry: false },
  ASTARPO_TOKEN_RANGE: { finish: 'model_error', retry: false },
  ASTARPO_NON_FINITE: { finish: 'model_error', retry: false },
};

export function asFault(error: unknown): EpisodeFault | undefined {
  if (!isAStarPOError(error)) return undefined;
  const known = faults[error.code];
  return known === undefined ? undefined : { ...known, error };
}

function episodeTimeout(ms: number): EpisodeFault {
  const error = new AStarPOError('ASTARPO_TIMEOUT', `expected an episode to end within ${ms / 1000} s, got no end`, {
    hint: 'raise episodeTimeoutMs, or lower concurrency, maxTurns or maxTokens',
  });
  return { finish: 'env_error', error, retry: true };
}

/**
 * Closes without waiting: the outcome of the episode is already known, and an environment that cannot close must not hold up or
 * undo it. Its failure is told once, as a process warning.
 */
export function closeQuietly(episode: Episode): void {
  const tell = (error: unknown) =>
    process.emitWarning(
      `an environment episode could not be closed: ${error instanceof Error ? error.message : String(error)}`,
      'AStarPOWarning',
    );
  try {
    const closing = episode.close?.();
    if (closing !== undefined) Promise.resolve(closing).catch(tell);
  } catch (error) {
    tell(error);
  }
}
