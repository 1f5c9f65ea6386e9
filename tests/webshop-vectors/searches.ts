import { analyze } from '../../lib/env/webshop/search/analyzer.ts';
import { type Format, listOf } from './format.ts';
import { shown } from './records.ts';

/** Every index term with its document and term frequencies. */
export const vocabularyFormat: Format = {
  name: 'index terms',
  recognises: (content) => {
    if (Array.isArray(content)) return false;
    const [first] = Object.values(content);
    return Array.isArray(first) && first.length === 2 && first.every(Number.isInteger);
  },
  compare: async (tally, content, { catalogue }) => {
    const recorded = new Map(Object.entries(content as Record<string, [number, number]>));
    for (const [term, documents, occurrences] of (await catalogue()).env.shop.index.vocabulary()) {
      tally.same(`term ${shown(term)}`, [documents, occurrences], recorded.get(term));
      recorded.delete(term);
    }
    for (const [term, counts] of recorded) tally.same(`term ${shown(term)}`, undefined, counts);
  },
};

interface RecordedSearch {
  query: string;
  tokens?: string[] | null;
  recorded_page1?: string[] | null;
  top50?: [string, number][] | null;
}

/** Analysed terms, the ids of page 1, all hits with their scores; whichever a record has. */
export const searchFormat: Format = {
  ...listOf<RecordedSearch>('searches', ['query'], async (tally, { query, tokens, recorded_page1, top50 }, record, { catalogue }) => {
    const { products, index } = (await catalogue()).env.shop;
    const where = `${record}, ${shown(query)}`;
    const hits = index.search(query).map(({ document, score }) => [products.at(document).asin, score] as const);
    if (tokens != null) tally.same(`${where}: terms`, analyze(query), tokens);
    if (recorded_page1 != null) tally.same(`${where}: first page`, hits.map(([asin]) => asin).slice(0, 10), recorded_page1);
    if (top50 == null) return;
    const own = hits.map(([asin, score], i) => [asin, asRecorded(score, top50[i]?.[1])]);
    tally.same(`${where}: all hits`, own, top50);
  }),
  recognises: (content) => {
    const first = Array.isArray(content) ? content[0] : undefined;
    const results: readonly (keyof RecordedSearch)[] = ['tokens', 'recorded_page1', 'top50'];
    return typeof first?.query === 'string' && results.some((name) => Object.hasOwn(first, name));
  },
};

/** Scores are recorded with six decimals or in full. */
function asRecorded(own: number, recorded = Number.NaN): number {
  return Math.abs(own - recorded) < 1e-6 ? recorded : own;
}
