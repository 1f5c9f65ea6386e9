import { Progress, type Signals } from './progress.ts';
import type { Shaping, TurnFacts } from './scoring.ts';

/* Pay by how far the episode has come towards its goal. They know which product was meant; see docs/webshop-scores.md. */

/**
 * weight · (best level so far − best level before). Levels: 0.3 the product asked for was shown, or one of its kind opened; 0.5 it was
 * opened; 0.6 all its wanted options were chosen; 0.8 it was bought; 1 whatever was bought had the full score.
 */
export function processLevels({ weight }: { readonly weight: number }): Shaping {
  return {
    name: 'process',
    config: { weight },
    begin: ({ goal }) => {
      const progress = new Progress(goal);
      let best = 0;
      return {
        pay: (turn) => {
          const before = best;
          best = Math.max(best, levelOf(progress.after(turn), turn, goal.asin));
          return weight * (best - before);
        },
      };
    },
  };
}

function levelOf(signals: Signals, { actions, score }: TurnFacts, target: string): number {
  if (score?.reward === 1) return 1;
  const page = actions.at(-1)?.after;
  const onTarget = page !== undefined && 'product' in page && page.product.asin === target;
  if (score !== undefined && onTarget) return 0.8;
  if (onTarget && signals.options === 1) return 0.6;
  if (signals.targetOpened) return 0.5;
  return signals.targetShown || signals.kindOpened ? 0.3 : 0;
}

/** What is paid for a relevant search, times the share of content words in the best one, and for opening a product of the right kind. */
export interface CreditSettings {
  readonly search: number;
  readonly kind: number;
}

/** Φ = search · (best share of the instruction's content words in a query) + kind · [a product of the right kind was opened]. */
function creditOf({ search, kind }: CreditSettings, { bestQuery, kindOpened }: Signals): number {
  return search * bestQuery + (kindOpened ? kind : 0);
}

/** Φ after the turn − Φ before it, so that no part is paid twice: at most search + kind in an episode. */
export function partialCredit(settings: CreditSettings): Shaping {
  return byCredit('partial-credit', settings, { discount: 1, endsAtZero: false });
}

/**
 * discount · Φ after the turn − Φ before it, Φ as in `partialCredit` and 0 once the episode is over: the form of shaping that leaves the
 * best policies as they are (Ng, Harada and Russell 1999). Over a whole episode it pays nothing: with a discount of 1 the payments add up
 * to 0, so it changes returns only where a limit of the rollout cuts the episode, and matters to objectives that credit single turns.
 */
export function potential(settings: CreditSettings & { readonly discount: number }): Shaping {
  return byCredit('potential', settings, { discount: settings.discount, endsAtZero: true });
}

function byCredit(
  name: string,
  settings: CreditSettings,
  { discount, endsAtZero }: { readonly discount: number; readonly endsAtZero: boolean },
): Shaping {
  return {
    name,
    config: { ...settings },
    begin: ({ goal }) => {
      const progress = new Progress(goal);
      let last = 0;
      return {
        pay: (turn) => {
          const before = last;
          const credit = creditOf(settings, progress.after(turn));
          last = endsAtZero && turn.over ? 0 : credit;
          return discount * last - before;
        },
      };
    },
  };
}
