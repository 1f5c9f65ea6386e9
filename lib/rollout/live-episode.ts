import type { Environment, Episode, Observation, StepResult, Task } from '../env/environment.ts';
import { AStarPOError, isAStarPOError } from '../errors.ts';
import { breathe } from '../util/breathe.ts';
import { deriveSeed } from '../util/rng.ts';
import { checkObservation } from './observation.ts';
import { withTimeout } from './timeout.ts';

export interface LiveEpisodeOptions {
  /** Of the whole episode; the environment gets one of its own from it. */
  readonly seed: bigint;
  /** For one call of the environment. */
  readonly stepTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** An environment's episode: its answers come in time and whatever it throws has a code, so that it cannot be taken for a fault of ours. */
export class LiveEpisode {
  /** What the agent sees first. */
  readonly first: Observation;
  readonly #episode: Episode;
  readonly #options: LiveEpisodeOptions;

  private constructor(episode: Episode, first: Observation, options: LiveEpisodeOptions) {
    this.#episode = episode;
    this.first = first;
    this.#options = options;
  }

  /** Throws ASTARPO_ENVIRONMENT, ASTARPO_TIMEOUT, ASTARPO_ABORTED, and coded errors of the environment. */
  static async open<T extends Task>(env: Environment<T>, task: T, options: LiveEpisodeOptions): Promise<LiveEpisode> {
    const { seed, stepTimeoutMs: ms, signal } = options;
    await breathe();
    return await fromEnvironment('open()', async () => {
      const open = () => env.open(task, { seed: deriveSeed(seed, 'environment'), signal });
      const episode = await withTimeout(open, { ms, what: 'open()', signal, late: closeQuietly });
      try {
        return new LiveEpisode(episode, checkObservation(episode.first, 'first'), options);
      } catch (error) {
        closeQuietly(episode);
        throw error;
      }
    });
  }

  /** Throws as `open` does. */
  async step(action: string): Promise<StepResult> {
    const { stepTimeoutMs: ms, signal } = this.#options;
    await breathe();
    return await fromEnvironment('step()', () => withTimeout(() => this.#episode.step(action), { ms, what: 'step()', signal }));
  }

  /** Without waiting: the outcome is already known, and an environment that cannot close must not hold up or undo it. */
  close(): void {
    closeQuietly(this.#episode);
  }
}

async function fromEnvironment<R>(what: string, work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    if (isAStarPOError(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new AStarPOError('ASTARPO_ENVIRONMENT', `the environment's ${what} threw: ${reason}`, { cause: error });
  }
}

/** A failure is told as a process warning. */
function closeQuietly(episode: Episode): void {
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
