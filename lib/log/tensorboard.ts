import { join } from 'node:path';
import type { TrainEvent } from '../train/events.ts';
import { EventFile } from './event-file.ts';
import type { Sink } from './sink.ts';

/** Writes steps, stage 1 and evaluations as TensorBoard scalars into `folder` (default: `tensorboard` in the run folder). */
export class TensorBoardSink implements Sink {
  readonly #folder: string | undefined;
  #file: EventFile | undefined;

  constructor(folder?: string) {
    this.#folder = folder;
  }

  async write(event: TrainEvent): Promise<void> {
    if (event.type === 'run.start') {
      const folder = this.#folder ?? join(event.folder ?? '.', 'tensorboard');
      this.#file = await EventFile.open(folder, event.resumed ? event.step + 1 : 0);
    }
    if (this.#file === undefined) return;
    if (event.type === 'step') await this.#file.scalars(event.step, event.metrics);
    if (event.type === 'stage1.done') await this.#file.scalars(0, event.metrics);
    if (event.type === 'eval') {
      const { success, interval, score, rewards, turns, tokens } = event.result;
      await this.#file.scalars(event.step, {
        'eval/success_rate': success,
        'eval/success_ci_lo': interval.lo,
        'eval/success_ci_hi': interval.hi,
        'eval/mean_reward': rewards.score ?? score,
        'eval/mean_shaped_reward': score,
        'eval/mean_turns': turns,
        'eval/mean_length': tokens,
      });
    }
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }
}
