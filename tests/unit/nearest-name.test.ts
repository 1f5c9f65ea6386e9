import { describe, expect, it } from 'vitest';
import { editDistance, nameHint, nearestName } from '../../lib/util/nearest-name.ts';

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['abc', '', 3],
    ['kitten', 'sitting', 3],
    ['ca', 'ac', 1],
    ['teh', 'the', 1],
    ['steps', 'stpes', 1],
    ['a', 'b', 1],
  ])('%s → %s is %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
    expect(editDistance(b, a)).toBe(distance);
  });
});

describe('nearestName', () => {
  const known = ['batch', 'steps', 'learning-rate', 'beta1', 'beta2'];
  it('finds a misspelling, a swap and a beginning', () => {
    expect(nearestName('bacth', known)).toBe('batch');
    expect(nearestName('learn', known)).toBe('learning-rate');
    expect(nearestName('STEPS', known)).toBe('steps');
    expect(nearestName('batch-size', known)).toBe('batch');
  });
  it('finds nothing far away', () => {
    expect(nearestName('colour', known)).toBeUndefined();
    expect(nameHint('colour', ['a', 'b'], 'options')).toBe('options: a, b');
  });
});
