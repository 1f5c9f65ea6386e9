import type { ScoreConvention } from './scoring.ts';

/** Conventions by name; what each pays stands beside it. */
export const scoreConventionNames = ['webshop'] as const;
export type ScoreConventionName = (typeof scoreConventionNames)[number];

/** The original's: the score in [0, 1] when something is bought, success at exactly 1. */
const webshop: ScoreConvention = {
  name: 'webshop',
  pay: ({ score }) => ({ reward: score?.reward ?? 0 }),
  success: ({ reward }) => reward === 1,
};

const conventions: Readonly<Record<ScoreConventionName, ScoreConvention>> = { webshop };

/** A convention by its name, or one of your own. */
export function scoreConvention(convention: ScoreConventionName | ScoreConvention): ScoreConvention {
  return typeof convention === 'string' ? conventions[convention] : convention;
}
