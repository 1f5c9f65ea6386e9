import { AStarPOError } from '../errors.ts';
import { checkChoice } from '../util/known-options.ts';
import { nameHint } from '../util/nearest-name.ts';
import { maximum, mean, minimum, standardDeviation } from '../util/statistics.ts';
import { advantageMetrics, advantages, clip, hasRows, whiten } from './advantage.ts';
import { vstarBaseline } from './baseline.ts';
import { regressionLoss, weightedLikelihoodLoss } from './loss.ts';
import type { BatchItem, Objective, Prepared, WholeBatch } from './objective.ts';
import { checkRange, withDefaults } from './options.ts';
import { entropyBonus, sequenceMeanKl } from './regulariser.ts';
import { exponentialWeights, shiftedWeights } from './weights.ts';

export interface AStarPOOptions {
  /** β2: strength of the implicit KL to the reference. Default 1e-3. */
  readonly beta2?: number | undefined;
  /** c_H: weight of the entropy bonus (the official code uses .001). Default 0. */
  readonly entropyCoefficient?: number | undefined;
}

/**
 * A*-PO as published (arXiv 2505.20686): L = (1/B) Σ (β2·Δ_i + V*_i − r_i)² − c_H · entropy, one on-policy rollout per task, Δ the
 * summed log-ratio to the reference, no length normalisation, no whitening, no clipping.
 */
export function astarPO(options: AStarPOOptions = {}): Objective {
  const { beta2, entropyCoefficient } = withDefaults('astar-po', { beta2: 1e-3, entropyCoefficient: 0 }, options);
  checkRange('beta2', beta2, 0);
  checkRange('entropyCoefficient', entropyCoefficient, 0);
  if (beta2 === 0) {
    throw new AStarPOError('ASTARPO_OPTION', 'expected beta2 > 0, got 0', {
      hint: 'the gradient is proportional to beta2; small values such as 1e-4 are fine',
    });
  }
  return {
    name: 'astar-po',
    options: { beta2, entropyCoefficient },
    needs: { reference: 'logp', samplesPerTask: 1, vstar: true, entropy: entropyCoefficient > 0 },
    prepare: (batch) => {
      const values = advantages(batch.items, vstarBaseline(batch.items));
      return {
        items: batch.items,
        advantages: values,
        weights: new Float64Array(values.length).fill(1),
        skip: batch.items.some(hasRows) ? undefined : 'no_signal',
        metrics: { ...advantageMetrics(batch.items, values), ...baselineMetrics(batch), 'astar/beta2': beta2 },
      };
    },
    weights: (view, prepared) => {
      const regression = regressionLoss(view, prepared, { beta2, trajectories: countWithRows(prepared.items) });
      const metrics: Record<string, number> = { ...regression.metrics, 'loss/pg': regression.loss };
      if (entropyCoefficient === 0) return { logp: regression.gradient, loss: regression.loss, metrics };
      const bonus = entropyBonus(required(view.entropy, 'entropy'), { coefficient: entropyCoefficient, rows: countRows(prepared.items) });
      metrics['loss/entropy'] = bonus.loss;
      metrics.entropy = bonus.share;
      return { logp: regression.gradient, entropy: bonus.gradient, loss: regression.loss + bonus.loss, metrics };
    },
  };
}

export interface AStarPOSftOptions {
  /** Normalised advantages are clipped to ± this. Default 3. */
  readonly advantageClip?: number | undefined;
  /** Weights are kept in [weightFloor, weightCap]. Defaults .1 and 5. */
  readonly weightFloor?: number | undefined;
  readonly weightCap?: number | undefined;
  /** Weight of the full-vocabulary KL to the reference. Default .02. */
  readonly klCoefficient?: number | undefined;
  /** Multiply the KL by the trajectory's weight as well. Default false. */
  readonly klInsideWeight?: boolean | undefined;
  /** Divisor of the standard deviation: n − 1 (default) or n. */
  readonly std?: 'unbiased' | 'population' | undefined;
  /** Take no step when all advantages are equal (plain imitation of whatever was sampled). Default true. */
  readonly skipNoSignal?: boolean | undefined;
  /** 'normalised': clamp(a + 1, floor, cap); 'exp': exp(A/β) / mean exp(A/β), neither clipped nor clamped. Default 'normalised'. */
  readonly scheme?: 'normalised' | 'exp' | undefined;
  /** β of scheme 'exp'. Default .5. */
  readonly expBeta?: number | undefined;
}

const sftDefaults = {
  advantageClip: 3,
  weightFloor: 0.1,
  weightCap: 5,
  klCoefficient: 0.02,
  klInsideWeight: false,
  std: 'unbiased' as 'unbiased' | 'population',
  skipNoSignal: true,
  scheme: 'normalised' as 'normalised' | 'exp',
  expBeta: 0.5,
};

/**
 * Advantages turned into positive weights of a cross-entropy on the policy's own samples:
 * a = clip((A − mean) / (std + 1e-6), ±3), w = clamp(a + 1, .1, 5), L = mean_i(w_i · CE_i) + c · mean_i(KL_i), CE_i and KL_i being
 * means over the trajectory's rows and KL the full-vocabulary KL(π‖π_ref).
 *
 * Only differences of advantages inside a batch matter here: a constant in V* cancels, and a batch of one has none.
 */
