import type { Command } from 'commander';
import pc from 'picocolors';
import { doctorSchema } from '../config.ts';
import { type DoctorReport, type Problem, probe } from '../native/doctor.ts';
import { planTraining } from './doctor-memory.ts';
import { addCommand } from './options.ts';

export function doctorCommand(parent: Command): void {
  const about = 'say what this machine has, whether astar-po can run on it, and with --model whether a training fits into its memory';
  addCommand(parent, 'doctor', about, doctorSchema, async (config) => {
    if (config.model !== undefined) return await planTraining(config, config.model);
    const report = probe();
    process.stdout.write(config.json ? `${JSON.stringify(report, null, 2)}\n` : describeReport(report));
    if (isProblem(report.addon)) process.exitCode = 1;
  });
}

/** The report in a dozen lines; the last one says whether all is well. */
export function describeReport(report: DoctorReport): string {
  const gigabytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const lines: (readonly [string, string])[] = [
    ['node', `${report.node} on ${report.platform}-${report.arch}, glibc ${report.glibc ?? 'none'}`],
    ['cpu', `${report.cpu.cores} × ${report.cpu.model}, ${gigabytes(report.cpu.memoryBytes)}`],
    ['gpu', describeDriver(report.driver)],
    ['shim', isProblem(report.shim) ? problem(report.shim) : report.shim.file],
    ...describeLibtorch(report.libtorch),
    ['cache', `${report.cache.folder}, ${report.cache.installed.length === 0 ? 'empty' : report.cache.installed.join(', ')}`],
  ];
  for (const [name, value] of Object.entries(report.environment)) lines.push(['environment', `${name}=${value}`]);
  if (isProblem(report.addon)) {
    lines.push(['addon', problem(report.addon)]);
  } else {
    const { info, cudaKernels } = report.addon;
    lines.push(['addon', `${report.addon.core}, libtorch ${info.torch}, ${info.cpuKernels}, ${info.threads} threads`]);
    lines.push([
      'cuda',
      cudaKernels.loaded ? `${info.cudaDevices} devices, kernels of ${cudaKernels.file}` : `no own kernels: ${cudaKernels.reason}`,
    ]);
  }
  const verdict = isProblem(report.addon) ? pc.red('astar-po cannot run here yet: see above') : pc.green('astar-po can run here');
  return `${lines.map(([name, value]) => `${pc.bold(name.padEnd(12))} ${value}`).join('\n')}\n${verdict}\n`;
}

function describeDriver(driver: DoctorReport['driver']): string {
  return driver === null ? 'unknown, since the shim did not load' : driver.driver ? JSON.stringify(driver) : 'no NVIDIA driver';
}

function describeLibtorch(libtorch: DoctorReport['libtorch']): (readonly [string, string])[] {
  if (isProblem(libtorch)) return [['libtorch', problem(libtorch)]];
  const found = libtorch.candidates.map(({ version, folder, where }) => ['libtorch', `${version} in ${folder} (${where})`] as const);
  const refused = libtorch.rejected.map(({ where, folder, reason }) => ['refused', `${where} ${folder}: ${reason}`] as const);
  return [...found, ...refused];
}

function isProblem(part: object): part is Problem {
  return 'code' in part && 'message' in part;
}

function problem(part: Problem): string {
  return `${pc.red(part.code)} ${part.message}`;
}
