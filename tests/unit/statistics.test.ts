import { describe, expect, it } from 'vitest';
import {
  bootstrapInterval,
  maximum,
  mean,
  minimum,
  passAtK,
  quantile,
  standardDeviation,
  wilsonInterval,
} from '../../lib/util/statistics.ts';

describe('statistics', () => {
  it('bootstrap interval of a mean', () => {
    const values = Array.from({ length: 400 }, (_, i) => (i % 4 === 0 ? 1 : 0));
    const { lo, hi } = bootstrapInterval(values);
    // Of a share of 1/4 of 400 the normal one is 0.25 ± 0.0424.
    expect(lo).toBeCloseTo(0.25 - 0.0424, 2);
    expect(hi).toBeCloseTo(0.25 + 0.0424, 2);
    expect(bootstrapInterval(values)).toEqual({ lo, hi });
    expect(bootstrapInterval([0.7])).toEqual({ lo: 0.7, hi: 0.7 });
    expect(bootstrapInterval([]).lo).toBeNaN();
  });

  it('mean, deviation and extremes', () => {
    expect(mean([1, 2, 3, 6])).toBe(3);
    expect(standardDeviation([1, 2, 3, 6], 'population')).toBeCloseTo(Math.sqrt(3.5), 12);
    expect(standardDeviation([1, 2, 3, 6], 'unbiased')).toBeCloseTo(Math.sqrt(14 / 3), 12);
    expect(standardDeviation([5], 'population')).toBe(0);
    expect(standardDeviation([5], 'unbiased')).toBeNaN();
    expect(mean([])).toBeNaN();
    const many = Float64Array.from({ length: 300_000 }, (_, i) => i);
    expect([minimum(many), maximum(many)]).toEqual([0, 299_999]);
  });

  it('quantiles as numpy interpolates them', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([4, 1, 3, 2], 0.25)).toBe(1.75);
    expect(quantile([10, 9, 100], 1)).toBe(100);
    expect(quantile([], 0.5)).toBeNaN();
  });

  it('Wilson intervals', () => {
    const rounded = (successes: number, trials: number) => {
      const { lo, hi } = wilsonInterval(successes, trials);
      return [lo.toFixed(3), hi.toFixed(3)];
    };
    // One success in ten says almost nothing.
    expect(rounded(1, 10)).toEqual(['0.018', '0.404']);
    expect(rounded(10, 100)).toEqual(['0.055', '0.174']);
    expect(rounded(50, 500)).toEqual(['0.077', '0.129']);
    expect(wilsonInterval(0, 10).lo).toBe(0);
    expect(wilsonInterval(10, 10).hi).toBe(1);
    expect(wilsonInterval(0, 0)).toEqual({ lo: 0, hi: 1 });
  });

  it('pass@k is unbiased', () => {
    expect(passAtK(8, 2, 4)).toBeCloseTo(0.785714, 6);
    expect(passAtK(8, 2, 1)).toBeCloseTo(0.25, 12);
    expect(passAtK(8, 0, 8)).toBe(0);
    expect(passAtK(8, 1, 8)).toBe(1);
    expect(() => passAtK(4, 1, 5)).toThrow(RangeError);
  });
});
