import { expect, test } from 'vitest';
import { normalizeColor } from '../../../lib/env/webshop/reward/normalize.ts';
import { normalizeColorSize } from '../../../lib/env/webshop/reward/normalize-sizes.ts';

test('a colour is the first colour word, in the order of the alphabet, that a text contains', () => {
  const texts = ['', 'black forest', 'violet lavender', 'steelivy fuchsia', '123alabaster', 'webshop', 'light blue', 'titanium', 'Red'];
  expect(texts.map(normalizeColor)).toEqual(['', 'black', 'lavender', 'fuchsia', 'alabaster', 'webshop', 'blue', 'tan', 'Red']);
});

test('colours and sizes are filed as by the original', () => {
  const { colors, sizes } = normalizeColorSize(
    [
      ['black forest', '3 meter'],
      ['violet lavender', 'xx-large'],
      ['steelivy fuchsia', 'random value'],
      ['123alabaster', '40cm plus'],
      ['webshop', '142'],
      ['webshopsteel', '2 petite'],
      ['Leather Black', '91ft Walnut Feet'],
    ].map(([color = '', size = '']) => ({ color, size })),
  );
  expect(Object.fromEntries(colors)).toEqual({
    'N.A.': 'not_matched',
    'black forest': 'black',
    'violet lavender': 'lavender',
    'steelivy fuchsia': 'fuchsia',
    '123alabaster': 'alabaster',
    webshop: 'not_matched',
    webshopsteel: 'steel',
    'leather black': 'black',
  });
  expect(Object.fromEntries(sizes)).toEqual({
    'N.A.': 'not_matched',
    '3 meter': '(.*)meter',
    'xx-large': 'xx-large',
    'random value': 'not_matched',
    '40cm plus': '(.*)plus',
    '142': 'numeric_size',
    '2 petite': '(.*)petite',
    '91ft walnut feet': '(.*)ft',
  });
  const more = ['7.5', '1.5.2', '16" x 16"', '12"', '40cm', '5g', '8-10', 'v neck long sleeve', 'x-wide', 'small women | large men'];
  const classes = normalizeColorSize(more.map((size) => ({ color: '', size }))).sizes;
  expect(more.map((size) => classes.get(size))).toEqual([
    ...['numeric_size', 'not_matched', '(.*)x(.*)', '(\\d+)"$', '(\\d+)cm$', '(\\d+)g$', '(.*)\\-(.*)', '(.*)neck(.*)sleeve'],
    ...['(.*)wide', 'large'],
  ]);
});
