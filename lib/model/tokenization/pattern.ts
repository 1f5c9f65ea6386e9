import { CodePointSet } from './code-points.ts';
import { PatternReader, readCharacterClass, UntranslatablePattern } from './pattern-reader.ts';
import { unicodeTable } from './unicode.ts';

/**
 * A regular expression of a tokenizer.json (Oniguruma, Ruby's syntax) in JavaScript's words. Every property and class becomes the
 * very code points that the tokenizers library puts into it. Throws UntranslatablePattern.
 */
export function compilePattern(source: string): RegExp {
  const translated = new PatternTranslator(source).translate();
  try {
    return new RegExp(translated, 'gu');
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UntranslatablePattern(error.message, { cause: error });
  }
}

/** A regular expression that matches a text as it is. */
export function compileLiteral(text: string): RegExp {
  return new RegExp(Array.from(text, (character) => escapeLiteral(character.codePointAt(0) ?? 0)).join(''), 'gu');
}

/**
 * Where a pattern matches, as [start, end) pairs; nowhere in an empty text. An empty match right after another match does not count,
 * which is Oniguruma's rule and not JavaScript's.
 */
export function findMatches(pattern: RegExp, text: string): [number, number][] {
  const matches: [number, number][] = [];
  let from = 0;
  let lastEnd = -1;
  while (text !== '' && from <= text.length) {
    pattern.lastIndex = from;
    const match = pattern.exec(text);
    if (match === null) break;
    const start = match.index;
    const end = start + match[0].length;
    // JavaScript also tries between the two units of a character, where nothing but an assertion can hold.
    if (start === end && (end === lastEnd || isInsideCharacter(text, start))) {
      from = start + ((text.codePointAt(start) ?? 0) > 0xffff ? 2 : 1);
      continue;
    }
    matches.push([start, end]);
    from = end;
    lastEnd = end;
  }
  return matches;
}

function isInsideCharacter(text: string, index: number): boolean {
  return index > 0 && (text.codePointAt(index - 1) ?? 0) > 0xffff;
}

interface Flags {
  readonly ignoreCase: boolean;
  readonly dotAll: boolean;
}

const startOfText = '(?<![^])';
const endOfText = '(?![^])';

const assertions: Readonly<Record<string, () => string>> = {
  A: () => startOfText,
  z: () => endOfText,
  Z: () => `(?=\\n?${endOfText})`,
  b: () => wordBoundary('(?<=W)(?!W)|(?<!W)(?=W)'),
  B: () => wordBoundary('(?<=W)(?=W)|(?<!W)(?!W)'),
};

const groupOpenings = ['?:', '?=', '?!', '?<=', '?<!', '?>'];

/** Two letters that, without regard to case, are also one character (ß, ﬁ, ﬆ). */
const ligatures = new Set(['ss', 'ff', 'fi', 'fl', 'st']);

class PatternTranslator {
  readonly #reader: PatternReader;
  #atomicGroups = 0;
  #inLookbehind = false;

  constructor(source: string) {
    this.#reader = new PatternReader(source);
  }

  translate(): string {
    const translated = this.#alternatives({ ignoreCase: false, dotAll: false });
    if (!this.#reader.done) throw new UntranslatablePattern('a closing parenthesis without an opening one');
    return translated;
  }

  #alternatives(flags: Flags): string {
    const alternatives = [this.#sequence(flags)];
    while (this.#reader.take('|')) alternatives.push(this.#sequence(flags));
    return alternatives.join('|');
  }

  #sequence(flags: Flags): string {
    const reader = this.#reader;
    let translated = '';
    let letter = '';
    while (!reader.done && reader.peek() !== '|' && reader.peek() !== ')') {
      if (flags.ignoreCase && ligatures.has(`${letter}${reader.peek()}`.toLowerCase())) {
        throw new UntranslatablePattern(`${letter}${reader.peek()} without regard to case, which a single character can stand for`);
      }
      letter = reader.peek();
      translated += this.#quantified(this.#atom(flags));
    }
    return translated;
  }

  #atom(flags: Flags): string {
    const reader = this.#reader;
    if (reader.take('(')) return this.#group(flags);
    if (reader.take('[')) return setSource(readCharacterClass(reader), flags);
    if (reader.take('.')) return flags.dotAll ? '[^]' : '[^\\n]';
    // A line also starts after a line feed, though not where the text ends with it.
    if (reader.take('^')) return `(?:${startOfText}|(?<=\\n)(?=[^]))`;
    if (reader.take('$')) return `(?=\\n|${endOfText})`;
    if (reader.take('\\')) return this.#escape(flags);
    if (/^[?*+]$/.test(reader.peek())) throw new UntranslatablePattern(`${reader.peek()} after nothing`);
    return literalSource(reader.next().codePointAt(0) ?? 0, flags);
  }

