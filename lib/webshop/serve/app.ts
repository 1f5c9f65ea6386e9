import { Hono } from 'hono';
import { html } from 'hono/html';
import type { WebShopEnv } from '../../env/webshop/webshop-env.ts';
import { AStarPOError, errorCodes } from '../../errors.ts';
import type { Inspection } from '../../report/inspection.ts';
import type { Trajectory } from '../../rollout/trajectory.ts';
import { clip, type Html, renderDocument } from './document.ts';
import { knownHosts, modestRequests, ownForms, securityHeaders } from './guard.ts';
import { helpView } from './help-view.ts';
import { keysScript } from './keys.ts';
import { addPlaying } from './playing.ts';
import type { Recording } from './recording.ts';
import { addRecordings } from './recording-routes.ts';
import { Refusal, statusOf } from './refusal.ts';
import { icon, style } from './style.ts';
import { Visits } from './visits.ts';

export interface Site {
  readonly env: WebShopEnv;
  /** The split that is shown first. */
  readonly split: string;
  readonly recordings: readonly Recording[];
  /** Tells the tokens of a trajectory apart; undefined without a tokenizer. */
  readonly inspect?: ((trajectory: Trajectory) => Inspection) | undefined;
  /** Where the server listens. Default `127.0.0.1`. */
  readonly host?: string;
  /** How many games are kept in memory. Default 1,000. */
  readonly maxVisits?: number;
  /** Told of errors that are not refusals of a request. */
  readonly onError?: (error: unknown) => void;
}

/** The shop in a browser: pages of HTML that work without scripts. */
export function createShopApp(site: Site): Hono {
  const app = new Hono();
  const hasRecordings = site.recordings.length > 0;
  // Errors of a middleware, too, must carry the headers.
  app.use(securityHeaders(), knownHosts(site.host ?? '127.0.0.1'), modestRequests(), ownForms());
  addFile(app, '/style.css', 'text/css; charset=utf-8', style);
  addFile(app, '/keys.js', 'text/javascript; charset=utf-8', keysScript);
  addFile(app, '/icon.svg', 'image/svg+xml', icon);
  app.get('/help', (context) => context.html(renderDocument({ title: 'Help', main: helpView, hasRecordings })));
  addPlaying(app, site, new Visits(site.maxVisits ?? 1000));
  addRecordings(app, site);
  app.notFound((context) => {
    const error = new Refusal(404, `expected a page of the shop, got ${JSON.stringify(clip(context.req.path, 100))}`, 'start at the goals');
    return context.html(errorPage(error, hasRecordings), 404);
  });
  app.onError((error, context) => {
    const known = error instanceof AStarPOError ? error : internalError(error);
    if (!(known instanceof Refusal)) site.onError?.(error);
    if (known instanceof Refusal && known.status === 405) context.header('Allow', 'GET, HEAD, POST');
    return context.html(errorPage(known, hasRecordings), statusOf(known));
  });
  return app;
}

function addFile(app: Hono, path: string, type: string, text: string): void {
  app.get(path, (context) => context.body(text, 200, { 'Content-Type': type, 'Cache-Control': 'no-cache' }));
}

/** What went wrong inside is for the terminal, not for a page. */
function internalError(cause: unknown): AStarPOError {
  return new AStarPOError('ASTARPO_INTERNAL', 'the page could not be made', { hint: 'the terminal of the server says more', cause });
}

function errorPage({ code, message, hint }: AStarPOError, hasRecordings: boolean): Html {
  const lines = message.split('\n  ');
  const main = html`<section class="error"><p class="hint"><code>${code}</code>: ${errorCodes[code]}</p>
<h1>That did not work</h1><p>${clip(lines[0] ?? message, 500)}</p>${hint === undefined ? '' : html`<p class="hint">${clip(hint, 500)}</p>`}
<p><a class="button" href="/">To the goals</a></p></section>`;
  return renderDocument({ title: 'That did not work', main, hasRecordings });
}
