import { searchableText } from './products.ts';
import type { WebShopEnv } from './webshop-env.ts';

/**
 * What a tokenizer for this shop should know: the words of every product as pages show them, and the instructions of the
 * goals in `split` (held-out goals stay unseen).
 */
export function* catalogueTexts(env: WebShopEnv, split = 'train'): Generator<string, void, undefined> {
  for (const product of env.shop.products) {
    yield `${product.asin} ${product.title} ${product.priceText}`;
    yield `${product.description}\n${product.bullets.join('\n')}\n${product.productCategory}\n${product.attributes.join('\n')}`;
    for (const [name, values] of product.options) yield `${name}: ${values.join(' / ')}`;
    // Actions are written in lower case and without a blank before the first word.
    yield searchableText(product);
    for (const values of product.options.values()) for (const value of values) yield value;
    for (const attribute of product.attributes) yield attribute;
  }
  const tasks = env.tasks(split);
  for (let place = 0; place < tasks.length; place++) yield tasks.at(place).instruction;
  for (const page of shopWords) yield page;
}

/** The words of buttons and actions; often enough that each becomes few tokens. */
const shopWords = Array.from({ length: 50 }, () =>
  [
    'search[', 'click[', ']', 'search', 'back to search | < prev | next >', 'buy now', 'page 1, 50 results | back to search | next >',
    'description | features | reviews', 'WebShop [SEP] Instruction: [SEP] Search', 'Back to Search [SEP] Page 1 (Total results: 50) [SEP] Next >',
    'Buy Now', 'Price: $', 'Rating: N.A.', 'Description', 'Features', 'Reviews', 'ok', 'no change', 'bought, score 1.00', 'price lower than 50.00 dollars',
  ].join('\n'),
);
