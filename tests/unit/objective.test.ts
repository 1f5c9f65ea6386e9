import { describe, expect, it } from 'vitest';
import { whiten } from '../../lib/objective/advantage.ts';
import type { BatchItem, Objective, PassView, Prepared } from '../../lib/objective/objective.ts';
import { astarPO, astarPOSft, objectivePreset } from '../../lib/objective/presets.ts';
import { k3 } from '../../lib/objective/regulariser.ts';
import { exponentialWeights } from '../../lib/objective/weights.ts';

const item = (changes: Partial<BatchItem> = {}): BatchItem => ({
  ...{ taskId: 't', return: 0, vstar: 0, rows: 1, sampledLogp: 0, referenceLogp: 0 },
  ...changes,
});
const ofAdvantages = (values: number[]) => values.map((value) => item({ return: value }));
const prepare = (objective: Objective, items: BatchItem[]) => objective.prepare({ items });
const close = (actual: Iterable<number>, expected: number[], digits = 5) => {
  for (const [i, value] of [...actual].entries()) expect(value).toBeCloseTo(expected[i] as number, digits);
};
/** One micro-batch with the given log-probs per trajectory. */
const view = (logps: number[][], extra: Partial<PassView> = {}): PassView => {
  const offsets = [0];
  for (const rows of logps) offsets.push((offsets.at(-1) as number) + rows.length);
  return {
    first: 0,
    offsets: Int32Array.from(offsets),
    logp: Float32Array.from(logps.flat()),
    kl: undefined,
    entropy: undefined,
    ...extra,
  };
};

describe('astar-po', () => {
  // S = −42 in two rows, S_ref = −40, r = 1, V* = .293513
  const one = [item({ return: 1, vstar: 0.293513, rows: 2, referenceLogp: -40 })];
  const row = view([[-20, -22]]);

  it.each([
    [1e-3, 0.501954, -0.001416974],
    [0.5, 1.706487 ** 2, -1.706487],
  ])('loss and gradient with β2 = %d', (beta2, loss, gradient) => {
    const objective = astarPO({ beta2 });
    const prepared = prepare(objective, one);
    const weights = objective.weights(row, prepared);
    expect(weights.loss).toBeCloseTo(loss, 5);
    close(weights.logp, [gradient, gradient], 6);
    expect(weights.metrics['astar/implicit_reward']).toBeCloseTo(-2 * beta2, 12);
  });

  it('has 2·β2 times the gradient of −A_KL·S', () => {
    for (const beta2 of [1e-3, 0.1, 0.5]) {
      const objective = astarPO({ beta2 });
      const anchored = 1 - 0.293513 - beta2 * (-42 + 40);
      close(objective.weights(row, prepare(objective, one)).logp, [-2 * beta2 * anchored, -2 * beta2 * anchored], 12);
    }
  });

  it('has no gradient at θ = reference when r = V*', () => {
    const objective = astarPO();
    const prepared = prepare(objective, [item({ return: 0.7, vstar: 0.7, rows: 2, referenceLogp: Math.fround(-1.1) + Math.fround(-2.3) })]);
    const weights = objective.weights(view([[-1.1, -2.3]]), prepared);
    expect([...weights.logp, weights.loss]).toEqual([0, 0, 0]);
  });

  it('a cut into micro-batches gives the same rows and the same loss', () => {
    const objective = astarPO({ beta2: 0.1, entropyCoefficient: 0.01 });
    const items = [
      item({ return: 1, rows: 2, referenceLogp: -3 }),
      item({ return: 0, vstar: 0.4, rows: 1, referenceLogp: -1 }),
      item({ rows: 3, referenceLogp: -5 }),
    ];
    const logps = [[-1, -2], [-0.5], [-1, -2, -3]];
    const prepared = prepare(objective, items);
    const entropy = (n: number) => Float32Array.from({ length: n }, () => 2);
    const whole = objective.weights(view(logps, { entropy: entropy(6) }), prepared);
    const parts = [
      objective.weights(view(logps.slice(0, 1), { entropy: entropy(2) }), prepared),
      objective.weights(view(logps.slice(1), { first: 1, entropy: entropy(4) }), prepared),
    ];
    expect(parts.flatMap((part) => [...part.logp])).toEqual([...whole.logp]);
    expect(parts.flatMap((part) => [...(part.entropy ?? [])])).toEqual([...(whole.entropy ?? [])]);
    expect((parts[0]?.loss ?? 0) + (parts[1]?.loss ?? 0)).toBeCloseTo(whole.loss, 12);
    expect(whole.entropy?.[0]).toBeCloseTo(-0.01 / 6, 12);
  });

  it('leaves a trajectory without rows out of the mean', () => {
    const objective = astarPO({ beta2: 0.5 });
    const alone = objective.weights(row, prepare(objective, one));
    const beside = objective.weights(view([[-20, -22], []]), prepare(objective, [...one, item({ rows: 0, return: 5 })]));
    expect([beside.loss, ...beside.logp]).toEqual([alone.loss, ...alone.logp]);
    expect(prepare(objective, [item({ rows: 0 })]).skip).toBe('no_signal');
  });

  it('never takes a missing V* for 0', () => {
    for (const objective of [astarPO(), astarPOSft()]) {
      expect(() => prepare(objective, [item({ vstar: undefined })])).toThrow(expect.objectContaining({ code: 'ASTARPO_VSTAR_MISSING' }));
    }
  });
});

