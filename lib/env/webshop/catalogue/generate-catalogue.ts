import { createHash } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { AStarPOError } from '../../../errors.ts';
import { ioError } from '../../../util/atomic-file.ts';
import { writeFolderAtomic } from '../../../util/atomic-folder.ts';
import { makeFolder } from '../../../util/make-folder.ts';
import { CatalogueWriter } from './catalogue-writer.ts';
import { GeneratedCatalogue } from './generated-catalogue.ts';
import type { CatalogueResult, ImportProgress } from './import-catalogue.ts';
import { catalogueFolder } from './imported-catalogue.ts';
import { listProduct } from './products.ts';

/** Changes whenever the same seed would give other products. */
const version = 1;

export interface GenerateOptions {
  /** Folder to make or to replace. */
  readonly out: string;
  readonly products: number;
  readonly seed: number;
  readonly onProgress?: ((progress: ImportProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Makes a folder like an import's of made-up products; see `GeneratedCatalogue`. Errors: `ASTARPO_OPTION`, `ASTARPO_IO`, `ASTARPO_ABORTED`. */
export async function generateCatalogue(options: GenerateOptions): Promise<CatalogueResult> {
  const { products, seed, onProgress, signal } = options;
  const catalogue = new GeneratedCatalogue(products, seed);
  const out = resolve(options.out);
  try {
    makeFolder(dirname(out));
  } catch (error) {
    throw ioError('write', out, error);
  }
  await writeFolderAtomic(out, catalogueFolder, async (folder) => {
    const writer = await CatalogueWriter.create(folder);
    try {
      for (const { product, attributes } of catalogue.records()) {
        await writer.add(listProduct({ product, attributes }, product.asin));
        if (writer.length % 1000 !== 0) continue;
        if (signal?.aborted === true) throw new AStarPOError('ASTARPO_ABORTED', 'making the catalogue was aborted');
        onProgress?.({ stage: 'products', done: writer.length, total: products, products: writer.length });
      }
      onProgress?.({ stage: 'index', done: 0, total: 1, products });
      const name = `generated ${version} ${products} ${seed}`;
      await writer.finish([{ name, bytes: 0, sha256: createHash('sha256').update(name).digest('hex') }], products);
    } catch (error) {
      await writer.abandon();
      throw error;
    }
  });
  return { products, skipped: 0, out };
}
