import { AStarPOError } from '../errors.ts';
import type { BatchItem } from './objective.ts';

/** V* of every trajectory's task. Throws ASTARPO_VSTAR_MISSING: a missing V* is never taken for 0. */
export function vstarBaseline(items: readonly BatchItem[]): Float64Array {
  return Float64Array.from(items, (item) => {
    if (item.vstar === undefined || !Number.isFinite(item.vstar)) {
      throw new AStarPOError('ASTARPO_VSTAR_MISSING', `expected V* of task ${item.taskId}, got ${item.vstar}`, {
        hint: 'run stage 1 over every task that stage 2 visits',
      });
    }
    return item.vstar;
  });
}
