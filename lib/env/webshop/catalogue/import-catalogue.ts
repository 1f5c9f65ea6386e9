import { mkdir, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { unzip } from '../../../../scripts/libtorch/index.mjs';
import { AStarPOError } from '../../../errors.ts';
import { ioError } from '../../../util/atomic-file.ts';
import { writeFolderAtomic } from '../../../util/atomic-folder.ts';
import { makeFolder } from '../../../util/make-folder.ts';
import { CatalogueWriter } from './catalogue-writer.ts';
import { catalogueFolder } from './imported-catalogue.ts';
import { jsonEntries } from './json-entries.ts';
import { withOptionOrder } from './option-order.ts';
import { parseJson } from './parse-json.ts';
import { asinOf, isUsable, listProduct } from './products.ts';
import { SourceFile, type SourceRecord } from './source-file.ts';
import { fetchHint, type SourceKind, sourceKind } from './source-kinds.ts';

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

/**
 * Turns the original's JSON files into a folder that opens in a moment at any size: products on disk, their search index, a manifest. It is
 * made beside `out` and takes its place when complete; an interrupted import leaves an older one untouched. Needs the memory of the
 * attribute and human files and of the index.
 *
 * Errors: `ASTARPO_OPTION`, `ASTARPO_DATA` for files that are missing, cut off or of another shape, `ASTARPO_IO`, `ASTARPO_BUSY` while another
 * import fills the same folder, `ASTARPO_ABORTED`.
 */
export async function importCatalogue(options: ImportOptions): Promise<CatalogueResult> {
  const { count } = options;
  if (count !== undefined && !(Number.isInteger(count) && count >= 1)) {
    throw new AStarPOError('ASTARPO_OPTION', `expected count to be an integer of at least 1, got ${count}`);
  }
  const files = await findSources(options.sources);
  const out = resolve(options.out);
  try {
    makeFolder(dirname(out));
  } catch (error) {
    throw ioError('write', out, error);
  }
  let result = { products: 0, skipped: 0 };
  await writeFolderAtomic(out, catalogueFolder, async (folder) => {
    result = await new Importer(folder, options).run(files);
  });
  return { ...result, out };
}

type Sources = { readonly products: string; readonly attributes: string; readonly human: string | undefined };

async function findSources(sources: readonly string[]): Promise<Sources> {
  const found = new Map<SourceKind, string>();
  for (const source of sources) {
    for (const { path, kind } of await filesOf(source)) {
      const other = found.get(kind);
      if (other !== undefined && resolve(other) !== resolve(path)) {
        throw new AStarPOError('ASTARPO_DATA', `expected one file of ${kind}, got ${other} and ${path}`, {
          hint: 'name the files instead of their folder',
        });
      }
      found.set(kind, path);
    }
  }
  const need = (kind: SourceKind, name: string): string => {
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

/** The original's files in a folder, or the one that `source` is. */
async function filesOf(source: string): Promise<{ path: string; kind: SourceKind }[]> {
  try {
    const names = (await readdir(source)).sort();
    return names.flatMap((name) => {
      const kind = sourceKind(name);
      return kind === undefined ? [] : [{ path: join(source, name), kind }];
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTDIR') {
      throw new AStarPOError('ASTARPO_DATA', `expected a file or folder at ${source}, got ${code}`, { hint: fetchHint, cause: error });
    }
  }
  const kind = sourceKind(basename(source));
  // A file that was named must not be passed over.
  if (kind === undefined) {
    throw new AStarPOError('ASTARPO_DATA', `expected a file with one of the original's names, got ${source}`, {
      hint: 'name it items_shuffle.json, items_ins_v2.json or items_human_ins.json, with .gz or .zip behind that if it is packed',
    });
  }
  return [{ path: source, kind }];
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

  async run({ products, ...others }: Sources): Promise<Omit<CatalogueResult, 'out'>> {
    const attributes = await this.#members('attributes', others.attributes);
    const human = others.human === undefined ? undefined : await this.#members('human instructions', others.human);
    const paths = { attributes: others.attributes, human: others.human ?? '' };
    const writer = await CatalogueWriter.create(this.#folder);
    let skipped = 0;
    try {
      const seen = new Set<string>();
      let entry = 0;
      for await (const { key, json, at } of this.#entries('products', products)) {
        const where = `product ${entry++} of ${products} (byte ${at})`;
        if (key !== undefined) {
          throw new AStarPOError('ASTARPO_DATA', `expected a JSON array in ${products}, got an object`, { hint: fetchHint });
        }
        const product = withOptionOrder(parseJson(json, where), { json }, where);
        const asin = asinOf(product, where);
        if (!isUsable(asin) || seen.has(asin)) skipped++;
        else {
          seen.add(asin);
          await writer.add(listProduct({ product, attributes: attributes(asin), human: human?.(asin) }, where, paths));
          this.#products = writer.length;
        }
        if (entry === this.#options.count) break;
      }
      if (writer.length === 0) {
        const entries = `${entry} ${entry === 1 ? 'entry' : 'entries'}`;
        throw new AStarPOError('ASTARPO_DATA', `expected products in ${products}, got ${entries} and none with a usable asin`, {
          hint: 'an asin has at most ten characters; fetch the file again if it should have some',
        });
      }
      this.#checkAborted();
      this.#say('index', 0, 1, true);
      await writer.finish(this.#records, entry);
      return { products: this.#products, skipped };
    } catch (error) {
      await writer.abandon();
      throw error;
    }
  }

  /** Members of a JSON object by name, parsed when they are asked for; their bytes stay in memory. */
  async #members(stage: 'attributes' | 'human instructions', path: string): Promise<(name: string) => unknown> {
    const members = new Map<string, { readonly json: Buffer; readonly at: number }>();
    for await (const { key, json, at } of this.#entries(stage, path)) {
      if (key === undefined) throw new AStarPOError('ASTARPO_DATA', `expected a JSON object in ${path}, got an array`, { hint: fetchHint });
      members.set(key, { json: Buffer.from(json), at });
    }
    return (name) => {
      const member = members.get(name);
      return member === undefined ? undefined : parseJson(member.json, `${name} in ${path} (byte ${member.at})`);
    };
  }

  async *#entries(stage: ImportProgress['stage'], path: string) {
    const packed = await SourceFile.open(path);
    const source = packed.packing === 'zip' ? await SourceFile.open(await this.#unpack(path)) : packed;
    try {
      for await (const entry of jsonEntries(source.json(), path)) {
        this.#checkAborted();
        this.#say(stage, source.done, source.bytes);
        yield entry;
      }
    } finally {
      // Also when the reader has enough.
      this.#records.push(source.record());
      if (source !== packed) await rm(this.#unpacked, { recursive: true });
    }
  }

  get #unpacked(): string {
    return join(this.#folder, 'unpacked');
  }

  async #unpack(path: string): Promise<string> {
    const folder = this.#unpacked;
    try {
      await mkdir(folder, { recursive: true });
      // Archives made on a Mac have a hidden companion of every file.
      const wanted = (name: string) => name.endsWith('.json') && !basename(name).startsWith('.');
      const names = [...(await unzip(path, folder, wanted)).keys()];
      if (names.length !== 1) throw new Error(`expected one JSON file inside, got ${names.length}`);
      return join(folder, names[0] ?? '');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).syscall !== undefined) throw ioError('unpack', path, cause);
      throw new AStarPOError('ASTARPO_DATA', `could not unpack ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
        hint: 'the file may be cut off: fetch it again',
        cause,
      });
    }
  }

  #checkAborted(): void {
    if (this.#options.signal?.aborted === true) throw new AStarPOError('ASTARPO_ABORTED', 'the import was aborted');
  }

  /** At most ten times a second. */
  #say(stage: ImportProgress['stage'], done: number, total: number, always = false): void {
    const now = performance.now();
    if (!always && now - this.#said < 100) return;
    this.#said = now;
    this.#options.onProgress?.({ stage, done, total, products: this.#products });
  }
}
