import { bindArguments } from './arguments.ts';
import { applyFilter } from './filters.ts';
import { Loop, Namespace } from './objects.ts';
import { attributeOrItem, binary, itemOrAttribute, slice, unary } from './operators.ts';
import { generationBlock, groupFilter, notTestPrefix, testPrefix, tupleFilter, withBlock } from './parser.ts';
import { Scope } from './scope.ts';
import type {
  Argument,
  BinaryExpression,
  CallExpression,
  CallStatement,
  Expression,
  ForStatement,
  Identifier,
  MacroStatement,
  Node,
  Parameter,
  Program,
  SliceExpression,
} from './syntax.ts';
import { TemplateError } from './template-error.ts';
import { applyTest } from './tests.ts';
import {
  dictKey,
  Float,
  isTrue,
  itemsOf,
  type Keywords,
  orElse,
  PythonFunction,
  Tuple,
  toText,
  typeName,
  Undefined,
  type Value,
} from './values.ts';

/*
 * Runs the syntax tree with the semantics of Python's jinja2. The interpreter of @huggingface/jinja differs where it shows in
 * prompts: it ignores the argument of `rstrip('\n')`, compares `'1' == 1` as equal, joins text and numbers with `+`, prints lists,
 * True and None as JavaScript has them, drops what an iteration printed before `continue`, and keeps variables of one iteration
 * for the next.
 */

/** Text of the template. Throws TemplateError. */
export function runTemplate(program: Program, globals: ReadonlyMap<string, Value>, variables: ReadonlyMap<string, Value>): string {
  const scope = new Scope();
  for (const values of [globals, variables]) for (const [name, value] of values) scope.set(name, value);
  // What the template sets may hide a variable, but two renderings share none.
  return runBlock(program.body, new Scope(scope));
}

type Jump = 'break' | 'continue' | undefined;

function runBlock(nodes: readonly Node[], scope: Scope): string {
  const out: string[] = [];
  execute(nodes, scope, out);
  return out.join('');
}

function execute(nodes: readonly Node[], scope: Scope, out: string[]): Jump {
  for (const node of nodes) {
    const jump = executeNode(node, scope, out);
    if (jump !== undefined) return jump;
  }
  return undefined;
}

function executeNode(node: Node, scope: Scope, out: string[]): Jump {
  switch (node.type) {
    case 'Set':
      assign(node.assignee, node.value === null ? runBlock(node.body, new Scope(scope)) : evaluate(node.value, scope), scope);
      return undefined;
    case 'If':
      return execute(isTrue(evaluate(node.test, scope)) ? node.body : node.alternate, scope, out);
    case 'For':
      return executeFor(node, scope, out);
    case 'Macro':
      scope.set(node.name.value, makeMacro(node, scope));
      return undefined;
    case 'CallStatement':
      executeCall(node, scope, out);
      return undefined;
    case 'FilterStatement':
      out.push(toText(filtered(runBlock(node.body, new Scope(scope)), node.filter, scope)));
      return undefined;
    case 'Break':
      return 'break';
    case 'Continue':
      return 'continue';
    default:
      out.push(toText(evaluate(node, scope)));
      return undefined;
  }
}

function assign(target: Expression, value: Value, scope: Scope): void {
  switch (target.type) {
    case 'Identifier':
      scope.set(target.value, value);
      return;
    case 'TupleLiteral': {
      const items = itemsOf(value);
      if (items.length !== target.value.length) {
        throw new TemplateError(`cannot unpack ${items.length} values into ${target.value.length} names`);
      }
      for (const [i, part] of target.value.entries()) assign(part, items[i] as Value, scope);
      return;
    }
    case 'MemberExpression': {
      const object = evaluate(target.object, scope);
      if (target.computed || target.property.type !== 'Identifier' || !(object instanceof Namespace)) {
        throw new TemplateError('cannot assign attribute on non-namespace object');
      }
      object.set(target.property.value, value);
      return;
    }
    // {% set x | trim %}…{% endset %}
    case 'FilterExpression':
      assign(target.operand, filtered(value, target.filter, scope), scope);
      return;
    default:
      throw new TemplateError(`cannot assign to a ${target.type}`);
  }
}

