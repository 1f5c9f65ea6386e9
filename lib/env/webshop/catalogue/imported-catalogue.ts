import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AStarPOError } from '../../../errors.ts';
import { ioError } from '../../../util/atomic-file.ts';
import type { FolderKind } from '../../../util/atomic-folder.ts';
import type { PythonRandom } from '../python/python-random.ts';
import { openIndex } from '../search/index-file.ts';
import type { SearchIndex } from '../search/search-index.ts';
import { damaged } from './buffer-file.ts';
import { ProductStore } from './product-store.ts';
import type { SourceRecord } from './source-file.ts';

export const manifestName = 'catalogue.json';
export const indexName = 'search.index';
export const manifestFormat = 'webshop-catalogue-2';

/** What an imported folder consists of. */
export const catalogueFolder: FolderKind = {
  what: 'an imported catalogue',
  marker: manifestName,
  files: /^(catalogue\.json|products\.texts|products\.columns|search\.index)$/,
};

/** What an imported folder says of itself. */
export interface Manifest {
  readonly format: string;
  /** Names the catalogue by its contents: SHA-256 of all products as they are stored, in hex, whatever files they came from. */
  readonly key: string;
  readonly products: number;
  /** Of the product file, as far as it was read: products and what was left out. */
  readonly entries: number;
  readonly files: readonly SourceRecord[];
}

/** A catalogue as an import left it. */
export interface ImportedCatalogue {
  readonly key: string;
  /** Entries of the product file that it was made of. */
  readonly entries: number;
  readonly products: ProductStore;
  readonly index: SearchIndex;
}

/**
 * Opens an imported folder; undefined where there is no manifest. `random` draws what price ranges cost. Throws ASTARPO_DATA for a damaged
 * folder or one of another version, ASTARPO_IO.
 */
export async function openImported(folder: string, random: PythonRandom): Promise<ImportedCatalogue | undefined> {
  const path = join(folder, manifestName);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw ioError('read', path, error);
  });
  if (text === undefined) return undefined;
  const { key, entries, products: expected } = readManifest(text, path);
  const index = openIndex(join(folder, indexName), key);
  const products = index === undefined ? undefined : ProductStore.open(folder, key, random);
  if (index === undefined || products === undefined) {
    const got = index === undefined ? 'no index, or another one' : 'no products, or others';
    throw damaged(folder, `expected the products and the index of ${manifestName}, got ${got}`);
  }
  if (index.counts.documents !== products.length || products.length !== expected) {
    products.close();
    throw damaged(folder, `expected ${expected} products, got ${products.length} and an index of ${index.counts.documents}`);
  }
  return { key, entries, products, index };
}

function readManifest(text: string, path: string): Manifest {
  let manifest: Partial<Manifest> | null;
  try {
    manifest = JSON.parse(text);
  } catch (cause) {
    throw damaged(path, `expected JSON, got ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  if (manifest?.format !== manifestFormat) {
    throw new AStarPOError('ASTARPO_DATA', `${path}: expected format ${manifestFormat}, got ${manifest?.format}`, {
      hint: 'it was imported by another version: import the catalogue again',
    });
  }
  if (typeof manifest.key !== 'string') throw damaged(path, 'expected a key');
  return manifest as Manifest;
}
