import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder, withLock } from '../../scripts/libtorch/index.mjs';
import { OracleTrouble } from './trouble.ts';

/** The packages whose word is taken for the truth. */
const requirementsFile = fileURLToPath(new URL('python/requirements.txt', import.meta.url));
const requirements = parseRequirements(readFileSync(requirementsFile, 'utf8'));

/** `name==version` lines; torch has a line of its own kind, since its builds for the CPU have a suffix. */
function parseRequirements(text: string): ReadonlyMap<string, string> {
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.split('==') as [string, string]),
  );
}

/**
 * A Python with these packages: that of ASTARPO_ORACLE_PYTHON, whose versions are checked, else that of an environment in the
 * user's cache folder, made on first use (about 1 GB). Throws OracleTrouble.
 */
export async function oraclePython(log: (line: string) => void): Promise<string> {
  const chosen = process.env.ASTARPO_ORACLE_PYTHON;
  if (chosen) {
    checkVersions(chosen);
    return chosen;
  }
  const folder = join(cacheFolder(), `oracle-${requirements.get('transformers')}`);
  const python = join(folder, 'bin', 'python');
  const record = join(folder, 'requirements.txt');
  const complete = () => existsSync(record) && readFileSync(record, 'utf8') === readFileSync(requirementsFile, 'utf8');
  if (!complete()) {
    await mkdir(cacheFolder(), { recursive: true }).catch((error: unknown) => {
      throw new OracleTrouble(`could not make the cache folder: ${String(error)}`, 'ASTARPO_CACHE names another one', error);
    });
    await withLock(
      `${folder}.lock`,
      async () => {
        if (complete()) return;
        await makeEnvironment(folder, python, log);
        // Last, so that an interrupted installation is made again.
        writeFileSync(record, readFileSync(requirementsFile));
      },
      () => log('waiting for another process that makes the Python environment'),
    );
  }
  checkVersions(python);
  return python;
}

async function makeEnvironment(folder: string, python: string, log: (line: string) => void): Promise<void> {
  const own = 'set ASTARPO_ORACLE_PYTHON to a Python that has the packages of tests/oracle/python/requirements.txt';
  const newEnough = spawnSync('python3', ['-c', 'import sys; print(sys.version_info >= (3, 10))'], { encoding: 'utf8' });
  if (newEnough.stdout?.trim() === 'False')
    throw new OracleTrouble('expected python3 to be 3.10 or later, got an older one', `install a newer one, or ${own}`);
  if (newEnough.status !== 0) throw new OracleTrouble('expected python3, got none', `install python3 and python3-venv, or ${own}`);
  log(`making a Python environment with transformers ${requirements.get('transformers')} in ${folder}, once (about 1 GB, some minutes)`);
  rmSync(folder, { recursive: true, force: true });
  const made = await run('python3', ['-m', 'venv', folder], log);
  if (made !== undefined) {
    throw new OracleTrouble(`could not make a Python environment in ${folder}:\n${made}`, `install python3-venv, or ${own}`);
  }
  // The build for the CPU is a tenth of the size; where no index has it, the general one does as well.
  const torch = requirements.get('torch');
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--progress-bar', 'off'];
  log(`installing torch ${torch} for the CPU`);
  if ((await run(python, [...pip, `torch==${torch}+cpu`], log)) !== undefined) {
    log(`pip finds no torch ${torch}+cpu; installing the general torch ${torch}`);
    const failed = await run(python, [...pip, `torch==${torch}`], log);
    if (failed !== undefined) throw new OracleTrouble(`pip could not install torch ${torch}:\n${failed}`, `check the network, or ${own}`);
  }
  const others = [...requirements].filter(([name]) => name !== 'torch').map(([name, exact]) => `${name}==${exact}`);
  log(`installing ${others.join(' ')}`);
  const failed = await run(python, [...pip, ...others], log);
  if (failed !== undefined) throw new OracleTrouble(`pip could not install the packages:\n${failed}`, `check the network, or ${own}`);
  log('the Python environment is ready');
}

/** Runs to the end, saying every half minute that it still does; the last lines of what it printed if it failed. */
function run(program: string, args: readonly string[], log: (line: string) => void): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const started = Date.now();
    const ticker = setInterval(() => log(`  still running after ${Math.round((Date.now() - started) / 1000)} s`), 30_000);
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output = (output + String(chunk)).slice(-4000);
      });
    }
    child.on('error', (error) => {
      clearInterval(ticker);
      reject(error);
    });
    child.on('close', (code, signal) => {
      clearInterval(ticker);
      resolve(code === 0 ? undefined : `${output.trimEnd().split('\n').slice(-8).join('\n')}\n(ended with ${code ?? signal})`);
    });
  });
}

/** Throws OracleTrouble unless `python` has every package in its exact version. */
function checkVersions(python: string): void {
  const code = [
    'import importlib.metadata as m, json, sys',
    'def version(name):',
    '    try: return m.version(name)',
    '    except m.PackageNotFoundError: return None',
    'print(json.dumps({name: version(name) for name in sys.argv[1:]}))',
  ].join('\n');
  const result = spawnSync(python, ['-c', code, ...requirements.keys()], { encoding: 'utf8' });
  if (result.status !== 0) {
    const reason = result.error?.message ?? (result.stderr.trim() || `it ended with ${result.status ?? result.signal}`);
    throw new OracleTrouble(`expected a Python at ${python}, got: ${reason}`, 'check ASTARPO_ORACLE_PYTHON, or unset it');
  }
  const present = JSON.parse(result.stdout) as Record<string, string | null>;
  // torch 2.13.0+cpu and 2.13.0+cu130 compute the same on the CPU.
  const wrong = [...requirements].filter(([name, exact]) => present[name]?.split('+')[0] !== exact);
  if (wrong.length === 0) return;
  throw new OracleTrouble(
    `expected ${wrong.map(([name, exact]) => `${name} ${exact}`).join(', ')} in ${python}, got ${wrong.map(([name]) => present[name] ?? `no ${name}`).join(', ')}`,
    'unset ASTARPO_ORACLE_PYTHON to let the environment be made, or install these versions',
  );
}
