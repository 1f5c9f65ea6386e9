/** Exit statuses of `npm run test:oracle`. */
export const status = { withinLimits: 0, pastLimits: 1, refused: 2, trouble: 3 } as const;
export type Status = (typeof status)[keyof typeof status];

/** Which of them several configurations end with: the first that one of them has. */
export const bySeverity: readonly Status[] = [status.pastLimits, status.trouble, status.refused];

/** What keeps a comparison from being made though nothing is wrong with the configuration: arguments, Python, memory, disk. */
export class OracleTrouble extends Error {
  override readonly name = 'OracleTrouble';

  constructor(message: string, hint?: string, cause?: unknown) {
    super(hint === undefined ? message : `${message}\n  ${hint}`, cause === undefined ? {} : { cause });
  }
}

/** transformers itself does not take the configuration. */
export class RefusedByTransformers extends Error {
  override readonly name = 'RefusedByTransformers';
}
