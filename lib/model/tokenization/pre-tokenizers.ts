import { mapToByteCharacters } from '../byte-level.ts';
import { CodePointSet } from './code-points.ts';
import { readPattern } from './normalizers.ts';
import { compileLiteral, compilePattern, findMatches } from './pattern.ts';
import type { TokenizerPart } from './tokenizer-part.ts';
import { unicodeTable, whiteSpace } from './unicode.ts';

/** The pieces of a text that the model encodes one by one. */
export interface Pieces {
  readonly texts: readonly string[];
  /** Whether the first piece begins where the whole text begins. */
  readonly atStart: boolean;
}

type Splitting = (pieces: Pieces) => Pieces;

export interface PreTokenizer {
  readonly split: Splitting;
  /** The pieces are still text: the model takes the bytes of each, as byte characters. */
  readonly bytes: boolean;
}

/** The `pre_tokenizer` of a tokenizer.json. Throws ASTARPO_TOKENIZER for a type that is not known here. */
export function createPreTokenizer(part: TokenizerPart | undefined): PreTokenizer {
  if (part === undefined) return { split: (pieces) => pieces, bytes: false };
  const steps = flatten(part);
  // Bytes that nothing looks at before the model does need no mapping: the model remembers the ids of texts.
  const bytes = steps.at(-1)?.type === 'ByteLevel';
  const splits = steps.map((step, i) => (bytes && i === steps.length - 1 ? byteLevelPieces(step) : step.byType(preTokenizers)(step)));
  return { split: (pieces) => splits.reduce((split, step) => step(split), pieces), bytes };
}

function flatten(part: TokenizerPart): TokenizerPart[] {
  return part.type === 'Sequence' ? part.parts('pretokenizers').flatMap(flatten) : [part];
}

const behaviors = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'] as const;
type Behavior = (typeof behaviors)[number];

const preTokenizers: Readonly<Record<string, (part: TokenizerPart) => Splitting>> = {
  BertPreTokenizer: () => {
    const words = splitAt(characters(whiteSpace), 'Removed');
    const marks = splitAt(characters(unicodeTable('punctuation')), 'Isolated');
    return (pieces) => marks(words(pieces));
  },
  ByteLevel: (part) => {
    const split = byteLevelPieces(part);
    return (pieces) => {
      const { texts, atStart } = split(pieces);
      return { texts: texts.map(mapToByteCharacters), atStart };
    };
  },
  CharDelimiterSplit: (part) => splitAt(compileLiteral(part.character('delimiter')), 'Removed'),
  Digits: (part) => splitAt(characters(unicodeTable('numeric')), part.boolean('individual_digits') ? 'Isolated' : 'Contiguous'),
  FixedLength: (part) => {
    const length = part.integer('length', 5);
    if (length === 0) throw part.bad('length', 'at least 1');
    return splitAt(new RegExp(`[^]{1,${length}}`, 'gu'), 'Isolated');
  },
  Metaspace: metaspace,
  Punctuation: (part) => splitAt(characters(unicodeTable('punctuation')), part.oneOf('behavior', behaviors, 'Isolated')),
  // Anything that is neither matched nor inverted is what `Removed` drops.
  Split: (part) => splitAt(readPattern(part), part.oneOf('behavior', behaviors), part.boolean('invert')),
  Whitespace: () => {
    const word = unicodeTable('addedTokenWord');
    const mark = CodePointSet.union([word, whiteSpace]).complement;
    return splitAt(new RegExp(`${word.source}+|${mark.source}+`, 'gu'), 'Removed', true);
  },
  WhitespaceSplit: () => splitAt(characters(whiteSpace), 'Removed'),
};

function characters(set: CodePointSet): RegExp {
  return new RegExp(set.source, 'gu');
}

const gpt2Pattern = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** ByteLevel but for the mapping of bytes to characters. */
function byteLevelPieces(part: TokenizerPart): Splitting {
  const prefix = part.boolean('add_prefix_space');
  const split = part.boolean('use_regex', true) ? splitAt(compilePattern(gpt2Pattern), 'Isolated') : (pieces: Pieces) => pieces;
  return ({ texts, atStart }) =>
    split({ texts: prefix ? texts.map((text) => (text.startsWith(' ') ? text : ` ${text}`)) : texts, atStart });
}

function metaspace(part: TokenizerPart): Splitting {
  const replacement = part.character('replacement');
  const scheme = prependScheme(part);
  const split = part.boolean('split', true) ? splitAt(compileLiteral(replacement), 'MergedWithNext') : (pieces: Pieces) => pieces;
  return ({ texts, atStart }) =>
    split({
      texts: texts.map((text, i) => {
        const replaced = text.replaceAll(' ', replacement);
        const prepends = scheme === 'always' || (scheme === 'first' && i === 0 && atStart);
        return prepends && !replaced.startsWith(replacement) ? replacement + replaced : replaced;
      }),
      atStart,
    });
}

/** `prepend_scheme` of a Metaspace, which older files call add_prefix_space. */
export function prependScheme(part: TokenizerPart): 'always' | 'never' | 'first' {
  const scheme = part.oneOf('prepend_scheme', ['always', 'never', 'first'], 'always');
  if (!part.boolean('add_prefix_space', true) && scheme !== 'never')
    throw part.bad('prepend_scheme', 'never beside add_prefix_space false');
  return scheme;
}

/** From start to end, and whether the pattern matched it. */
type Span = readonly [start: number, end: number, matched: boolean];

function splitAt(pattern: RegExp, behavior: Behavior, invert = false): Splitting {
  const arrange = arrangements[behavior];
  return ({ texts, atStart }) => {
    const pieces: string[] = [];
    let stillAtStart = false;
    for (const [i, text] of texts.entries()) {
      const spans = arrange(spansOf(pattern, text, invert));
      for (const [start, end] of spans) if (end > start) pieces.push(text.slice(start, end));
      if (i === 0) stillAtStart = atStart && spans.find(([start, end]) => end > start)?.[0] === 0;
    }
    return { texts: pieces, atStart: stillAtStart };
  };
}

/** Matches and what is between them, one after another. */
function spansOf(pattern: RegExp, text: string, invert: boolean): Span[] {
  const spans: Span[] = [];
  let from = 0;
  for (const [start, end] of findMatches(pattern, text)) {
    if (start > from) spans.push([from, start, invert]);
    spans.push([start, end, !invert]);
    from = end;
  }
  if (from < text.length) spans.push([from, text.length, invert]);
  return spans;
}

const arrangements: Readonly<Record<Behavior, (spans: readonly Span[]) => readonly Span[]>> = {
  Isolated: (spans) => spans,
  Removed: (spans) => spans.filter(([, , matched]) => !matched),
  Contiguous: (spans) => joinSpans(spans, (matched, before) => matched === before),
  MergedWithPrevious: (spans) => joinSpans(spans, (matched, before) => matched && !before),
  MergedWithNext: (spans) => joinSpans(spans.toReversed(), (matched, before) => matched && !before).toReversed(),
};

/** Joins a span with the one before it in the list where `joins` says so. What is before the first counts as not matched. */
function joinSpans(spans: readonly Span[], joins: (matched: boolean, before: boolean) => boolean): Span[] {
  const joined: Span[] = [];
  let before = false;
  for (const span of spans) {
    const last = joined.at(-1);
    if (last !== undefined && joins(span[2], before)) {
      joined[joined.length - 1] = [Math.min(last[0], span[0]), Math.max(last[1], span[1]), span[2]];
    } else joined.push(span);
    before = span[2];
  }
  return joined;
}
