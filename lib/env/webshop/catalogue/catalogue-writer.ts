import { join } from 'node:path';
import { writeFileAtomic } from '../../../util/atomic-file.ts';
import { IndexBuilder } from '../search/index-builder.ts';
import { saveIndex } from '../search/index-file.ts';
import { indexName, type Manifest, manifestFormat, manifestName } from './imported-catalogue.ts';
import { ProductStoreWriter } from './product-store-writer.ts';
import { type ListedProduct, searchableText } from './products.ts';
import type { SourceRecord } from './source-file.ts';

/** Fills a folder with products, their search index and a manifest: what `openImported` opens. */
export class CatalogueWriter {
  readonly #folder: string;
  readonly #products: ProductStoreWriter;
  readonly #index = new IndexBuilder();

  private constructor(folder: string, products: ProductStoreWriter) {
    this.#folder = folder;
    this.#products = products;
  }

  static async create(folder: string): Promise<CatalogueWriter> {
    return new CatalogueWriter(folder, await ProductStoreWriter.create(folder));
  }

  get length(): number {
    return this.#products.length;
  }

  /** Adds a product whose asin did not come before. Throws ASTARPO_IO. */
  async add(product: ListedProduct): Promise<void> {
    await this.#products.add(product);
    this.#index.add(product.asin, searchableText(product));
  }

  /** Builds the index and makes the folder readable; `files` is what the products came from, of so many entries. Throws ASTARPO_IO. */
  async finish(files: readonly SourceRecord[], entries: number): Promise<void> {
    const products = this.#products.length;
    const key = await this.#products.finish();
    await saveIndex(join(this.#folder, indexName), this.#index.finish(), key);
    const manifest: Manifest = { format: manifestFormat, key, products, entries, files };
    await writeFileAtomic(join(this.#folder, manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
  }

  /** Lets go of the files; what was written is of no use. */
  async abandon(): Promise<void> {
    await this.#products.abandon();
  }
}
