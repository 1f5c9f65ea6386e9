import { join } from 'node:path';
import { AStarPOError } from '../../lib/errors.ts';
import { fromHuggingFace, type ModelConfig, shapeJson } from '../../lib/model/config.ts';
import { readJsonFile } from '../../lib/model/files.ts';
import { parameterCount } from '../../lib/model/parameter-count.ts';
import { Policy } from '../../lib/model/policy.ts';
import { jsonDifferences } from '../../lib/util/json.ts';
import type { Candidate } from './candidate.ts';
import {
  type Check,
  checkBfloat16Logits,
  checkFloat32Logits,
  checkGradients,
  checkGreedy,
  checkScores,
  type GreedyCase,
  logitsOf,
  passes,
  readTruth,
  type Truth,
} from './checks.ts';
import { compareAdapter } from './compare-adapter.ts';
import { checkLengths, checkRoom, sequenceLengths } from './plan.ts';
import type { OracleProcess } from './process.ts';
import { checkReload, type ModelRequest } from './reload.ts';
import { completeFolder } from './scratch-model.ts';
import { TensorFile } from './tensor-file.ts';
import { OracleTrouble, RefusedByTransformers, type Status, status } from './trouble.ts';

export interface CompareOptions {
  readonly lengths: readonly number[] | undefined;
  readonly attention: 'sdpa' | 'eager';
  readonly seed: number;
  /** Also compares a low-rank adapter with PEFT. */
  readonly lora: boolean;
  /** Files that the weights are spread over. */
  readonly shards: number;
  /** A folder of this comparison alone. */
  readonly scratch: string;
  readonly log: (text: string) => void;
}

export interface Comparison {
  readonly label: string;
  /** The config.json. */
  readonly text: string;
  readonly status: Status;
  /** Empty unless the comparison could not be made or not be finished. */
  readonly message: string;
  readonly lengths: readonly number[];
  readonly parameters: number;
  readonly logitsRms: number;
  readonly checks: readonly Check[];
}

/** Numbers of python/server.py's `truth`. */
interface TruthAnswer {
  readonly logitsRms: number;
  readonly bfloat16Rms: number;
  readonly greedy: readonly GreedyCase[];
}

/** Compares one configuration; what keeps it from being compared, and what either side refuses or fails at, is in the result. */
export async function compare(candidate: Candidate, oracle: OracleProcess, options: CompareOptions): Promise<Comparison> {
  const { config, text, label } = candidate;
  const lengths = options.lengths ?? sequenceLengths(config);
  const result = { label, text, lengths, parameters: parameterCount(config), logitsRms: Number.NaN, checks: [] as Check[] };
  const end = (status: Status, message = '') => ({ ...result, status, message });
  try {
    checkLengths(lengths, config);
    await checkRoom(config, lengths, options.scratch);
    for await (const part of compareParts(candidate, lengths, oracle, options)) {
      result.logitsRms = part.logitsRms;
      result.checks.push(...part.checks);
    }
    return end(result.checks.every(passes) ? status.withinLimits : status.pastLimits);
  } catch (error) {
    if (error instanceof RefusedByTransformers) return end(status.refused, `refused by transformers: ${error.message}`);
    if (error instanceof OracleTrouble) return end(status.trouble, error.message);
    if (!(error instanceof AStarPOError)) throw error;
    return end(error.code === 'ASTARPO_OUT_OF_MEMORY' ? status.trouble : status.pastLimits, `${error.code} ${error.message}`);
  }
}

/** The checks, part by part, so that those before a failure are known. */
async function* compareParts(
  { config, text }: Candidate,
  lengths: readonly number[],
  oracle: OracleProcess,
  { attention, log, lora, scratch, seed, shards }: CompareOptions,
): AsyncGenerator<{ readonly logitsRms: number; readonly checks: readonly Check[] }> {
  const folder = join(scratch, 'model');
  const request = { folder, file: join(scratch, 'truth.safetensors'), lengths, attention, seed };
  // Every token is a pass over the whole sequence there: a few are enough of a large model.
  const greedyTokens = parameterCount(config) > 2e8 ? 3 : 12;
  const { maxPositions } = config;
  const answer = await oracle.request<TruthAnswer>('truth', { ...request, config: text, shards, greedyTokens, maxPositions });
  const { logitsRms } = answer;
  yield { logitsRms, checks: [await checkSavedConfig(config, folder)] };
  await completeFolder(folder, text, config.vocabSize);
  await using file = await TensorFile.open(request.file);
  const truth = await readTruth(file, answer);
  yield { logitsRms, checks: await compareFloat32(truth, answer.greedy, oracle, request, log) };
  yield { logitsRms, checks: await compareBfloat16(truth, oracle, request, log) };
  if (lora) yield { logitsRms, checks: await compareAdapter(config, oracle, request, log) };
}

/** The file that transformers writes must mean the same to us as the one it read. */
async function checkSavedConfig(config: ModelConfig, folder: string): Promise<Check> {
  const saved = (await readJsonFile(join(folder, 'config.json'), 'ASTARPO_CONFIG')) ?? {};
  const differences = jsonDifferences(shapeJson(fromHuggingFace(saved)), shapeJson(config));
  return { name: 'config as transformers saves it', error: differences.length, limit: 0, detail: differences.join('; ') };
}

async function compareFloat32(
  truth: Truth,
  greedy: readonly GreedyCase[],
  oracle: OracleProcess,
  request: ModelRequest,
  log: (text: string) => void,
): Promise<Check[]> {
  const checks: Check[] = [];
  const saved = `${request.folder}-float32`;
  {
    log('here: float32');
    await using policy = await Policy.load(request.folder, { dtype: 'float32' });
    const logits = await logitsOf(policy.native, truth);
    checks.push(await checkFloat32Logits(logits, truth, policy.config.vocabSize));
    checks.push(await checkScores(policy.native, logits, truth));
    checks.push(...(await checkGradients(policy, truth)));
    checks.push(...(await checkGreedy(policy.native, greedy, truth)));
    await policy.save(saved);
  }
  checks.push(await checkReload('fp32 saved here, loaded there', oracle, { ...request, folder: saved }));
  return checks;
}

async function compareBfloat16(truth: Truth, oracle: OracleProcess, request: ModelRequest, log: (text: string) => void): Promise<Check[]> {
  const checks: Check[] = [];
  const saved = `${request.folder}-bfloat16`;
  for (const reproducible of [false, true]) {
    log(`here: bfloat16${reproducible ? ', reproducible' : ''}`);
    await using policy = await Policy.load(request.folder, { dtype: 'bfloat16', reproducible });
    const logits = await logitsOf(policy.native, truth);
    const check = await checkBfloat16Logits(logits, truth);
    checks.push(reproducible ? { ...check, name: `${check.name}, reproducible` } : check);
    if (reproducible) continue;
    checks.push(await checkScores(policy.native, logits, truth));
    await policy.save(saved);
  }
  checks.push(await checkReload('bf16 saved here, loaded there', oracle, { ...request, folder: saved }));
  return checks;
}
