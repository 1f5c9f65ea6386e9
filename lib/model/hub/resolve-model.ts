import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AStarPOError } from '../../errors.ts';
import { type OptionNames, refuseUnknownOptions } from '../../util/known-options.ts';
import { type ProgressOption, type ProgressReport, progressReport } from '../progress.ts';
import { HubCache } from './hub-cache.ts';
import { HubClient, type RequestOptions } from './hub-client.ts';
import { isCommit, isHubId } from './hub-id.ts';
import { type HubOptions, type HubSettings, hubOptionNames, resolveHubOptions } from './hub-options.ts';
import { isUnreachable } from './hub-retry.ts';
import { downloadSnapshot } from './snapshot.ts';

/** What was asked for on the hub, and the commit that it stands for. */
export interface HubOrigin {
  readonly id: string;
  readonly revision: string;
  readonly commit: string;
}

/** Where a model's files are, and where they came from. */
export interface ModelSource {
  readonly folder: string;
  /** Undefined for a folder that the user gave. */
  readonly hub: HubOrigin | undefined;
}

export interface PullOptions extends HubOptions {
  /** Default: a bar on stderr when that is a terminal. */
  readonly progress?: ProgressOption | undefined;
  readonly signal?: AbortSignal | undefined;
}

const pullNames: OptionNames<PullOptions> = { ...hubOptionNames, progress: true, signal: true };

/**
 * Brings a model of the hub ('org/name') into the hub's cache, as `Policy.load` does, and gives its folder there. Throws
 * ASTARPO_DOWNLOAD, ASTARPO_IO, ASTARPO_OPTION, ASTARPO_UNKNOWN_OPTION, ASTARPO_ABORTED.
 */
export async function pullModel(id: string, options: PullOptions = {}): Promise<{ readonly folder: string; readonly hub: HubOrigin }> {
  refuseUnknownOptions('pullModel', options, pullNames);
  const { progress: option, signal, ...hub } = options;
  if (typeof id !== 'string' || !isHubId(id)) {
    throw new AStarPOError('ASTARPO_OPTION', `expected the id of a model on the hub (org/name), got ${JSON.stringify(id)}`);
  }
  const progress = progressReport(option);
  try {
    return await fromHub(id, hub, progress, { signal });
  } finally {
    progress.end();
  }
}

/**
 * A folder with the files of `model`: the folder of that name, or what the hub has under that id, brought into the hub's cache.
 * Without a connection a cached snapshot serves, with a warning. Throws ASTARPO_IO, ASTARPO_DOWNLOAD, ASTARPO_OPTION, ASTARPO_ABORTED.
 */
export async function resolveModel(
  model: string,
  options: HubOptions,
  progress: ProgressReport,
  request: RequestOptions = {},
): Promise<ModelSource> {
  if (typeof model !== 'string' || model === '') {
    throw new AStarPOError(
      'ASTARPO_OPTION',
      `expected the path of a model folder or the id of a model on the hub, got ${JSON.stringify(model)}`,
    );
  }
  const kind = await kindOf(model);
  if (kind === 'file') {
    throw new AStarPOError('ASTARPO_IO', `expected a model folder or the id of a model on the hub, got the file ${model}`, {
      hint: 'give the folder that holds config.json and the .safetensors weights; other formats are not read',
    });
  }
  if (kind === 'folder') {
    if (options.revision === undefined) return { folder: model, hub: undefined };
    throw new AStarPOError(
      'ASTARPO_OPTION',
      `expected no revision for the folder ${resolve(model)}, got ${JSON.stringify(options.revision)}`,
      {
        hint: 'revisions belong to models of the hub; rename the folder or leave the revision out',
      },
    );
  }
  if (!isHubId(model)) {
    throw new AStarPOError(
      'ASTARPO_IO',
      `expected a model folder or the id of a model on the hub (org/name), got ${model}: no such folder`,
      {
        hint: 'give the path of a Hugging Face model folder (config.json, model.safetensors, tokenizer.json)',
      },
    );
  }
  return await fromHub(model, options, progress, request);
}

async function fromHub(
  id: string,
  options: HubOptions,
  progress: ProgressReport,
  request: RequestOptions,
): Promise<{ readonly folder: string; readonly hub: HubOrigin }> {
  const settings = resolveHubOptions(options);
  const { folder, commit } = await findSnapshot(id, settings, progress, request);
  return { folder, hub: { id, revision: settings.revision, commit } };
}

async function findSnapshot(
  id: string,
  settings: HubSettings,
  progress: ProgressReport,
  request: RequestOptions,
): Promise<{ folder: string; commit: string }> {
  const cache = new HubCache(settings.cacheFolder, id);
  const cached = await cache.commitOf(settings.revision);
  const missing = cached === undefined ? undefined : await cache.missing(cached);
  // A commit never changes: what is there needs no question.
  const usable = cached !== undefined && missing?.length === 0 ? { folder: cache.snapshot(cached), commit: cached } : undefined;
  if (usable !== undefined && (settings.offline || isCommit(settings.revision))) return usable;
  if (settings.offline) throw notCached(id, settings, missing);

  const client = new HubClient(id, settings, request);
  let commit: string | undefined;
  try {
    commit = isCommit(settings.revision) ? settings.revision : await client.commit();
    const folder = await downloadSnapshot({ id, commit, client, cache, progress, request });
    await cache.remember(settings.revision, commit);
    return { folder, commit };
  } catch (error) {
    // An older commit does not stand in for a newer one that the hub was able to name.
    if (!isUnreachable(error)) throw error;
    if (cached === undefined && commit === undefined) throw neither(id, error);
    if (usable === undefined || (commit ?? usable.commit) !== usable.commit) throw error;
    const [reason] = error.message.split('\n', 1);
    process.emitWarning(`${reason}; the cached snapshot ${usable.commit} of ${id} is used`, { code: 'ASTARPO_CACHED' });
    return usable;
  }
}

/** The name may have been that of a folder. */
function neither(id: string, cause: AStarPOError): AStarPOError {
  const [reason] = cause.message.split('\n', 1);
  return new AStarPOError(
    'ASTARPO_DOWNLOAD',
    `expected a folder of this machine or a model of the hub, got ${id}: no such folder, and ${reason}`,
    {
      hint: 'check the path; for the hub check the network (HTTPS_PROXY, HF_ENDPOINT) and run it again',
      cause,
    },
  );
}

function notCached(id: string, settings: HubSettings, missing: readonly string[] | undefined): AStarPOError {
  const what = missing === undefined ? 'nothing of it' : `no ${missing.slice(0, 3).join(', ')}`;
  return new AStarPOError(
    'ASTARPO_DOWNLOAD',
    `expected a folder ${id}, or that model (${settings.revision}) in ${settings.cacheFolder}, got ${what}, and offline mode is on`,
    {
      hint: `run astar-po model pull ${id} with a connection, or leave offline and HF_HUB_OFFLINE out`,
    },
  );
}

async function kindOf(path: string): Promise<'folder' | 'file' | 'nothing'> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch {
    // Whatever hinders: what cannot be seen may be a model of the hub, and is named in the error if it is not.
    return 'nothing';
  }
}
