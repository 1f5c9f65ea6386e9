import { createHash } from 'node:crypto';
import { AStarPOError } from '../../../errors.ts';
import { canonicalJson, type JsonObject } from '../../../util/json.ts';
import { readCatalogue } from '../catalogue/catalogue-files.ts';
import { GeneratedGoals, HumanGoals } from '../catalogue/goals.ts';
import { openImported } from '../catalogue/imported-catalogue.ts';
import { ProductList, type ProductSource } from '../catalogue/product-source.ts';
import { listProducts, searchableText } from '../catalogue/products.ts';
import { PythonRandom } from '../python/python-random.ts';
import { indexDocuments } from '../search/index-builder.ts';
import type { SearchIndex } from '../search/search-index.ts';
import { Searcher } from '../search/searcher.ts';
import { makeSyntheticShop, type Split } from '../synthetic/synthetic.ts';
import type { ResolvedOptions } from '../webshop-options.ts';
import { Shop } from './shop.ts';
import { goalSplits, listed, type Splits } from './splits.ts';

/** Seed of WebShop's goal order: published goal indices mean the order that it gives. */
const goalOrderSeed = 233;

/** What an environment is made of; `catalogue` names all of it that changes behaviour. */
export interface OpenShop {
  readonly shop: Shop;
  readonly splits: Splits;
  readonly catalogue: JsonObject;
  /** As loading left it: what the original draws next. */
  readonly random: PythonRandom;
}

/**
 * The shop of a folder with a real or imported catalogue; range prices, price bounds and the order of the goals are drawn from `random`, as
 * the original draws them. Errors: `ASTARPO_DATA`, `ASTARPO_OPTION`.
 */
export async function openReal(folder: string, options: ResolvedOptions, random = new PythonRandom(options.priceSeed)): Promise<OpenShop> {
  const opened = await openCatalogue(folder, options, random);
  try {
    return shopOf(opened, folder, options, random);
  } catch (error) {
    opened.products.close();
    throw error;
  }
}

function shopOf({ products, index, hash }: OpenCatalogue, folder: string, options: ResolvedOptions, random: PythonRandom): OpenShop {
  const { priceSeed, humanGoals, splits } = options;
  const goals = humanGoals ? new HumanGoals(products, random) : new GeneratedGoals(products, random);
  if (goals.length === 0) {
    throw new AStarPOError('ASTARPO_DATA', `expected goals in ${folder}, got none for ${products.length} products`, {
      hint: humanGoals
        ? 'items_human_ins.json has none for these products, or was not there when the folder was imported'
        : 'goals come from the instructions in items_ins_v2.json: it may belong to other products',
    });
  }
  // verl-agent puts its own seed in the place of the original's.
  random.seed(splits === 'verl-agent' ? priceSeed : goalOrderSeed);
  goals.shuffle(random);
  const catalogue = { catalogue: hash, products: products.length, goals: humanGoals ? 'human' : 'generated', priceSeed, splits };
  return {
    shop: new Shop(products, goals, new Searcher(index, options.searchThreads)),
    splits: goalSplits(splits, goals.length),
    catalogue,
    random,
  };
}

interface OpenCatalogue {
  readonly products: ProductSource;
  readonly index: SearchIndex;
  readonly hash: string;
}

/** An imported folder, or one with the original's files, which are then loaded into memory. */
async function openCatalogue(folder: string, { productCount, humanGoals }: ResolvedOptions, random: PythonRandom): Promise<OpenCatalogue> {
  const imported = await openImported(folder, random);
  if (imported !== undefined) {
    const { key, entries, products } = imported;
    // It counts entries of the file, of which some are no products.
    if (productCount !== undefined && productCount !== entries && productCount !== products.length) {
      products.close();
      throw new AStarPOError('ASTARPO_OPTION', `expected productCount to be what was imported (${entries}), got ${productCount}`, {
        hint: 'import the catalogue again with another count',
      });
    }
    return { ...imported, hash: key };
  }
  const { raw, hash } = await readCatalogue(folder, { human: humanGoals });
  const listed = listProducts(raw, { count: productCount });
  if (listed.length === 0) {
    throw new AStarPOError('ASTARPO_DATA', `expected products with an asin of at most ten characters in ${folder}, got none`, {
      hint: 'the product file may be cut off or another one: fetch it again',
    });
  }
  const products = new ProductList(listed, random);
  return { products, index: indexOf(products), hash };
}

/** The shop of made-up products. Errors: `ASTARPO_OPTION`. */
export function openSynthetic(options: ResolvedOptions): OpenShop {
  const { products, goals, splitOf, random } = makeSyntheticShop(options.synthetic);
  const asked = Array.from(goals, ({ asin }) => splitOf.get(asin));
  const all = asked.map((_, index) => index);
  const of = (split: Split) => listed(all.filter((index) => asked[index] === split));
  const hash = createHash('sha256');
  for (const { instruction, priceUpper } of goals) hash.update(canonicalJson([instruction, priceUpper]));
  for (const { asin, title, description, priceText, options: choices } of products) {
    hash.update(canonicalJson([asin, title, description, priceText, ...[...choices].flat(2), splitOf.get(asin) ?? '']));
  }
  const splits = { train: of('train'), dev: of('dev'), test: of('test'), all: listed(all) };
  const catalogue = { catalogue: hash.digest('hex'), synthetic: { ...options.synthetic } };
  return { shop: new Shop(products, goals, new Searcher(indexOf(products), options.searchThreads)), splits, catalogue, random };
}

function indexOf(products: ProductSource): SearchIndex {
  return indexDocuments(Array.from(products, (product) => [product.asin, searchableText(product)] as const));
}