export function astarPOSft(options: AStarPOSftOptions = {}): Objective {
  const chosen = withDefaults('astar-po-sft', sftDefaults, options);
  checkRange('advantageClip', chosen.advantageClip, 0);
  checkRange('weightFloor', chosen.weightFloor, 0);
  checkRange('weightCap', chosen.weightCap, chosen.weightFloor);
  checkRange('klCoefficient', chosen.klCoefficient, 0);
  checkRange('expBeta', chosen.expBeta, Number.MIN_VALUE);
  checkChoice('std', chosen.std, ['unbiased', 'population']);
  checkChoice('scheme', chosen.scheme, ['normalised', 'exp']);
  const { klCoefficient, klInsideWeight } = chosen;
  return {
    name: 'astar-po-sft',
    options: chosen,
    needs: { reference: klCoefficient > 0 ? 'rows' : 'logp', samplesPerTask: 1, vstar: true },
    prepare: (batch) => prepareWeights(batch, chosen),
    weights: (view, prepared) => {
      const trajectories = countWithRows(prepared.items);
      const likelihood = weightedLikelihoodLoss(view, prepared, { trajectories });
      const metrics: Record<string, number> = { 'loss/pg': likelihood.loss };
      if (klCoefficient === 0) return { logp: likelihood.gradient, loss: likelihood.loss, metrics };
      const kl = sequenceMeanKl(required(view.kl, 'kl'), view.offsets, {
        coefficient: klCoefficient,
        trajectories,
        weight: klInsideWeight ? (i) => prepared.weights[view.first + i] as number : () => 1,
      });
      metrics['loss/kl'] = kl.loss;
      metrics['kl/full'] = kl.share;
      return { logp: likelihood.gradient, kl: kl.gradient, loss: likelihood.loss + kl.loss, metrics };
    },
  };
}

function prepareWeights(batch: WholeBatch, options: typeof sftDefaults): Prepared {
  const { items } = batch;
  const use = (i: number) => hasRows(items[i] as BatchItem);
  const values = advantages(items, vstarBaseline(items));
  const normalised = whiten(values, use, options.std);
  const clipped = clip(normalised, options.advantageClip);
  const weights =
    options.scheme === 'exp'
      ? exponentialWeights(values, use, options.expBeta)
      : shiftedWeights(clipped, options.weightFloor, options.weightCap);
  const used = weights.filter((_, i) => use(i));
  const noSignal = used.length === 0 || (options.skipNoSignal && normalised.every((value) => value === 0));
  const share = (count: number) => count / used.length;
  const metrics: Record<string, number> = { ...advantageMetrics(items, values), ...baselineMetrics(batch) };
  if (used.length > 0) {
    Object.assign(metrics, {
      'adv/norm_mean': mean(clipped.filter((_, i) => use(i))),
      'adv/clip_ratio': share(normalised.filter((value, i) => use(i) && Math.abs(value) > options.advantageClip).length),
      'weight/mean': mean(used),
      'weight/min': minimum(used),
      'weight/max': maximum(used),
      'weight/at_floor': share(used.filter((weight) => weight <= options.weightFloor).length),
    });
  }
  const warnings =
    used.length === 1
      ? ['astar-po-sft: a batch of one trajectory has no relative advantage; raise batchSize and lower microBatchTokens instead']
      : [];
  return { items, advantages: values, weights, skip: noSignal ? 'no_signal' : undefined, metrics, warnings };
}

const presets: Readonly<Record<string, (overrides: object) => Objective>> = {
  'astar-po': astarPO,
  'astar-po-sft': astarPOSft,
};

/** Names of the presets. */
export const objectiveNames: readonly string[] = Object.keys(presets);

/** A preset by name. Throws ASTARPO_OPTION or ASTARPO_UNKNOWN_OPTION naming the nearest. */
export function objectivePreset(name: string, overrides: AStarPOOptions | AStarPOSftOptions = {}): Objective {
  const preset = Object.hasOwn(presets, name) ? presets[name] : undefined;
  if (preset === undefined) {
    throw new AStarPOError('ASTARPO_OPTION', `unknown objective ${name}`, { hint: nameHint(name, objectiveNames, 'objectives') });
  }
  return preset(overrides);
}

/** V* of the tasks that this batch drew. */
function baselineMetrics(batch: WholeBatch): Record<string, number> {
  const values = batch.items.filter(hasRows).map((item) => item.vstar as number);
  if (values.length === 0) return {};
  return {
    'vstar/mean': mean(values),
    'vstar/std': standardDeviation(values, 'population'),
    'vstar/min': minimum(values),
    'vstar/max': maximum(values),
  };
}

function countWithRows(items: readonly BatchItem[]): number {
  let count = 0;
  for (const item of items) if (hasRows(item)) count++;
  return count;
}

function countRows(items: readonly BatchItem[]): number {
  let rows = 0;
  for (const item of items) rows += item.rows;
  return rows;
}

function required(values: Float32Array | undefined, name: string): Float32Array {
  if (values === undefined) throw new AStarPOError('ASTARPO_INTERNAL', `expected the forward pass to give ${name} per row`);
  return values;
}
