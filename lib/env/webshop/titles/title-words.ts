/*
 * Splits titles into words as spaCy's English tokenizer does: the original's nouns are counted among its words, so `4GB` has to be `4` and
 * `GB`, and `Slip-On` two words. Written after the documented algorithm (spacy.io, "How spaCy's tokenizer works") and its English
 * punctuation classes, with those of its exceptions that titles have.
 */

const quotes = `'"”“\`‘´’‚,„»«「」『』（）〔〕【】《》〈〉⟦⟧`;
const marks = '…,:;!?¿؟¡()\\[\\]{}<>_#*&。？！，、；：～·।،۔؛٪';
const currencies = '\\$|US\\$|C\\$|A\\$|[£€¥฿₽﷼₴₠-₿]';
const icons = '\\p{So}';
const units =
  'km²|km³|km/h|kmh|km|m²|m³|m/s|mph|mbar|mb|mg|mm²|mm³|mm|m|dm²|dm³|dm|cm²|cm³|cm|ha|µm|µg|nm|yd|in|ft|kg|kb|g|gb|t|tb|lb|oz|hPa|Pa|MB|KB|GB|TB|T|G|M|K|%';
const hyphens = '--|---|——|[-–—~]';
const anyCase = '\\p{L}';
const lowerCase = '\\p{Ll}\\p{Lo}';
const upperCase = '\\p{Lu}\\p{Lo}';

const prefix = new RegExp(`^(?:''|[§%=—–${marks}${quotes}]|\\+(?![0-9])|\\.\\.+|${currencies}|${icons})`, 'u');
const suffix = new RegExp(
  [
    `''|[—–${marks}${quotes}]`,
    "['’][sS]",
    icons,
    '(?<=[0-9])\\+',
    `(?<=[0-9])(?:${currencies}|${units})`,
    `(?<=[0-9${lowerCase}%²+\\-${marks}${quotes}])\\.`,
    `(?<=[${upperCase}][${upperCase}])\\.`,
  ]
    .map((piece) => `(?:${piece})$`)
    .join('|'),
  'u',
);
const infix = new RegExp(
  [
    '\\.\\.+|…',
    icons,
    '(?<=[0-9])[+\\-*^](?=[0-9-])',
    `(?<=[${lowerCase}${quotes}])\\.(?=[${upperCase}${quotes}])`,
    `(?<=${anyCase}),(?=${anyCase})`,
    `(?<=[${anyCase}0-9])(?:${hyphens})(?=${anyCase})`,
    `(?<=[${anyCase}0-9])[:<>=/](?=${anyCase})`,
  ].join('|'),
  'gu',
);
const address =
  /^(?:[\w+.-]{2,}:\/\/)?(?:\S+@)?(?:[\p{L}\p{N}](?:[\p{L}\p{N}_-]*[\p{L}\p{N}])?\.)+\p{Ll}{2,63}(?::\d{2,5})?(?:[/?#]\S*)?$/u;

const wholeWords = new Set(
  `w/o and/or C++ a.m. p.m. e.g. i.e. vs. v.s. Adm. Bros. Co. co. Corp. Dr. Gen. Gov. Inc. Jr. Ltd. Mr. Mrs. Ms. Mt. Ph.D. Prof. Rep. Rev.
  Sen. St. D.C. N.Y. ma'am Ma'am o'clock O'clock 8) 8-) 8D :) :D ;) xD XD <3 <33`.split(/\s+/),
);
const initial = /^[a-zäöü]\.$/u;
const auxiliaries = 'do|does|did|is|are|was|were|has|have|had|ca|could|wo|would|should|must|might|need';
const contractions = [
  new RegExp(`^(${auxiliaries})(n['’]t)$`, 'iu'),
  /^(i|you|he|she|it|we|they|what|who|where|when|how|that|there|let)(['’](?:m|s|re|ve|ll|d))$/iu,
  /^(can)(not)$/iu,
  /^(1[0-2]|[1-9])(am|pm|a\.m\.|p\.m\.)$/u,
];

const longestException = 12;

/** The words and marks of a title, in order. */
export function titleWords(title: string): string[] {
  return title
    .split(/\s+/)
    .filter((piece) => piece !== '')
    .flatMap(splitPiece);
}

/** What stands between blanks: marks come off at both ends, one of each a time, until nothing does or the rest is a known word. */
function splitPiece(piece: string): string[] {
  const before: string[] = [];
  const after: string[] = [];
  let rest = piece;
  while (rest !== '' && exception(rest) === undefined) {
    const first = prefix.exec(rest)?.[0] ?? '';
    const inner = rest.slice(first.length);
    const last = suffixOf(inner);
    if (first === '' && last === '') break;
    const outer = rest.slice(0, rest.length - last.length);
    if (exception(inner) !== undefined) {
      before.push(first);
      rest = inner;
    } else if (exception(outer) !== undefined) {
      after.unshift(last);
      rest = outer;
    } else {
      if (first !== '') before.push(first);
      if (last !== '') after.unshift(last);
      rest = inner.slice(0, inner.length - last.length);
    }
  }
  return [...before, ...(rest === '' ? [] : (exception(rest) ?? splitInside(rest))), ...after];
}

/** No suffix but a run of dots is longer than half of this, so that long words need not be searched from their beginning. */
const suffixReach = 8;

function suffixOf(word: string): string {
  let dots = 0;
  while (word[word.length - 1 - dots] === '.') dots++;
  return dots >= 2 ? '.'.repeat(dots) : (suffix.exec(word.slice(-suffixReach))?.[0] ?? '');
}

/** The parts of a word that has rules of its own; undefined for all others. */
function exception(word: string): readonly string[] | undefined {
  if (word.length > longestException) return undefined;
  if (wholeWords.has(word) || initial.test(word)) return [word];
  for (const contraction of contractions) {
    const match = contraction.exec(word);
    if (match !== null) return match.slice(1);
  }
  return undefined;
}

/** At hyphens, slashes and the like between letters; addresses stay whole. */
function splitInside(word: string): string[] {
  if (address.test(word)) return [word];
  const parts: string[] = [];
  let begin = 0;
  for (const { index, 0: mark } of word.matchAll(infix)) {
    if (index === begin) continue;
    parts.push(word.slice(begin, index), mark);
    begin = index + mark.length;
  }
  if (begin < word.length) parts.push(word.slice(begin));
  return parts;
}
