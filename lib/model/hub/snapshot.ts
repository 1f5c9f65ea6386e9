import { statfs } from 'node:fs/promises';
import { AStarPOError } from '../../errors.ts';
import { formatBytes } from '../../log/progress.ts';
import { surviveFileSizeLimit } from '../../util/file-size-limit.ts';
import type { ProgressReport } from '../progress.ts';
import { isTextFile } from '../text-files.ts';
import { readShardNames, weightFileName, weightIndexName } from '../weight-index.ts';
import { downloadBlob } from './download-blob.ts';
import { type HubCache, sizeOf } from './hub-cache.ts';
import type { HubClient, HubFile, RequestOptions } from './hub-client.ts';

/** Beside the text files. Weights come apart; weights in other formats never. */
const configFiles: ReadonlySet<string> = new Set(['config.json', 'adapter_config.json']);
const adapterFileName = 'adapter_model.safetensors';
/** Files that are fetched at the same time. */
const atOnce = 4;

export interface Snapshot {
  readonly id: string;
  readonly commit: string;
  readonly client: HubClient;
  readonly cache: HubCache;
  readonly progress: ProgressReport;
  readonly request: RequestOptions;
}

/**
 * Brings what is needed of a model's commit into the cache and gives the snapshot's folder. What is there already is not fetched again.
 * Throws ASTARPO_DOWNLOAD (also for a repository without usable weights), ASTARPO_SAFETENSORS (its index), ASTARPO_IO, ASTARPO_ABORTED.
 */
export async function downloadSnapshot(snapshot: Snapshot): Promise<string> {
  const { commit, client, cache } = snapshot;
  surviveFileSizeLimit();
  const listed = await client.files(commit);
  const small = listed.filter(({ path }) => configFiles.has(path) || isTextFile(path));
  const has = (path: string) => listed.some((file) => file.path === path);
  const index = has(weightFileName) ? [] : listed.filter(({ path }) => path === weightIndexName);
  await fetchAll([...small, ...index], snapshot);
  const shards = index.length === 0 ? undefined : await readShardNames(cache.snapshot(commit));
  const weights = [...(shards ?? [weightFileName]), adapterFileName].flatMap((path) => listed.find((file) => file.path === path) ?? []);
  const absent = (shards ?? []).find((shard) => !has(shard));
  if (absent !== undefined) throw incomplete(snapshot.id, `the shard ${absent} that its index names`, listed);
  if (weights.length === 0) throw incomplete(snapshot.id, `${weightFileName} or ${weightIndexName}`, listed);
  if (!has('config.json') && !has('adapter_config.json')) throw incomplete(snapshot.id, 'config.json', listed);
  await fetchAll(weights, snapshot);
  return cache.snapshot(commit);
}

async function fetchAll(files: readonly HubFile[], snapshot: Snapshot): Promise<void> {
  const { id, commit, cache, client, progress } = snapshot;
  const sizes = await Promise.all(files.map(({ path }) => cache.sizeOf(commit, path)));
  const wanted = files.filter(({ size }, i) => sizes[i] !== size);
  if (wanted.length === 0) return;
  await checkRoom(wanted, cache);
  const totalBytes = wanted.reduce((sum, { size }) => sum + size, 0);
  let bytes = 0;
  // The first failure ends the other downloads: they continue with the next call.
  const stop = new AbortController();
  const signal = snapshot.request.signal === undefined ? stop.signal : AbortSignal.any([snapshot.request.signal, stop.signal]);
  const queue = wanted.values();
  const work = async () => {
    for (const file of queue) {
      const onBytes = (count: number) => {
        bytes += count;
        progress.report({ type: 'download', model: id, file: file.path, bytes, totalBytes });
      };
      await downloadBlob(file, { client: client.with(signal), cache, commit, request: { ...snapshot.request, signal }, onBytes });
      await cache.link(commit, file.path, file.hash);
    }
  };
  const workers = Array.from({ length: Math.min(atOnce, wanted.length) }, () =>
    work().catch((error: unknown) => {
      stop.abort(error);
      throw error;
    }),
  );
  try {
    await Promise.all(workers);
  } finally {
    await Promise.allSettled(workers);
  }
}

/** A download that cannot end is not begun. */
async function checkRoom(files: readonly HubFile[], cache: HubCache): Promise<void> {
  const present = await Promise.all(
    files.map(async ({ hash }) => (await sizeOf(cache.blob(hash))) ?? (await sizeOf(cache.partial(hash))) ?? 0),
  );
  const missing = files.reduce((sum, { size }, i) => sum + Math.max(0, size - (present[i] ?? 0)), 0);
  const folder = await cache.create();
  const { bavail, bsize } = await statfs(folder);
  if (missing <= bavail * bsize) return;
  throw new AStarPOError('ASTARPO_IO', `expected ${formatBytes(missing)} of free space for ${folder}, got ${formatBytes(bavail * bsize)}`, {
    hint: 'free some space, or choose another cache with cacheFolder or HF_HUB_CACHE',
  });
}

function incomplete(id: string, what: string, listed: readonly HubFile[]): AStarPOError {
  const others = listed.filter(({ path }) => /\.(bin|pt|pth|gguf|onnx|safetensors)$/.test(path)).map(({ path }) => path);
  const got = others.length === 0 ? 'no weights' : others.slice(0, 3).join(', ');
  return new AStarPOError('ASTARPO_DOWNLOAD', `expected ${what} in the repository ${id}, got ${got}`, {
    hint: 'take a repository with config.json and .safetensors weights; other formats are converted by transformers (save_pretrained)',
  });
}
