import { AStarPOError } from '../../../errors.ts';
import { parseJson } from './parse-json.ts';

/** One element of an array, or one member of an object: its JSON, not yet parsed. */
export interface JsonEntry {
  /** Name of the member; undefined in an array. */
  readonly key: string | undefined;
  readonly json: Buffer;
  /** Where the entry begins, in bytes from the beginning of the file. */
  readonly at: number;
}

const codes = {
  quote: 0x22,
  backslash: 0x5c,
  comma: 0x2c,
  colon: 0x3a,
  openArray: 0x5b,
  closeArray: 0x5d,
  openObject: 0x7b,
  closeObject: 0x7d,
};

/** By the first byte of a file that cannot be read. */
const hints: ReadonlyMap<number, string> = new Map([
  [0x3c, 'this is a web page and not the data, as drives send when too many ask: fetch the file again'],
  [0xfe, 'this is UTF-16: convert the file to UTF-8'],
  [0xff, 'this is UTF-16: convert the file to UTF-8'],
]);
const byteOrderMark = [0xef, 0xbb, 0xbf];

/** Longest entry, in bytes: a product with a description of some megabytes is fine, a file of another kind is told early. */
const longestEntry = 1 << 28;

/**
 * The entries of a large JSON array or object, one after the other, from the file's bytes as they are read: gigabytes pass through with the
 * memory of one entry. `name` is for messages. Throws ASTARPO_DATA when the bytes are no array or object, or end too early.
 */
export async function* jsonEntries(bytes: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<JsonEntry> {
  const splitter = new Splitter(name);
  for await (const piece of bytes) yield* splitter.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
  splitter.end();
}

/** The entries of an array or object that is in memory. Throws ASTARPO_DATA as `jsonEntries` does. */
export function jsonMembers(json: Buffer, name: string): JsonEntry[] {
  const splitter = new Splitter(name);
  const entries = [...splitter.push(json)];
  splitter.end();
  return entries;
}

/** Finds where entries begin and end; what is inside is left to JSON.parse. */
class Splitter {
  readonly #name: string;
  /** Not yet begun, between the brackets, or behind them. */
  #state: 'before' | 'inside' | 'after' = 'before';
  #isObject = false;
  /** Brackets open inside the current entry. */
  #depth = 0;
  #inText = false;
  #escaped = false;
  /** A comma came, so an entry must follow. */
  #expectsMore = false;
  /** Bytes of the entry that earlier pieces held. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** Of the current piece. */
  #position = 0;
  /** Of the current entry. */
  #begin = 0;

  constructor(name: string) {
    this.#name = name;
  }

  *push(piece: Buffer): Generator<JsonEntry> {
    let begin = 0;
    for (let at = 0; at < piece.length; at++) {
      const byte = piece[at] as number;
      if (this.#inText) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === codes.backslash) this.#escaped = true;
        else if (byte === codes.quote) this.#inText = false;
      } else if (this.#state !== 'inside') {
        this.#outside(byte, at);
        begin = at + 1;
        this.#begin = this.#position + begin;
      } else if (byte === codes.quote) {
        this.#inText = true;
      } else if (byte === codes.openArray || byte === codes.openObject) {
        this.#depth++;
      } else if (byte === codes.comma && this.#depth === 0) {
        yield this.#split(this.#take(piece.subarray(begin, at)), at);
        this.#expectsMore = true;
        begin = at + 1;
        this.#begin = this.#position + begin;
      } else if (byte === codes.closeArray || byte === codes.closeObject) {
        if (this.#depth > 0) {
          this.#depth--;
          continue;
        }
        if ((byte === codes.closeObject) !== this.#isObject) {
          throw this.#fail(`expected ${this.#isObject ? '}' : ']'}, got ${String.fromCharCode(byte)}`, at);
        }
        const last = this.#take(piece.subarray(begin, at));
        if (!isBlank(last) || this.#expectsMore) yield this.#split(last, at);
        begin = at + 1;
        this.#state = 'after';
      }
    }
    if (begin < piece.length && this.#state === 'inside') this.#hold(piece.subarray(begin));
    this.#position += piece.length;
  }

  /** Throws ASTARPO_DATA unless the closing bracket has come. */
  end(): void {
    if (this.#state === 'before') throw this.#fail('expected a JSON array or object, got an empty file', 0);
    if (this.#state === 'inside') throw this.#fail('expected a closing bracket, got the end of the file', 0);
  }

  #outside(byte: number, at: number): void {
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) return;
    // Editors on Windows begin files with one.
    if (this.#state === 'before' && byte === byteOrderMark[this.#position + at]) return;
    if (this.#state === 'after' || (byte !== codes.openArray && byte !== codes.openObject)) {
      throw this.#fail(
        `expected ${this.#state === 'after' ? 'the end of the file' : 'a JSON array or object'}, got ${JSON.stringify(String.fromCharCode(byte))}`,
        at,
        hints.get(byte),
      );
    }
    this.#state = 'inside';
    this.#isObject = byte === codes.openObject;
  }

  #take(rest: Buffer): Buffer {
    if (this.#held.length === 0) return rest;
    const whole = Buffer.concat([...this.#held, rest]);
    this.#held = [];
    this.#heldBytes = 0;
    return whole;
  }

  #hold(piece: Buffer): void {
    this.#heldBytes += piece.length;
    if (this.#heldBytes > longestEntry) throw this.#fail(`expected entries of at most ${longestEntry} bytes, got a longer one`, 0);
    // A stream may use its memory again for the next piece.
    this.#held.push(Buffer.from(piece));
  }

  #split(entry: Buffer, at: number): JsonEntry {
    if (isBlank(entry)) throw this.#fail('expected a value at either side of a comma', at);
    const begin = this.#begin;
    if (!this.#isObject) return { key: undefined, json: entry, at: begin };
    const colon = endOfKey(entry);
    if (colon === undefined) throw this.#fail('expected a member with a name', at);
    const key = parseJson(entry.subarray(0, colon), `the name of a member at byte ${begin} of ${this.#name}`);
    return { key: String(key), json: entry.subarray(colon + 1), at: begin };
  }

  #fail(message: string, at: number, hint = 'the file may be cut off or another one: fetch it again'): AStarPOError {
    return new AStarPOError('ASTARPO_DATA', `${this.#name}: ${message} at byte ${this.#position + at}`, { hint });
  }
}

/** Where the colon behind a member's name is. */
function endOfKey(member: Buffer): number | undefined {
  const open = member.indexOf(codes.quote);
  if (open < 0 || !isBlank(member.subarray(0, open))) return undefined;
  for (let at = open + 1; at < member.length; at++) {
    if (member[at] === codes.backslash) at++;
    else if (member[at] === codes.quote) {
      const colon = member.indexOf(codes.colon, at);
      return colon >= 0 && isBlank(member.subarray(at + 1, colon)) ? colon : undefined;
    }
  }
  return undefined;
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09);
}
