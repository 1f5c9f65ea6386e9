// Reads what a folder holds without loading anything.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Version that `install` fetches and prebuilt files are made for. */
export const DEFAULT_VERSION = '2.13.0';
/** Oldest and newest minor version that the sources compile against. */
export const OLDEST = '2.11';
export const NEWEST = '2.13';

/** '2.13.0+cpu' → [2, 13, 0]; null when it is no version. Compared as numbers: 2.9 < 2.13. */
export function parseVersion(text) {
  const match = /^\s*v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  return match ? [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)] : null;
}

/** Negative, zero or positive, by major, minor and patch. Throws a RangeError for text that is no version. */
export function compareVersions(a, b) {
  const [left, right] = [parseVersion(a), parseVersion(b)];
  if (!left || !right) throw new RangeError(`expected two versions, got '${a}' and '${b}'`);
  for (let i = 0; i < 3; i++) if (left[i] !== right[i]) return left[i] - right[i];
  return 0;
}

/** libtorch's C++ ABI changes with every minor version. */
export function sameMinor(a, b) {
  const [left, right] = [parseVersion(a), parseVersion(b)];
  return left !== null && right !== null && left[0] === right[0] && left[1] === right[1];
}

/** Can the sources be built against this version? */
export function buildable(version) {
  const minor = parseVersion(version);
  if (!minor) return false;
  const text = `${minor[0]}.${minor[1]}`;
  return compareVersions(text, OLDEST) >= 0 && compareVersions(text, NEWEST) <= 0;
}

function read(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : null;
}

/** Full version of the libtorch in `folder`, '2.13.0+cpu', or null. */
function versionOf(folder) {
  const build = read(join(folder, 'build-version'));
  if (build && parseVersion(build)) return build.trim();
  const python = /^__version__\s*=\s*['"]([^'"]+)['"]/m.exec(read(join(folder, 'version.py')) ?? '');
  if (python && parseVersion(python[1])) return python[1];
  for (const header of ['include/torch/headeronly/version.h', 'include/torch/csrc/api/include/torch/version.h']) {
    const text = read(join(folder, header)) ?? '';
    const [major, minor, patch] = ['MAJOR', 'MINOR', 'PATCH'].map(
      (part) => new RegExp(`^#define TORCH_VERSION_${part} +(\\d+)`, 'm').exec(text)?.[1],
    );
    if (major && minor) return `${major}.${minor}.${patch ?? 0}`;
  }
  return null;
}

/**
 * What `folder` is: `{ folder, version, variant, cuda, headers }`, or `{ folder, reason }` when it is no libtorch.
 * `variant` is the part after '+' ('cpu', 'cu130'), else 'cuda' or 'cpu' by the libraries that are there.
 */
export function inspect(folder) {
  if (!existsSync(folder)) return { folder, reason: 'there is no such folder' };
  for (const library of ['libtorch_cpu.so', 'libc10.so', 'libtorch.so']) {
    if (!existsSync(join(folder, 'lib', library))) return { folder, reason: `it has no lib/${library}` };
  }
  const version = versionOf(folder);
  if (version === null) return { folder, reason: 'its version cannot be read (no build-version, version.py or version.h)' };
  const cuda = existsSync(join(folder, 'lib', 'libtorch_cuda.so'));
  const local = version.split('+')[1];
  return {
    folder,
    version,
    variant: local ?? (cuda ? 'cuda' : 'cpu'),
    cuda,
    headers: existsSync(join(folder, 'include', 'ATen', 'core', 'Tensor.h')),
  };
}
