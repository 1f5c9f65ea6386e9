import type { InspectedSpan, InspectedToken, Inspection } from './inspection.ts';
import { describeContext, describeForeign, describeInspection, describeSpan } from './inspection-text.ts';
import { element, escapeXml } from './svg.ts';
import { visibleText } from './visible.ts';

const style = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.1rem; }
.context { font-size: 1rem; margin: 2.5rem 0 .2rem; padding-top: .4rem; border-top: 1px solid; }
.span { font-size: .85rem; font-weight: normal; opacity: .7; margin: 1.2rem 0 .2rem; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.5 ui-monospace, monospace; }
mark { background: light-dark(#cdeccd, #1e4d2b); color: inherit; border-bottom: 2px solid light-dark(#2a7d2a, #6fce8a); }
`;

/** A trajectory as one page of HTML without scripts: trained tokens are marked; pointing at a token shows its id and log-prob. */
export function renderInspectionPage(inspection: Inspection): string {
  const summary = escapeXml(describeInspection(inspection));
  const foreign = describeForeign(inspection);
  const body = [
    `<h1>${summary}</h1>`,
    ...(foreign === '' ? [] : [`<p><strong>${escapeXml(foreign.trim())}</strong></p>`]),
    '<p>Marked tokens are trained. ⏎ is a line feed; characters without a look of their own stand by their number.</p>',
    ...inspection.spans.map((span, i) => renderSpan(span, inspection.contexts.length > 1, describeContext(inspection, i))),
  ];
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${summary}</title><style>${style}</style>`;
  return `<!doctype html>\n<html lang="en"><head>${head}</head><body>\n${body.join('\n')}\n</body></html>\n`;
}

function renderSpan(span: InspectedSpan, inContext: boolean, head: string | undefined): string {
  const tokens = span.tokens.map((token) => renderToken(token, span.trained)).join('');
  const context = head === undefined ? '' : `${element('h2', { class: 'context' }, escapeXml(head))}\n`;
  const title = element(inContext ? 'h3' : 'h2', { class: 'span' }, escapeXml(describeSpan(span)));
  // A line feed right behind <pre> would not be shown.
  return `${context}${title}<pre>\n${tokens}</pre>`;
}

function renderToken({ id, text, logp }: InspectedToken, trained: boolean): string {
  const title = `id ${id}${logp === undefined ? '' : `, log-prob ${logp.toFixed(3)}`}`;
  return text === '' ? '' : element(trained ? 'mark' : 'span', { title }, escapeXml(visibleText(text)));
}
