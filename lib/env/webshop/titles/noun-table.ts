import { createHash, type Hash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { AStarPOError } from '../../../errors.ts';
import { ioError } from '../../../util/atomic-file.ts';
import { DisposeGuard } from '../../../util/dispose.ts';

/*
 * Nouns of titles that were named beforehand, by a tagger that is not to be had here: a JSON line that says whose they are and of how many
 * titles, then a line of JSON for each title. Lines stay on disk: of a million titles only where each line begins, and a hash, are in
 * memory. docs/webshop-titles.md describes the format, scripts/title_nouns.py writes it.
 */

export const tableFormat = 'astar-po-title-nouns-1';

/** What the first line of a table says. */
export interface TableHead {
  /** Program and version: `spacy 3.7.5`. */
  readonly tagger: string;
  /** Model and version: `en_core_web_sm 3.7.1`. */
  readonly model: string;
  /** Lines that follow. */
  readonly titles: number;
}

const pieceLength = 1 << 22;
const longestLine = 1 << 24;
const shortestLine = '{"title":"","nouns":[]}\n'.length;
const remake = 'the table is damaged: make it again with scripts/title_nouns.py';

/** A table of nouns by title. */
export class NounTable {
  readonly path: string;
  readonly head: TableHead;
  /** SHA-256 of the file, in hex. */
  readonly sha256: string;
  readonly #file: number;
  /** [titles + 1]: where each line begins, in bytes. */
  readonly #begins: Float64Array;
  /** [titles]: CRC-32 of the titles. */
  readonly #hashes: Uint32Array;
  /** Open addressing by hash: number of the line + 1, 0 for none. */
  readonly #slots: Uint32Array;
  readonly #guard = new DisposeGuard('table of nouns');

  private constructor(path: string, file: number) {
    this.path = path;
    this.#file = file;
    const hash = createHash('sha256');
    const lines = readLines(file, path, hash);
    const first = lines.next();
    this.head = readHead(first.done ? '' : first.value.line.toString(), path, fstatSync(file).size);
    const { titles } = this.head;
    this.#begins = new Float64Array(titles + 1);
    this.#hashes = new Uint32Array(titles);
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(2 * titles + 1)));
    let number = 0;
    for (const { line, begin, end } of lines) {
      if (number < titles) this.#add(number, line, begin, end);
      number++;
    }
    if (number !== titles) throw broken(path, `expected ${titles} titles, as its first line says, got ${number}`, remake);
    this.sha256 = hash.digest('hex');
  }

  /**
   * Reads the whole file once and checks its titles and their number; lists of nouns are checked when they are asked for. Throws ASTARPO_IO,
   * and ASTARPO_DATA for what is no table or a damaged one.
   */
  static open(path: string): NounTable {
    let file: number;
    try {
      file = openSync(path, 'r');
    } catch (error) {
      throw ioError('read', path, error);
    }
    try {
      return new NounTable(path, file);
    } catch (error) {
      closeSync(file);
      throw error instanceof AStarPOError ? error : ioError('read', path, error);
    }
  }

  /**
   * Undefined for a title that the table does not have. Throws ASTARPO_DATA when the file was changed since it was opened, ASTARPO_DISPOSED
   * when it was closed.
   */
  nounsOf(title: string): readonly string[] | undefined {
    this.#guard.check();
    const hash = crc32(title);
    for (const number of this.#candidates(hash)) {
      const line = this.#lineAt(number);
      if (line.title === title) return line.nouns;
    }
    return undefined;
  }

  /** Idempotent. */
  close(): void {
    this.#guard.disposeNow(() => closeSync(this.#file));
  }

  #add(number: number, line: Buffer, begin: number, end: number): void {
    const title = plainTitle(line) ?? readLine(line.toString(), this.path, `line ${number + 2}`).title;
    this.#begins[number] = begin;
    this.#begins[number + 1] = end;
    const hash = crc32(title);
    for (const other of this.#candidates(hash)) {
      const known = this.#lineAt(other);
      if (known.title !== title || known.nouns.join('\n') === this.#lineAt(number).nouns.join('\n')) continue;
      throw broken(
        this.path,
        `expected one list of nouns for a title, got another for ${JSON.stringify(title)} in line ${number + 2}`,
        remake,
      );
    }
    this.#hashes[number] = hash;
    let slot = hash & (this.#slots.length - 1);
    while (this.#slots[slot] !== 0) slot = (slot + 1) & (this.#slots.length - 1);
    this.#slots[slot] = number + 1;
  }

  /** Lines whose titles have this hash. */
  *#candidates(hash: number): Generator<number> {
    for (let slot = hash & (this.#slots.length - 1); this.#slots[slot] !== 0; slot = (slot + 1) & (this.#slots.length - 1)) {
      const number = (this.#slots[slot] as number) - 1;
      if (this.#hashes[number] === hash) yield number;
    }
  }

  #lineAt(number: number): Line {
    const begin = this.#begins[number] as number;
    const bytes = Buffer.allocUnsafe((this.#begins[number + 1] as number) - begin);
    if (readSync(this.#file, bytes, 0, bytes.length, begin) !== bytes.length)
      throw broken(this.path, 'expected the file as it was opened, got a shorter one', remake);
    return readLine(bytes.toString(), this.path, `line ${number + 2}`);
  }
}

interface Line {
  readonly title: string;
  readonly nouns: readonly string[];
}

const opening = Buffer.from('{"title": "');
const closing = Buffer.from('", "nouns": [');
const quote = 0x22;
const backslash = 0x5c;

/** The title of a line as the script writes it with nothing escaped, which is several times faster than parsing all of it. */
function plainTitle(line: Buffer): string | undefined {
  if (!startsWith(line, 0, opening) || line.includes(backslash)) return undefined;
  const end = line.indexOf(quote, opening.length);
  return startsWith(line, end, closing) ? line.toString('utf8', opening.length, end) : undefined;
}

function startsWith(line: Buffer, at: number, part: Buffer): boolean {
  return at >= 0 && line.length >= at + part.length && line.compare(part, 0, part.length, at, at + part.length) === 0;
}

function readLine(text: string, path: string, where: string): Line {
  const value = parse(text, path, where);
  const { title, nouns } = value as Partial<Line>;
  if (typeof title === 'string' && Array.isArray(nouns) && nouns.every((noun) => typeof noun === 'string')) return { title, nouns };
  throw broken(path, `expected {"title": text, "nouns": [text, …]} in ${where}, got ${text.slice(0, 80)}`, remake);
}

function readHead(text: string, path: string, size: number): TableHead {
  const { format, tagger, model, titles } = parse(text, path, 'line 1') as Partial<TableHead> & { format?: string };
  if (format !== tableFormat) {
    throw broken(
      path,
      `expected "format": "${tableFormat}" in line 1, got ${text.slice(0, 80)}`,
      'scripts/title_nouns.py makes such a table',
    );
  }
  if (typeof tagger !== 'string' || typeof model !== 'string' || !Number.isSafeInteger(titles) || (titles ?? -1) < 0) {
    throw broken(path, `expected a tagger, a model and a number of titles in line 1, got ${text.slice(0, 160)}`, remake);
  }
  const head = { tagger, model, titles: titles as number };
  if (head.titles * shortestLine > size)
    throw broken(path, `expected ${head.titles} titles, as its first line says, got ${size} bytes`, remake);
  return head;
}

function parse(text: string, path: string, where: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw broken(path, `expected JSON in ${where}, got ${JSON.stringify(text.slice(0, 80))}`, 'scripts/title_nouns.py makes such a table');
  }
  if (typeof value === 'object' && value !== null) return value;
  throw broken(path, `expected an object in ${where}, got ${text.slice(0, 80)}`, remake);
}

function* readLines(file: number, path: string, hash: Hash): Generator<{ line: Buffer; begin: number; end: number }> {
  const piece = Buffer.allocUnsafe(pieceLength);
  let held = Buffer.alloc(0);
  let begin = 0;
  for (;;) {
    const got = readSync(file, piece, 0, piece.length, null);
    hash.update(piece.subarray(0, got));
    const bytes = Buffer.concat([held, piece.subarray(0, got)]);
    let at = 0;
    for (let newline = bytes.indexOf(10); newline >= 0; newline = bytes.indexOf(10, at)) {
      const end = begin + newline + 1 - at;
      yield { line: bytes.subarray(at, newline), begin, end };
      begin = end;
      at = newline + 1;
    }
    held = bytes.subarray(at);
    if (held.length > longestLine) throw broken(path, `expected lines of at most ${longestLine} bytes, got a longer one`, remake);
    if (got > 0) continue;
    if (held.length > 0) throw broken(path, 'expected a line feed at its end, got none', 'the file may be cut off: fetch or make it again');
    return;
  }
}

function broken(path: string, message: string, hint: string): AStarPOError {
  return new AStarPOError('ASTARPO_DATA', `${path}: ${message}`, { hint });
}
