/** Trajectories [first, first + count) of the batch: one forward and backward pass. */
export interface MicroBatch {
  readonly first: number;
  readonly count: number;
}

/**
 * Cuts a batch, in order, into micro-batches of at most `budget` tokens each; a longer trajectory is one of its own. A
 * trajectory's contexts are never split. `tokens`: of each trajectory, all contexts and unmasked tokens included.
 */
export function planMicroBatches(tokens: readonly number[], budget: number): MicroBatch[] {
  const plan: { first: number; count: number }[] = [];
  let size = 0;
  for (const [i, length] of tokens.entries()) {
    const last = plan.at(-1);
    if (last === undefined || size + length > budget) {
      plan.push({ first: i, count: 1 });
      size = length;
    } else {
      last.count++;
      size += length;
    }
  }
  return plan;
}
