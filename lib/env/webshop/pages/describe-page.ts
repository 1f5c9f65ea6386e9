import type { Outcome, Session } from '../shop/session.ts';
import { compactStart, compactText } from './compact-text.ts';
import { fullText } from './full-text.ts';
import type { Layout } from './layout.ts';
import { pageHtml } from './page-html.ts';
import { pageNodes } from './page-nodes.ts';
import { pageUrl } from './page-url.ts';
import { richText } from './rich-text.ts';

/** What a rendering reads of a session. */
export type Shown = Pick<Session, 'page' | 'subPages' | 'search' | 'visited'>;

export interface Visit {
  readonly instruction: string;
  /** What the last action did; `start` before the first. */
  readonly outcome: Outcome | 'start';
  /** The session's name in URLs. */
  readonly name: string;
}

/** What the shopper sees now. */
export function describePage(layout: Layout, session: Shown, { instruction, outcome, name }: Visit): string {
  const { page, subPages } = session;
  switch (layout) {
    case 'compact':
      return outcome === 'start' ? compactStart(instruction) : compactText(page, outcome, subPages);
    case 'url':
      return pageUrl(page, name, session.search);
    case 'html':
      return pageHtml(page, instruction, subPages);
    case 'rich':
      return richText(pageNodes(page, instruction, subPages), { url: pageUrl(page, name, session.search), visited: session.visited });
    case 'full':
      return fullText(pageNodes(page, instruction, subPages));
  }
}
