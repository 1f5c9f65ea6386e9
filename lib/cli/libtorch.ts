import type { Command } from 'commander';
import { z } from 'zod';
import { AStarPOError } from '../errors.ts';
import { formatSeconds, ProgressLine } from '../log/progress.ts';
import { type InstallLibtorchOptions, installLibtorch, planInstall, verifyLibtorch } from '../native/install-libtorch.ts';
import { cacheFolder, discoverLibtorch, locateLibtorch } from '../native/locate-libtorch.ts';
import { packageRoot } from '../native/shim.ts';
import { defined } from '../util/defined.ts';
import { addCommand } from './options.ts';

const installSchema = z.strictObject({
  cpu: z.boolean().default(false).describe('the build for CPUs'),
  cuda: z.string().optional().describe('a build for CUDA, such as cu130 (default: what the driver of this machine can run, else the CPU)'),
  from: z.string().optional().describe('a wheel or zip (file or URL) to install instead of looking for one'),
  headers: z.boolean().default(false).describe('keep the headers, to build the addon against it'),
});

const noOptions = z.strictObject({});

const verifySchema = z.strictObject({
  folder: z.string().optional().describe('libtorch folder (default: the one that would be used)'),
});

export function libtorchCommand(parent: Command): void {
  const group = parent.command('libtorch').description('install and check libtorch');
  addCommand(group, 'install', 'put a libtorch into the cache of this user', installSchema, runInstall, { dryRun: showPlan });
  addCommand(group, 'list', 'libtorch folders on this machine, the one in use first', noOptions, list);
  addCommand(group, 'verify', 'check an installed libtorch against its checksums', verifySchema, verify);
}

type InstallConfig = z.output<typeof installSchema>;

function installOptions(config: InstallConfig): InstallLibtorchOptions {
  if (config.cpu && config.cuda !== undefined) {
    throw new AStarPOError('ASTARPO_OPTION', 'expected one of --cpu and --cuda, got both', {
      hint: 'leave both out to let the driver decide',
    });
  }
  const variant = config.cpu ? 'cpu' : config.cuda;
  return defined({ variant, from: config.from, headers: config.headers });
}

async function showPlan(config: InstallConfig): Promise<void> {
  process.stdout.write(`${JSON.stringify(planInstall(installOptions(config)), null, 2)}\n`);
}

async function runInstall(config: InstallConfig): Promise<void> {
  const line = new ProgressLine();
  const started = Date.now();
  const result = await installLibtorch({
    ...installOptions(config),
    log: (text) => line.print(text),
    progress: (received, total) => {
      const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
      line.update(total === null ? megabytes(received) : `${megabytes(received)} of ${megabytes(total)}`);
    },
  });
  const { folder, version, installed } = result;
  line.finish(
    installed
      ? `libtorch ${version} installed in ${formatSeconds((Date.now() - started) / 1000)}: ${folder}`
      : `libtorch ${version} was there already: ${folder}`,
  );
}

async function list(): Promise<void> {
  const { candidates, rejected } = discoverLibtorch({ root: packageRoot, python: true });
  for (const { folder, version, where } of candidates) process.stdout.write(`${version.padEnd(16)} ${folder} (${where})\n`);
  for (const { folder, reason } of rejected) process.stdout.write(`${'not usable'.padEnd(16)} ${folder}: ${reason}\n`);
  if (candidates.length === 0 && rejected.length === 0)
    process.stdout.write(`none; npx astar-po libtorch install puts one into ${cacheFolder()}\n`);
}

async function verify(config: z.output<typeof verifySchema>): Promise<void> {
  const folder = config.folder ?? locateLibtorch({ python: true }).folder;
  const result = await verifyLibtorch(folder);
  if (result === null) {
    process.stdout.write(`${folder}: no checksums were recorded, nothing to compare with\n`);
    return;
  }
  for (const problem of result.problems) process.stdout.write(`${problem}\n`);
  if (result.problems.length > 0) {
    throw new AStarPOError(
      'ASTARPO_DOWNLOAD',
      `${result.problems.length} of ${result.checked} files of ${folder} are not what was installed`,
      {
        hint: 'remove that folder and run: npx astar-po libtorch install',
      },
    );
  }
  process.stdout.write(`${folder}: ${result.checked} files are what was installed\n`);
}
