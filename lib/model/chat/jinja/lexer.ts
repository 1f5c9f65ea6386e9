import { spaceClass, stripRight } from './python-text.ts';
import type { Token, TokenType } from './syntax.ts';
import { TemplateError } from './template-error.ts';

/*
 * Template text → tokens, with the whitespace rules of Python's jinja2 under trim_blocks and lstrip_blocks, which is how
 * transformers compiles chat templates. The tokenizer of @huggingface/jinja applies these rules by regular expressions over the
 * whole source, which also rewrites text that merely looks like a tag, and knows neither `{%+`, `+%}` nor raw blocks.
 */

/** The inside of one tag, between its borders. */
export interface Tag {
  readonly kind: 'statement' | 'expression';
  readonly tokens: readonly Token[];
}

export type Part = { readonly text: string } | Tag;

const space = `[${spaceClass}]`;
const closings = {
  '{%': new RegExp(`\\+%}|-%}${space}*|%}\\n?`, 'y'),
  '{{': new RegExp(`-}}${space}*|}}`, 'y'),
} as const;
const commentEnd = new RegExp(`\\+#}|-#}${space}*|#}\\n?`, 'g');
const rawBegin = new RegExp(`{%[-+]?${space}*raw${space}*(?:-%}${space}*|%})`, 'y');
const rawEnd = new RegExp(`{%([-+]?)${space}*endraw${space}*(?:\\+%}|-%}${space}*|%}\\n?)`, 'g');

/** Throws TemplateError where a tag does not end or holds what is no token. */
export function splitTemplate(template: string): Part[] {
  const source = template.replace(/\r\n?/g, '\n').replace(/\n$/, '');
  const parts: Part[] = [];
  let position = 0;
  let atLineStart = true;
  const pushText = (text: string, sign: string, expression: boolean) => {
    const kept = trimBeforeTag(text, sign, expression, atLineStart);
    if (kept !== '') parts.push({ text: kept });
  };
  const advance = (end: number) => {
    position = end;
    atLineStart = source[end - 1] === '\n';
  };
  while (position < source.length) {
    const open = nextOpening(source, position);
    if (open === -1) {
      parts.push({ text: source.slice(position) });
      break;
    }
    const text = source.slice(position, open);
    const border = source.slice(open, open + 2) as '{%' | '{{' | '{#';
    const sign = /[-+]/.test(source[open + 2] ?? '') ? (source[open + 2] as string) : '';
    pushText(text, sign, border === '{{');
    const inside = open + 2 + sign.length;
    if (border === '{#') {
      advance(endOf(commentEnd, source, inside, 'comment'));
      continue;
    }
    const raw = matchAt(rawBegin, source, open);
    if (raw !== undefined) {
      advance(open + raw.length);
      const end = searchFrom(rawEnd, source, position);
      if (end === undefined) throw new TemplateError('a raw block does not end');
      pushText(source.slice(position, end.index), end[1] ?? '', false);
      advance(end.index + end[0].length);
      continue;
    }
    const { tokens, end } = readTag(source, inside, closings[border]);
    parts.push({ kind: border === '{{' ? 'expression' : 'statement', tokens });
    advance(end);
  }
  return parts;
}