  #escape(flags: Flags): string {
    const escaped = this.#reader.escape(false);
    if (typeof escaped === 'number') return literalSource(escaped, flags);
    if (escaped !== undefined) return setSource(escaped, flags);
    const letter = this.#reader.next();
    const assertion = assertions[letter];
    if (assertion === undefined) throw new UntranslatablePattern(`\\${letter}`);
    return assertion();
  }

  /** After `(`. Captures become plain groups, since nothing refers to them. */
  #group(flags: Flags): string {
    const reader = this.#reader;
    if (reader.takeMatch(/^\?#[^)]*\)/) !== undefined) return '';
    const switches = reader.takeMatch(/^\?([im]*)(?:-([im]*))?([:)])/);
    if (switches !== undefined) {
      const [, on = '', off = '', end] = switches;
      const set = (flag: string, before: boolean) => (before || on.includes(flag)) && !off.includes(flag);
      const inner = { ignoreCase: set('i', flags.ignoreCase), dotAll: set('m', flags.dotAll) };
      // `(?i)` holds to the end of the group around it, alternatives included.
      return end === ')' ? `(?:${this.#alternatives(inner)})` : this.#closed('(?:', inner);
    }
    const opening = groupOpenings.find((text) => reader.take(text));
    if (opening === '?>') return this.#atomic(this.#closed('(?:', flags));
    if (opening === '?<=' || opening === '?<!') return this.#lookbehind(opening, flags);
    if (opening !== undefined) return this.#closed(`(${opening}`, flags);
    if (reader.takeMatch(/^\?(?:<\w+>|'\w+')/) !== undefined || reader.peek() !== '?') return this.#closed('(?:', flags);
    throw new UntranslatablePattern(`(${reader.peek()}${reader.peek(1)}`);
  }

  #closed(opening: string, flags: Flags): string {
    const inner = this.#alternatives(flags);
    if (!this.#reader.take(')')) throw new UntranslatablePattern('an opening parenthesis without a closing one');
    return `${opening}${inner})`;
  }

  #lookbehind(opening: string, flags: Flags): string {
    const outer = this.#inLookbehind;
    this.#inLookbehind = true;
    const translated = this.#closed(`(${opening}`, flags);
    this.#inLookbehind = outer;
    return translated;
  }

  /** What matches once and is not tried again; JavaScript has it only as what a look-ahead captured. */
  #atomic(inner: string): string {
    if (this.#inLookbehind) throw new UntranslatablePattern('an atomic group that looks behind');
    const name = `atomic${this.#atomicGroups++}`;
    return `(?:(?=(?<${name}>${inner}))\\k<${name}>)`;
  }

  #quantified(atom: string): string {
    const reader = this.#reader;
    let translated = atom;
    for (;;) {
      const simple = reader.takeMatch(/^([?*+])([?+]?)/);
      const interval = simple === undefined ? reader.takeMatch(/^\{(\d+)?(?:(,)(\d+)?)?\}(\??)/) : undefined;
      if (simple !== undefined) {
        const [, operator = '', mode] = simple;
        if (mode === '+') translated = this.#atomic(`(?:${translated})${operator}`);
        else translated = `(?:${translated})${operator}${mode ?? ''}`;
      } else if (interval !== undefined) translated = `(?:${translated})${intervalSource(interval)}`;
      else return translated;
    }
  }
}

function intervalSource([text, least, comma, most, lazy = '']: RegExpExecArray): string {
  const bare = comma === undefined;
  if (least === undefined && most === undefined) throw new UntranslatablePattern(`${text} after something`);
  // Ruby reads {n}? as "n times or not at all", and swaps bounds in the wrong order.
  if ((bare && lazy !== '') || (most !== undefined && Number(least ?? 0) > Number(most))) throw new UntranslatablePattern(text);
  return bare ? `{${least}}` : `{${least ?? 0},${most ?? ''}}${lazy}`;
}

function wordBoundary(template: string): string {
  return `(?:${template.replaceAll('W', unicodeTable('word').source)})`;
}

function escapeLiteral(codePoint: number): string {
  return `\\u{${codePoint.toString(16)}}`;
}

const asciiLetters = CodePointSet.of('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz');

function literalSource(codePoint: number, flags: Flags): string {
  return flags.ignoreCase ? setSource(CodePointSet.range(codePoint), flags) : escapeLiteral(codePoint);
}

function setSource(set: CodePointSet, flags: Flags): string {
  return (flags.ignoreCase ? withoutCase(set) : set).source;
}

/** Adds the other case of each letter: ſ and the Kelvin sign are further ones of s and k. */
function withoutCase(set: CodePointSet): CodePointSet {
  const cased = CodePointSet.union([unicodeTable('Uppercase'), unicodeTable('Lowercase'), unicodeTable('Lt'), CodePointSet.range(0x345)]);
  if (set.intersect(cased).intersect(asciiLetters.complement).bounds.length > 0) {
    throw new UntranslatablePattern('letters beyond a to z without regard to case');
  }
  const letters = set.intersect(asciiLetters);
  const others = letters.ranges.flatMap(([start, end]) =>
    Array.from({ length: end - start }, (_, i) => {
      const letter = String.fromCharCode(start + i);
      return `${letter.toLowerCase()}${letter.toUpperCase()}${/s/i.test(letter) ? 'ſ' : ''}${/k/i.test(letter) ? '\u212a' : ''}`;
    }),
  );
  return CodePointSet.union([set, CodePointSet.of(others.join(''))]);
}