function executeFor(node: ForStatement, scope: Scope, out: string[]): Jump {
  const { iterable } = node;
  const condition = iterable.type === 'SelectExpression' ? iterable.test : undefined;
  const all = itemsOf(evaluate(iterable.type === 'SelectExpression' ? iterable.lhs : iterable, scope));
  const scopeOf = (item: Value) => {
    const inner = new Scope(scope);
    assign(node.loopvar, item, inner);
    return inner;
  };
  const items = condition === undefined ? all : all.filter((item) => isTrue(evaluate(condition, scopeOf(item))));
  const loop = new Loop(items);
  let completed = false;
  for (const [index, item] of items.entries()) {
    const inner = scopeOf(item);
    loop.moveTo(index);
    inner.set('loop', loop);
    const jump = execute(node.body, inner, out);
    if (jump === 'break') break;
    if (jump === undefined) completed = true;
  }
  // jinja2 takes a loop in which no iteration came to its end for one without iterations.
  return completed ? undefined : execute(node.defaultBlock, new Scope(scope), out);
}

/** A macro sees the names around its definition, as they are when it is called. */
function makeMacro(node: MacroStatement, scope: Scope): PythonFunction {
  return new PythonFunction(node.name.value, (args, keywords) => {
    const inner = new Scope(scope);
    bindParameters(node.name.value, node.args, args, keywords, inner);
    return runBlock(node.body, inner);
  });
}

function bindParameters(name: string, parameters: readonly Parameter[], args: readonly Value[], keywords: Keywords, scope: Scope): void {
  const names = parameters.map((parameter) => (parameter.type === 'Identifier' ? parameter.value : parameter.key.value));
  const positional = args.slice(0, names.length);
  const extra = new Map([...keywords].filter(([key]) => !names.includes(key)));
  const bound = bindArguments(name, names, positional, new Map([...keywords].filter(([key]) => names.includes(key))));
  scope.set('varargs', new Tuple(args.slice(names.length)));
  scope.set('kwargs', new Map(extra));
  scope.set('caller', extra.get('caller') ?? new Undefined('No caller defined'));
  for (const [i, parameter] of parameters.entries()) {
    const fallback = parameter.type === 'Identifier' ? undefined : parameter.value;
    const missing = () => (fallback === undefined ? new Undefined(`parameter '${names[i]}' was not provided`) : evaluate(fallback, scope));
    scope.set(names[i] as string, orElse(bound[i], missing));
  }
}

function executeCall(node: CallStatement, scope: Scope, out: string[]): void {
  const { callee, args } = node.call;
  const blockName = callee.type === 'Identifier' ? callee.value : '';
  if (blockName === generationBlock) {
    out.push(runBlock(node.body, new Scope(scope)));
    return;
  }
  if (blockName === withBlock) {
    const inner = new Scope(scope);
    for (const parameter of node.callerArgs ?? []) {
      if (parameter.type === 'Identifier') throw new TemplateError(`with: ${parameter.value} has no value`);
      inner.set(parameter.key.value, evaluate(parameter.value, scope));
    }
    execute(node.body, inner, out);
    return;
  }
  const caller = new PythonFunction('caller', (values, keywords) => {
    const inner = new Scope(scope);
    bindParameters('caller', node.callerArgs ?? [], values, keywords, inner);
    return runBlock(node.body, inner);
  });
  const [values, keywords] = evaluateArguments(args, scope);
  out.push(toText(call(evaluate(callee, scope), values, new Map([...keywords, ['caller', caller]]))));
}

function evaluate(node: Expression, scope: Scope): Value {
  switch (node.type) {
    case 'IntegerLiteral':
    case 'StringLiteral':
      return node.value;
    case 'FloatLiteral':
      return new Float(node.value);
    case 'ArrayLiteral':
      return node.value.map((item) => evaluate(item, scope));
    case 'TupleLiteral':
      return new Tuple(node.value.map((item) => evaluate(item, scope)));
    case 'ObjectLiteral':
      return new Map([...node.value].map(([key, value]) => [dictKey(evaluate(key, scope)), evaluate(value, scope)]));
    case 'Identifier':
      return lookUp(node.value, scope);
    case 'CallExpression':
      return call(evaluate(node.callee, scope), ...evaluateArguments(node.args, scope));
    case 'MemberExpression':
      return member(evaluate(node.object, scope), node.property, node.computed, scope);
    case 'UnaryExpression': {
      const value = evaluate(node.argument, scope);
      return node.operator.value === 'not' ? !isTrue(value) : unary(node.operator.value, value);
    }
    case 'BinaryExpression':
      return evaluateBinary(node, scope);
    case 'FilterExpression':
      return filtered(evaluate(node.operand, scope), node.filter, scope);
    case 'TestExpression':
      return applyTest(node.test.value, evaluate(node.operand, scope)) !== node.negate;
    case 'SelectExpression':
      return isTrue(evaluate(node.test, scope))
        ? evaluate(node.lhs, scope)
        : new Undefined('the inline if-expression evaluated to false and no else section was defined.');
    case 'Ternary':
      return evaluate(isTrue(evaluate(node.condition, scope)) ? node.trueExpr : node.falseExpr, scope);
    default:
      throw new TemplateError(`the construct ${(node as Node).type} is not supported`);
  }
}

