import type { EvaluationResult, Stage1ProgressEvent, StepEvent, TrainEvent } from '../train/events.ts';
import type { SupervisedProgress } from '../train/sft.ts';
import { formatSeconds, ProgressLine, secondsLeft } from './progress.ts';
import type { Sink } from './sink.ts';

/** One line that says where the run is and how long it will take; what is worth keeping stays above it. */
export class ConsoleSink implements Sink {
  readonly #line: ProgressLine;
  #firstStep: { readonly step: number; readonly time: number } | undefined;
  #stage1Start: { readonly done: number; readonly time: number } | undefined;

  constructor(line = new ProgressLine()) {
    this.#line = line;
  }

  write(event: TrainEvent): void {
    switch (event.type) {
      case 'run.start':
        this.#firstStep = { step: event.step, time: Date.now() };
        this.#line.print(
          `${event.objective}: ${event.resumed ? `continues at step ${event.step} of ${event.steps}` : `${event.steps} steps`}${inFolder(event.folder)}`,
        );
        break;
      case 'stage1.progress':
        this.#line.update(this.#stage1(event));
        break;
      case 'stage1.done': {
        const dropped = Object.entries(event.dropped).filter(([, count]) => count > 0);
        const left = dropped.length === 0 ? '' : `, left out ${dropped.map(([reason, count]) => `${count} ${reason}`).join(', ')}`;
        this.#line.finish(`stage 1  V* of ${event.kept} tasks from ${event.sampled} new samples in ${formatSeconds(event.seconds)}${left}`);
        this.#firstStep = undefined;
        break;
      }
      case 'rollout.done':
        break;
      case 'step':
        if (event.step === event.steps) this.#line.finish(this.#step(event));
        else this.#line.update(this.#step(event));
        break;
      case 'eval':
        this.#line.print(`eval     step ${event.step}: ${describeEvaluation(event.result)}`);
        break;
      case 'checkpoint':
        break;
      case 'warning':
        this.#line.print(`warning  ${event.message}`);
        break;
      case 'done':
        this.#line.finish(`done     ${event.step} steps in ${formatSeconds(event.seconds)}${inFolder(event.folder)}`);
        break;
    }
  }

  close(): void {
    this.#line.clear();
  }

  #stage1(event: Stage1ProgressEvent): string {
    this.#stage1Start ??= { done: event.done, time: Date.now() };
    const fresh = event.done - this.#stage1Start.done;
    const elapsed = (Date.now() - this.#stage1Start.time) / 1000;
    const left = secondsLeft(fresh, event.total - this.#stage1Start.done, elapsed);
    const parts = [`stage 1  ${event.done}/${event.total} samples`];
    if (event.cached > 0) parts.push(`${event.cached} were stored`);
    if (event.done > 0) parts.push(`success ${percent(event.successes / event.done)}`);
    if (event.rejected > 0) parts.push(`${event.rejected} rejected`);
    if (elapsed > 0 && fresh > 0) parts.push(`${(fresh / elapsed).toFixed(1)}/s`);
    if (left !== undefined) parts.push(`${formatSeconds(left)} left`);
    return parts.join(' · ');
  }

  #step(event: StepEvent): string {
    this.#firstStep ??= { step: event.step, time: Date.now() };
    const { metrics } = event;
    const parts = [`step     ${event.step}/${event.steps}`];
    if (event.skipped !== undefined) parts.push(`skipped (${event.skipped})`);
    const reward = metrics['reward/mean'];
    const success = metrics.success_rate;
    const loss = metrics['train/loss'];
    if (reward !== undefined) parts.push(`reward ${reward.toFixed(3)}`);
    if (success !== undefined) parts.push(`success ${percent(success)}`);
    if (loss !== undefined) parts.push(`loss ${loss.toPrecision(3)}`);
    const done = event.step - this.#firstStep.step;
    const elapsed = (Date.now() - this.#firstStep.time) / 1000;
    if (done > 0) parts.push(`${(elapsed / done).toFixed(2)} s/step`);
    const left = secondsLeft(done, event.steps - this.#firstStep.step, elapsed);
    if (left !== undefined && event.step < event.steps) parts.push(`${formatSeconds(left)} left`);
    return parts.join(' · ');
  }
}

/**
 * `85.8 % [82.0, 88.9] of 400 tasks, score 0.953, 3.9 turns`; the mean return beside the raw score where they differ, and how the environment
 * paid where that is not its usual way: `…, score 0.953, return 8.580, 3.9 turns, paid as verl-agent`.
 */
export function describeEvaluation(result: EvaluationResult): string {
  const interval = `[${(result.interval.lo * 100).toFixed(1)}, ${(result.interval.hi * 100).toFixed(1)}]`;
  const { score = result.score } = result.rewards;
  const paid = score === result.score ? '' : `, return ${result.score.toFixed(3)}`;
  const { scoring } = result.environment;
  const how = scoring === undefined ? '' : `, paid as ${scoring}`;
  return `${percent(result.success)} ${interval} of ${result.episodes} tasks, score ${score.toFixed(3)}${paid}, ${result.turns.toFixed(1)} turns${how}`;
}

/** `sft      step 120/700 · loss 0.2130 · 46s left` */
export function describeProgress(name: string, { step, steps, loss, seconds, secondsLeft }: SupervisedProgress): string {
  const pace = steps === step ? formatSeconds(seconds) : `${formatSeconds(secondsLeft)} left`;
  return `${name.padEnd(8)} step ${step}/${steps} · loss ${loss.toFixed(4)} · ${pace}`;
}

export function percent(rate: number): string {
  return `${(rate * 100).toFixed(1)} %`;
}

function inFolder(folder: string | undefined): string {
  return folder === undefined ? '' : ` in ${folder}`;
}