function nextOpening(source: string, from: number): number {
  const found = source.slice(from).search(/{[{%#]/);
  return found === -1 ? -1 : from + found;
}

/** `-` strips all space before a tag; without a sign, the indentation of a line that begins with a statement or comment goes. */
function trimBeforeTag(text: string, sign: string, expression: boolean, atLineStart: boolean): string {
  if (sign === '-') return stripRight(text);
  if (sign === '+' || expression) return text;
  const line = text.lastIndexOf('\n') + 1;
  if (line === 0 && !atLineStart) return text;
  return stripRight(text.slice(line)) === '' ? text.slice(0, line) : text;
}

function endOf(pattern: RegExp, source: string, from: number, what: string): number {
  const found = searchFrom(pattern, source, from);
  if (found === undefined) throw new TemplateError(`a ${what} does not end: ${excerpt(source, from)}`);
  return found.index + found[0].length;
}

function searchFrom(pattern: RegExp, source: string, from: number): RegExpExecArray | undefined {
  pattern.lastIndex = from;
  return pattern.exec(source) ?? undefined;
}

function matchAt(pattern: RegExp, source: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(source)?.[0];
}

const patterns = {
  space: new RegExp(`${space}+`, 'y'),
  float: /\d[\d_]*(?:(?:\.\d[\d_]*)?[eE][-+]?\d[\d_]*|\.\d[\d_]*)/y,
  integer: /0[bB][01_]+|0[oO][0-7_]+|0[xX][\da-fA-F_]+|\d[\d_]*/y,
  name: /[\p{L}\p{N}_]+/uy,
  string: /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/sy,
  operator: /\/\/|\*\*|[=!<>]=|[-+*/%~[\](){}<>=.:|,]/y,
} as const;

const operatorTypes: Readonly<Record<string, TokenType>> = {
  '+': 'AdditiveBinaryOperator',
  '-': 'AdditiveBinaryOperator',
  '~': 'AdditiveBinaryOperator',
  '*': 'MultiplicativeBinaryOperator',
  '/': 'MultiplicativeBinaryOperator',
  '//': 'MultiplicativeBinaryOperator',
  '%': 'MultiplicativeBinaryOperator',
  '**': 'ExponentiationBinaryOperator',
  '==': 'ComparisonBinaryOperator',
  '!=': 'ComparisonBinaryOperator',
  '<': 'ComparisonBinaryOperator',
  '>': 'ComparisonBinaryOperator',
  '<=': 'ComparisonBinaryOperator',
  '>=': 'ComparisonBinaryOperator',
  '=': 'Equals',
  '(': 'OpenParen',
  ')': 'CloseParen',
  '[': 'OpenSquareBracket',
  ']': 'CloseSquareBracket',
  '{': 'OpenCurlyBracket',
  '}': 'CloseCurlyBracket',
  '.': 'Dot',
  ':': 'Colon',
  '|': 'Pipe',
  ',': 'Comma',
};

const closers: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/** Tokens from `from` to the closing border, which counts only outside of brackets: `{{ {'a': {}} }}`. */
function readTag(source: string, from: number, closing: RegExp): { tokens: Token[]; end: number } {
  const tokens: Token[] = [];
  const open: string[] = [];
  let at = from;
  while (at < source.length) {
    const border = open.length === 0 ? matchAt(closing, source, at) : undefined;
    if (border !== undefined) return { tokens, end: at + border.length };
    const gap = matchAt(patterns.space, source, at);
    if (gap !== undefined) {
      at += gap.length;
      continue;
    }
    const { token, length } = readToken(source, at, tokens.at(-1));
    const closer = closers[token.value];
    if (token.type === 'StringLiteral') tokens.push(token);
    else {
      if (closer !== undefined) open.push(closer);
      else if (/^[)\]}]$/.test(token.value) && open.pop() !== token.value) {
        throw new TemplateError(`unexpected ${token.value} in ${excerpt(source, from)}`);
      }
      tokens.push(token);
    }
    at += length;
  }
  throw new TemplateError(`a tag does not end: ${excerpt(source, from)}`);
}

function readToken(source: string, at: number, before: Token | undefined): { token: Token; length: number } {
  const float = before?.type === 'Dot' ? undefined : matchAt(patterns.float, source, at);
  if (float !== undefined) return { token: { type: 'NumericLiteral', value: floatLiteral(float) }, length: float.length };
  const integer = matchAt(patterns.integer, source, at);
  if (integer !== undefined) {
    return { token: { type: 'NumericLiteral', value: String(Number(integer.replaceAll('_', ''))) }, length: integer.length };
  }
  const name = matchAt(patterns.name, source, at);
  if (name !== undefined) return { token: { type: 'Identifier', value: name }, length: name.length };
  const string = matchAt(patterns.string, source, at);
  if (string !== undefined) return { token: { type: 'StringLiteral', value: unescapeString(string.slice(1, -1)) }, length: string.length };
  const operator = matchAt(patterns.operator, source, at);
  const type = operator === undefined ? undefined : operatorTypes[operator];
  if (operator !== undefined && type !== undefined) return { token: { type, value: operator }, length: operator.length };
  throw new TemplateError(`unexpected character ${JSON.stringify(source[at])} in ${excerpt(source, at)}`);
}

/** The parser takes a number with a point for a float. */
function floatLiteral(text: string): string {
  const value = Number(text.replaceAll('_', ''));
  const plain = Number.isInteger(value) ? value.toFixed(1) : String(value);
  if (!plain.includes('.') || plain.includes('e')) throw new TemplateError(`the number ${text} is too large or small for a template`);
  return plain;
}

const simpleEscapes: Readonly<Record<string, string>> = {
  ...{ '\n': '', '\\': '\\', "'": "'", '"': '"', a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' },
};

/** Python's escapes; an unknown one keeps its backslash. */
function unescapeString(text: string): string {
  return text.replace(
    /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3})|(.))/gs,
    (
      whole,
      x: string | undefined,
      u: string | undefined,
      long: string | undefined,
      octal: string | undefined,
      other: string | undefined,
    ) => {
      const hex = x ?? u ?? long;
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
      if (other === 'x' || other === 'u' || other === 'U' || other === 'N')
        throw new TemplateError(`the escape ${whole} of a string is not complete`);
      return simpleEscapes[other as string] ?? whole;
    },
  );
}

function excerpt(source: string, at: number): string {
  return JSON.stringify(source.slice(Math.max(0, at - 20), at + 60));
}
