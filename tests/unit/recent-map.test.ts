import { expect, it } from 'vitest';
import { RecentMap } from '../../lib/util/recent-map.ts';

it('counts entries; the one that was not asked for the longest goes', () => {
  const recent = new RecentMap<number, number>(2);
  const made: number[] = [];
  const get = (key: number) =>
    recent.getOrMake(key, () => {
      made.push(key);
      return -key;
    });
  for (const key of [1, 2, 1, 3, 1, 2]) expect(get(key)).toBe(-key);
  expect(made).toEqual([1, 2, 3, 2]);
  expect(recent).toMatchObject({ size: 2, weight: 2 });
});

it('weighs entries where told how, and keeps none that is heavier than all may be', () => {
  const recent = new RecentMap<string, string>(10, (key, value) => key.length + value.length);
  recent.set('a', 'xxx');
  recent.set('b', 'xxx');
  recent.set('a', 'xx');
  expect(recent.weight).toBe(7);
  recent.set('c', 'xxxxxx');
  expect(['a', 'b', 'c'].map((key) => recent.has(key))).toEqual([true, false, true]);
  recent.set('d', 'x'.repeat(10));
  expect(recent).toMatchObject({ size: 2, weight: 10 });
  expect(recent.get('d')).toBeUndefined();
  expect(recent.getOrMake('d', () => 'y'.repeat(20))).toBe('y'.repeat(20));
  expect(recent.has('d')).toBe(false);
});
