import { parse } from '@huggingface/jinja';
import { type Part, splitTemplate } from './lexer.ts';
import type { Program, Token } from './syntax.ts';
import { TemplateError } from './template-error.ts';

/*
 * Tokens → syntax tree through the parser of @huggingface/jinja. What that parser lacks is said in words that it knows:
 * tests with arguments and groups that hold a comparison become filters, `generation` and `with` become call blocks.
 */

/** Filters named so are tests: `value is NAME(other)`. */
export const testPrefix = '__is_';
export const notTestPrefix = '__is_not_';
/** The filter that leaves its value as it is, but keeps `(a == b) == c` apart from the chain `a == b == c`. */
export const groupFilter = '__group';
/** The filter that makes a tuple of a list: the parser knows no `(a,)` and `()`. */
export const tupleFilter = '__tuple';
/** The callees of the blocks that stand for `{% generation %}` and `{% with %}`. */
export const generationBlock = '__generation';
export const withBlock = '__with';

/** Throws TemplateError when the template does not parse. */
export function parseTemplate(template: string): Program {
  const tokens = splitTemplate(template).flatMap(partTokens);
  try {
    return (parse as unknown as (tokens: readonly Token[]) => Program)(tokens);
  } catch (error) {
    // At the end of the tokens the parser trips over the token that is missing.
    const reason = error instanceof TypeError ? 'a block or an expression does not end' : (error as Error).message;
    throw new TemplateError(`the template does not parse: ${reason}`);
  }
}

function partTokens(part: Part): Token[] {
  if ('text' in part) return [{ type: 'Text', value: part.text }];
  if (part.tokens.length === 0) throw new TemplateError(`the template does not parse: an empty ${part.kind}`);
  const inner = markGroups(rewriteTests(part.tokens));
  return part.kind === 'expression'
    ? [token('OpenExpression', '{{'), ...inner, token('CloseExpression', '}}')]
    : [token('OpenStatement', '{%'), ...rewriteStatement(inner), token('CloseStatement', '%}')];
}

function token(type: Token['type'], value: string): Token {
  return { type, value };
}

const name = (value: string) => token('Identifier', value);
const open = token('OpenParen', '(');
const close = token('CloseParen', ')');
const pipe = token('Pipe', '|');

function rewriteStatement(tokens: readonly Token[]): readonly Token[] {
  const [keyword, ...rest] = tokens;
  switch (keyword?.value) {
    case 'generation':
      return [name('call'), name(generationBlock), open, close];
    case 'with':
      return [name('call'), open, ...rest, close, name(withBlock), open, close];
    case 'endgeneration':
    case 'endwith':
      return [name('endcall')];
    default:
      return tokens;
  }
}

/** Words after a test's name that belong to what follows it. */
const afterTest = new Set(['and', 'or', 'else', 'if', 'in', 'is', 'not']);

/** `x is divisibleby(3)`, `x is not eq 'a'` → `x | __is_divisibleby(3)`, `x | __is_not_eq('a')`; tests without argument stay. */
function rewriteTests(tokens: readonly Token[]): Token[] {
  const result: Token[] = [];
  let at = 0;
  while (at < tokens.length) {
    const current = tokens[at] as Token;
    const isTest = current.type === 'Identifier' && current.value === 'is' && tokens[at - 1]?.type !== 'Dot';
    const negated = isTest && tokens[at + 1]?.value === 'not' && tokens[at + 1]?.type === 'Identifier';
    const named = at + (negated ? 2 : 1);
    const test = tokens[named];
    const end = isTest && test?.type === 'Identifier' ? argumentEnd(tokens, named + 1) : named + 1;
    if (!isTest || test === undefined || end === named + 1) {
      result.push(current);
      at++;
      continue;
    }
    const argument = rewriteTests(tokens.slice(named + 1, end));
    const isCall = tokens[named + 1]?.type === 'OpenParen';
    result.push(pipe, name((negated ? notTestPrefix : testPrefix) + test.value), ...(isCall ? argument : [open, ...argument, close]));
    at = end;
  }
  return result;
}

/** End of the operand at `from` with what is attached to it (`.x`, `[…]`, `(…)`), `from` itself when no operand begins there. */
function argumentEnd(tokens: readonly Token[], from: number): number {
  const first = tokens[from];
  if (first === undefined || (first.type === 'Identifier' && afterTest.has(first.value))) return from;
  if (first.type === 'OpenParen') return bracketEnd(tokens, from);
  if (!['Identifier', 'StringLiteral', 'NumericLiteral', 'OpenSquareBracket', 'OpenCurlyBracket'].includes(first.type)) return from;
  let end = first.type === 'OpenSquareBracket' || first.type === 'OpenCurlyBracket' ? bracketEnd(tokens, from) : from + 1;
  for (;;) {
    const next = tokens[end]?.type;
    if (next === 'Dot') end += 2;
    else if (next === 'OpenParen' || next === 'OpenSquareBracket') end = bracketEnd(tokens, end);
    else return end;
  }
}

const openers = new Set(['OpenParen', 'OpenSquareBracket', 'OpenCurlyBracket']);
const closers = new Set(['CloseParen', 'CloseSquareBracket', 'CloseCurlyBracket']);

function bracketEnd(tokens: readonly Token[], from: number): number {
  let depth = 0;
  for (let at = from; at < tokens.length; at++) {
    const { type } = tokens[at] as Token;
    if (openers.has(type)) depth++;
    if (closers.has(type)) depth--;
    if (depth === 0) return at + 1;
  }
  return tokens.length;
}

/** `(a == b)` → `(a == b) | __group` unless something is attached to it; `(a,)` and `()` → `([a] | __tuple)`, `([] | __tuple)`. */
function markGroups(tokens: readonly Token[]): Token[] {
  const result: Token[] = [];
  const groups: { at: number; grouping: boolean; compares: boolean }[] = [];
  for (const [at, current] of tokens.entries()) {
    const group = groups.at(-1);
    if (openers.has(current.type)) {
      groups.push({ at: result.length, grouping: current.type === 'OpenParen' && beginsOperand(tokens[at - 1]), compares: false });
    } else if (group !== undefined && isComparison(current)) group.compares = true;
    else if (group !== undefined && closers.has(current.type)) {
      groups.pop();
      const last = result.at(-1)?.type;
      if (group.grouping && (last === 'Comma' || last === 'OpenParen')) {
        if (last === 'Comma') result.pop();
        result.splice(group.at + 1, 0, token('OpenSquareBracket', '['));
        result.push(token('CloseSquareBracket', ']'), pipe, name(tupleFilter));
      } else if (group.grouping && group.compares && !attaches(tokens[at + 1])) {
        result.push(current, pipe, name(groupFilter));
        continue;
      }
    }
    result.push(current);
  }
  return result;
}

const wordsBeforeOperand = new Set(['and', 'or', 'not', 'in', 'if', 'elif', 'else', 'is']);

/** Whether a parenthesis after this token holds an expression, and not the arguments of a call. */
function beginsOperand(before: Token | undefined): boolean {
  if (before === undefined) return true;
  if (before.type === 'Identifier') return wordsBeforeOperand.has(before.value);
  return !closers.has(before.type) && before.type !== 'StringLiteral';
}

function isComparison({ type, value }: Token): boolean {
  return type === 'ComparisonBinaryOperator' || (type === 'Identifier' && value === 'in');
}

function attaches(next: Token | undefined): boolean {
  return next?.type === 'Dot' || next?.type === 'OpenSquareBracket' || next?.type === 'OpenParen';
}