const constants: ReadonlyMap<string, Value> = new Map<string, Value>([
  ...([
    ['true', true],
    ['True', true],
    ['false', false],
    ['False', false],
    ['none', null],
    ['None', null],
  ] as const),
]);

function lookUp(name: string, scope: Scope): Value {
  const value = constants.has(name) ? constants.get(name) : scope.get(name);
  return value === undefined ? new Undefined(`'${name}' is undefined`) : value;
}

const comparisons = new Set(['==', '!=', '<', '<=', '>', '>=', 'in', 'not in']);

function evaluateBinary(node: BinaryExpression, scope: Scope): Value {
  const operator = node.operator.value;
  if (operator === 'and' || operator === 'or') {
    const left = evaluate(node.left, scope);
    return isTrue(left) === (operator === 'and') ? evaluate(node.right, scope) : left;
  }
  if (comparisons.has(operator)) return compareChain(node, scope).result;
  return binary(operator, evaluate(node.left, scope), evaluate(node.right, scope));
}

/** `a < b < c` is `a < b and b < c`; `last` is the operand that the next comparison begins with. */
function compareChain(node: BinaryExpression, scope: Scope): { result: Value; last: Value } {
  const chained = node.left.type === 'BinaryExpression' && comparisons.has(node.left.operator.value);
  const before = chained ? compareChain(node.left as BinaryExpression, scope) : { result: true, last: evaluate(node.left, scope) };
  if (!isTrue(before.result)) return before;
  const right = evaluate(node.right, scope);
  return { result: binary(node.operator.value, before.last, right), last: right };
}

function member(object: Value, property: Expression | SliceExpression, computed: boolean, scope: Scope): Value {
  if (property.type === 'SliceExpression') {
    const bound = (part: Expression | undefined) => (part === undefined ? null : evaluate(part, scope));
    return slice(object, bound(property.start), bound(property.stop), bound(property.step));
  }
  if (computed) return itemOrAttribute(object, evaluate(property, scope));
  return property.type === 'Identifier' ? attributeOrItem(object, property.value) : itemOrAttribute(object, evaluate(property, scope));
}

function call(callee: Value, args: readonly Value[], keywords: Keywords): Value {
  if (callee instanceof PythonFunction) return callee.call(args, keywords);
  if (callee instanceof Undefined) callee.refuse();
  throw new TemplateError(`'${typeName(callee)}' object is not callable`);
}

function evaluateArguments(args: readonly Argument[], scope: Scope): [Value[], Map<string, Value>] {
  const values: Value[] = [];
  const keywords = new Map<string, Value>();
  for (const argument of args) {
    if (argument.type === 'KeywordArgumentExpression') keywords.set(argument.key.value, evaluate(argument.value, scope));
    else if (argument.type === 'SpreadExpression') values.push(...itemsOf(evaluate(argument.argument, scope)));
    else if (argument.type === 'KeywordSpreadExpression') {
      const mapping = evaluate(argument.argument, scope);
      if (!(mapping instanceof Map)) throw new TemplateError(`argument after ** must be a mapping, not ${typeName(mapping)}`);
      for (const [key, value] of mapping) keywords.set(toText(key), value);
    } else values.push(evaluate(argument, scope));
  }
  return [values, keywords];
}

function filtered(value: Value, node: Identifier | CallExpression, scope: Scope): Value {
  if (node.type === 'Identifier') return filterOrTest(node.value, value, [], new Map());
  if (node.callee.type !== 'Identifier') throw new TemplateError('a filter must have a name');
  return filterOrTest(node.callee.value, value, ...evaluateArguments(node.args, scope));
}

function filterOrTest(name: string, value: Value, args: readonly Value[], keywords: Keywords): Value {
  if (name === groupFilter) return value;
  if (name === tupleFilter) return new Tuple(itemsOf(value));
  if (name.startsWith(notTestPrefix)) return !applyTest(name.slice(notTestPrefix.length), value, args, keywords);
  if (name.startsWith(testPrefix)) return applyTest(name.slice(testPrefix.length), value, args, keywords);
  return applyFilter(name, value, args, keywords);
}
