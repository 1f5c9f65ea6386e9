import { existsSync } from 'node:fs';
import { type TitleTagger, type TitleTaggerName, titleTaggers } from '../env/webshop/titles/title-tagger.ts';
import type { WebShopEnv } from '../env/webshop/webshop-env.ts';
import { AStarPOError } from '../errors.ts';
import { nameHint } from '../util/nearest-name.ts';

export interface TitlesConfig {
  readonly titles?: string | undefined;
  readonly titlesFallback?: TitleTaggerName | undefined;
}

/** Who names the nouns of titles: a tagger by its name, else the table in a file. */
export function titlesOption({ titles, titlesFallback }: TitlesConfig): TitleTagger | undefined {
  const name = titleTaggers.find((one) => one === titles);
  if (titles === undefined || name !== undefined) {
    if (titlesFallback === undefined) return name;
    throw new AStarPOError('ASTARPO_OPTION', `expected a table as --titles beside --titles-fallback, got ${titles ?? 'none'}`, {
      hint: 'only tables lack titles',
    });
  }
  if (!existsSync(titles)) {
    throw new AStarPOError('ASTARPO_OPTION', `expected ${titleTaggers.join(', ')} or the file of a table as --titles, got ${titles}`, {
      hint: `${nameHint(titles, titleTaggers)}; scripts/title_nouns.py makes tables`,
    });
  }
  return titlesFallback === undefined ? { table: titles } : { table: titles, fallback: titlesFallback };
}

/** Says after a run how many titles a table lacked, when its fallback named their nouns. */
export function reportTitles({ options }: WebShopEnv): void {
  const { name, missing } = options.titles;
  if (missing > 0) process.stderr.write(`warning  titles that the table lacks: ${missing.toLocaleString('en')} (${name})\n`);
}
