import type { ModelConfig } from '../../lib/model/config.ts';
import { Policy } from '../../lib/model/policy.ts';
import { largestDifference } from './arithmetic.ts';
import {
  type Check,
  checkBfloat16Logits,
  checkFloat32Logits,
  checkGradients,
  float32Limit,
  logitsOf,
  readTruth,
  type Truth,
} from './checks.ts';
import type { OracleProcess } from './process.ts';
import { randomAdapter } from './random-adapter.ts';
import { checkAdapterReload, checkReload, type ModelRequest } from './reload.ts';
import { TensorFile } from './tensor-file.ts';

/**
 * A drawn adapter that PEFT made over the model in the request's folder: logits in both dtypes, gradients of A and B, merged and not;
 * then the adapter saved here, alone and merged, loaded there.
 */
export async function compareAdapter(
  config: ModelConfig,
  oracle: OracleProcess,
  model: ModelRequest,
  log: (text: string) => void,
): Promise<Check[]> {
  const settings = randomAdapter(config, model.seed);
  const request = { ...model, file: `${model.folder}-adapter.safetensors`, adapter: `${model.folder}-adapter` };
  const answer = await oracle.request<Pick<Truth, 'logitsRms' | 'bfloat16Rms'>>('adapter', { ...request, settings });
  await using file = await TensorFile.open(request.file);
  const truth = await readTruth(file, answer);
  log('here: adapter');
  const checks = [...(await compareFloat32(truth, oracle, request)), await compareBfloat16(truth, request)];
  return checks.map((check) => ({ ...check, name: `adapter: ${check.name}` }));
}

async function compareFloat32(truth: Truth, oracle: OracleProcess, request: ModelRequest & { readonly adapter: string }): Promise<Check[]> {
  const checks: Check[] = [];
  const saved = { adapter: `${request.adapter}-saved`, merged: `${request.adapter}-merged` };
  {
    await using policy = await Policy.load(request.folder, { dtype: 'float32' });
    await policy.loadAdapter(request.adapter);
    const logits = await logitsOf(policy.native, truth);
    checks.push(await checkFloat32Logits(logits, truth, policy.config.vocabSize));
    checks.push(...(await checkGradients(policy, truth)));
    await policy.merge();
    const merged = await checkFloat32Logits(await logitsOf(policy.native, truth), truth, policy.config.vocabSize);
    checks.push({ ...merged, name: 'fp32 logits, merged' });
    await policy.unmerge();
    const { value } = largestDifference(await logitsOf(policy.native, truth), logits);
    checks.push({ name: 'fp32 logits, merged and unmerged', error: value, limit: 0, detail: '' });
    await policy.saveAdapter(saved.adapter, { base: request.folder });
    await policy.save(saved.merged);
  }
  checks.push(await checkAdapterReload('saved here, loaded there', oracle, { ...request, adapter: saved.adapter }));
  checks.push(await checkReload('saved merged, loaded there', oracle, { ...request, folder: saved.merged }, float32Limit(truth)));
  return checks;
}

async function compareBfloat16(truth: Truth, request: ModelRequest & { readonly adapter: string }): Promise<Check> {
  await using policy = await Policy.load(request.folder, { dtype: 'bfloat16' });
  await policy.loadAdapter(request.adapter);
  return await checkBfloat16Logits(await logitsOf(policy.native, truth), truth);
}
