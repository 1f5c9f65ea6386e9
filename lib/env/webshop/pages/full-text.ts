import { pythonStrip } from '../python/python-text.ts';
import type { PageNode } from './page-nodes.ts';

/** Between the texts of a page. */
export const separator = ' [SEP] ';

/** A page as WebShop's mode `text` shows it: every text, stripped, joined by ` [SEP] `. Chosen options do not show. */
export function fullText(nodes: readonly PageNode[]): string {
  return nodes.map(({ text }) => pythonStrip(text)).join(separator);
}
