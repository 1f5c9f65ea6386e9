import { ProductList } from '../catalogue/product-source.ts';
import { searchableText } from '../catalogue/products.ts';
import { PythonRandom } from '../python/python-random.ts';
import { indexDocuments } from '../search/index-builder.ts';
import { Searcher } from '../search/searcher.ts';
import type { OpenShop } from '../shop/open-shop.ts';
import { Shop } from '../shop/shop.ts';
import type { ResolvedOptions } from '../webshop-options.ts';
import { crossProblems, ListedGoals, miniProducts, miniShopHash, miniSplits } from './mini-shop.ts';
import { readMiniShop, wrongFile } from './mini-shop-file.ts';

/**
 * The shop of one JSON file of products and tasks; see docs/mini-shop.md. Goals are its tasks in their order, splits what they say; `random` draws
 * what price ranges cost. Errors:
 * `ASTARPO_IO` when it cannot be read, `ASTARPO_DATA`, naming places in the file, when it is wrong.
 */
export async function openMiniShop(
  path: string,
  { priceSeed, searchThreads }: ResolvedOptions,
  random = new PythonRandom(priceSeed),
): Promise<OpenShop> {
  const file = await readMiniShop(path);
  const problems = crossProblems(file);
  if (problems.length > 0) throw wrongFile(path, problems);
  const listedProducts = miniProducts(file);
  const products = new ProductList(listedProducts, random);
  const index = indexDocuments(Array.from(products, (product) => [product.asin, searchableText(product)] as const));
  const shop = new Shop(products, new ListedGoals(file.tasks, listedProducts), new Searcher(index, searchThreads));
  const catalogue = { catalogue: miniShopHash(file), products: products.length, goals: 'listed', priceSeed };
  return { shop, splits: miniSplits(file.tasks), catalogue, random };
}
