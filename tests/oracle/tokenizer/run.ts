/** npm run test:tokenizer: compares this library with the Rust tokenizers library for any tokenizer.json; see arguments.ts. */
import { mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeFailure } from '../../../lib/cli/failure.ts';
import { isAStarPOError } from '../../../lib/errors.ts';
import { readJsonFile } from '../../../lib/model/files.ts';
import { Tokenizer } from '../../../lib/model/tokenizer.ts';
import type { TokenizerGolden } from '../../fixtures/tokenizer-golden.ts';
import { oraclePython } from '../environment.ts';
import type { OracleProcess } from '../process.ts';
import { OracleTrouble, RefusedByTransformers, type Status, status } from '../trouble.ts';
import { help, readTokenizerArguments, type TokenizerArguments } from './arguments.ts';
import { compareTokenizers } from './compare.ts';
import { recordGolden } from './golden.ts';
import { randomTokenizer } from './random-tokenizer.ts';
import { RustTokenizer } from './rust-tokenizer.ts';

const print = (text: string) => process.stdout.write(`${text}\n`);

async function main(): Promise<Status> {
  const args = readTokenizerArguments(process.argv.slice(2));
  if (args === undefined) {
    print(help);
    return status.withinLimits;
  }
  const server = await RustTokenizer.startProcess(await oraclePython(print));
  try {
    const statuses: Status[] = [];
    const goldens: (TokenizerGolden | null)[] = [];
    for (const path of [...args.tokenizers, ...randomFiles(args)]) {
      statuses.push(await compareFile(server, path, args, (golden) => goldens.push(golden)));
    }
    if (args.golden !== undefined) await writeFile(args.golden, `${JSON.stringify(args.random === 0 ? goldens[0] : goldens, null, 1)}\n`);
    return statuses.find((each) => each === status.pastLimits) ?? statuses.find((each) => each === status.refused) ?? status.withinLimits;
  } finally {
    await server.stop();
  }
}

/** Files that stay, so that a difference can be looked at again. */
function* randomFiles({ random, seed }: TokenizerArguments): Generator<string> {
  if (random === 0) return;
  const folder = mkdtempSync(join(tmpdir(), 'astarpo-tokenizers-'));
  for (let i = 0; i < random; i++) {
    const file = join(folder, `${seed}-${i}.json`);
    writeFileSync(file, JSON.stringify(randomTokenizer(seed, i)));
    yield file;
  }
}

async function compareFile(
  server: OracleProcess,
  path: string,
  args: TokenizerArguments,
  record: (golden: TokenizerGolden | null) => void,
): Promise<Status> {
  const file = statSync(path).isDirectory() ? join(path, 'tokenizer.json') : path;
  const refused = (by: string, reason: string) => {
    print(`${path}: REFUSED by ${by}\n  ${reason}`);
    return status.refused;
  };
  let rust: RustTokenizer;
  try {
    rust = await RustTokenizer.load(server, file);
  } catch (error) {
    if (error instanceof RefusedByTransformers) return refused('the Rust library', error.message);
    throw error;
  }
  let here: Tokenizer;
  try {
    here = Tokenizer.fromJson((await readJsonFile(file, 'ASTARPO_TOKENIZER')) ?? {});
  } catch (error) {
    if (isAStarPOError(error)) return refused('this library', describeFailure(error));
    throw error;
  }
  const { texts, idLists, difference, longMs } = await compareTokenizers(here, rust, args);
  if (difference === undefined) {
    if (args.golden !== undefined) record(await recordGolden(rust, here.vocabSize, args));
    const long = args.long === 0 ? '' : `; long runs: ${longMs.here.toFixed(0)} ms here, ${longMs.rust.toFixed(0)} ms there`;
    print(`${path}: ${texts} texts and ${idLists} lists of ids alike${long}`);
    return status.withinLimits;
  }
  print(`${path}: DIFFERENT ${difference.what}\n  of    ${difference.input}\n  here  ${difference.here}\n  Rust  ${difference.rust}`);
  return status.pastLimits;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof OracleTrouble) && !isAStarPOError(error) && (error as NodeJS.ErrnoException).code === undefined) throw error;
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = status.trouble;
}
