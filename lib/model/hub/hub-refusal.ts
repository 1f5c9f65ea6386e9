import type { IncomingHttpHeaders } from 'node:http';
import { AStarPOError } from '../../errors.ts';
import type { HubSettings } from './hub-options.ts';

/** An answer that asking again would not change. */
export interface Refused {
  readonly id: string;
  readonly settings: HubSettings;
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Of a revision that was not found: whether its model is there. */
  readonly modelExists: boolean | undefined;
}

/** ASTARPO_DOWNLOAD with what the hub said and what to do about it. */
export function refusal(refused: Refused): AStarPOError {
  const { id, settings, url, status } = refused;
  const page = `${settings.endpoint}/${id}`;
  const says = `${url.host} answered ${status}${quoted(refused)}`;
  const fail = (message: string, hint: string) => new AStarPOError('ASTARPO_DOWNLOAD', message, { hint });
  const kind = refused.headers['x-error-code'];
  const hasToken = settings.token !== undefined;

  if (kind === 'RevisionNotFound' || (status === 404 && refused.modelExists === true)) {
    return fail(
      `expected a branch, tag or commit of ${id}, got revision ${settings.revision}: ${says}`,
      `${page}/tree/main lists the revisions; without one, main is taken`,
    );
  }
  if (kind === 'GatedRepo' || status === 403) {
    return fail(
      `the files of ${id} are gated: ${says}`,
      hasToken
        ? `accept the licence on ${page} with the account that the token belongs to, and let the token read gated models`
        : `accept the licence on ${page}, then set HF_TOKEN (or the option token) to an access token of that account`,
    );
  }
  if (kind === 'RepoNotFound' || (status === 404 && refused.modelExists === false)) {
    return fail(
      `expected a folder of this machine or a model of the hub, got ${id}, which is neither: ${says}`,
      `check the spelling; a private model needs ${hasToken ? 'another token than the one that was sent' : 'a token: set HF_TOKEN or the option token'}`,
    );
  }
  if (status === 401) {
    return fail(
      `${id} is gated, private or does not exist: ${says}`,
      hasToken
        ? 'the token that was sent is not accepted: renew HF_TOKEN, the option token or the token file'
        : `accept the licence on ${page} if it asks for that, then set HF_TOKEN (or the option token) to an access token`,
    );
  }
  return fail(`could not fetch ${url.href}: ${says}`, `look at ${page}`);
}

/** ` ("Access to model x is restricted")`, from where the hub puts it. */
function quoted({ headers, body }: Refused): string {
  const text = headers['x-error-message'] ?? errorOf(body);
  if (typeof text !== 'string' || text.trim() === '') return '';
  const line = text.trim().split('\n', 1)[0] ?? '';
  return ` (${JSON.stringify(line.length > 200 ? `${line.slice(0, 199)}…` : line)})`;
}

function errorOf(body: string): unknown {
  try {
    return (JSON.parse(body) as { error?: unknown } | null)?.error;
  } catch {
    // A page for humans: its status says enough.
    return undefined;
  }
}
