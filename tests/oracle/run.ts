/** npm run test:oracle: compares this library with transformers for any Hugging Face config.json; see arguments.ts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeFailure } from '../../lib/cli/failure.ts';
import { isAStarPOError } from '../../lib/errors.ts';
import { ProgressLine } from '../../lib/log/progress.ts';
import type { ModelConfig } from '../../lib/model/config.ts';
import { nativeAddon } from '../../lib/native/load.ts';
import { help, type OracleArguments, readArguments } from './arguments.ts';
import { type Candidate, createCandidate, readCandidate } from './candidate.ts';
import type { Check } from './checks.ts';
import { type Comparison, compare } from './compare.ts';
import { oraclePython } from './environment.ts';
import { OracleProcess } from './process.ts';
import { randomConfigs } from './random-config.ts';
import { checkLines } from './table.ts';
import { bySeverity, OracleTrouble, type Status, status } from './trouble.ts';

const line = new ProgressLine();
const print = (text: string) => {
  line.clear();
  process.stdout.write(`${text}\n`);
};

interface Refusal {
  readonly label: string;
  readonly status: Status;
  readonly message: string;
}

async function main(): Promise<Status> {
  const args = readArguments(process.argv.slice(2));
  if (args === undefined) {
    print(help);
    return status.withinLimits;
  }
  const { candidates, refusals } = await readCandidates(args);
  for (const { label, message } of refusals) print(`${label}: REFUSED\n  ${message}`);
  const compared = candidates.length === 0 ? [] : await compareAll(candidates, args);
  if (args.json !== undefined)
    await writeFile(args.json, `${JSON.stringify({ arguments: args, results: [...refusals, ...compared] }, null, 2)}\n`);
  const statuses = [...refusals, ...compared].map((each) => each.status);
  const count = (wanted: Status) => statuses.filter((each) => each === wanted).length;
  if (statuses.length > 1) {
    const verdicts = `${count(status.withinLimits)} within the limits, ${count(status.pastLimits)} past them, ${count(status.refused)} refused`;
    print(count(status.trouble) === 0 ? verdicts : `${verdicts}, ${count(status.trouble)} not compared`);
  }
  return bySeverity.find((each) => statuses.includes(each)) ?? status.withinLimits;
}

/** Everything is read before anything is computed: a refusal costs no time. */
async function readCandidates(args: OracleArguments): Promise<{ candidates: Candidate[]; refusals: Refusal[] }> {
  const candidates: Candidate[] = [];
  const refusals: Refusal[] = [];
  for (const path of args.configs) {
    try {
      candidates.push(await readCandidate(path, args.layers));
    } catch (error) {
      if (!isAStarPOError(error, 'ASTARPO_CONFIG') && !isAStarPOError(error, 'ASTARPO_ARCHITECTURE')) throw error;
      refusals.push({ label: path, status: status.refused, message: describeFailure(error) });
    }
  }
  for (const [i, json] of randomConfigs(args.random, args.seed).entries()) {
    candidates.push(createCandidate(`random ${i + 1} of seed ${args.seed}`, json, args.layers));
  }
  return { candidates, refusals };
}

async function compareAll(candidates: readonly Candidate[], args: OracleArguments): Promise<Comparison[]> {
  // Without the native files there is nothing to compare: better known before minutes are spent on Python.
  nativeAddon();
  const python = await oraclePython((text) => line.print(`oracle: ${text}`));
  const scratch = args.scratch === undefined ? mkdtempSync(join(tmpdir(), 'astarpo-oracle-')) : args.scratch;
  const removeScratch = () => {
    if (args.scratch === undefined) rmSync(scratch, { recursive: true, force: true });
  };
  // Models of gigabytes would stay behind.
  for (const [signal, exit] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => {
      removeScratch();
      process.exit(exit);
    });
  }
  const start = () => OracleProcess.start(python, (text) => line.update(text));
  let oracle = await start();
  try {
    const results: Comparison[] = [];
    for (const [i, candidate] of candidates.entries()) {
      const folder = join(scratch, String(i + 1));
      await mkdir(folder, { recursive: true });
      if (oracle.ended) oracle = await start();
      const result = await compare(candidate, oracle, {
        ...args,
        scratch: folder,
        log: (text) => line.update(`${candidate.label}: ${text}`),
      });
      if (args.scratch === undefined) rmSync(folder, { recursive: true });
      results.push(result);
      show(result, candidate, i >= candidates.length - args.random);
    }
    return results;
  } finally {
    await oracle.stop();
    removeScratch();
  }
}

/** A table; of a drawn configuration that passes one line only, and of one that does not also the configuration itself. */
function show(result: Comparison, { config }: Candidate, drawn: boolean): void {
  const verdicts: Record<Status, string> = { 0: 'within the limits', 1: 'PAST THE LIMITS', 2: 'REFUSED', 3: 'NOT COMPARED' };
  const head = `${result.label}: ${describe(config)}`;
  if (drawn && result.status === status.withinLimits) {
    print(`${head}: ok, ${worst(result.checks)}`);
    return;
  }
  const rows = result.lengths.reduce((sum, length) => sum + length - 1, 0);
  print(`${head}, ${(result.parameters / 1e6).toFixed(2)} million parameters`);
  if (drawn) print(result.text.trimEnd());
  print(`  sequences of ${result.lengths.join(', ')} tokens: ${rows} rows; root mean square of the logits ${result.logitsRms.toFixed(2)}`);
  const narrowest = Math.min(...config.windows.filter((window) => window > 0));
  if (narrowest < Number.POSITIVE_INFINITY && narrowest >= Math.max(...result.lengths)) {
    print(`  no sequence is longer than the window of ${narrowest}, which therefore was not compared: give --lengths`);
  }
  if (result.checks.length > 0) for (const text of checkLines(result.checks)) print(text);
  if (result.message !== '') print(`  ${result.message}`);
  print(`  ${verdicts[result.status]}`);
}

function describe(config: ModelConfig): string {
  const { architecture, layers, hiddenSize, heads, kvHeads, headDim, vocabSize, rope, windows, tiedHead } = config;
  const window = Math.max(0, ...windows);
  const extras = [rope.type === 'default' ? '' : `, rope ${rope.type}`, window > 0 ? `, window ${window}` : '', tiedHead ? ', tied' : ''];
  return `${architecture} ${layers} × ${hiddenSize}, ${heads}/${kvHeads} heads of ${headDim}, vocabulary ${vocabSize}${extras.join('')}`;
}

/** The check that used most of its limit. */
function worst(checks: readonly Check[]): string {
  const measured = checks.filter(({ limit }) => limit > 0).map(({ name, error, limit }) => ({ name, part: error / limit }));
  const most = measured.reduce((a, b) => (b.part > a.part ? b : a), { name: 'no check', part: 0 });
  return `at most ${Math.round(100 * most.part)} % of a limit (${most.name})`;
}

try {
  process.exitCode = await main();
} catch (error) {
  line.clear();
  process.stderr.write(`oracle: ${error instanceof OracleTrouble ? error.message : describeFailure(error)}\n`);
  process.exitCode = status.trouble;
}
