// Formats the C, C++ and CUDA sources with the clang-format of npm's clang-format-node, so that everyone has the same version.
//   node scripts/clang-format.mjs [--check] [FILES]     --check: changes nothing, fails when something would change
import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

function sources(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(c|cc|cu|cuh|h)$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

const args = process.argv.slice(2);
const check = args.includes('--check');
const named = args.filter((arg) => arg !== '--check');
const files =
  named.length > 0 ? named.map((file) => resolve(file)) : [...sources('native'), ...sources('tests/native'), ...sources('tests/fuzz')];

const packageFile = createRequire(import.meta.url).resolve('clang-format-node/package.json');
const program = join(dirname(packageFile), 'bin', `cfn-${process.platform}-${process.arch}`, 'clang-format');
chmodSync(program, 0o755); // the package does this in an install script, which npm does not run for us
const result = spawnSync(program, [...(check ? ['--dry-run', '--Werror'] : ['-i']), ...files], { cwd: root, stdio: 'inherit' });
if (result.error) throw result.error;
console.log(
  `clang-format: ${files.length} files ${check ? (result.status === 0 ? 'are formatted' : 'checked: some are not formatted, run npm run format') : 'formatted'}`,
);
process.exitCode = result.status ?? 1;
