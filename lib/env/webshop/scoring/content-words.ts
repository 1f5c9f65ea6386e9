import { boundText, type Goal } from '../catalogue/goals.ts';
import { analyze } from '../search/analyzer.ts';

/** What people and templates say around a wish. */
const requestTerms = new Set(
  analyze("find me i i'm am would like want need needs look looking search for buy get please show some any my that which has have can"),
);

/**
 * The search terms of what an instruction wishes for, each once: its words as the search engine sees them, without the price clause, the
 * names of options and the words of asking. Empty for an instruction of nothing else.
 */
export function contentTerms({ instruction, priceUpper, options }: Pick<Goal, 'instruction' | 'priceUpper' | 'options'>): Set<string> {
  const bound = boundText(priceUpper);
  const wish = bound !== '' && instruction.endsWith(bound) ? instruction.slice(0, -bound.length) : instruction;
  const terms = new Set(analyze(wish));
  for (const term of requestTerms) terms.delete(term);
  if ('named' in options) for (const name of options.named.keys()) for (const term of analyze(name)) terms.delete(term);
  return terms;
}

/** Share of `terms` that a query has, in [0, 1]; 0 when there are none. */
export function coveredShare(terms: ReadonlySet<string>, query: string): number {
  if (terms.size === 0) return 0;
  const asked = new Set(analyze(query));
  let covered = 0;
  for (const term of terms) if (asked.has(term)) covered++;
  return covered / terms.size;
}
