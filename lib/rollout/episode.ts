import type { Environment, Task } from '../env/environment.ts';
import { deriveSeed } from '../util/rng.ts';
import { buildTrajectory } from './build-trajectory.ts';
import { Deadline } from './deadline.ts';
import { asFault, type EpisodeFault, episodeTimeout } from './faults.ts';
import { defaultMaxTurns, defaultStepTimeoutMs, type EpisodeLimits } from './limits.ts';
import { LiveEpisode } from './live-episode.ts';
import { type ChatGenerator, ModelSpeaker } from './model-speaker.ts';
import { Tally } from './tally.ts';
import { throwIfAborted } from './timeout.ts';
import type { FinishReason, Trajectory } from './trajectory.ts';
import { Transcript } from './transcript.ts';

/** One episode to play. `seed` alone decides what is random in it. */
export interface RolloutJob<T extends Task = Task> {
  readonly task: T;
  /** 0, 1, … among the samples of the task. */
  readonly sample: number;
  readonly seed: bigint;
}

export type EpisodeOutcome = { readonly trajectory: Trajectory } | { readonly fault: EpisodeFault };

/**
 * Plays one episode: generate → text → step → extend, on a sequence whose keys and values stay with the model for as long as the
 * context grows. The sequence is released and the environment's episode closed however it ends. A fault of the environment or of this
 * one prompt is an outcome; an abort (ASTARPO_ABORTED) and a model that cannot go on are thrown.
 */
export async function playEpisode<T extends Task>(
  generator: ChatGenerator,
  env: Environment<T>,
  job: RolloutJob<T>,
  limits: EpisodeLimits,
  signal?: AbortSignal,
): Promise<EpisodeOutcome> {
  throwIfAborted(signal);
  const { sampling, system, stepTimeoutMs = defaultStepTimeoutMs, episodeTimeoutMs } = limits;
  const maxContext = Math.min(limits.maxContext ?? generator.maxPositions, generator.maxPositions);
  const transcript = new Transcript(generator.chat, { system, maxContext });
  const speaker = new ModelSpeaker(generator, transcript);
  const tally = new Tally();
  const deadline = new Deadline(signal, episodeTimeoutMs);
  let episode: LiveEpisode | undefined;
  try {
    episode = await LiveEpisode.open(env, job.task, { seed: job.seed, stepTimeoutMs, signal: deadline.signal });
    speaker.hear(episode.first);
    const finish = await converse(speaker, episode, transcript, tally, limits, job.seed, deadline.signal);
    const played = { taskId: job.task.id, sample: job.sample, seed: job.seed, temperature: sampling.temperature ?? 1 };
    return { trajectory: buildTrajectory(played, transcript, tally, finish) };
  } catch (error) {
    throwIfAborted(signal);
    const fault = deadline.passed ? episodeTimeout(episodeTimeoutMs as number) : asFault(error);
    if (fault === undefined) throw error;
    return { fault };
  } finally {
    deadline.end();
    speaker.release();
    episode?.close();
  }
}

/** Turns until something ends them; says what. Their numbers, and so their seeds, go on through all contexts. */
async function converse(
  speaker: ModelSpeaker,
  episode: LiveEpisode,
  transcript: Transcript,
  tally: Tally,
  limits: EpisodeLimits,
  seed: bigint,
  signal: AbortSignal,
): Promise<FinishReason> {
  const { sampling, maxTurns = defaultMaxTurns, turnTokenLimit } = limits;
  for (let turn = 0; ; turn++) {
    const { text, cut } = await speaker.speak(sampling, deriveSeed(seed, 'turn', turn), signal);
    // Half a turn is not an action.
    if (cut === 'context') return 'max_context';
    const result = await episode.step(text);
    const observation = tally.add(result);
    transcript.answered(result);
    if (observation === undefined) return 'done';
    if (cut === 'turn' && turnTokenLimit === 'end') return 'turn_token_limit';
    if (turn + 1 >= maxTurns) return 'max_turns';
    if (!speaker.hear(observation)) return 'max_context';
  }
}
