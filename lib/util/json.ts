export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** JSON with the keys of every object sorted by code unit, so that equal values give equal text: the form that hashes use. */
export function canonicalJson(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const object = value as JsonObject;
    const entries = Object.keys(object)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${canonicalJson(object[key] as JsonValue)}`);
    return `{${entries.join(',')}}`;
  }
  return JSON.stringify(value);
}

/** Paths whose values differ: `learningRate is 1e-6 there, 2e-6 here`. */
export function jsonDifferences(there: JsonValue | undefined, here: JsonValue | undefined, path = ''): string[] {
  if (isObject(there) && isObject(here)) {
    const keys = new Set([...Object.keys(there), ...Object.keys(here)]);
    return [...keys].flatMap((key) => jsonDifferences(there[key], here[key], path === '' ? key : `${path}.${key}`));
  }
  const [a, b] = [JSON.stringify(there) ?? 'absent', JSON.stringify(here) ?? 'absent'];
  return a === b ? [] : [`${path === '' ? 'it' : path} is ${a} there, ${b} here`];
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** JSON for messages: at most `length` characters of it; 'nothing' for undefined, and NaN by its name. */
export function shortJson(value: JsonValue | undefined, length = 120): string {
  const text = value === undefined ? 'nothing' : typeof value === 'number' ? String(value) : JSON.stringify(value);
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}
