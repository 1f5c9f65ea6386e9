import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { AStarPOError } from '../errors.ts';
import { type CardSubject, isOwnCard } from './model-card.ts';
import type { NativeModel } from './native-model.ts';
import { parameterCount } from './parameter-count.ts';
import type { WeightDType } from './save-options.ts';

/** The hub's name for the card of a model. */
export const cardName = 'README.md';

/** What a card tells of a model by itself; `dtype`: of the stored weights. */
export function cardSubject(model: NativeModel, folder: string, kind: CardSubject['kind'], dtype: WeightDType): CardSubject {
  const { config, adapter, source, optimizerSteps } = model;
  const ranks = [...new Set(adapter?.modules.map(({ rank }) => rank))].sort((a, b) => a - b).join(', ');
  const lora = `LoRA of rank ${ranks} on ${adapter?.modules.length} modules`;
  return {
    kind,
    name: basename(resolve(folder)),
    base: source?.hub,
    steps: optimizerSteps,
    facts: {
      Architecture: `${config.architecture}, ${(parameterCount(config) / 1e6).toPrecision(3)} million parameters, ${dtype}`,
      ...(adapter === undefined ? {} : { Adapter: kind === 'adapter' ? lora : `${lora}, folded into the weights` }),
    },
  };
}

/** A card in someone's own words is not replaced: throws ASTARPO_IO. */
export async function refuseForeignCard(folder: string): Promise<void> {
  const text = await readFile(join(folder, cardName), 'utf8').catch(() => undefined);
  if (text === undefined || isOwnCard(text)) return;
  throw new AStarPOError(
    'ASTARPO_IO',
    `expected ${resolve(folder)} to be new, empty or written by astar-po, got a folder with a ${cardName} of other origin`,
    { hint: 'save into a folder of its own, or move that file away' },
  );
}
