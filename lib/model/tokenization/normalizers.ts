import { mapToByteCharacters } from '../byte-level.ts';
import { CodePointSet } from './code-points.ts';
import { compileLiteral, compilePattern, findMatches } from './pattern.ts';
import { UntranslatablePattern } from './pattern-reader.ts';
import type { TokenizerPart } from './tokenizer-part.ts';
import { lowercase, unicodeTable, whiteSpace } from './unicode.ts';

export type Normalizer = (text: string) => string;

/** The `normalizer` of a tokenizer.json. Throws ASTARPO_TOKENIZER for a type that is not known here. */
export function createNormalizer(part: TokenizerPart): Normalizer {
  return part.byType(normalizers)(part);
}

/** Whether every part of a normalizer is known here. */
export function knowsNormalizer(part: TokenizerPart): boolean {
  if (part.type === 'Sequence') return part.parts('normalizers').every(knowsNormalizer);
  return Object.hasOwn(normalizers, part.type);
}

const normalizers: Readonly<Record<string, (part: TokenizerPart) => Normalizer>> = {
  NFC: () => unicodeNormalizer('NFC'),
  NFD: () => unicodeNormalizer('NFD'),
  NFKC: () => unicodeNormalizer('NFKC'),
  NFKD: () => unicodeNormalizer('NFKD'),
  // Letter by letter: a word's last sigma is no exception in the tokenizers library.
  Lowercase: () => (text) => Array.from(text, lowercase).join(''),
  Prepend: prepend,
  Replace: (part) => createReplace(part),
  Strip: strip,
  ByteLevel: () => mapToByteCharacters,
  Sequence: (part) => {
    const steps = part.parts('normalizers').map(createNormalizer);
    return (text) => steps.reduce((normalised, step) => step(normalised), text);
  },
};

function prepend(part: TokenizerPart): Normalizer {
  const prefix = part.string('prepend');
  return (text) => (text === '' ? '' : prefix + text);
}

function strip(part: TokenizerPart): Normalizer {
  const left = part.boolean('strip_left');
  const right = part.boolean('strip_right');
  return (text) => {
    let start = 0;
    let end = text.length;
    // White space has no character beyond U+FFFF.
    while (left && start < end && whiteSpace.has(text.charCodeAt(start))) start++;
    while (right && end > start && whiteSpace.has(text.charCodeAt(end - 1))) end--;
    return text.slice(start, end);
  };
}

/** `Replace`, which is a normalizer and a decoder: every match of a pattern becomes the same content. */
export function createReplace(part: TokenizerPart): Normalizer {
  const pattern = readPattern(part);
  const content = part.string('content');
  return (text) => {
    let replaced = '';
    let from = 0;
    for (const [start, end] of findMatches(pattern, text)) {
      replaced += text.slice(from, start) + content;
      from = end;
    }
    return from === 0 && replaced === '' ? text : replaced + text.slice(from);
  };
}

/** The key `pattern` of Replace and Split: {"String": …} or {"Regex": …}. */
export function readPattern(part: TokenizerPart): RegExp {
  const pattern = part.part('pattern');
  if (pattern.value('String') !== undefined) return compileLiteral(pattern.string('String'));
  try {
    return compilePattern(pattern.string('Regex'));
  } catch (error) {
    if (!(error instanceof UntranslatablePattern)) throw error;
    throw pattern.bad('Regex', `a regular expression that can be translated (not ${error.message})`, untranslatable);
  }
}

const untranslatable =
  'back references, calls, absent groups, \\R, \\X, \\G and \\K have no translation, nor has ignoring the case of other letters than a to z';

type Form = 'NFC' | 'NFD' | 'NFKC' | 'NFKD';

let normalisable: RegExp | undefined;

/**
 * Unicode normalisation as the tokenizers library knows it, which is that of an older Unicode: a character that is new since then
 * stays as it is there, and what is beside it does not act across it. What it knows, every later Unicode treats alike.
 */
function unicodeNormalizer(form: Form): Normalizer {
  normalisable ??= new RegExp(`${CodePointSet.union([unicodeTable('normalisable'), CodePointSet.range(0, 0x2ff)]).source}+`, 'gu');
  const pattern = normalisable;
  // Below U+0300 every text is in NFC, and below U+0080 in the other forms.
  const unchanged = form === 'NFC' ? /^[\0-\u02ff]*$/ : /^[\0-\x7f]*$/;
  return (text) => (unchanged.test(text) ? text : text.replace(pattern, (run) => run.normalize(form)));
}
