import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { AStarPOError } from '../../../errors.ts';
import { ioError } from '../../../util/atomic-file.ts';
import { nameHint } from '../../../util/nearest-name.ts';
import { type MiniShopFile, miniShopSchema } from './mini-shop-schema.ts';

/** Where the schema is described. */
const schemaHint = 'docs/mini-shop.md describes the file, examples/mini-shop.json is one';

/** Problems that one error names; a file made by a program may have thousands of the same. */
const mostProblems = 5;

/** One thing that is wrong in a file. */
export interface Problem {
  /** `tasks[3].options` */
  readonly path: string;
  readonly text: string;
  readonly hint?: string;
}

/**
 * Reads the file of a mini-shop; see docs/mini-shop.md. Errors: `ASTARPO_IO` when it cannot be read, `ASTARPO_DATA`, naming places in the
 * file, when it is no JSON or not of the schema.
 */
export async function readMiniShop(path: string): Promise<MiniShopFile> {
  const value = parse(await readText(path), path);
  if (Array.isArray(value)) {
    throw new AStarPOError('ASTARPO_DATA', `${path}: expected an object with products and tasks, got an array`, {
      hint: 'if this is WebShop’s product file, name the folder that it lies in',
    });
  }
  const result = miniShopSchema.safeParse(value);
  if (result.success) return result.data;
  throw wrongFile(
    path,
    result.error.issues.flatMap((issue) => problemsOf(issue, value)),
  );
}

/** The error that names what is wrong, the first few one by one. */
export function wrongFile(path: string, problems: readonly Problem[]): AStarPOError {
  const shown = problems
    .slice(0, mostProblems)
    .map(({ path: at, text, hint }) => `${at === '' ? 'the file' : at}: ${text}${hint === undefined ? '' : ` (${hint})`}`);
  const more = problems.length > mostProblems ? [`and ${problems.length - mostProblems} more`] : [];
  return new AStarPOError('ASTARPO_DATA', [`${path}: ${shown[0]}`, ...shown.slice(1), ...more].join('\n  '), { hint: schemaHint });
}

async function readText(path: string): Promise<string> {
  try {
    // Editors on Windows begin files with a byte order mark, which JSON does not allow.
    return (await readFile(path, 'utf8')).replace(/^\uFEFF/, '');
  } catch (cause) {
    throw ioError('read', path, cause);
  }
}

function parse(text: string, path: string): unknown {
  // JavaScript would lose a key of this name without a word.
  if (/"__proto__"\s*:/.test(text)) throw wrongFile(path, [{ path: '', text: 'expected other keys, got "__proto__"' }]);
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AStarPOError('ASTARPO_DATA', `${path}: expected JSON, got ${reason}${placeOf(reason, text)}`, { hint: schemaHint, cause });
  }
}

/** Line and column, where the engine only names a position. */
function placeOf(reason: string, text: string): string {
  const position = /at position (\d+)(?!.*line \d)/.exec(reason)?.[1];
  if (position === undefined) return '';
  const before = text.slice(0, Number(position)).split('\n');
  return ` (line ${before.length}, column ${(before.at(-1) ?? '').length + 1})`;
}

type Issue = z.core.$ZodIssue;

function problemsOf(issue: Issue, file: unknown): Problem[] {
  const path = pathText(issue.path);
  const got = valueAt(file, issue.path);
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(issue.path);
    return issue.keys.map((key) => ({
      path,
      text: `expected a known key, got ${JSON.stringify(key)}`,
      hint: nameHint(key, known, 'keys'),
    }));
  }
  if (issue.code === 'invalid_type' && got === undefined) return [{ path, text: `expected ${typeName(issue.expected)}, got nothing` }];
  if (issue.code === 'invalid_type') return [{ path, text: `expected ${typeName(issue.expected)}, got ${shown(got)}` }];
  if (issue.code === 'invalid_value') {
    const names = issue.values.map(String);
    return [{ path, text: `expected one of ${names.join(', ')}, got ${shown(got)}`, hint: nameHint(String(got), names) }];
  }
  return [{ path, text: `${issue.message}, got ${shown(got)}` }];
}

/** The keys that the schema knows at a path. */
function keysAt(path: readonly PropertyKey[]): string[] {
  const { products, tasks } = miniShopSchema.shape;
  if (path[0] === 'products') return Object.keys(products.element.shape);
  if (path[0] === 'tasks') return Object.keys(tasks.element.shape);
  return Object.keys(miniShopSchema.shape);
}

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    const name = String(part);
    if (!/^[\p{L}_][\p{L}\p{N}_]*$/u.test(name)) return `${text}[${JSON.stringify(name)}]`;
    return text === '' ? name : `${text}.${name}`;
  }, '');
}

function valueAt(file: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined), file);
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'an integer',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

function typeName(type: string): string {
  return typeNames[type] ?? type;
}

/** A value as it stands in the file, at most 60 characters of it. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
