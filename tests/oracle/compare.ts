import { join } from 'node:path';
import { AStarPOError } from '../../lib/errors.ts';
import { fromHuggingFace, shapeJson } from '../../lib/model/config.ts';
import { configText } from '../../lib/model/config-text.ts';
import { readJsonFile } from '../../lib/model/files.ts';
import { parameterCount } from '../../lib/model/parameter-count.ts';
import { Policy } from '../../lib/model/policy.ts';
import { type JsonObject, jsonDifferences } from '../../lib/util/json.ts';
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
import { RefusedByTransformers, type Status, status } from './trouble.ts';

export interface CompareOptions {
  readonly lengths: readonly number[] | undefined;
  readonly attention: 'sdpa' | 'eager';
  readonly seed: number;
  /** Also compares a low-rank adapter with PEFT. */
  readonly lora: boolean;
  /** A folder of this comparison alone. */
  readonly scratch: string;
  readonly log: (text: string) => void;
}

export interface Comparison {
  readonly label: string;
  readonly json: JsonObject;
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

/** Compares one configuration. Throws OracleTrouble; what either side refuses or fails at is in the result. */
export async function compare(candidate: Candidate, oracle: OracleProcess, options: CompareOptions): Promise<Comparison> {
  const { config, json, label } = candidate;
  const { attention, log, scratch, seed } = options;
  const lengths = options.lengths ?? sequenceLengths(config);
  checkLengths(lengths, config);
  await checkRoom(config, lengths, scratch);
  const folder = join(scratch, 'model');
  const request = { folder, file: join(scratch, 'truth.safetensors'), lengths, attention, seed };
  const checks: Check[] = [];
  const result = { label, json, lengths, parameters: parameterCount(config), logitsRms: Number.NaN, checks };
  try {
    // Every token is a pass over the whole sequence there: a few are enough of a large model.
    const greedyTokens = result.parameters > 2e8 ? 3 : 12;
    const answer = await oracle.request<TruthAnswer>('truth', {
      ...request,
      config: configText(json),
      greedyTokens,
      maxPositions: config.maxPositions,
    });
    result.logitsRms = answer.logitsRms;
    checks.push(await checkSavedConfig(candidate, folder));
    await completeFolder(folder, json, config.vocabSize);
    await using file = await TensorFile.open(request.file);
    const truth = await readTruth(file, answer);
    checks.push(...(await compareFloat32(truth, answer.greedy, oracle, request, log)));
    checks.push(...(await compareBfloat16(truth, oracle, request, log)));
    if (options.lora) checks.push(...(await compareAdapter(config, oracle, request, log)));
    return { ...result, status: checks.every(passes) ? status.withinLimits : status.pastLimits, message: '' };
  } catch (error) {
    if (error instanceof RefusedByTransformers)
      return { ...result, status: status.refused, message: `refused by transformers: ${error.message}` };
    if (error instanceof AStarPOError && error.code !== 'ASTARPO_OUT_OF_MEMORY') {
      return { ...result, status: status.pastLimits, message: `${error.code} ${error.message}` };
    }
    throw error;
  }
}

/** The file that transformers writes must mean the same to us as the one it read. */
async function checkSavedConfig({ config }: Candidate, folder: string): Promise<Check> {
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
