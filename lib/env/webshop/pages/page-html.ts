import type { SubPage } from '../shop/buttons.ts';
import type { Page } from '../shop/session.ts';
import { type PageNode, pageNodes } from './page-nodes.ts';

/**
 * A page as HTML, with the ids and classes of the original that code relies on: `search_input`, `instruction-text`, `product-link`, `btn`,
 * `reward`, and a radio button per option value whose name is the option's. All text is escaped; the rest of the markup is our own.
 */
export function pageHtml(page: Page, instruction: string, subPages: readonly SubPage[]): string {
  let option = '';
  const body = pageNodes(page, instruction, subPages).map((node) => {
    if (node.kind === 'option-name') option = node.text;
    return element(node, option, page.kind);
  });
  return `<!DOCTYPE html>\n<html>\n<head><title>WebShop</title></head>\n<body>\n${body.join('\n')}\n</body>\n</html>\n`;
}

function element({ text, kind }: PageNode, option: string, page: Page['kind']): string {
  const safe = escapeHtml(text);
  if (kind === 'button' && page === 'search') {
    return `<form method="post"><input type="text" id="search_input" name="search_query"><button type="submit" class="btn">${safe}</button></form>`;
  }
  if (kind === 'button') return `<form method="post"><button type="submit" class="btn">${safe}</button></form>`;
  if (kind === 'heading') return `<h4>${safe}</h4>`;
  if (kind === 'instruction') return `<div id="instruction-text">${safe}</div>`;
  if (kind === 'product') return `<h4><a class="product-link" href="${safe}">${safe}</a></h4>`;
  if (kind === 'option-name') return `<h4>${safe}</h4>`;
  if (kind === 'option') return `<label><input type="radio" name="${escapeHtml(option)}" value="${safe}">${safe}</label>`;
  return page === 'done' && /^\d+\.\d+$/.test(text) ? `<h3 id="reward"><pre>${safe}</pre></h3>` : `<p>${safe}</p>`;
}

/** For text and for attribute values in quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
