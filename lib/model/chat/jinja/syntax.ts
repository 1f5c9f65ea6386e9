/** A token as the parser of @huggingface/jinja takes it. */
export interface Token {
  readonly type: TokenType;
  readonly value: string;
}

export type TokenType =
  | 'Text'
  | 'NumericLiteral'
  | 'StringLiteral'
  | 'Identifier'
  | 'Equals'
  | 'OpenParen'
  | 'CloseParen'
  | 'OpenStatement'
  | 'CloseStatement'
  | 'OpenExpression'
  | 'CloseExpression'
  | 'OpenSquareBracket'
  | 'CloseSquareBracket'
  | 'OpenCurlyBracket'
  | 'CloseCurlyBracket'
  | 'Comma'
  | 'Dot'
  | 'Colon'
  | 'Pipe'
  | 'AdditiveBinaryOperator'
  | 'MultiplicativeBinaryOperator'
  | 'ExponentiationBinaryOperator'
  | 'ComparisonBinaryOperator';

/*
 * The syntax tree that the parser of @huggingface/jinja gives; its own declarations do not resolve under NodeNext.
 */

export interface Program {
  readonly type: 'Program';
  readonly body: readonly Node[];
}

export type Node = Statement | Expression;

export type Statement =
  | { readonly type: 'Set'; readonly assignee: Expression; readonly value: Expression | null; readonly body: readonly Node[] }
  | { readonly type: 'If'; readonly test: Expression; readonly body: readonly Node[]; readonly alternate: readonly Node[] }
  | ForStatement
  | MacroStatement
  | CallStatement
  | { readonly type: 'FilterStatement'; readonly filter: Identifier | CallExpression; readonly body: readonly Node[] }
  | { readonly type: 'Break' | 'Continue' };

export interface ForStatement {
  readonly type: 'For';
  readonly loopvar: Expression;
  /** A SelectExpression where the loop has a condition. */
  readonly iterable: Expression;
  readonly body: readonly Node[];
  readonly defaultBlock: readonly Node[];
}

export interface MacroStatement {
  readonly type: 'Macro';
  readonly name: Identifier;
  readonly args: readonly Parameter[];
  readonly body: readonly Node[];
}

export interface CallStatement {
  readonly type: 'CallStatement';
  readonly call: CallExpression;
  readonly callerArgs: readonly Parameter[] | null;
  readonly body: readonly Node[];
}

export type Parameter = Identifier | KeywordArgument;

export interface Identifier {
  readonly type: 'Identifier';
  readonly value: string;
}

export interface KeywordArgument {
  readonly type: 'KeywordArgumentExpression';
  readonly key: Identifier;
  readonly value: Expression;
}

export interface CallExpression {
  readonly type: 'CallExpression';
  readonly callee: Expression;
  readonly args: readonly Argument[];
}

export type Argument =
  | Expression
  | KeywordArgument
  | { readonly type: 'SpreadExpression'; readonly argument: Expression }
  | { readonly type: 'KeywordSpreadExpression'; readonly argument: Expression };

export interface BinaryExpression {
  readonly type: 'BinaryExpression';
  readonly operator: { readonly value: string };
  readonly left: Expression;
  readonly right: Expression;
}

export interface SliceExpression {
  readonly type: 'SliceExpression';
  readonly start: Expression | undefined;
  readonly stop: Expression | undefined;
  readonly step: Expression | undefined;
}

export type Expression =
  | Identifier
  | CallExpression
  | BinaryExpression
  | { readonly type: 'IntegerLiteral' | 'FloatLiteral'; readonly value: number }
  | { readonly type: 'StringLiteral'; readonly value: string }
  | { readonly type: 'ArrayLiteral' | 'TupleLiteral'; readonly value: readonly Expression[] }
  | { readonly type: 'ObjectLiteral'; readonly value: ReadonlyMap<Expression, Expression> }
  | {
      readonly type: 'MemberExpression';
      readonly object: Expression;
      readonly property: Expression | SliceExpression;
      readonly computed: boolean;
    }
  | { readonly type: 'FilterExpression'; readonly operand: Expression; readonly filter: Identifier | CallExpression }
  | { readonly type: 'TestExpression'; readonly operand: Expression; readonly negate: boolean; readonly test: Identifier }
  | { readonly type: 'UnaryExpression'; readonly operator: { readonly value: string }; readonly argument: Expression }
  | { readonly type: 'SelectExpression'; readonly lhs: Expression; readonly test: Expression }
  | { readonly type: 'Ternary'; readonly condition: Expression; readonly trueExpr: Expression; readonly falseExpr: Expression };
