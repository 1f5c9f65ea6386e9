import { CodePointSet } from './code-points.ts';
import { categoryTables, lowercaseTable, otherTables, propertyTables } from './unicode-tables.ts';

type TableName = keyof typeof categoryTables | keyof typeof propertyTables | keyof typeof otherTables;

const tables: Readonly<Record<string, string>> = { ...categoryTables, ...propertyTables, ...otherTables };
const unpacked = new Map<string, CodePointSet>();

/** The set of one table of unicode-tables.ts. */
export function unicodeTable(name: TableName): CodePointSet {
  let set = unpacked.get(name);
  if (set === undefined) {
    set = CodePointSet.unpack(tables[name] ?? '');
    unpacked.set(name, set);
  }
  return set;
}

/** The Unicode property White_Space, which no version will change: what \s means in the tokenizers library. */
export const whiteSpace = CodePointSet.union([
  CodePointSet.of('\t\n\v\f\r \u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000'),
  CodePointSet.range(0x2000, 0x200a),
]);

const categoryNames = Object.keys(categoryTables) as (keyof typeof categoryTables)[];

const longNames: Readonly<Record<string, string>> = {
  letter: 'l',
  mark: 'm',
  number: 'n',
  punctuation: 'p',
  symbol: 's',
  separator: 'z',
  other: 'c',
  punct: 'p',
  alpha: 'alphabetic',
  upper: 'uppercase',
  lower: 'lowercase',
};

/**
 * The set of a property as a regular expression names it (`Lu`, `L`, `Letter`, `Han`), in any case, spaces and underscores left out;
 * undefined for one that has no table.
 */
export function unicodeProperty(name: string): CodePointSet | undefined {
  const plain = name.toLowerCase().replace(/[\s_-]/g, '');
  const key = longNames[plain] ?? plain;
  if (key === 'any') return CodePointSet.all;
  if (key === 'assigned') return unassigned().complement;
  if (key === 'cn') return unassigned();
  if (key === 'word') return unicodeTable('word');
  if (key === 'space' || key === 'whitespace') return whiteSpace;
  const members = categoryNames.filter(
    (category) => category.toLowerCase() === key || (key.length === 1 && category[0]?.toLowerCase() === key),
  );
  if (members.length > 0) return CodePointSet.union([...members.map(unicodeTable), ...(key === 'c' ? [unassigned()] : [])]);
  const property = (Object.keys(propertyTables) as (keyof typeof propertyTables)[]).find((table) => table.toLowerCase() === key);
  return property === undefined ? undefined : unicodeTable(property);
}

function unassigned(): CodePointSet {
  return CodePointSet.union(categoryNames.map(unicodeTable)).complement;
}

let lowercaseCharacters: ReadonlyMap<string, string> | undefined;

/** The lower case of a character, without regard to the ones beside it. */
export function lowercase(character: string): string {
  lowercaseCharacters ??= readLowercase();
  return lowercaseCharacters.get(character) ?? character;
}

function readLowercase(): ReadonlyMap<string, string> {
  const lower = new Map([['\u0130', 'i\u0307']]);
  const numbers = lowercaseTable
    .trim()
    .split(/\s+/)
    .map((digits) => Number.parseInt(digits, 36));
  for (let i = 0; i < numbers.length; i += 4) {
    const [start = 0, count = 0, step = 0, distance = 0] = numbers.slice(i, i + 4);
    for (let codePoint = start; codePoint < start + count * step; codePoint += step) {
      lower.set(String.fromCodePoint(codePoint), String.fromCodePoint(codePoint + distance));
    }
  }
  return lower;
}
