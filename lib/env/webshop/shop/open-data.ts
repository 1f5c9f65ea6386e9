import { stat } from 'node:fs/promises';
import { openMiniShop } from '../mini-shop/open-mini-shop.ts';
import type { PythonRandom } from '../python/python-random.ts';
import type { DataKind, ResolvedOptions } from '../webshop-options.ts';
import { type OpenShop, openReal, openSynthetic } from './open-shop.ts';

/** What the option `data` names. A path that is not there counts as what its name looks like, so that opening it says what is missing. */
export async function kindOfData(data: unknown): Promise<DataKind> {
  if (data === undefined) return 'none';
  if (typeof data !== 'string') return 'folder';
  const found = await stat(data).catch(() => undefined);
  return (found === undefined ? data.endsWith('.json') : found.isFile()) ? 'file' : 'folder';
}

/**
 * The shop of whatever `data` names. `random`: what a catalogue's chances are drawn from, instead of `priceSeed`. Errors: `ASTARPO_DATA`,
 * `ASTARPO_IO`, `ASTARPO_OPTION`.
 */
export async function openData(options: ResolvedOptions, random?: PythonRandom): Promise<OpenShop> {
  const { data, dataKind } = options;
  if (data === undefined) return openSynthetic(options);
  return dataKind === 'file' ? openMiniShop(data, options, random) : openReal(data, options, random);
}
