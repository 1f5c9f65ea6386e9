export type LearningRateSchedule = 'constant' | 'cosine' | 'linear';

export const learningRateSchedules: readonly LearningRateSchedule[] = ['constant', 'cosine', 'linear'];

/**
 * The learning rate of a step: a linear rise over the first `warmupSteps`, then constant, or falling to 0 after the last step along
 * a half cosine or a line. `step` is 1 … steps.
 */
export function learningRateAt(
  step: number,
  options: { peak: number; steps: number; schedule: LearningRateSchedule; warmupSteps: number },
): number {
  const { peak, steps, schedule, warmupSteps } = options;
  if (step <= warmupSteps) return (peak * step) / warmupSteps;
  if (schedule === 'constant') return peak;
  const progress = (step - 1 - warmupSteps) / Math.max(1, steps - warmupSteps);
  return schedule === 'cosine' ? (peak * (1 + Math.cos(Math.PI * progress))) / 2 : peak * (1 - progress);
}
