import { AStarPOError } from '../../../errors.ts';
import type { JsonObject } from '../../../util/json.ts';
import { checkChoice } from '../../../util/known-options.ts';
import {
  type ConventionOptions,
  penalties,
  type ScoreConventionName,
  type SuccessThreshold,
  scoreConvention,
  scoreConventionNames,
} from './conventions.ts';
import type { ScoreConvention, Shaping } from './scoring.ts';
import { type ShapingChoice, shapingOf } from './shapings.ts';

/** What is paid. Everything but `signals` is part of the environment's config, so V* is measured anew when it changes. */
export interface ScoringOptions extends ConventionOptions {
  /** What scores pay and what counts as success. Default `webshop`: the score itself, success at exactly 1. */
  readonly scoring?: ScoreConventionName | ScoreConvention | undefined;
  /** Paid for the way on top of the score, one or several. Default: nothing. */
  readonly shaping?: ShapingChoice | readonly ShapingChoice[] | undefined;
  /** Tell with every turn how far the episode is (`info.signals`, see `Signals`). Changes no reward. Default false. */
  readonly signals?: boolean | undefined;
}

/** How an environment pays. */
export interface ScoringRules {
  readonly convention: ScoreConvention;
  readonly shapings: readonly Shaping[];
  readonly signals: boolean;
}

/** Checked, with all defaults filled in. Errors: `ASTARPO_OPTION`, `ASTARPO_UNKNOWN_OPTION` for a shaping's numbers. */
export function resolveScoring(options: ScoringOptions): ScoringRules {
  const { shaping = [], signals = false } = options;
  const shapings = (isList(shaping) ? shaping : [shaping]).map(shapingOf);
  const repeated = shapings.find(({ name }, index) => shapings.findIndex((other) => other.name === name) !== index);
  if (repeated !== undefined) throw new AStarPOError('ASTARPO_OPTION', `expected each shaping once, got ${repeated.name} twice`);
  if (typeof signals !== 'boolean') {
    throw new AStarPOError('ASTARPO_OPTION', `expected signals to be true or false, got ${JSON.stringify(signals)}`);
  }
  return { convention: resolveConvention(options), shapings, signals };
}

function isList(shaping: ShapingChoice | readonly ShapingChoice[]): shaping is readonly ShapingChoice[] {
  return Array.isArray(shaping);
}

function resolveConvention(options: ScoringOptions): ScoreConvention {
  const { scoring = 'webshop', successAt, penalty, penaltyFor } = options;
  if (typeof scoring !== 'string') {
    if (typeof scoring?.name !== 'string' || typeof scoring.pay !== 'function' || typeof scoring.success !== 'function') {
      throw new AStarPOError('ASTARPO_OPTION', `expected scoring to be a name or a ScoreConvention, got ${JSON.stringify(scoring)}`);
    }
    const given = (['successAt', 'penalty', 'penaltyFor'] as const).find((name) => options[name] !== undefined);
    if (given === undefined) return scoring;
    throw new AStarPOError('ASTARPO_OPTION', `expected a named convention beside ${given}, got one of your own`, {
      hint: 'put it into the convention',
    });
  }
  checkChoice('scoring', scoring, scoreConventionNames, 'conventions');
  checkThreshold(successAt);
  if (penalty !== undefined && !(Number.isFinite(penalty) && penalty >= 0)) {
    throw new AStarPOError('ASTARPO_OPTION', `expected penalty to be a number of at least 0, got ${String(penalty)}`, {
      hint: 'it is subtracted: 0.1 takes a tenth off the reward of a turn',
    });
  }
  if (penaltyFor !== undefined) checkChoice('penaltyFor', penaltyFor, penalties);
  const convention = scoreConvention(scoring, { successAt, penalty, penaltyFor });
  if (penaltyFor !== undefined && convention.config?.penalty === undefined) {
    throw new AStarPOError('ASTARPO_OPTION', `expected a penalty beside penaltyFor, got none with the convention ${scoring}`, {
      hint: 'give penalty too, for instance 0.1',
    });
  }
  return convention;
}

function checkThreshold(successAt: SuccessThreshold | undefined): void {
  const bound = typeof successAt === 'object' ? successAt?.above : successAt;
  const [least, most] = typeof successAt === 'object' ? [0, 1 - Number.EPSILON] : [Number.MIN_VALUE, 1];
  if (successAt === undefined || (typeof bound === 'number' && bound >= least && bound <= most)) return;
  throw new AStarPOError('ASTARPO_OPTION', `expected successAt to be a score above 0 and up to 1, got ${JSON.stringify(successAt)}`, {
    hint: 'a number for "at least", { above: number } for "more than"',
  });
}

/** For the environment's config. */
export function describeScoring({ convention, shapings }: ScoringRules): JsonObject {
  const told = ({ name, config }: ScoreConvention | Shaping): JsonObject => ({ name, ...config });
  return { scoring: told(convention), ...(shapings.length === 0 ? {} : { shaping: shapings.map(told) }) };
}

/** What is paid, in short, for results: `ragen + step-cost`; undefined when it is the original's. */
export function scoringLabel(rules: ScoringRules): string | undefined {
  const { convention, shapings } = rules;
  const original = JSON.stringify(describeScoring(resolveScoring({})));
  if (JSON.stringify(describeScoring(rules)) === original) return undefined;
  return [changedLabel(convention), ...shapings.map(({ name }) => name)].join(' + ');
}

/** The name, with what is not as the convention usually has it. */
function changedLabel({ name, config = {} }: ScoreConvention): string {
  const known = scoreConventionNames.find((one) => one === name);
  const usual = known === undefined ? config : (scoreConvention(known).config ?? {});
  const changed = Object.entries(config).filter(([key, value]) => JSON.stringify(usual[key]) !== JSON.stringify(value));
  return changed.length === 0 ? name : `${name} (${changed.map(([key, value]) => `${key} ${JSON.stringify(value)}`).join(', ')})`;
}
