/** Python's `str.strip()`: its white space has U+0085 and U+001C-U+001F, which `trim()` leaves, and not U+FEFF, which `trim()` removes. */
export function pythonStrip(text: string): string {
  return stripUnits(text, isPythonSpace);
}

/** A text without the UTF-16 units at its ends for which `strips` holds. A regular expression takes quadratic time for long runs inside. */
export function stripUnits(text: string, strips: (unit: number) => boolean): string {
  let start = 0;
  let end = text.length;
  while (start < end && strips(text.charCodeAt(start))) start++;
  while (end > start && strips(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

/** Whether Python's `str.isspace()` holds for a UTF-16 unit. */
export function isPythonSpace(unit: number): boolean {
  if (unit <= 0x20) return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d) || (unit >= 0x1c && unit <= 0x1f);
  if (unit === 0x85 || unit === 0xa0) return true;
  return unit >= 0x1680 && (unit <= 0x200a ? unit === 0x1680 || unit >= 0x2000 : otherSpaces.has(unit));
}

const otherSpaces: ReadonlySet<number> = new Set([0x2028, 0x2029, 0x202f, 0x205f, 0x3000]);

/** Python's text of a finite float: the shortest digits that read back, with a decimal part or, below 1e-4 and from 1e16 on, an exponent. */
export function pythonFloat(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e16)) {
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** Python's text of a pair of strings. */
export function pythonPair(first: string, second: string): string {
  return `(${pythonString(first)}, ${pythonString(second)})`;
}

const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;

/** Python's `repr` of a string. */
export function pythonString(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let body = '';
  for (const character of text) {
    if (character === quote || character === '\\') body += `\\${character}`;
    else if (character === '\n') body += '\\n';
    else if (character === '\r') body += '\\r';
    else if (character === '\t') body += '\\t';
    else if (unprintable.test(character)) body += escaped(character);
    else body += character;
  }
  return quote + body + quote;
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code < 0x100) return `\\x${hex.padStart(2, '0')}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}

/** Order of strings by code point, as Python sorts; by UTF-16 unit, as JavaScript sorts, astral characters come too early. */
export function byCodePoint(a: string, b: string): number {
  const left = a[Symbol.iterator]();
  const right = b[Symbol.iterator]();
  for (;;) {
    const x = left.next();
    const y = right.next();
    if (x.done || y.done) return (x.done ? 0 : 1) - (y.done ? 0 : 1);
    const difference = (x.value.codePointAt(0) ?? 0) - (y.value.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
}

/** JSON as Jinja's `tojson` filter writes it for an object of strings: keys sorted, `, ` and `: ` between, ASCII only, safe inside HTML. */
export function pythonJson(options: ReadonlyMap<string, string>): string {
  const entries = [...options].sort(([a], [b]) => byCodePoint(a, b)).map(([key, value]) => `${jsonString(key)}: ${jsonString(value)}`);
  return `{${entries.join(', ')}}`;
}

function jsonString(text: string): string {
  return JSON.stringify(text).replace(/[<>&']|[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
