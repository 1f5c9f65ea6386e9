import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { AStarPOError } from '../../errors.ts';
import { ioError } from '../../util/atomic-file.ts';
import type { OptionNames } from '../../util/known-options.ts';

/** How a model of the Hugging Face hub is found. The same environment variables apply as to Python's huggingface_hub. */
export interface HubOptions {
  /** Branch, tag or commit; default 'main'. */
  readonly revision?: string | undefined;
  /** Access token; default: HF_TOKEN, then the file that `hf auth login` wrote (HF_TOKEN_PATH). false: none. */
  readonly token?: string | false | undefined;
  /** Take what is cached and open no connection; default: HF_HUB_OFFLINE. */
  readonly offline?: boolean | undefined;
  /** The hub's cache, shared with Python; default: HF_HUB_CACHE, then HF_HOME/hub, then ~/.cache/huggingface/hub. */
  readonly cacheFolder?: string | undefined;
}

export const hubOptionNames: OptionNames<HubOptions> = { revision: true, token: true, offline: true, cacheFolder: true };

export interface HubSettings {
  /** Without a slash at its end. HF_ENDPOINT, or the public hub. */
  readonly endpoint: string;
  readonly revision: string;
  readonly token: string | undefined;
  readonly offline: boolean;
  readonly cacheFolder: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Options, then the environment, then defaults. Throws ASTARPO_OPTION, ASTARPO_IO. */
export function resolveHubOptions(options: HubOptions = {}, env: NodeJS.ProcessEnv = process.env): HubSettings {
  const { revision = 'main', token, offline, cacheFolder } = options;
  if (typeof revision !== 'string' || !isRevision(revision)) {
    throw wrong('revision', 'the name of a branch, a tag or a commit', revision);
  }
  if (offline !== undefined && typeof offline !== 'boolean') throw wrong('offline', 'true or false', offline);
  if (cacheFolder !== undefined && (typeof cacheFolder !== 'string' || cacheFolder === ''))
    throw wrong('cacheFolder', 'a path', cacheFolder);
  const home = pathOf(env.HF_HOME) ?? join(pathOf(env.XDG_CACHE_HOME) ?? join(homedir(), '.cache'), 'huggingface');
  return {
    endpoint: endpointOf(env),
    revision,
    token: token === false ? undefined : checkedToken(token ?? tokenOf(home, env)),
    offline: offline ?? (isTrue(env.HF_HUB_OFFLINE) || isTrue(env.TRANSFORMERS_OFFLINE)),
    cacheFolder: resolve(cacheFolder ?? pathOf(env.HF_HUB_CACHE) ?? pathOf(env.HUGGINGFACE_HUB_CACHE) ?? join(home, 'hub')),
    env,
  };
}

function endpointOf(env: NodeJS.ProcessEnv): string {
  const text = env.HF_ENDPOINT || 'https://huggingface.co';
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) throw wrong('HF_ENDPOINT', 'the URL of a hub', text);
  return text.replace(/\/+$/, '');
}

/** It becomes a path below `refs/`, so it must not leave that folder. */
function isRevision(text: string): boolean {
  return /^[\w.+@-]+(\/[\w.+@-]+)*$/.test(text) && !text.split('/').some((part) => /^\.+$/.test(part));
}

/** Only what may stand in a header. */
function checkedToken(token: string | undefined): string | undefined {
  if (token === undefined || (typeof token === 'string' && /^[\x21-\x7e]+$/.test(token))) return token;
  // Not shown: it is a secret, also where it is wrong.
  throw new AStarPOError('ASTARPO_OPTION', 'expected token to be an access token (one word) or false, got something else', {
    hint: 'look at the option token, the variable HF_TOKEN and the token file of the hub',
  });
}

function tokenOf(home: string, env: NodeJS.ProcessEnv): string | undefined {
  if (isTrue(env.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  const given = env.HF_TOKEN?.trim() || env.HUGGING_FACE_HUB_TOKEN?.trim();
  if (given) return given;
  const path = pathOf(env.HF_TOKEN_PATH) ?? join(home, 'token');
  try {
    return readFileSync(path, 'utf8').trim() || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw ioError('read', path, error);
  }
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && /^(1|on|yes|true)$/i.test(value);
}

function pathOf(value: string | undefined): string | undefined {
  if (value === undefined || value === '') return undefined;
  return value === '~' || value.startsWith('~/') ? join(homedir(), value.slice(1)) : value;
}

function wrong(name: string, expected: string, value: unknown): AStarPOError {
  return new AStarPOError('ASTARPO_OPTION', `expected ${name} to be ${expected}, got ${JSON.stringify(value)}`);
}
