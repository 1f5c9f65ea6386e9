import { TemplateError } from './template-error.ts';
import { Float, type Keywords, typeName, Undefined, type Value } from './values.ts';

/** The arguments of a call by parameter; what was not given is undefined. Throws TemplateError for one too many or unknown. */
export function bindArguments(
  name: string,
  parameters: readonly string[],
  args: readonly Value[],
  keywords: Keywords,
): (Value | undefined)[] {
  if (args.length > parameters.length) {
    throw new TemplateError(`${name}() takes at most ${parameters.length} arguments, got ${args.length}`);
  }
  const bound: (Value | undefined)[] = parameters.map((_, i) => args[i]);
  for (const [key, value] of keywords) {
    const place = parameters.indexOf(key);
    if (place === -1) throw new TemplateError(`${name}() got an unexpected keyword argument '${key}'`);
    if (place < args.length) throw new TemplateError(`${name}() got multiple values for argument '${key}'`);
    bound[place] = value;
  }
  return bound;
}

export function required(name: string, value: Value | undefined): Value {
  if (value === undefined) throw new TemplateError(`${name}() misses an argument`);
  return value;
}

export function asText(name: string, value: Value | undefined): string {
  const given = required(name, value);
  if (given instanceof Undefined) given.refuse();
  if (typeof given !== 'string') throw new TemplateError(`${name}() expected a string, got ${typeName(given)}`);
  return given;
}

/** None and nothing are undefined. */
export function asOptionalText(name: string, value: Value | undefined): string | undefined {
  return value === undefined || value === null ? undefined : asText(name, value);
}

export function asInteger(name: string, value: Value | undefined, otherwise?: number): number {
  if (value === undefined && otherwise !== undefined) return otherwise;
  const given = required(name, value);
  if (typeof given === 'boolean') return given ? 1 : 0;
  if (typeof given !== 'number') throw new TemplateError(`${name}() expected an integer, got ${typeName(given)}`);
  return given;
}

export function asNumber(name: string, value: Value | undefined): number {
  const given = required(name, value);
  return given instanceof Float ? given.value : asInteger(name, given);
}
