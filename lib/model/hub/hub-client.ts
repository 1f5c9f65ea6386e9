import type { IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { get } from '../../../scripts/libtorch/index.mjs';
import { AStarPOError } from '../../errors.ts';
import { isCommit } from './hub-id.ts';
import type { HubSettings } from './hub-options.ts';
import { refusal } from './hub-refusal.ts';
import { PassingFailure, retrying } from './hub-retry.ts';

/** A file of a repository. */
export interface HubFile {
  readonly path: string;
  readonly size: number;
  /** SHA-256 of what is stored with LFS, else the git object id (SHA-1): the hub's ETag. */
  readonly hash: string;
}

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  /** Pauses between attempts in milliseconds; default half a second to four. */
  readonly pausesMs?: readonly number[] | undefined;
}

/** One model of the hub, as far as a download needs it. Every method throws ASTARPO_DOWNLOAD and ASTARPO_ABORTED. */
export class HubClient {
  readonly #id: string;
  readonly #settings: HubSettings;
  readonly #options: RequestOptions;

  constructor(id: string, settings: HubSettings, options: RequestOptions = {}) {
    this.#id = id;
    this.#settings = settings;
    this.#options = options;
  }

  /** The same model, with requests that end when `signal` fires. */
  with(signal: AbortSignal): HubClient {
    return new HubClient(this.#id, this.#settings, { ...this.#options, signal });
  }

  /** The commit that the revision stands for now. */
  async commit(): Promise<string> {
    const { endpoint, revision } = this.#settings;
    const { modelInfo } = await import('@huggingface/hub');
    const what = `revision ${revision} of ${this.#id}`;
    const { sha } = await this.#ask(what, (fetch) =>
      modelInfo({ name: this.#id, revision, hubUrl: endpoint, additionalFields: ['sha'], fetch }),
    );
    if (typeof sha !== 'string' || !isCommit(sha)) throw this.#nonsense(what, `a commit, got ${JSON.stringify(sha)}`);
    return sha;
  }

  /** All files of a commit. */
  async files(commit: string): Promise<HubFile[]> {
    const { listFiles } = await import('@huggingface/hub');
    const what = `the files of ${this.#id}`;
    const repo = { type: 'model' as const, name: this.#id };
    const entries = await this.#ask(what, async (fetch) => {
      const found = [];
      for await (const entry of listFiles({ repo, revision: commit, recursive: true, hubUrl: this.#settings.endpoint, fetch })) {
        if (entry.type === 'file') found.push(entry);
      }
      return found;
    });
    return entries.map(({ path, size, oid, lfs }) => {
      const file = { path, size: lfs?.size ?? size, hash: lfs?.oid ?? oid ?? '' };
      const valid = typeof path === 'string' && Number.isSafeInteger(file.size) && file.size >= 0 && isHash(file.hash);
      if (!valid) throw this.#nonsense(what, `path, size and hash of each, got ${JSON.stringify(file)}`);
      return file;
    });
  }

  /**
   * The bytes of a file from `offset` on: 206, or 200 when the server begins anew, or 416. `validator`: an ETag that the server gave
   * with earlier bytes. A single attempt, which throws PassingFailure too.
   */
  open(commit: string, path: string, offset: number, validator: string | undefined): Promise<IncomingMessage> {
    const url = `${this.#settings.endpoint}/${this.#id}/resolve/${encodeURIComponent(commit)}/${path.split('/').map(encodeURIComponent).join('/')}`;
    const range: Record<string, string> = offset === 0 ? {} : { range: `bytes=${offset}-` };
    if (offset > 0 && validator !== undefined) range['if-range'] = validator;
    return this.#get(new URL(url), range);
  }

  /** Runs a call of the hub's library over our own connection. */
  #ask<T>(what: string, call: (fetch: typeof globalThis.fetch) => Promise<T>): Promise<T> {
    const fetch = async (input: string | URL | Request) => {
      const url = new URL(String(input));
      const response = await this.#get(url, { accept: 'application/json' });
      const body = await buffer(response).catch((cause: unknown) => {
        throw unreachable(url, cause);
      });
      const headers = Object.entries(response.headers).map(([name, value]): [string, string] => [name, String(value)]);
      return new Response(new Uint8Array(body), { headers });
    };
    const attempt = async () => {
      try {
        return await call(fetch);
      } catch (error) {
        // What the library makes of an answer that is no JSON, or another JSON than the hub's.
        if (error instanceof SyntaxError || error instanceof TypeError)
          throw this.#nonsense(what, `an answer of a hub, got ${error.message}`);
        throw error;
      }
    };
    return retrying(what, attempt, this.#options);
  }

  async #get(url: URL, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
    const response = await this.#send(url, headers);
    const status = response.statusCode ?? 0;
    if (status === 200 || status === 206 || status === 416) return response;
    const body = await buffer(response).catch((cause: unknown) => {
      throw unreachable(url, cause);
    });
    if (status === 408 || status === 429 || status >= 500) {
      const seconds = Number(response.headers['retry-after']);
      throw new PassingFailure(`${url.host} answered ${status}`, { retryAfterMs: seconds >= 0 ? seconds * 1000 : undefined });
    }
    // The hub names what is missing; a mirror may not.
    const modelExists = status === 404 && /\/(revision|tree)\//.test(url.pathname) ? await this.#exists() : undefined;
    throw refusal({ id: this.#id, settings: this.#settings, url, status, headers: response.headers, body: body.toString(), modelExists });
  }

  async #exists(): Promise<boolean> {
    const response = await this.#send(new URL(`${this.#settings.endpoint}/api/models/${this.#id}`), {});
    response.resume();
    return response.statusCode === 200;
  }

  async #send(url: URL, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
    const { env, endpoint, token } = this.#settings;
    const home = new URL(endpoint);
    // Redirects to a storage host are signed by themselves; that host must never learn the token.
    const isHome = (to: URL) => to.host === home.host && (to.protocol === home.protocol || to.protocol === 'https:');
    const headersFor = (to: URL) => ({
      'user-agent': 'astar-po',
      // A range counts bytes of what is sent: it must be the file itself.
      'accept-encoding': 'identity',
      ...headers,
      ...(token !== undefined && isHome(to) ? { authorization: `Bearer ${token}` } : {}),
    });
    const { signal } = this.#options;
    try {
      return await get(url, { headersFor, env, ...(signal === undefined ? {} : { signal }) });
    } catch (cause) {
      throw unreachable(url, cause);
    }
  }

  #nonsense(what: string, problem: string): AStarPOError {
    return new AStarPOError('ASTARPO_DOWNLOAD', `asked ${this.#settings.endpoint} for ${what}, expected ${problem}`, {
      hint: 'does HF_ENDPOINT name a hub, and does no login page of the network stand before it?',
    });
  }
}

function isHash(text: string): boolean {
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text);
}

function unreachable(url: URL, cause: unknown): PassingFailure {
  const { message, code } = cause as NodeJS.ErrnoException;
  return new PassingFailure(`${url.host} cannot be reached (${message || code})`, { cause });
}
