import type { PageNode } from './page-nodes.ts';

/** Where a page was reached: what decides whether a button looks clicked. */
export interface RichContext {
  /** Of the page; see `pageUrl`. */
  readonly url: string;
  /** Asins of the products opened since the last visit to the search page. */
  readonly visited: ReadonlySet<string>;
}

/**
 * A page as WebShop's mode `text_rich` shows it: every text on a line of its own, buttons in brackets. An option looks clicked when the URL
 * holds its value in double quotes, with all that follows from such a test: values with quotes or non-ASCII characters never do.
 */
export function richText(nodes: readonly PageNode[], { url, visited }: RichContext): string {
  let clicked = '';
  const lines = nodes.map(({ text, kind }) => {
    if (kind === 'button') return `[button] ${text} [button_]\n`;
    if (kind === 'product')
      return `\n${visited.has(text) ? '[clicked button]' : '[button]'} ${text} ${visited.has(text) ? '[clicked button_]' : '[button_]'}\n`;
    if (kind !== 'option') return `${text}\n`;
    if (!url.includes(`"${text}"`)) return `  [button] ${text} [button_]\n`;
    clicked = `You have clicked ${text}.\n${clicked}`;
    return `  [clicked button] ${text} [clicked button_]\n`;
  });
  return clicked + lines.join('');
}
