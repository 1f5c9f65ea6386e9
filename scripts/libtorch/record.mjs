// A Python wheel carries a SHA-256 of every file in *.dist-info/RECORD: lines of path,sha256=<base64url>,size.
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { LibtorchError } from './error.mjs';

/** Map of path → sha256 (base64url); files that RECORD lists without a hash (itself) are left out. */
export function parseRecord(text) {
  const hashes = new Map();
  for (const line of text.split(/\r?\n/)) {
    const match = /^(?:"((?:[^"]|"")*)"|([^,]*)),sha256=([\w-]+)=*,\d*$/.exec(line);
    if (match) hashes.set((match[1] ?? match[2]).replaceAll('""', '"'), match[3]);
  }
  return hashes;
}

/**
 * Compares what was unpacked (Map of name → { sha256 }) with RECORD. Every file that `wanted` accepts must be there and equal, and
 * nothing else may be. Throws ASTARPO_DOWNLOAD.
 */
export function checkRecord(record, written, wanted = () => true) {
  const problem = (text) =>
    new LibtorchError('ASTARPO_DOWNLOAD', `the archive does not match its own RECORD: ${text}`, 'delete it and try again');
  if (record.size === 0) throw problem('RECORD lists no file');
  for (const [name, sha256] of record) {
    if (!wanted(name)) continue;
    const file = written.get(name);
    if (file === undefined) throw problem(`${name} is missing`);
    if (file.sha256 !== sha256) throw problem(`${name} has another SHA-256`);
  }
  for (const name of written.keys()) {
    if (!record.has(name) && !name.endsWith('.dist-info/RECORD')) throw problem(`${name} is not listed`);
  }
}

export async function sha256File(file, encoding = 'hex') {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return hash.digest(encoding);
}

/** RECORD of the wheel that was unpacked into `folder`; null for a zip. */
function installedRecord(folder) {
  const info = readdirSync(folder).find((name) => /^torch-.*\.dist-info$/.test(name));
  const file = info === undefined ? null : join(folder, info, 'RECORD');
  return file !== null && existsSync(file) ? parseRecord(readFileSync(file, 'utf8')) : null;
}

/**
 * Checks an installed libtorch (its own folder, or the one around it) against the RECORD that it kept. Returns { checked, problems } with one line per changed file;
 * files that the installer leaves out are not problems. null when there is no RECORD.
 */
export async function verifyInstall(libtorch) {
  const folder = existsSync(join(libtorch, 'lib')) ? dirname(libtorch) : libtorch;
  const record = installedRecord(folder);
  if (record === null) return null;
  const problems = [];
  let checked = 0;
  for (const [name, sha256] of record) {
    const path = join(folder, name);
    if (!existsSync(path)) {
      if (/^torch\/lib\/lib(torch|torch_cpu|torch_cuda|c10|c10_cuda|torch_global_deps)\.so$/.test(name)) problems.push(`${name}: missing`);
      continue;
    }
    checked++;
    if ((await sha256File(path, 'base64url')) !== sha256) problems.push(`${name}: its SHA-256 differs from RECORD`);
  }
  return { checked, problems };
}
