import { sum } from '../../../util/statistics.ts';
import { parseAction } from '../shop/session.ts';
import type { Shaping, TurnFacts } from './scoring.ts';

/*
 * Pay by the kind of each action, whatever it led to. They are simple and can be earned without ever buying anything: see
 * docs/webshop-scores.md.
 */

export type ActionKind = 'search' | 'click' | 'buy' | 'unknown';

interface NamedAction {
  readonly kind: ActionKind;
  /** Of a search. */
  readonly query: string;
}

/** The kinds of a turn's actions; a turn without any counts as one unknown action. */
function actionsOf({ actions }: TurnFacts): readonly NamedAction[] {
  if (actions.length === 0) return [{ kind: 'unknown', query: '' }];
  return actions.map(({ action }) => {
    const { name, argument } = parseAction(action);
    if (argument === undefined) return { kind: 'unknown', query: '' };
    if (name === 'search') return { kind: 'search', query: argument };
    if (name === 'click') return { kind: argument === 'buy now' ? 'buy' : 'click', query: '' };
    return { kind: 'unknown', query: '' };
  });
}

/** −cost for every action; a turn without one costs the same. */
export function stepCost({ cost }: { readonly cost: number }): Shaping {
  return {
    name: 'step-cost',
    config: { cost },
    begin: () => ({ pay: (turn) => 0 - cost * actionsOf(turn).length }),
  };
}

/** −step for every action, + search for a search, + click for a click, purchases included. */
export function seedText(settings: { readonly step: number; readonly search: number; readonly click: number }): Shaping {
  const { step, search, click } = settings;
  const bonus: Readonly<Record<ActionKind, number>> = { search, click, buy: click, unknown: 0 };
  return {
    name: 'seed-text',
    config: { ...settings },
    begin: () => ({ pay: (turn) => sum(actionsOf(turn).map(({ kind }) => bonus[kind] - step)) }),
  };
}

const shortQuery = 2;

/**
 * + search for a search of more than two characters, + click for a click, + buy for a purchase, −unknown for anything else. The sum over
 * the episode is kept within [low, high]: a turn pays by how much the clamped sum changes.
 */
export function seedCode(settings: {
  readonly search: number;
  readonly click: number;
  readonly buy: number;
  readonly unknown: number;
  readonly low: number;
  readonly high: number;
}): Shaping {
  const { search, click, buy, unknown, low, high } = settings;
  const bonusOf = ({ kind, query }: NamedAction): number => {
    if (kind === 'search') return query.length > shortQuery ? search : 0;
    return { click, buy, unknown: -unknown }[kind];
  };
  return {
    name: 'seed-code',
    config: { ...settings },
    begin: () => {
      let total = 0;
      let paid = 0;
      return {
        pay: (turn) => {
          total += sum(actionsOf(turn).map(bonusOf));
          const clamped = Math.min(high, Math.max(low, total));
          const change = clamped - paid;
          paid = clamped;
          return change;
        },
      };
    },
  };
}
