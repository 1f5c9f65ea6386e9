import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maximum, mean } from '../../lib/util/statistics.ts';
import { adaptiveSamples, estimateVStar } from '../../lib/vstar/estimator.ts';

const soft = (returns: number[], beta = 0.5) => estimateVStar(returns, { beta, mode: 'soft' }).value;
const wins = (count: number, of: number) => Array.from({ length: of }, (_, i) => (i < count ? 1 : 0));

describe('V*', () => {
  it.each([
    [wins(0, 8), 0.5, 0],
    [wins(8, 8), 0.5, 1],
    [wins(1, 8), 0.5, 0.293513],
    [wins(1, 8), 1, 0.194567],
    [wins(1, 8), 0.1, 0.792088],
    [wins(1, 8), 0.001, 0.997921],
    [wins(1, 8), 1e6, 0.125],
    [wins(2, 8), 0.5, 0.477229],
    [wins(4, 8), 0.5, 0.71689],
    [wins(7, 8), 0.5, 0.942809],
    [[-1.1, -1, -0.3, 2], 0.5, 1.31408],
    [[0, 1 / 3, 1 / 2, 1], 0.5, 0.591441],
    [[1000, 999], 0.5, 999.71689],
  ])('of %j with β1 = %d is %d', (returns, beta, expected) => {
    expect(soft(returns, beta)).toBeCloseTo(expected, 6);
  });

  it('of equal returns is that return exactly', () => {
    for (const value of [0, 1, 0.1, -1000, 1e300]) expect(soft([value, value, value])).toBe(value);
  });

  it('lies between mean and maximum, and grows as β1 falls', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 1, maxLength: 16 }), (returns) => {
        let last = mean(returns) - 1e-9;
        for (const beta of [100, 3, 0.5, 0.01]) {
          const value = soft(returns, beta);
          expect(value).toBeGreaterThanOrEqual(last - 1e-9);
          expect(value).toBeLessThanOrEqual(maximum(returns));
          last = value;
        }
      }),
    );
  });

  it('has modes of its own for the limits', () => {
    const of = (mode: 'max' | 'mean' | 'zero') => estimateVStar([0, 0, 1, 1], { beta: 0, mode }).value;
    expect([of('max'), of('mean'), of('zero')]).toEqual([1, 0.5, 0]);
  });

  it('has the standard error of the delta method', () => {
    const returns = wins(2, 8);
    const exponentials = returns.map((r) => Math.exp(r / 0.5));
    const average = mean(exponentials);
    const deviation = Math.sqrt(exponentials.reduce((total, e) => total + (e - average) ** 2, 0) / 7);
    const { standardError } = estimateVStar(returns, { beta: 0.5, mode: 'soft' });
    expect(standardError).toBeCloseTo((0.5 * deviation) / (Math.sqrt(8) * average), 12);
    expect(estimateVStar([1], { beta: 0.5, mode: 'soft' }).standardError).toBe(0);
  });

  it('refuses what it cannot mean', () => {
    for (const beta of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => soft([0, 1], beta)).toThrow(expect.objectContaining({ code: 'ASTARPO_OPTION' }));
    }
    expect(() => soft([])).toThrow(expect.objectContaining({ code: 'ASTARPO_VSTAR_MISSING' }));
    expect(() => soft([1, Number.NaN])).toThrow(expect.objectContaining({ code: 'ASTARPO_REWARD' }));
    expect(() => estimateVStar([1], { beta: 1, mode: 'hard' as 'max' })).toThrow(expect.objectContaining({ code: 'ASTARPO_OPTION' }));
  });

  it.each([
    [8, [8, 8, 4, 4, 2]],
    [16, [16, 16, 8, 8, 4]],
    [5, [5, 5, 4, 4, 2]],
    [4, [4, 4, 4, 4, 2]],
    [2, [2, 2, 2, 2, 2]],
  ])('adaptive sampling from %d', (n, expected) => {
    expect([0, 29, 30, 99, 100].map((step) => adaptiveSamples(n, step))).toEqual(expected);
  });
});
