import { AStarPOError } from '../errors.ts';
import type { EvalEvent, EvaluationResult } from './events.ts';

/** One line of eval.jsonl. */
export interface EvaluationRecord {
  readonly step: number;
  readonly when: EvalEvent['when'];
  readonly result: RecordedResult;
  readonly time: string;
}

/** A run that an earlier version began has lines without what results gained since. */
export type RecordedResult = Omit<EvaluationResult, 'environment' | 'rewards'> & Partial<Pick<EvaluationResult, 'environment' | 'rewards'>>;

/** Reads a line, counted from 1, of the file at `path`. Throws ASTARPO_RUN_FOLDER when it is no evaluation. */
export function parseEvaluation(line: string, path: string, number: number): EvaluationRecord {
  let record: Partial<EvaluationRecord> | null;
  try {
    record = JSON.parse(line);
  } catch (cause) {
    throw damaged(path, number, cause);
  }
  const { success, score, episodes, interval } = record?.result ?? {};
  const numbers = [record?.step, success, score, episodes, interval?.lo, interval?.hi];
  if (!numbers.every((value) => typeof value === 'number')) throw damaged(path, number);
  return record as EvaluationRecord;
}

function damaged(path: string, number: number, cause?: unknown): AStarPOError {
  return new AStarPOError('ASTARPO_RUN_FOLDER', `expected an evaluation in line ${number} of ${path}, got another or a damaged line`, {
    hint: 'restore the file, or start anew in another run folder',
    ...(cause === undefined ? {} : { cause }),
  });
}
