import { z } from 'zod';
import { noBound } from '../catalogue/goals.ts';
import { buttonNames } from '../shop/buttons.ts';

/*
 * The JSON file of a mini-shop: products, and tasks that ask for them. What every field means stands in docs/mini-shop.md; defaults are
 * filled in here, texts are brought into the shop's form in mini-shop.ts.
 */

const filled = z.string().refine((text) => text.trim() !== '', 'expected a text with at least one letter');

/** In pages, URLs and actions ids stand as they are, so they must not need quoting; numbers are as good as their digits. */
const id = z
  .union([z.string(), z.int()], { error: 'expected an id: text or an integer' })
  .transform(String)
  .refine((text) => /^[\w.-]{1,64}$/.test(text), 'expected an id of 1 to 64 letters, digits, "-", "_" or "."');

const price = z
  .union([z.number(), z.string()], { error: 'expected a price: a number, or text such as "$19.99" or "$10 to $20"' })
  .transform((value, context): readonly [low: number, high?: number] => {
    const range = typeof value === 'number' ? ([value] as const) : priceRange(value);
    if (range === undefined) context.addIssue({ code: 'custom', message: 'expected a price such as 19.99, "$19.99" or "$10 to $20"' });
    else if (!range.every((end = 0) => end >= 0 && end <= noBound))
      context.addIssue({ code: 'custom', message: 'expected a price from 0 to 1,000,000 dollars' });
    else if ((range[1] ?? range[0]) < range[0]) context.addIssue({ code: 'custom', message: 'expected the lower price of a range first' });
    return range ?? [0];
  });

/** Brackets and line ends would end the action that chooses it. */
const choosable = filled
  .refine((text) => !/[[\]\n\r\u2028\u2029]/.test(text), 'expected a value without brackets and line ends: it could not be clicked')
  .refine(
    (text) => !buttonNames.has(text.trim().toLowerCase()),
    'expected a value that is not the name of a button: it could not be clicked',
  );

const product = z.strictObject({
  id,
  title: filled,
  price,
  category: filled,
  query: filled.optional(),
  description: z.string().default(''),
  features: z.array(z.string()).default([]),
  attributes: z.array(filled).default([]),
  options: z.record(filled, z.array(choosable).min(1, 'expected at least one value')).default({}),
});

const task = z.strictObject({
  id,
  instruction: filled,
  product: id.optional(),
  category: filled.optional(),
  query: filled.optional(),
  attributes: z.array(filled).default([]),
  options: z
    .union([z.record(filled, filled), z.array(filled)], { error: 'expected options by name ({ "color": "red" }) or a list of values' })
    .default([]),
  maxPrice: z
    .number()
    .refine((dollars) => dollars > 0 && dollars < noBound, 'expected dollars above 0 and below 1,000,000')
    .optional(),
  split: z.enum(['train', 'dev', 'test', 'all']).optional(),
});

export const miniShopSchema = z.strictObject({
  products: z.array(product).min(1, 'expected at least one product'),
  tasks: z.array(task).min(1, 'expected at least one task'),
});

export type MiniShopFile = z.output<typeof miniShopSchema>;
export type MiniProduct = MiniShopFile['products'][number];
export type MiniTask = MiniShopFile['tasks'][number];

/** `$10 to $20` as its ends; undefined for what is no price. The dollar signs may be left out. */
function priceRange(text: string): readonly [low: number, high?: number] | undefined {
  const match = /^\s*\$?(\d+(?:\.\d+)?)(?:\s+to\s+\$?(\d+(?:\.\d+)?))?\s*$/.exec(text);
  if (match === null) return undefined;
  const [, low, high] = match;
  return high === undefined ? [Number(low)] : [Number(low), Number(high)];
}
