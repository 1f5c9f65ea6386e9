/*
 * The word rules of UAX #29 over kinds of characters. As a regular expression a token is E*W(E+W)*E* with connectors E and words W of Katakana,
 * or of letters and digits with single joiners inside; or one of the other kinds by itself. That expression takes quadratic time for a long
 * run of connectors, and more stack than there is for megabytes without a blank.
 */

/** What a character is to these rules. */
export const WordKind = {
  letter: 1,
  digit: 2,
  katakana: 3,
  /** Such as `_`: joins words, and may lead and trail. */
  connector: 4,
  joinsLetters: 5,
  joinsDigits: 6,
  joinsEither: 7,
  /** A token by itself. */
  alone: 8,
  southEastAsian: 9,
  pictograph: 10,
  /** A pictograph with a joiner behind it. */
  joinedPictograph: 11,
  /** Two of them are a flag. */
  region: 12,
  /** Belongs to the character before it. */
  extending: 13,
  joiner: 14,
  /** In no token. */
  other: 15,
} as const;
export type WordKind = (typeof WordKind)[keyof typeof WordKind];

/** Where the token ends that begins at `at`, which is `at` itself where none begins. `kinds` ends with one that is in no token. */
export function tokenEnd(kinds: Uint8Array, at: number): number {
  switch (kinds[at]) {
    case WordKind.letter:
    case WordKind.digit:
    case WordKind.katakana:
    case WordKind.connector:
      return wordEnd(kinds, at);
    case WordKind.alone:
    case WordKind.pictograph:
      return at + 1;
    case WordKind.southEastAsian:
      return runEnd(kinds, at, WordKind.southEastAsian);
    case WordKind.joinedPictograph: {
      const end = runEnd(kinds, at, WordKind.joinedPictograph);
      return kinds[end] === WordKind.pictograph ? end + 1 : end;
    }
    case WordKind.region:
      return kinds[at + 1] === WordKind.region ? at + 2 : at;
    default:
      return at;
  }
}

/** Where to go on after `at`, where no token begins: behind all connectors, none of which begins one then. */
export function skipEnd(kinds: Uint8Array, at: number): number {
  return Math.max(at + 1, runEnd(kinds, at, WordKind.connector));
}

function wordEnd(kinds: Uint8Array, begin: number): number {
  let end = begin;
  for (;;) {
    const connectors = runEnd(kinds, end, WordKind.connector);
    const next = plainWordEnd(kinds, connectors);
    // Connectors alone are no word.
    if (next === connectors) return end === begin ? begin : connectors;
    end = next;
    if (kinds[end] !== WordKind.connector) return end;
  }
}

function plainWordEnd(kinds: Uint8Array, begin: number): number {
  if (kinds[begin] === WordKind.katakana) return runEnd(kinds, begin, WordKind.katakana);
  let end = begin;
  for (;;) {
    const kind = kinds[end];
    if (kind === WordKind.letter || kind === WordKind.digit) end++;
    else if (end > begin && kinds[end + 1] === kinds[end - 1] && joins(kind, kinds[end - 1])) end += 2;
    else return end;
  }
}

/** Whether a kind may stand between two letters or two digits. */
function joins(joiner: number | undefined, kind: number | undefined): boolean {
  return joiner === WordKind.joinsEither || joiner === (kind === WordKind.letter ? WordKind.joinsLetters : WordKind.joinsDigits);
}

function runEnd(kinds: Uint8Array, begin: number, kind: WordKind): number {
  let end = begin;
  while (kinds[end] === kind) end++;
  return end;
}
