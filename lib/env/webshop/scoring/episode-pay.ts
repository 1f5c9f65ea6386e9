import type { JsonObject } from '../../../util/json.ts';
import type { StepResult } from '../../environment.ts';
import type { Score } from '../reward/reward.ts';
import type { WebShopTask } from '../webshop-env.ts';
import { Progress } from './progress.ts';
import type { TurnFacts } from './scoring.ts';
import type { ScoringRules } from './scoring-options.ts';

/**
 * What one episode pays, turn by turn. `reward` is what V* and training use. Beside it, for the record: `score`, WebShop's raw score
 * whatever the convention pays for it (0 until something is bought), its parts in the turn of the purchase, `penalty`, and `shaping`, also by name
 * (`shaping/NAME`) when there are several.
 */
export class EpisodePay {
  readonly #rules: ScoringRules;
  readonly #shapings: readonly { readonly name: string; pay(turn: TurnFacts): number }[];
  readonly #progress: Progress | undefined;

  constructor(rules: ScoringRules, task: WebShopTask) {
    this.#rules = rules;
    this.#shapings = rules.shapings.map((shaping) => {
      const begun = shaping.begin(task);
      return { name: shaping.name, pay: (turn) => begun.pay(turn) };
    });
    this.#progress = rules.signals ? new Progress(task.goal) : undefined;
  }

  /** To be called once for every turn, in order. */
  pay(turn: TurnFacts): Pick<StepResult, 'reward' | 'rewards' | 'success'> {
    const { score } = turn;
    const { convention } = this.#rules;
    const base = convention.pay(turn);
    const { total, parts } = this.#shape(turn);
    return {
      reward: base.reward + total,
      rewards: { ...base.rewards, ...parts, ...(score === undefined ? {} : partsOf(score)), score: score?.reward ?? 0 },
      ...(score === undefined ? {} : { success: convention.success(score) }),
    };
  }

  /** How far the episode is after a turn, where the options ask for it. */
  signals(turn: TurnFacts): JsonObject | undefined {
    return this.#progress?.after(turn);
  }

  #shape(turn: TurnFacts): { total: number; parts: Record<string, number> } {
    const parts: Record<string, number> = {};
    let total = 0;
    for (const { name, pay } of this.#shapings) {
      const paid = pay(turn);
      total += paid;
      if (this.#shapings.length > 1) parts[`shaping/${name}`] = paid;
    }
    if (this.#shapings.length > 0) parts.shaping = total;
    return { total, parts };
  }
}

function partsOf(score: Score): Record<string, number> {
  const parts = { r_type: score.typeFactor, r_att: score.attributes, r_price: score.price ? 1 : 0 };
  return score.options === undefined ? parts : { ...parts, r_option: score.options };
}
