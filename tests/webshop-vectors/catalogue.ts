import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readCatalogue } from '../../lib/env/webshop/catalogue/catalogue-files.ts';
import { GeneratedGoals } from '../../lib/env/webshop/catalogue/goals.ts';
import { manifestName } from '../../lib/env/webshop/catalogue/imported-catalogue.ts';
import { ProductList } from '../../lib/env/webshop/catalogue/product-source.ts';
import { listProducts } from '../../lib/env/webshop/catalogue/products.ts';
import { sourceKind } from '../../lib/env/webshop/catalogue/source-kinds.ts';
import { PythonRandom } from '../../lib/env/webshop/python/python-random.ts';
import { WebShopEnv } from '../../lib/env/webshop/webshop-env.ts';

/** Products that recordings were made over. */
export class Catalogue {
  readonly folder: string;
  /** As users open it. */
  readonly env: WebShopEnv;
  #bounds: Promise<readonly number[]> | undefined;

  private constructor(folder: string, env: WebShopEnv) {
    this.folder = folder;
    this.env = env;
  }

  static async open(folder: string): Promise<Catalogue> {
    return new Catalogue(folder, await WebShopEnv.open({ data: folder }));
  }

  /** Whether a folder holds a catalogue. */
  static isIn(folder: string): boolean {
    return existsSync(folder) && readdirSync(folder).some((name) => name === manifestName || sourceKind(name) === 'products');
  }

  /**
   * Price bounds of all goals by index, drawn as the original draws them when it is seeded with 4 before it loads: one draw goes to its console.
   * Undefined for an imported folder, which does not keep the original's files.
   */
  async boundsOfSeed4(): Promise<readonly number[] | undefined> {
    if (existsSync(join(this.folder, manifestName))) return undefined;
    this.#bounds ??= drawBounds(this.folder);
    return this.#bounds;
  }
}

async function drawBounds(folder: string): Promise<number[]> {
  const random = new PythonRandom(4);
  random.bits(32);
  const { raw } = await readCatalogue(folder, { human: false });
  const goals = new GeneratedGoals(new ProductList(listProducts(raw), random), random);
  random.seed(233);
  goals.shuffle(random);
  return Array.from(goals, ({ priceUpper }) => priceUpper);
}
