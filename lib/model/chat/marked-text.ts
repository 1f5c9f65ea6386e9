import { AStarPOError } from '../../errors.ts';
import type { JsonValue } from '../../util/json.ts';
import type { Tokenizer } from '../tokenizer.ts';

/*
 * Names of special tokens in what an environment says are text. They are put between two characters that occur nowhere else before
 * the template sees them, and the rendering is cut at these: names between the two are encoded as text, all else as it stands.
 */

/** U+FDD0 to U+FDEF: code points that Unicode keeps free of meaning for ever. */
const noncharacters = Array.from({ length: 32 }, (_, i) => String.fromCharCode(0xfdd0 + i));
const noncharacter = /[\ufdd0-\ufdef]/g;

/** Characters that no text of a conversation has: two around a name, and one for the place of an agent turn. */
export interface Marks {
  readonly open: string;
  readonly close: string;
  readonly turn: string;
}

/** Throws ASTARPO_CHAT_TEMPLATE when texts use up all candidates, which no ordinary text does. */
export function chooseMarks(texts: Iterable<JsonValue | undefined>): Marks {
  const used = new Set<string>();
  for (const text of texts) for (const character of stringsOf(text)) for (const [one] of character.matchAll(noncharacter)) used.add(one);
  const [open, close, turn] = noncharacters.filter((character) => !used.has(character));
  if (open === undefined || close === undefined || turn === undefined) {
    throw new AStarPOError('ASTARPO_CHAT_TEMPLATE', 'expected texts that leave three of the noncharacters U+FDD0 to U+FDEF free, got all', {
      hint: 'remove noncharacters from the observations',
    });
  }
  return { open, close, turn };
}

function* stringsOf(value: JsonValue | undefined): Generator<string, void, undefined> {
  if (typeof value === 'string') yield value;
  else if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) yield* stringsOf(item);
}

/** Finds the names of control tokens; the longer one where two begin at one place. */
export class ControlNames {
  readonly #pattern: RegExp;

  constructor(names: Iterable<string>) {
    const longestFirst = [...names].filter((name) => name !== '').sort((a, b) => b.length - a.length);
    this.#pattern = longestFirst.length === 0 ? /(?!)/g : new RegExp(longestFirst.map(escapePattern).join('|'), 'g');
  }

  /** Marks names in every text of a value; not in the keys of objects. */
  mark<T>(value: T, { open, close }: Marks): T {
    const visit = (part: unknown): unknown => {
      if (typeof part === 'string') return part.replace(this.#pattern, (name) => open + name + close);
      if (Array.isArray(part)) return part.map(visit);
      if (typeof part !== 'object' || part === null) return part;
      return Object.fromEntries(Object.entries(part).map(([key, item]) => [key, visit(item)]));
    };
    return visit(value) as T;
  }
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/**
 * Ids of rendered text: special tokens outside of marks are these tokens, names inside are text. A mark that lost its partner, since
 * the template cut the text between them, still parts what is on either side. Throws ASTARPO_TOKENIZER when a name as text is its token.
 */
export function encodeMarked(tokenizer: Tokenizer, text: string, { open, close }: Marks): number[] {
  const ids: number[] = [];
  const pieces = text.split(new RegExp(`(${open}[^${open}${close}]*${close})|[${open}${close}]`));
  for (const [place, piece] of pieces.entries()) {
    if (piece === undefined || piece === '') continue;
    const name = piece.startsWith(open) ? piece.slice(1, -1) : undefined;
    if (name === undefined)
      ids.push(...(place === 0 ? tokenizer.encode(piece) : encodeLater(tokenizer, piece, (part) => tokenizer.encode(part))));
    else ids.push(...encodeName(tokenizer, name));
  }
  return ids;
}

function encodeName(tokenizer: Tokenizer, name: string): readonly number[] {
  const ids = encodeLater(tokenizer, name, (part) => tokenizer.encodePlain(part));
  const token = tokenizer.tokenId(name);
  if (token === undefined || !ids.includes(token)) return ids;
  throw new AStarPOError(
    'ASTARPO_TOKENIZER',
    `expected the text ${JSON.stringify(name)} to differ from the token of that name, got its id ${token}`,
    {
      hint: "the tokenizer cannot write this token's name as text: replace it in the observations",
    },
  );
}

/** Ids of text that follows other text: behind a line feed, since some tokenizers put a space before the first word. */
export function encodeLater(tokenizer: Tokenizer, text: string, encode: (text: string) => Int32Array): readonly number[] {
  const feed = tokenizer.encode('\n');
  const ids = Array.from(encode(`\n${text}`));
  return feed.every((id, i) => ids[i] === id) ? ids.slice(feed.length) : Array.from(encode(text));
}
