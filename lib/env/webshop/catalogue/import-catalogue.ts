import { mkdir, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { unzip } from '../../../../scripts/libtorch/index.mjs';
import { AStarPOError } from '../../../errors.ts';
import { ioError } from '../../../util/atomic-file.ts';
import { writeFolderAtomic } from '../../../util/atomic-folder.ts';
import { CatalogueWriter } from './catalogue-writer.ts';
import { catalogueFolder } from './imported-catalogue.ts';
import { jsonEntries } from './json-entries.ts';
import { asinOf, isUsable, listProduct } from './products.ts';
import { fetchHint, SourceFile, type SourceRecord } from './source-file.ts';

export interface ImportOptions {
  /** The original's files, plain, `.gz` or `.zip`, or folders that hold them; told apart by name. */
  readonly sources: readonly string[];
  /** Folder to make or to replace. */
  readonly out: string;
  /** Only the first so many entries of the product file. */
  readonly count?: number | undefined;
  readonly onProgress?: ((progress: ImportProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ImportProgress {
  readonly stage: 'attributes' | 'human instructions' | 'products' | 'index';
  /** Bytes of the stage's file that were read, and that it has. */
  readonly done: number;
  readonly total: number;
  readonly products: number;
}

export interface CatalogueResult {
  readonly products: number;
  /** Entries left out: without a usable asin, or with one that came before. */
  readonly skipped: number;
  readonly out: string;
}

const kinds = {
  products: /^items_shuffle(_\d+)?\.json(\.gz|\.zip)?$/,
  attributes: /^items_ins_v2(_\d+)?\.json(\.gz|\.zip)?$/,
  human: /^items_human_ins\.json(\.gz|\.zip)?$/,
} as const;
type Kind = keyof typeof kinds;

/**
 * Turns the original's JSON files into a folder that opens in a moment at any size: products on disk, their search index, a manifest. It is
 * made beside `out` and takes its place when complete; an interrupted import leaves an older one untouched. Needs the memory of the
 * attribute and human files and of the index.
 *
 * Errors: `ASTARPO_DATA` for files that are missing, cut off or of another shape, `ASTARPO_IO`, `ASTARPO_ABORTED`.
 */
export async function importCatalogue(options: ImportOptions): Promise<CatalogueResult> {
  const files = await findSources(options.sources);
  const out = resolve(options.out);
  await mkdir(dirname(out), { recursive: true }).catch((error: unknown) => {
    throw ioError('write', out, error);
  });
  let result = { products: 0, skipped: 0 };
  await writeFolderAtomic(out, catalogueFolder, async (folder) => {
    result = await new Importer(folder, options).run(files);
  });
  return { ...result, out };
}

type Sources = { readonly products: string; readonly attributes: string; readonly human: string | undefined };

async function findSources(sources: readonly string[]): Promise<Sources> {
  const found = new Map<Kind, string>();
  for (const source of sources) {
    for (const path of await filesOf(source)) {
      for (const kind of Object.keys(kinds) as Kind[]) {
        if (!kinds[kind].test(basename(path))) continue;
        const other = found.get(kind);
        if (other !== undefined) {
          throw new AStarPOError('ASTARPO_DATA', `expected one file of ${kind}, got ${other} and ${path}`, {
            hint: 'name the files instead of their folder',
          });
        }
        found.set(kind, path);
      }
    }
  }
  const need = (kind: Kind, name: string): string => {
    const path = found.get(kind);
    if (path === undefined)
      throw new AStarPOError('ASTARPO_DATA', `expected ${name} in ${sources.join(', ')}, got none`, { hint: fetchHint });
    return path;
  };
  return {
    products: need('products', 'items_shuffle.json or items_shuffle_1000.json'),
    attributes: need('attributes', 'items_ins_v2.json or items_ins_v2_1000.json'),
    human: found.get('human'),
  };
}

async function filesOf(source: string): Promise<string[]> {
  try {
    return (await readdir(source)).sort().map((name) => join(source, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return [source];
    throw new AStarPOError('ASTARPO_DATA', `expected a file or folder at ${source}, got ${(error as NodeJS.ErrnoException).code}`, {
      hint: fetchHint,
      cause: error,
    });
  }
}

class Importer {
  readonly #folder: string;
  readonly #options: ImportOptions;
  readonly #records: SourceRecord[] = [];
  #products = 0;
  #said = 0;

  constructor(folder: string, options: ImportOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  async run(files: Sources): Promise<Omit<CatalogueResult, 'out'>> {
    const attributes = await this.#members('attributes', files.attributes);
    const human = files.human === undefined ? undefined : await this.#members('human instructions', files.human);
    const writer = await CatalogueWriter.create(this.#folder);
    let skipped = 0;
    try {
      const seen = new Set<string>();
      let entry = 0;
      for await (const { json } of this.#entries('products', files.products)) {
        const where = `product ${entry++}`;
        const product = parse(json, where);
        const asin = asinOf(product, where);
        if (!isUsable(asin) || seen.has(asin)) skipped++;
        else {
          seen.add(asin);
          await writer.add(listProduct({ product, attributes: attributes(asin), human: human?.(asin) }, where));
          this.#products = writer.length;
        }
        if (entry === this.#options.count) break;
      }
      if (writer.length === 0) throw new AStarPOError('ASTARPO_DATA', `expected products in ${files.products}, got none`);
      this.#say('index', 0, 1, true);
      await writer.finish(this.#records);
      return { products: this.#products, skipped };
    } catch (error) {
      await writer.abandon();
      throw error;
    }
  }

  /** Members of a JSON object by name, parsed when they are asked for; their bytes stay in memory. */
  async #members(stage: 'attributes' | 'human instructions', path: string): Promise<(name: string) => unknown> {
    const members = new Map<string, Buffer>();
    for await (const { key, json } of this.#entries(stage, path)) {
      if (key === undefined) throw new AStarPOError('ASTARPO_DATA', `expected a JSON object in ${path}, got an array`, { hint: fetchHint });
      members.set(key, Buffer.from(json));
    }
    return (name) => {
      const json = members.get(name);
      return json === undefined ? undefined : parse(json, `${name} in ${path}`);
    };
  }

  async *#entries(stage: ImportProgress['stage'], path: string) {
    const unpacked = path.endsWith('.zip') ? await this.#unpack(path) : path;
    const source = await SourceFile.open(unpacked);
    for await (const entry of jsonEntries(source.json(), path)) {
      if (this.#options.signal?.aborted === true) throw new AStarPOError('ASTARPO_ABORTED', 'the import was aborted');
      this.#say(stage, source.done, source.bytes);
      yield entry;
    }
    this.#records.push(source.record());
    if (unpacked !== path) await rm(dirname(unpacked), { recursive: true });
  }

  async #unpack(path: string): Promise<string> {
    const folder = join(this.#folder, 'unpacked');
    await mkdir(folder, { recursive: true });
    try {
      const names = [...(await unzip(path, folder, (name: string) => name.endsWith('.json'))).keys()];
      if (names.length !== 1) throw new Error(`expected one JSON file inside, got ${names.length}`);
      return join(folder, names[0] ?? '');
    } catch (cause) {
      throw new AStarPOError('ASTARPO_DATA', `could not unpack ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
        hint: 'the file may be cut off: fetch it again',
        cause,
      });
    }
  }

  /** At most ten times a second. */
  #say(stage: ImportProgress['stage'], done: number, total: number, always = false): void {
    const now = performance.now();
    if (!always && now - this.#said < 100) return;
    this.#said = now;
    this.#options.onProgress?.({ stage, done, total, products: this.#products });
  }
}

function parse(json: Buffer, where: string): unknown {
  try {
    return JSON.parse(json.toString());
  } catch (cause) {
    throw new AStarPOError('ASTARPO_DATA', `expected JSON as ${where}, got ${cause instanceof Error ? cause.message : String(cause)}`, {
      hint: 'the file may be cut off: fetch it again',
      cause,
    });
  }
}