describe('astar-po-sft', () => {
  const population = astarPOSft({ std: 'population' });
  const weightsOf = (objective: Objective, values: number[]) => prepare(objective, ofAdvantages(values)).weights;

  it('normalised advantages and weights', () => {
    for (const values of [
      [1, 0, 0, 0],
      [0.7, -0.3, -0.3, -0.3],
    ]) {
      close(weightsOf(population, values), [2.732047, 0.422651, 0.422651, 0.422651]);
      close(weightsOf(astarPOSft(), values), [2.499997, 0.500001, 0.500001, 0.500001]);
      close(
        whiten(Float64Array.from(values), () => true, 'population'),
        [1.732047, -0.577349, -0.577349, -0.577349],
      );
    }
    close(weightsOf(population, [-1, -0.5, 0.5, 1]), [0.1, 0.367545, 1.632455, 2.264909]);
    const rare = Array.from({ length: 16 }, (_, i) => (i === 0 ? 1 : 0));
    const prepared = prepare(population, ofAdvantages(rare));
    close(prepared.weights, [4, ...Array.from({ length: 15 }, () => 0.741802)]);
    expect(prepared.metrics['adv/clip_ratio']).toBe(1 / 16);
    close(
      exponentialWeights(Float64Array.of(0.7, -0.3, -0.3, -0.3), () => true, 0.5),
      [2.844938, 0.385021, 0.385021, 0.385021],
    );
  });

  it('skips a batch without differences, or makes it plain imitation when told to', () => {
    expect(prepare(population, ofAdvantages([0.3, 0.3, 0.3])).skip).toBe('no_signal');
    const insistent = prepare(astarPOSft({ skipNoSignal: false }), ofAdvantages([0.3, 0.3, 0.3]));
    expect(insistent.skip).toBeUndefined();
    expect([...insistent.weights]).toEqual([1, 1, 1]);
  });

  it('takes a spread of rounding noise for none', () => {
    const noise = prepare(astarPOSft({ skipNoSignal: false }), ofAdvantages([0.3, 0.3 + 1e-9, 0.3 - 1e-9]));
    expect([...noise.weights]).toEqual([1, 1, 1]);
  });

  it('has no relative advantage in a batch of one, and says so', () => {
    const single = prepare(astarPOSft(), ofAdvantages([1]));
    expect(single.skip).toBe('no_signal');
    expect([...single.weights]).toEqual([1]);
    expect(single.warnings?.[0]).toMatch(/batchSize/);
  });

  it('leaves trajectories without rows out of mean and deviation', () => {
    const prepared = prepare(population, [...ofAdvantages([1, 0, 0, 0]), item({ rows: 0, return: 100 })]);
    close([...prepared.weights].slice(0, 4), [2.732047, 0.422651, 0.422651, 0.422651]);
  });

  it('weighs log-probs by −w/(B·L) and the KL outside or inside the weight', () => {
    const items = [item({ return: 1, rows: 2 }), item({ return: 0, rows: 1 })];
    const pass = view([[-1, -3], [-2]], { kl: Float32Array.of(0.5, 1.5, 2) });
    const run = (objective: Objective): { prepared: Prepared; weights: ReturnType<Objective['weights']> } => {
      const prepared = prepare(objective, items);
      return { prepared, weights: objective.weights(pass, prepared) };
    };
    const outside = run(astarPOSft({ klCoefficient: 0.1 }));
    const [w0, w1] = outside.prepared.weights as unknown as [number, number];
    close(outside.weights.logp, [-w0 / 4, -w0 / 4, -w1 / 2], 12);
    close(outside.weights.kl ?? [], [0.1 / 4, 0.1 / 4, 0.1 / 2], 12);
    expect(outside.weights.loss).toBeCloseTo((w0 * 2 + w1 * 2) / 2 + (0.1 * (1 + 2)) / 2, 10);
    expect(outside.weights.metrics['kl/full']).toBeCloseTo(1.5, 10);
    const inside = run(astarPOSft({ klCoefficient: 0.1, klInsideWeight: true }));
    close(inside.weights.kl ?? [], [(0.1 * w0) / 4, (0.1 * w0) / 4, (0.1 * w1) / 2], 12);
    expect(astarPOSft().needs.reference).toBe('rows');
    expect(astarPOSft({ klCoefficient: 0 }).needs.reference).toBe('logp');
  });
});

describe('presets', () => {
  it('name the nearest of what is not known', () => {
    const hint = (work: () => unknown) => {
      try {
        work();
      } catch (error) {
        return (error as { hint?: string }).hint;
      }
      return undefined;
    };
    expect(hint(() => objectivePreset('astar-op'))).toMatch(/astar-po/);
    expect(hint(() => objectivePreset('toString'))).toMatch(/astar-po/);
    expect(hint(() => objectivePreset('astar-po', { beta: 1 } as object))).toMatch(/beta2/);
    expect(hint(() => objectivePreset('astar-po-sft', { klCoeficient: 1 } as object))).toMatch(/klCoefficient/);
  });

  it('refuse values that are not allowed', () => {
    const code = expect.objectContaining({ code: 'ASTARPO_OPTION' });
    expect(() => astarPO({ beta2: -1 })).toThrow(code);
    expect(() => astarPO({ beta2: Number.NaN })).toThrow(code);
    expect(() => astarPO({ beta2: 0 })).toThrow(code);
    expect(() => astarPOSft({ weightFloor: 2, weightCap: 1 })).toThrow(code);
    expect(() => astarPOSft({ std: 'biased' as 'unbiased' })).toThrow(code);
  });

  it('k3 is never negative and does not overflow', () => {
    close(
      [k3(0, 0), k3(0.1, 0), k3(-0.1, 0), k3(1, 0), k3(-1, 0), k3(5, 0), k3(-5, 0)],
      [0, 0.004837, 0.005171, 0.367879, 0.718282, 4.006738, 142.413159],
      6,
    );
    expect(k3(-1000, 0)).toBe(k3(-20, 0));
  });
});
