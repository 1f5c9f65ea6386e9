import type { JsonObject } from '../../../util/json.ts';
import type { Score } from '../reward/reward.ts';
import type { ScoreConvention, TurnFacts } from './scoring.ts';

/** A score counts as success from this number on, or only above another. */
export type SuccessThreshold = number | { readonly above: number };

/** `format`: turns whose text has not the form asked for, or no action. `action`: those, and turns with an action that is not possible. */
export const penalties = ['format', 'action'] as const;
export type PenaltyFor = (typeof penalties)[number];

/** What of a named convention can be changed. Default: what the convention says, mostly success at 1 and no penalty. */
export interface ConventionOptions {
  readonly successAt?: SuccessThreshold | undefined;
  /** Subtracted, once, from the reward of a turn that `penaltyFor` names; 0 fines none. */
  readonly penalty?: number | undefined;
  readonly penaltyFor?: PenaltyFor | undefined;
}

interface Rules {
  /** What is paid in the turn of the purchase: the score, or 1 for a success and 0 otherwise; times `scale`. */
  readonly pays: 'score' | 'success';
  readonly scale: number;
  readonly successAt: SuccessThreshold;
  readonly penalty: number;
  readonly penaltyFor: PenaltyFor;
  readonly maxActions?: number;
}

const original: Rules = { pays: 'score', scale: 1, successAt: 1, penalty: 0, penaltyFor: 'action' };

const rules = {
  /** The original's text environment. */
  webshop: original,
  /** What A*-PO and its V* are cleanest with: 1 for a success, else 0. */
  binary: { ...original, pays: 'success' },
  /** The trainer of the original's own baselines: ten times the score, 100 actions. */
  paper: { ...original, scale: 10, maxActions: 100 },
  agentgym: original,
  ragen: { ...original, penalty: 0.1, penaltyFor: 'format' },
  'verl-agent': { ...original, pays: 'success', scale: 10, penalty: 0.1, penaltyFor: 'format' },
  gem: { ...original, penalty: 0.1 },
  /** Early A*-PO experiments that called less than the full score a success. */
  'webshop-apo': { ...original, successAt: 0.9 },
  'new-ragen': { ...original, successAt: { above: 0.5 } },
} as const satisfies Readonly<Record<string, Rules>>;

export type ScoreConventionName = keyof typeof rules;

/** Conventions by name; what each pays is told in docs/webshop-scores.md. */
export const scoreConventionNames = Object.keys(rules) as readonly ScoreConventionName[];

/** The named convention with changes. */
export function scoreConvention(name: ScoreConventionName, options: ConventionOptions = {}): ScoreConvention {
  const own: Rules = rules[name];
  const { pays, scale, maxActions } = own;
  const { successAt = own.successAt, penalty = own.penalty, penaltyFor = own.penaltyFor } = options;
  const success = ({ reward }: Score) => (typeof successAt === 'number' ? reward >= successAt : reward > successAt.above);
  const worth = (score: Score) => scale * (pays === 'score' ? score.reward : success(score) ? 1 : 0);
  const config: JsonObject = {
    ...{ pays, scale, successAt: typeof successAt === 'number' ? successAt : { above: successAt.above } },
    ...(penalty === 0 ? {} : { penalty, penaltyFor }),
  };
  return {
    name,
    config,
    ...(maxActions === undefined ? {} : { maxActions }),
    pay: (turn) => {
      const earned = turn.score === undefined ? 0 : worth(turn.score);
      if (penalty === 0) return { reward: earned };
      const fine = isFined(turn, penaltyFor) ? penalty : 0;
      return { reward: earned - fine, rewards: { penalty: 0 - fine } };
    },
    success,
  };
}

function isFined({ formatted, actions }: TurnFacts, penaltyFor: PenaltyFor): boolean {
  if (!formatted || actions.length === 0) return true;
  return penaltyFor === 'action' && actions.some(({ outcome }) => outcome === 'nothing');
}
