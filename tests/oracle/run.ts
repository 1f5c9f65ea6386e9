/** npm run test:oracle: compares this library with transformers for any Hugging Face config.json; see arguments.ts. */
import { describeFailure } from '../../lib/cli/failure.ts';
import { isAStarPOError } from '../../lib/errors.ts';
import { ProgressLine } from '../../lib/log/progress.ts';
import { nativeAddon } from '../../lib/native/load.ts';
import { writeFileAtomic } from '../../lib/util/atomic-file.ts';
import { help, type OracleArguments, readArguments } from './arguments.ts';
import { type Candidate, createCandidate, readCandidate } from './candidate.ts';
import { type Comparison, compare } from './compare.ts';
import { oraclePython } from './environment.ts';
import { OracleProcess } from './process.ts';
import { randomConfigs } from './random-config.ts';
import { reportLines } from './report.ts';
import { withScratch } from './scratch-folder.ts';
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
  const results = [...refusals, ...compared];
  if (args.json !== undefined) await writeFileAtomic(args.json, `${JSON.stringify({ arguments: args, results }, null, 2)}\n`);
  const statuses = results.map((each) => each.status);
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
  return withScratch(args.scratch, async (scratch) => {
    const start = () => OracleProcess.start(python, (text) => line.update(text));
    let oracle = await start();
    try {
      const results: Comparison[] = [];
      for (const [i, candidate] of candidates.entries()) {
        if (oracle.ended) oracle = await start();
        const log = (text: string) => line.update(`${candidate.label}: ${text}`);
        const folder = await scratch.open(String(i + 1));
        const result = await compare(candidate, oracle, { ...args, shards: 1 + (i % 3), scratch: folder, log });
        await scratch.close(folder);
        results.push(result);
        for (const text of reportLines(result, candidate.config, i >= candidates.length - args.random)) print(text);
      }
      return results;
    } finally {
      await oracle.stop();
    }
  });
}

try {
  process.exitCode = await main();
} catch (error) {
  line.clear();
  process.stderr.write(`oracle: ${error instanceof OracleTrouble ? error.message : describeFailure(error)}\n`);
  process.exitCode = status.trouble;
}
