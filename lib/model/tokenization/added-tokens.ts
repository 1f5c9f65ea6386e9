import type { TokenNames } from './encoder.ts';
import type { Normalizer } from './normalizers.ts';
import { type FoundToken, TokenFinder } from './token-finder.ts';
import type { TokenizerPart } from './tokenizer-part.ts';
import { unicodeTable, whiteSpace } from './unicode.ts';
import type { Vocabulary } from './vocabulary.ts';

/** An entry of `added_tokens`. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** What it reads like in the text that it is looked for in: normalised if the token is. */
  readonly pattern: string;
  readonly normalized: boolean;
  readonly special: boolean;
  /** Only where no word goes on before it or behind it. */
  readonly singleWord: boolean;
  /** Takes the white space before it. */
  readonly leftStrip: boolean;
  /** Takes the white space behind it. */
  readonly rightStrip: boolean;
}

/** Part of a text: an added token, or normalised text without one. */
export type Segment = number | NormalisedText;

export interface NormalisedText {
  readonly text: string;
  /** Whether it begins where the whole text begins. */
  readonly atStart: boolean;
}

/**
 * The tokens beside a model's vocabulary. They are looked for before anything else happens to a text: first those that mean it as
 * it came, then, in what is left, those that mean the normalised text.
 */
export class AddedTokens {
  readonly byId = new Map<number, AddedToken>();
  readonly byContent = new Map<string, AddedToken>();
  readonly #normalizer: Normalizer;
  readonly #inText = new TokenFinder();
  readonly #inNormalised = new TokenFinder();

  /**
   * @param parts entries of `added_tokens`, in order
   * Throws ASTARPO_TOKENIZER for ids that the tokenizers library would not give.
   */
  constructor(parts: readonly TokenizerPart[], vocabulary: Vocabulary, normalizer: Normalizer) {
    this.#normalizer = normalizer;
    let nextId = vocabulary.size;
    for (const part of parts) {
      const token = this.#read(part);
      if (token.content === '') continue;
      const known = this.byContent.get(token.content)?.id ?? vocabulary.ids.get(token.content);
      checkId(part, token, known, nextId, vocabulary);
      if (known === undefined) nextId++;
      this.byId.set(token.id, token);
      this.byContent.set(token.content, token);
    }
    for (const token of this.byId.values()) (token.normalized ? this.#inNormalised : this.#inText).add(token.pattern, token.id);
  }

  #read(part: TokenizerPart): AddedToken {
    const content = part.string('content');
    const normalized = part.boolean('normalized');
    return {
      id: part.integer('id'),
      content,
      pattern: normalized ? this.#normalizer(content) : content,
      normalized,
      special: part.boolean('special') || this.byContent.get(content)?.special === true,
      singleWord: part.boolean('single_word'),
      leftStrip: part.boolean('lstrip'),
      rightStrip: part.boolean('rstrip'),
    };
  }

  /**
   * A text as tokens and normalised text between them.
   * @param names which names in it are tokens
   */
  split(text: string, names: TokenNames): Segment[] {
    const segments: Segment[] = [];
    for (const outer of this.#cut(text, this.#inText, names)) {
      if (typeof outer === 'number') {
        segments.push(outer);
        continue;
      }
      for (const inner of this.#cut(this.#normalizer(outer.text), this.#inNormalised, names)) {
        if (typeof inner === 'number') segments.push(inner);
        else segments.push({ text: inner.text, atStart: outer.atStart && inner.atStart });
      }
    }
    return segments;
  }

  #cut(text: string, finder: TokenFinder, names: TokenNames): Segment[] {
    const segments: Segment[] = [];
    let from = 0;
    for (const found of finder.find(text)) {
      const token = this.byId.get(found.id);
      if (token === undefined || names === 'none' || (token.special && names !== 'all') || (token.singleWord && isPartOfWord(text, found)))
        continue;
      const start = token.leftStrip ? Math.max(from, startOfSpace(text, found.start)) : found.start;
      if (start > from) segments.push({ text: text.slice(from, start), atStart: from === 0 });
      from = token.rightStrip ? endOfSpace(text, found.end) : found.end;
      // An earlier token may have taken the space that this one is.
      if (from > start) segments.push(token.id);
    }
    if (from < text.length) segments.push({ text: text.slice(from), atStart: from === 0 });
    return segments;
  }
}

function checkId(
  part: TokenizerPart,
  { content, id }: AddedToken,
  known: number | undefined,
  nextId: number,
  vocabulary: Vocabulary,
): void {
  const name = JSON.stringify(content);
  if (id !== (known ?? nextId)) {
    const expected =
      known === undefined ? `${nextId}, the next one after the vocabulary` : `${known}, as in the vocabulary or an earlier entry`;
    const hint =
      'the tokenizers library gives added tokens ids without a hole and would not heed this one: save the tokenizer anew with transformers';
    throw part.bad('id', `${expected}, for ${name}`, hint);
  }
  const other = known === undefined ? vocabulary.tokens[id] : undefined;
  if (other === undefined) return;
  throw part.bad(
    'id',
    `one of its own for ${name}, not that of ${JSON.stringify(other)}`,
    'model.vocab leaves holes: give its tokens the ids from 0 on',
  );
}

function isPartOfWord(text: string, { start, end }: FoundToken): boolean {
  const word = unicodeTable('addedTokenWord');
  const before = start === 0 ? undefined : lastCodePoint(text, start);
  const behind = text.codePointAt(end);
  return (before !== undefined && word.has(before)) || (behind !== undefined && word.has(behind));
}

function lastCodePoint(text: string, end: number): number | undefined {
  const unit = text.charCodeAt(end - 1);
  return text.codePointAt(unit >= 0xdc00 && unit <= 0xdfff ? end - 2 : end - 1);
}

function startOfSpace(text: string, end: number): number {
  let start = end;
  while (start > 0 && whiteSpace.has(text.charCodeAt(start - 1))) start--;
  return start;
}

function endOfSpace(text: string, start: number): number {
  let end = start;
  while (end < text.length && whiteSpace.has(text.charCodeAt(end))) end++;
  return end;
}
