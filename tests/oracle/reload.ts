import { rm } from 'node:fs/promises';
import type { Check } from './checks.ts';
import type { OracleProcess } from './process.ts';

/** What python/server.py needs to know to compute logits of the model in `folder`, and to compare them with those in `file`. */
export interface ModelRequest {
  readonly folder: string;
  readonly file: string;
  readonly lengths: readonly number[];
  readonly attention: string;
  readonly seed: number;
}

/**
 * transformers must load every tensor of a folder saved here and nothing else, and its logits must differ from those in `file` by at
 * most `limit`: by nothing when the weights are the same, which bf16 holds as well as fp32. The folder is removed.
 */
export async function checkReload(name: string, oracle: OracleProcess, request: ModelRequest, limit = 0): Promise<Check> {
  const { difference } = await oracle.request<{ difference: number }>('reload', request);
  await rm(request.folder, { recursive: true });
  return { name, error: difference, limit, detail: '' };
}

/** The same for an adapter saved here in `adapter`, loaded by PEFT over the model in `folder`. */
export async function checkAdapterReload(
  name: string,
  oracle: OracleProcess,
  request: ModelRequest & { readonly adapter: string },
): Promise<Check> {
  const { difference } = await oracle.request<{ difference: number }>('reload adapter', request);
  await rm(request.adapter, { recursive: true });
  return { name, error: difference, limit: 0, detail: '' };
}
