import type { Tokenizer } from '../../../lib/model/tokenizer.ts';
import { hostileStrings, longRuns } from '../../fixtures/hostile-strings.ts';
import { randomIds } from '../../fixtures/tokenizer-golden.ts';
import type { Decodings, Encodings, RustTokenizer } from './rust-tokenizer.ts';
import { shorten } from './shorten.ts';

/** What differs for one input, both sides as text. */
export interface Difference {
  readonly what: string;
  readonly input: string;
  readonly here: string;
  readonly rust: string;
}

export interface ComparisonOptions {
  readonly count: number;
  readonly seed: number;
  readonly long: number;
}

export interface ComparisonResult {
  readonly texts: number;
  readonly idLists: number;
  readonly difference: Difference | undefined;
  /** Time that each side took for the ids of long texts, in ms. */
  readonly longMs: { readonly here: number; readonly rust: number };
}

/** Inputs per request. */
const batch = 250;

/** Compares until the first difference, which is made as short as possible. */
export async function compareTokenizers(here: Tokenizer, rust: RustTokenizer, options: ComparisonOptions): Promise<ComparisonResult> {
  const { count, seed, long } = options;
  const texts = ['', ...rust.addedTokens.slice(0, 500), ...hostileStrings(seed, count, rust.addedTokens)];
  const lists = randomIds(seed, count, here.vocabSize);
  const longMs = { here: 0, rust: 0 };
  const result = (difference?: Difference) => ({ texts: texts.length, idLists: lists.length, difference, longMs });
  for (let i = 0; i < texts.length; i += batch) {
    const difference = await firstDifferentText(here, rust, texts.slice(i, i + batch));
    if (difference !== undefined) return result(difference);
  }
  for (let i = 0; i < lists.length; i += batch) {
    const difference = await firstDifferentIds(here, rust, lists.slice(i, i + batch));
    if (difference !== undefined) return result(difference);
  }
  for (const text of long === 0 ? [] : longRuns(long)) {
    const started = performance.now();
    here.encode(text);
    longMs.here += performance.now() - started;
    // Three encodings each there.
    const difference = await firstDifferentText(here, rust, [text], (ms) => {
      longMs.rust += ms / 3;
    });
    if (difference !== undefined) return result(difference);
  }
  return result();
}

async function firstDifferentText(
  here: Tokenizer,
  rust: RustTokenizer,
  texts: readonly string[],
  timed: (ms: number) => void = () => {},
): Promise<Difference | undefined> {
  const started = performance.now();
  const expected = await rust.encode(texts);
  timed(performance.now() - started);
  for (const [i, text] of texts.entries()) {
    const theirs = expected[i];
    if (theirs && differentEncoding(here, text, theirs) !== undefined) {
      return await shorten([...text], async (characters) => {
        const shorter = characters.join('');
        const [encodings] = await rust.encode([shorter]);
        return !encodings ? undefined : differentEncoding(here, shorter, encodings);
      });
    }
  }
  return await firstDifferentIds(
    here,
    rust,
    expected.flatMap((theirs) => (theirs ? [theirs.ids] : [])),
  );
}

function differentEncoding(here: Tokenizer, text: string, theirs: Encodings): Difference | undefined {
  const input = inspect(text);
  const pairs = [
    ['ids', attempt(() => here.encode(text).join(' ')), theirs.ids.join(' ')],
    ['ids, special tokens as text', attempt(() => here.encodeText(text).join(' ')), theirs.asText.join(' ')],
    ['ids with added special tokens', attempt(() => here.encode(text, { addSpecialTokens: true }).join(' ')), theirs.whole.join(' ')],
  ] as const;
  for (const [what, mine, rust] of pairs) if (mine !== rust) return { what, input, here: mine, rust };
  return undefined;
}

async function firstDifferentIds(
  here: Tokenizer,
  rust: RustTokenizer,
  lists: readonly (readonly number[])[],
): Promise<Difference | undefined> {
  const expected = await rust.decode(lists);
  for (const [i, ids] of lists.entries()) {
    const theirs = expected[i];
    if (theirs && differentDecoding(here, ids, theirs) !== undefined) {
      return await shorten(ids, async (fewer) => {
        const [decodings] = await rust.decode([fewer]);
        return !decodings ? undefined : differentDecoding(here, fewer, decodings);
      });
    }
  }
  return undefined;
}

function differentDecoding(here: Tokenizer, ids: readonly number[], [all, withoutSpecial]: Decodings): Difference | undefined {
  const input = ids.join(' ');
  const stream = (skipSpecialTokens: boolean) => {
    const pieces = here.decodeStream({ skipSpecialTokens });
    return [...ids.map((id) => pieces.push(id)), pieces.finish()].join('');
  };
  const pairs = [
    ['text', attempt(() => here.decode(ids)), all],
    ['text without special tokens', attempt(() => here.decode(ids, { skipSpecialTokens: true })), withoutSpecial],
    ['text, token by token', attempt(() => stream(false)), all],
    ['text without special tokens, token by token', attempt(() => stream(true)), withoutSpecial],
  ] as const;
  for (const [what, mine, theirs] of pairs) if (mine !== theirs) return { what, input, here: inspect(mine), rust: inspect(theirs) };
  return undefined;
}

function attempt(work: () => string): string {
  try {
    return work();
  } catch (error) {
    return `threw ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** A text in ASCII. */
function inspect(text: string): string {
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
