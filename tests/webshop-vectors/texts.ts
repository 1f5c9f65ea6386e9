import { colorOfPair, normalizeColor } from '../../lib/env/webshop/reward/normalize.ts';
import { tokenSetRatio } from '../../lib/env/webshop/reward/token-set-ratio.ts';
import { listOf } from './format.ts';
import { shown } from './records.ts';

/** token_set_ratio of thefuzz 0.19 on difflib. */
export const ratioFormat = listOf<{ a: string; b: string; score: number }>(
  'token_set_ratio',
  ['a', 'b', 'score'],
  (tally, { a, b, score }, where) => tally.same(`${where}: ${shown([a, b])}`, tokenSetRatio(a, b), score),
);

/** normalize_color of a value, or of a [name, value] pair. */
export const colorFormat = listOf<{ x: string | [string, string]; result: unknown }>(
  'normalize_color',
  ['x', 'result'],
  (tally, { x, result }, where) =>
    tally.same(`${where}: ${shown(x)}`, typeof x === 'string' ? normalizeColor(x) : (colorOfPair(...x) ?? x), result),
);
