import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AStarPOError } from '../errors.ts';
import { writeFileAtomic } from '../util/atomic-file.ts';
import type { JsonValue } from '../util/json.ts';

export const phaseNames = ['setup', 'warmStart', 'stage1', 'stage2', 'evaluation'] as const;
export type PhaseName = (typeof phaseNames)[number];
export type PhaseSeconds = Record<PhaseName, number>;

interface State {
  seconds: PhaseSeconds;
  results: Record<string, JsonValue>;
}

/** What a run has finished and how long it took, kept in its folder so that an interrupted run neither repeats nor forgets it. */
export class PhaseLog {
  readonly #path: string;
  readonly #state: State;

  private constructor(path: string, state: State) {
    this.#path = path;
    this.#state = state;
  }

  /** Throws ASTARPO_CHECKPOINT when the file is damaged. */
  static async open(folder: string): Promise<PhaseLog> {
    const path = join(folder, 'phases.json');
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined)
      return new PhaseLog(path, { seconds: { setup: 0, warmStart: 0, stage1: 0, stage2: 0, evaluation: 0 }, results: {} });
    try {
      return new PhaseLog(path, JSON.parse(text) as State);
    } catch (cause) {
      throw new AStarPOError('ASTARPO_CHECKPOINT', `${path} is damaged`, { cause, hint: 'remove the run folder and start again' });
    }
  }

  get seconds(): Readonly<PhaseSeconds> {
    return { ...this.#state.seconds };
  }

  /** Adds the time that `work` takes to a phase, also when it fails or is interrupted. */
  async time<T>(phase: PhaseName, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      await this.add(phase, (performance.now() - start) / 1000);
    }
  }

  async add(phase: PhaseName, seconds: number): Promise<void> {
    this.#state.seconds[phase] += seconds;
    await this.#save();
  }

  /** Does `work` the first time, timed as part of `phase`; afterwards its result comes from the folder. */
  async once<T>(key: string, phase: PhaseName, work: () => Promise<T>): Promise<T> {
    const stored = this.#state.results[key];
    if (stored !== undefined) return stored as T;
    const result = await this.time(phase, work);
    this.#state.results[key] = result as JsonValue;
    await this.#save();
    return result;
  }

  #save(): Promise<void> {
    return writeFileAtomic(this.#path, `${JSON.stringify(this.#state, null, 2)}\n`);
  }
}
