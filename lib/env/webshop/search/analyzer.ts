import { stemmer } from 'stemmer';
import { unattached } from './unattached.ts';
import { skipEnd, tokenEnd, WordKind } from './word-rules.ts';

/*
 * Text to index terms as Lucene's English analysis does it: words by the rules of UAX #29, possessive 's dropped, lower case, stop words
 * dropped, Porter stems. `Intl.Segmenter` is not used: it groups Chinese and Japanese by dictionary, and both it and the newest Unicode
 * tables disagree with Lucene about which symbols are emoji.
 */

const stopWords = new Set(
  `a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was will with`.split(
    ' ',
  ),
);

/** The terms of a text, in order, repeats kept. */
export function analyze(text: string): string[] {
  const terms: string[] = [];
  for (const token of tokenize(text)) {
    const word = token.replace(/['\u2019\uff07][sS]$/u, '').toLowerCase();
    if (!stopWords.has(word)) terms.push(stem(word));
  }
  return terms;
}

const stems = new Map<string, string>();

function stem(word: string): string {
  if (word.length <= 2) return word;
  let known = stems.get(word);
  if (known === undefined) {
    // A part of a long text keeps all of it alive.
    const own = unattached(word);
    known = stemmer(own);
    if (stems.size < 200_000) stems.set(own, known);
  }
  return known;
}

const maxTokenLength = 255;

/** The tokens of a text before any of them is changed or dropped. */
export function tokenize(text: string): string[] {
  const { kinds, starts, length } = classify(text);
  const tokens: string[] = [];
  for (let at = 0; at < length; ) {
    const next = tokenEnd(kinds, at);
    if (next === at) at = skipEnd(kinds, at);
    else {
      const end = starts[next] as number;
      for (let from = starts[at] as number; from < end; from += maxTokenLength)
        tokens.push(text.slice(from, Math.min(end, from + maxTokenLength)));
      at = next;
    }
  }
  return tokens;
}

interface Classified {
  /** [at least length + 1]: `WordKind` of each base character, then `other`. */
  readonly kinds: Uint8Array;
  /** [at least length + 1]: where in the text each of them begins, then the end of the text. */
  readonly starts: Uint32Array;
  readonly length: number;
}

const usualLength = 1 << 14;
/** Used again for every text of usual length: their contents are done with before the next call. */
const usual = { kinds: new Uint8Array(usualLength + 1), starts: new Uint32Array(usualLength + 1) };

function classify(text: string): Classified {
  const long = text.length > usualLength;
  const { kinds, starts } = long ? { kinds: new Uint8Array(text.length + 1), starts: new Uint32Array(text.length + 1) } : usual;
  let length = 0;
  for (let at = 0; at < text.length; ) {
    const code = text.codePointAt(at) as number;
    const kind = kindOf(code);
    const last = length - 1;
    // Extending characters belong to the character before them; only a joiner or a keycap mark changes what that is.
    if (kind === WordKind.joiner) {
      if (kinds[last] === WordKind.pictograph) kinds[last] = WordKind.joinedPictograph;
    } else if (kind === WordKind.extending) {
      if (code === keycapMark && kinds[last] === WordKind.other && '#*'.includes(text.charAt(starts[last] as number))) {
        kinds[last] = WordKind.alone;
      }
    } else {
      kinds[length] = kind;
      starts[length++] = at;
    }
    at += code > 0xffff ? 2 : 1;
  }
  kinds[length] = WordKind.other;
  starts[length] = text.length;
  return { kinds, starts, length };
}

const keycapMark = 0x20e3;
/** Kind by code point, 0 where it was not asked for yet. */
const kindByCode = new Uint8Array(0x110000);

function kindOf(code: number): WordKind {
  const kind = kindByCode[code] as WordKind | 0;
  if (kind !== 0) return kind;
  const found = findKind(code);
  kindByCode[code] = found;
  return found;
}

const midLetter = /[:\u00b7\u0387\u055f\u05f4\u2027\ufe13\ufe55\uff1a]/u;
const midNumLet = /[.\u2018\u2019\u2024\ufe52\uff07\uff0e]/u;
const midNum = /[,;\u037e\u0589\u060c\u060d\u066c\u07f8\u2044\ufe10\ufe14\ufe50\ufe54\uff0c\uff1b]/u;
const katakana = /[\p{Script=Katakana}\u3031-\u3035\u309b\u309c\u30a0\u30fc\uff70]/u;
const alone = /[\p{Script=Han}\p{Script=Hiragana}]/u;
const southEastAsian =
  /[\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\p{Script=Tai_Le}\p{Script=New_Tai_Lue}\p{Script=Tai_Tham}\p{Script=Tai_Viet}\p{Script=Ahom}]/u;
const otherLetters =
  /[\u02c2-\u02c5\u02d2-\u02d7\u02de\u02df\u02e5-\u02eb\u02ed\u02ef-\u02ff\u055a-\u055c\u055e\u058a\u05f3\ua708-\ua716\ua720\ua721\ua789\ua78a\uab5b]/u;

function findKind(code: number): WordKind {
  const character = String.fromCodePoint(code);
  if (character === '\u200d') return WordKind.joiner;
  if (character === '\u200b') return WordKind.other;
  if (/[\p{Grapheme_Extend}\p{Mc}\p{Emoji_Modifier}\p{Cf}]/u.test(character)) return WordKind.extending;
  if (midLetter.test(character)) return WordKind.joinsLetters;
  if (midNumLet.test(character)) return WordKind.joinsEither;
  if (midNum.test(character)) return WordKind.joinsDigits;
  if (character === "'") return WordKind.joinsEither;
  if (/[\p{Pc}\u202f]/u.test(character)) return WordKind.connector;
  if (/[\p{Nd}\u066b]/u.test(character)) return WordKind.digit;
  if (katakana.test(character)) return WordKind.katakana;
  if (alone.test(character)) return WordKind.alone;
  if (southEastAsian.test(character)) return WordKind.southEastAsian;
  if (/\p{Alphabetic}/u.test(character) || otherLetters.test(character)) return WordKind.letter;
  if (code >= 0x1f1e6 && code <= 0x1f1ff) return WordKind.region;
  return isPictograph(code) ? WordKind.pictograph : WordKind.other;
}

/** Extended_Pictographic as of Unicode 11 to 15, ranges of [first, last]. */
const pictographs: readonly (readonly [number, number])[] =
  `00A9 00AE 203C 2049 2122 2139 2194-2199 21A9-21AA 231A-231B 2328 2388 23CF 23E9-23F3 23F8-23FA 24C2 25AA-25AB 25B6 25C0 25FB-25FE
  2600-2605 2607-2612 2614-2685 2690-2705 2708-2712 2714 2716 271D 2721 2728 2733-2734 2744 2747 274C 274E 2753-2755 2757 2763-2767
  2795-2797 27A1 27B0 27BF 2934-2935 2B05-2B07 2B1B-2B1C 2B50 2B55 3030 303D 3297 3299 1F000-1F0FF 1F10D-1F10F 1F12F 1F16C-1F171
  1F17E-1F17F 1F18E 1F191-1F19A 1F1AD-1F1E5 1F201-1F20F 1F21A 1F22F 1F232-1F23A 1F23C-1F23F 1F249-1F3FA 1F400-1F53D 1F546-1F64F
  1F680-1F6FF 1F774-1F77F 1F7D5-1F7FF 1F80C-1F80F 1F848-1F84F 1F85A-1F85F 1F888-1F88F 1F8AE-1F8FF 1F90C-1F93A 1F93C-1F945 1F947-1FAFF
  1FC00-1FFFD`
    .split(/\s+/)
    .map((range) => {
      const [first = '', last = first] = range.split('-');
      return [Number.parseInt(first, 16), Number.parseInt(last, 16)];
    });

function isPictograph(code: number): boolean {
  return pictographs.some(([first, last]) => code >= first && code <= last);
}
