import { isTrue, type Value } from './values.ts';

/** `args` in the order of the parameters; what was not given is undefined. */
export interface Filter {
  readonly parameters: readonly string[];
  readonly apply: (value: Value, ...args: (Value | undefined)[]) => Value;
}

export type FilterTable = Readonly<Record<string, Filter>>;

export function filter(parameters: readonly string[], apply: Filter['apply']): Filter {
  return { parameters, apply };
}

/** Whether a flag was given and is true. */
export function given(value: Value | undefined): boolean {
  return value !== undefined && isTrue(value);
}
