import { describe, expect, test } from 'vitest';
import { type GoalList, goalSplits, splitSchemes } from '../../../lib/env/webshop/shop/splits.ts';

const goals = 6910;
const indices = (list: GoalList | undefined): number[] => Array.from({ length: list?.length ?? 0 }, (_, place) => list?.at(place) ?? -1);

describe('the splits of 6,910 goals', () => {
  test('of the paper are ranges', () => {
    const { test: tested, dev, train } = goalSplits('paper', goals);
    expect([tested, dev, train].map((list) => [list?.length, list?.at(0)])).toEqual([
      [500, 0],
      [1000, 500],
      [5410, 1500],
    ]);
    expect(train?.at(5410)).toBeUndefined();
    expect(train?.at(-1)).toBeUndefined();
  });

  test('of the original with a number of products are all goals, every time', () => {
    const splits = goalSplits('upstream', goals);
    for (const name of ['train', 'dev', 'test', 'all']) expect(splits[name]?.length).toBe(goals);
  });

  test('of RAGEN are its permutation’s ranges', () => {
    const splits = goalSplits('ragen', goals);
    // Random(42) over 6,910 goals, recorded.
    expect(indices(splits.test).slice(0, 10)).toEqual([6684, 875, 327, 2233, 5861, 4252, 2017, 4263, 6129, 6313]);
    const [tested, val, train] = [splits.test, splits.val, splits.train].map(indices);
    expect(new Set([...(tested ?? []), ...(val ?? []), ...(train ?? [])]).size).toBe(goals);
  });

  test('of verl-agent and AgentGym are theirs', () => {
    const verl = goalSplits('verl-agent', goals);
    expect([verl.train?.at(0), verl.train?.length, verl.test?.length]).toEqual([500, 6410, 500]);
    expect(Object.keys(goalSplits('agentgym', goals))).toEqual(['all']);
  });

  test('exist for any number of goals', () => {
    for (const scheme of splitSchemes) {
      for (const few of [1, 13, 500, 501, 1500]) {
        const splits = goalSplits(scheme, few);
        expect(indices(splits.all).sort((a, b) => a - b)).toEqual(Array.from({ length: few }, (_, i) => i));
        for (const list of Object.values(splits)) expect(indices(list).every((index) => index >= 0 && index < few)).toBe(true);
      }
    }
  });
});
