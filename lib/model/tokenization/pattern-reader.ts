import { CodePointSet } from './code-points.ts';
import { unicodeProperty, unicodeTable, whiteSpace } from './unicode.ts';

/** A construct of a regular expression that has no translation. */
export class UntranslatablePattern extends Error {
  override readonly name = 'UntranslatablePattern';
}

const controlCharacters: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, a: 7, e: 27 };

const hexDigits = CodePointSet.of('0123456789abcdefABCDEF');

/** What \w means in brackets: Oniguruma counts these numbers among the word characters only outside. */
function bracketedWord(): CodePointSet {
  return unicodeTable('word').intersect(CodePointSet.of('²³¹¼½¾').complement);
}

const classEscapes: Readonly<Record<string, (inBrackets: boolean) => CodePointSet>> = {
  d: () => unicodeTable('Nd'),
  s: () => whiteSpace,
  w: (inBrackets) => (inBrackets ? bracketedWord() : unicodeTable('word')),
  h: () => hexDigits,
};

/** Steps through the source of an Oniguruma pattern, and reads what may stand inside and outside of brackets alike. */
export class PatternReader {
  readonly #characters: readonly string[];
  #position = 0;

  constructor(source: string) {
    this.#characters = Array.from(source);
  }

  get done(): boolean {
    return this.#position >= this.#characters.length;
  }

  peek(ahead = 0): string {
    return this.#characters[this.#position + ahead] ?? '';
  }

  next(): string {
    const character = this.peek();
    if (character === '') throw new UntranslatablePattern('it ends too early');
    this.#position++;
    return character;
  }

  /** Steps over `text` if it comes next. */
  take(text: string): boolean {
    const length = Array.from(text).length;
    if (this.#characters.slice(this.#position, this.#position + length).join('') !== text) return false;
    this.#position += length;
    return true;
  }

  /** Steps over what a regular expression matches here, and gives its groups. */
  takeMatch(pattern: RegExp): RegExpExecArray | undefined {
    // Long enough for every use: numbers, names of properties and flags.
    const match = pattern.exec(this.#characters.slice(this.#position, this.#position + 64).join(''));
    if (match === null || match.index !== 0) return undefined;
    this.#position += Array.from(match[0]).length;
    return match;
  }

  /** After a backslash: the code point, or the set, that an escape stands for; undefined for one with another meaning. */
  escape(inBrackets: boolean): number | CodePointSet | undefined {
    const property = this.takeMatch(/^([pP])\{(\^?)([^}]*)\}/);
    if (property !== undefined) {
      const [, letter, not, name = ''] = property;
      const set = unicodeProperty(name);
      if (set === undefined) throw new UntranslatablePattern(`the property \\${letter}{${name}}`);
      return (letter === 'P') !== (not === '^') ? set.complement : set;
    }
    const hex = this.takeMatch(/^(?:x\{([0-9a-fA-F]{1,8})\}|x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4}))/);
    if (hex !== undefined) return this.#codePoint(Number.parseInt(hex[1] ?? hex[2] ?? hex[3] ?? '', 16));
    const letter = this.peek();
    const set = classEscapes[letter.toLowerCase()];
    if (set !== undefined) {
      this.next();
      return letter === letter.toLowerCase() ? set(inBrackets) : set(inBrackets).complement;
    }
    const control = controlCharacters[letter];
    if (control !== undefined) {
      this.next();
      return control;
    }
    if (/^[0-9A-Za-z]$/.test(letter)) return undefined;
    return this.next().codePointAt(0);
  }

  #codePoint(value: number): number {
    if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) throw new UntranslatablePattern(`the code point ${value.toString(16)}`);
    return value;
  }
}

const propertyNamed = (name: string) => () => unicodeProperty(name) ?? CodePointSet.none;
const graphic = () => CodePointSet.union([whiteSpace, unicodeTable('Cc'), unicodeProperty('Cn') ?? CodePointSet.none]).complement;

const posixClasses: Readonly<Record<string, () => CodePointSet>> = {
  alnum: () => CodePointSet.union([unicodeTable('Alphabetic'), unicodeTable('Nd')]),
  alpha: propertyNamed('Alphabetic'),
  ascii: () => CodePointSet.range(0, 0x7f),
  blank: () => CodePointSet.union([unicodeTable('Zs'), CodePointSet.of('\t')]),
  cntrl: propertyNamed('Cc'),
  digit: propertyNamed('Nd'),
  graph: graphic,
  lower: propertyNamed('Lowercase'),
  print: () => CodePointSet.union([graphic(), unicodeTable('Zs')]),
  punct: () => CodePointSet.union(['P', 'S'].map((name) => propertyNamed(name)())),
  space: () => whiteSpace,
  upper: propertyNamed('Uppercase'),
  word: bracketedWord,
  xdigit: () => hexDigits,
};

/** After `[`: the set up to the matching `]`, with ranges, nested sets, intersections and POSIX names. */
export function readCharacterClass(reader: PatternReader): CodePointSet {
  const negated = reader.take('^');
  const operands: CodePointSet[] = [];
  let members: CodePointSet[] = [];
  // A bracket in the first place is a literal one.
  if (reader.take(']')) members.push(CodePointSet.of(']'));
  while (!reader.take(']')) {
    if (reader.take('&&')) {
      operands.push(CodePointSet.union(members));
      members = [];
    } else members.push(readMember(reader));
  }
  const set = operands.reduce((common, operand) => common.intersect(operand), CodePointSet.union(members));
  return negated ? set.complement : set;
}

function readMember(reader: PatternReader): CodePointSet {
  const first = readClassAtom(reader);
  if (typeof first !== 'number') return first;
  if (reader.peek() !== '-' || reader.peek(1) === ']' || reader.peek(1) === '') return CodePointSet.range(first);
  reader.next();
  const last = readClassAtom(reader);
  if (typeof last !== 'number' || last < first) throw new UntranslatablePattern('a range in brackets without an end');
  return CodePointSet.range(first, last);
}

function readClassAtom(reader: PatternReader): number | CodePointSet {
  const posix = reader.takeMatch(/^\[:(\^?)([a-z]+):\]/);
  if (posix !== undefined) {
    const [text, not, name = ''] = posix;
    const set = posixClasses[name]?.();
    if (set === undefined) throw new UntranslatablePattern(text);
    return not === '^' ? set.complement : set;
  }
  if (reader.take('[')) return readCharacterClass(reader);
  if (!reader.take('\\')) return reader.next().codePointAt(0) ?? 0;
  const atom = reader.escape(true);
  if (atom === undefined) throw new UntranslatablePattern(`\\${reader.peek()} in brackets`);
  return atom;
}
