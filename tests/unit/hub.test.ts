import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { runCommandLine } from '../../lib/cli/program.ts';
import { HubCache } from '../../lib/model/hub/hub-cache.ts';
import { isHubId } from '../../lib/model/hub/hub-id.ts';
import { type HubOptions, resolveHubOptions } from '../../lib/model/hub/hub-options.ts';
import { type ModelSource, type PullOptions, pullModel, resolveModel } from '../../lib/model/hub/resolve-model.ts';
import type { DownloadProgress, LoadProgress } from '../../lib/model/progress.ts';
import { type HubRepository, HubServer, type SeenRequest, sha256 } from '../fixtures/hub-server.ts';

const commit = '1'.repeat(40);
const olderCommit = '2'.repeat(40);
const weights = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 2_654_435_761) % 251));
const files = {
  'README.md': Buffer.from('a card'),
  'config.json': Buffer.from('{"model_type": "qwen2"}'),
  'tokenizer.json': Buffer.from(JSON.stringify({ padding: 'x'.repeat(2000) })),
  'tokenizer_config.json': Buffer.from('{}'),
  'model.safetensors': weights,
  'pytorch_model.bin': Buffer.alloc(5000),
  'consolidated.safetensors': Buffer.alloc(6000),
  'original/params.json': Buffer.from('{}'),
  'additional_chat_templates/tools.jinja': Buffer.from('{{ tools }}'),
};
const repository: HubRepository = { commit, files, revisions: { 'v1.0': olderCommit, 'refs/pr/7': commit } };
const sharded = {
  'config.json': files['config.json'],
  'tokenizer.json': files['tokenizer.json'],
  'model.safetensors.index.json': Buffer.from(JSON.stringify({ weight_map: { a: 'model-1.safetensors', b: 'model-2.safetensors' } })),
  'model-1.safetensors': weights.subarray(0, 2000),
  'model-2.safetensors': weights.subarray(2000, 5000),
};

let hub: HubServer;
let cacheFolder: string;

beforeEach(async () => {
  hub = await HubServer.start({
    'org/model': repository,
    'org/sharded': { commit, files: sharded },
    'org/both': { commit, files: { ...sharded, 'model.safetensors': weights } },
    'org/gated': { commit, files, gated: 'hf_member' },
    'org/private': { commit, files, private: 'hf_owner' },
    'org/pickled': { commit, files: { 'config.json': files['config.json'], 'pytorch_model.bin': files['pytorch_model.bin'] } },
    'org/torn': { commit, files: { ...sharded, 'model-2.safetensors': Buffer.alloc(0), 'model-1.safetensors': Buffer.alloc(0) } },
  });
  cacheFolder = mkdtempSync(join(tmpdir(), 'astarpo-hub-'));
  for (const name of ['HF_TOKEN', 'HF_HUB_OFFLINE', 'HF_HUB_CACHE', 'HTTP_PROXY', 'http_proxy']) vi.stubEnv(name, undefined);
  vi.stubEnv('HF_ENDPOINT', hub.endpoint);
  vi.stubEnv('HF_HOME', join(cacheFolder, 'home'));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await hub.stop();
  rmSync(cacheFolder, { recursive: true, force: true });
});

const silent = { report: () => undefined, end: () => undefined };

function fetched(model: string, options: HubOptions = {}, signal?: AbortSignal): Promise<ModelSource> {
  return resolveModel(model, { cacheFolder, ...options }, silent, { pausesMs: [1, 1, 1], signal });
}

/** Where a request for bytes begins. */
const startOf = ({ range }: SeenRequest) => Number(/^bytes=(\d+)-$/.exec(range ?? 'bytes=0-')?.[1]);

const failing = (code: string, message: RegExp) => expect.objectContaining({ code, message: expect.stringMatching(message) });

describe('a download', () => {
  it('brings what a model needs, in the layout of the hub’s cache', async () => {
    const { folder, hub: origin } = await fetched('org/model');
    expect(origin).toEqual({ id: 'org/model', revision: 'main', commit });
    expect(folder).toBe(join(cacheFolder, 'models--org--model', 'snapshots', commit));
    expect(readdirSync(folder, { recursive: true }).sort()).toEqual([
      'additional_chat_templates',
      'additional_chat_templates/tools.jinja',
      'config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    expect(readFileSync(join(folder, 'model.safetensors')).equals(weights)).toBe(true);
    expect(readlinkSync(join(folder, 'model.safetensors'))).toBe(`../../blobs/${sha256(weights)}`);
    expect(readFileSync(join(folder, 'additional_chat_templates', 'tools.jinja'), 'utf8')).toBe('{{ tools }}');
    expect(readFileSync(join(cacheFolder, 'models--org--model', 'refs', 'main'), 'utf8')).toBe(commit);
    const blobs = readdirSync(join(cacheFolder, 'models--org--model', 'blobs'));
    expect(blobs.filter((name) => name.includes('incomplete'))).toEqual([]);
  });

  it('fetches nothing twice', async () => {
    await fetched('org/model');
    const before = hub.seen.length;
    await fetched('org/model');
    expect(hub.seen.slice(before).filter(({ path }) => path.includes('/resolve/'))).toEqual([]);
    const asked = hub.seen.length;
    await fetched('org/model', { revision: commit });
    expect(hub.seen.length).toBe(asked);
  });

  it('takes branches, tags and the refs of pull requests', async () => {
    expect((await fetched('org/model', { revision: 'v1.0' })).hub?.commit).toBe(olderCommit);
    expect((await fetched('org/model', { revision: 'refs/pr/7' })).hub?.commit).toBe(commit);
    expect(readFileSync(join(cacheFolder, 'models--org--model', 'refs', 'refs', 'pr', '7'), 'utf8')).toBe(commit);
  });

  it('takes the shards that the index names', async () => {
    const { folder } = await fetched('org/sharded');
    expect(readFileSync(join(folder, 'model-2.safetensors')).equals(sharded['model-2.safetensors'])).toBe(true);
  });

  it('takes a single file before shards, as transformers does', async () => {
    const { folder } = await fetched('org/both');
    expect(readdirSync(folder).sort()).toEqual(['config.json', 'model.safetensors', 'tokenizer.json']);
    const asked = hub.seen.length;
    await fetched('org/both', { revision: commit });
    expect(hub.seen.length).toBe(asked);
  });

  it('tells how far it is', async () => {
    const events: LoadProgress[] = [];
    await resolveModel('org/model', { cacheFolder }, { report: (event) => events.push(event), end: () => undefined });
    const downloads = events.filter((event): event is DownloadProgress => event.type === 'download');
    const last = downloads.at(-1);
    expect(last).toMatchObject({ model: 'org/model', file: 'model.safetensors', bytes: weights.length, totalBytes: weights.length });
    expect(downloads.every(({ bytes, totalBytes }) => bytes >= 0 && bytes <= totalBytes)).toBe(true);
  });
});

describe('a bad connection', () => {
  it('is taken up again where it was cut', async () => {
    hub.trouble.set('model.safetensors', { cutAfter: 70_000, times: 3 });
    const { folder } = await fetched('org/model');
    expect(readFileSync(join(folder, 'model.safetensors')).equals(weights)).toBe(true);
    const stored = hub.downloads('model.safetensors').filter(({ host }) => host === 'storage');
    const starts = stored.map(startOf);
    expect(starts.length).toBeGreaterThan(3);
    // What was under way when the connection ended may be lost, what was written is not.
    expect(starts).toEqual([...new Set(starts)].sort((a, b) => a - b));
    expect(stored.at(-1)?.ifRange).toBe(`"stored-${sha256(weights).slice(0, 8)}"`);
  });

  it('that stays bad ends with an error, and the next call continues', async () => {
    hub.trouble.set('model.safetensors', { cutAfter: 0, times: 100 });
    await expect(fetched('org/model')).rejects.toThrow(failing('ASTARPO_DOWNLOAD', /model\.safetensors.*cut/));
    hub.trouble.clear();
    const stop = new AbortController();
    const abort = (event: LoadProgress) => event.bytes >= 100_000 && stop.abort();
    const running = resolveModel('org/model', { cacheFolder }, { report: abort, end: () => undefined }, { signal: stop.signal });
    await expect(running).rejects.toThrow(failing('ASTARPO_ABORTED', /aborted/));
    hub.seen.length = 0;
    await fetched('org/model');
    expect(
      hub
        .downloads('model.safetensors')
        .map(startOf)
        .every((start) => start >= 100_000),
    ).toBe(true);
  });

  it('with a server that is busy for a while is waited for', async () => {
    hub.trouble.set('model.safetensors', { status: 503, times: 2 });
    await fetched('org/model');
    hub.trouble.set('config.json', { status: 500, times: 100 });
    await rm(join(cacheFolder, 'models--org--model'), { recursive: true });
    await expect(fetched('org/model')).rejects.toThrow(failing('ASTARPO_DOWNLOAD', /config\.json.*500/));
  });

  it('to a server without ranges begins anew', async () => {
    const cache = new HubCache(cacheFolder, 'org/model');
    await cache.create();
    writeFileSync(cache.partial(sha256(weights)), weights.subarray(0, 90_000));
    hub.trouble.set('model.safetensors', { ignoresRange: true, times: 1 });
    const { folder } = await fetched('org/model');
    expect(readFileSync(join(folder, 'model.safetensors')).equals(weights)).toBe(true);
  });

  it('to nowhere is an error, or a cached snapshot with a warning', async () => {
    await fetched('org/model');
    await hub.stop();
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    onTestFinished(() => warning.mockRestore());
    expect((await fetched('org/model')).hub?.commit).toBe(commit);
    expect(warning).toHaveBeenCalledOnce();
    await expect(fetched('org/sharded')).rejects.toThrow(failing('ASTARPO_DOWNLOAD', /no such folder, and .*cannot be reached/));
  });
});

describe('what arrived', () => {
  it('is compared with the hash: a wrong rest of an earlier download is fetched anew', async () => {
    const cache = new HubCache(cacheFolder, 'org/model');
    await cache.create();
    writeFileSync(cache.partial(sha256(weights)), Buffer.alloc(90_000));
    const { folder } = await fetched('org/model');
    expect(readFileSync(join(folder, 'model.safetensors')).equals(weights)).toBe(true);
    const ranges = hub.downloads('model.safetensors').filter(({ host }) => host === 'storage');
    expect(ranges.map(({ range }) => range)).toEqual(['bytes=90000-', undefined]);
  });

  it.each(['model.safetensors', 'config.json'])('is refused when the server sends other bytes (%s)', async (path) => {
    hub.trouble.set(path, { damaged: true, times: 100 });
    await expect(fetched('org/model')).rejects.toThrow(failing('ASTARPO_DOWNLOAD', new RegExp(`${path}: expected [0-9a-f]+ as the hash`)));
    expect(existsSync(join(cacheFolder, 'models--org--model', 'snapshots', commit, path))).toBe(false);
    hub.trouble.clear();
    await fetched('org/model');
  });

  it('is fetched again when the cache holds a file of another size', async () => {
    const { folder } = await fetched('org/model');
    truncateSync(join(folder, 'model.safetensors'), 1000);
    await fetched('org/model');
    expect(readFileSync(join(folder, 'model.safetensors')).equals(weights)).toBe(true);
  });
});

describe('a refusal', () => {
  it.each<[string, string, HubOptions, RegExp]>([
    ['a gated model without a token', 'org/gated', { token: false }, /gated.*401.*restricted.*\n.*accept the licence.*HF_TOKEN/s],
    ['a gated model with the wrong token', 'org/gated', { token: 'hf_stranger' }, /gated.*403.*\n.*accept the licence/s],
    ['a private model without a token', 'org/private', { token: false }, /org\/private.*neither.*401.*\n.*token/s],
    ['a model that does not exist', 'org/nowhere', { token: 'hf_member' }, /org\/nowhere.*neither.*404.*\n.*spelling/s],
    ['a revision that does not exist', 'org/model', { revision: 'v9' }, /org\/model, got revision v9.*404.*\n.*main/s],
    ['weights in another format alone', 'org/pickled', {}, /model\.safetensors.*org\/pickled, got pytorch_model\.bin\n.*save_pretrained/s],
  ])('%s', async (_, model, options, message) => {
    await expect(fetched(model, options)).rejects.toThrow(failing('ASTARPO_DOWNLOAD', message));
  });

  it('does not keep a member out', async () => {
    await fetched('org/gated', { token: 'hf_member' });
    vi.stubEnv('HF_TOKEN', 'hf_owner');
    await fetched('org/private');
  });

  it('says so when something else answers', async () => {
    const other = await HubServer.start({});
    onTestFinished(() => other.stop());
    vi.stubEnv('HF_ENDPOINT', `${other.endpoint}/login`);
    await expect(fetched('org/model')).rejects.toThrow(failing('ASTARPO_DOWNLOAD', /./));
  });
});

describe('a token', () => {
  it('goes to the hub, never to the host that it redirects to', async () => {
    await fetched('org/gated', { token: 'hf_member' });
    const of = (host: string) => new Set(hub.seen.filter((request) => request.host === host).map(({ authorization }) => authorization));
    expect(of('hub')).toEqual(new Set(['Bearer hf_member']));
    expect(of('storage')).toEqual(new Set([undefined]));
  });

  it('comes from the option, HF_TOKEN or the token file', async () => {
    const home = join(cacheFolder, 'home');
    await mkdir(home, { recursive: true });
    writeFileSync(join(home, 'token'), 'hf_file\n');
    expect(resolveHubOptions().token).toBe('hf_file');
    vi.stubEnv('HF_TOKEN', 'hf_variable');
    expect(resolveHubOptions().token).toBe('hf_variable');
    expect(resolveHubOptions({ token: 'hf_option' }).token).toBe('hf_option');
    expect(resolveHubOptions({ token: false }).token).toBeUndefined();
    vi.stubEnv('HF_TOKEN', undefined);
    vi.stubEnv('HF_HUB_DISABLE_IMPLICIT_TOKEN', '1');
    expect(resolveHubOptions().token).toBeUndefined();
    expect(() => resolveHubOptions({ token: 'two words' })).toThrow(expect.objectContaining({ code: 'ASTARPO_OPTION' }));
  });
});

describe('offline', () => {
  it('takes what is cached and opens no connection', async () => {
    await expect(fetched('org/model', { offline: true })).rejects.toThrow(
      failing('ASTARPO_DOWNLOAD', /got nothing of it.*\n.*model pull org\/model/s),
    );
    await fetched('org/model');
    const before = hub.seen.length;
    expect((await fetched('org/model', { offline: true })).hub?.commit).toBe(commit);
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect((await fetched('org/model')).hub?.commit).toBe(commit);
    await expect(fetched('org/model', { revision: 'v1.0' })).rejects.toThrow(failing('ASTARPO_DOWNLOAD', /v1\.0/));
    expect(hub.seen.length).toBe(before);
    await rm(join(cacheFolder, 'models--org--model', 'snapshots', commit, 'tokenizer.json'));
    await expect(fetched('org/model')).rejects.toThrow(failing('ASTARPO_DOWNLOAD', /no tokenizer\.json/));
  });

  it('finds the cache where Python looks for it', () => {
    vi.stubEnv('HF_HOME', '/data/hf');
    expect(resolveHubOptions().cacheFolder).toBe('/data/hf/hub');
    vi.stubEnv('HF_HUB_CACHE', '/data/cache');
    expect(resolveHubOptions().cacheFolder).toBe('/data/cache');
    expect(resolveHubOptions({ cacheFolder: '/mine' }).cacheFolder).toBe('/mine');
  });
});

describe('what is asked for', () => {
  it.each([
    ['Qwen/Qwen2.5-0.5B-Instruct', true],
    ['gpt2', true],
    ['./models/mine', false],
    ['/models/mine', false],
    ['a/b/c', false],
    ['~/mine', false],
    ['org/', false],
    ['org/na--me', false],
    ['org/..', false],
    ['org/name.git', false],
    ['.hidden', false],
    [`org/${'x'.repeat(100)}`, false],
  ])('%s: hub id %s', (text, expected) => {
    expect(isHubId(text)).toBe(expected);
  });

  it('is a folder first', async () => {
    expect(await fetched(cacheFolder)).toEqual({ folder: cacheFolder, hub: undefined });
    await expect(fetched(cacheFolder, { revision: 'main' })).rejects.toThrow(failing('ASTARPO_OPTION', /revision/));
    writeFileSync(join(cacheFolder, 'model.gguf'), '');
    await expect(fetched(join(cacheFolder, 'model.gguf'))).rejects.toThrow(failing('ASTARPO_IO', /got the file/));
    await expect(fetched('./nowhere/at/all')).rejects.toThrow(failing('ASTARPO_IO', /no such folder/));
    await expect(fetched('')).rejects.toThrow(failing('ASTARPO_OPTION', /path/));
    expect(hub.seen).toEqual([]);
  });

  it.each(['../../x', '/etc', 'a//b', 'a/../b', 'a b', ''])('is no revision: %s', async (revision) => {
    await expect(fetched('org/model', { revision })).rejects.toThrow(failing('ASTARPO_OPTION', /revision/));
  });
});

describe('pullModel', () => {
  it('takes ids of the hub alone, and options that it knows', async () => {
    expect((await pullModel('org/model', { cacheFolder, progress: false })).hub.commit).toBe(commit);
    await expect(pullModel(cacheFolder)).rejects.toThrow(failing('ASTARPO_OPTION', /org\/name/));
    await expect(pullModel('org/model', { revison: 'v1' } as PullOptions)).rejects.toThrow(failing('ASTARPO_UNKNOWN_OPTION', /revision/));
  });

  it('is the command model pull', async () => {
    const out: string[] = [];
    const print = vi.spyOn(process.stdout, 'write').mockImplementation((text) => out.push(String(text)) > 0);
    const tell = vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
    const errors: string[] = [];
    const pull = (...args: string[]) => runCommandLine(['model', 'pull', ...args, '--cache', cacheFolder], (text) => errors.push(text));
    try {
      expect(await pull('org/model', '--revision', 'v1.0')).toBe(0);
      expect(out.join('')).toBe(`${join(cacheFolder, 'models--org--model', 'snapshots', olderCommit)}\n`);
      expect(await pull('org/nowhere')).toBe(1);
      expect(errors.join('')).toMatch(/ASTARPO_DOWNLOAD.*org\/nowhere/);
    } finally {
      print.mockRestore();
      tell.mockRestore();
      process.exitCode = undefined;
    }
  });
});

describe('other processes', () => {
  /** Fetches org/model in a process of its own; prints the code of what goes wrong. */
  function start(limits = '') {
    const module = fileURLToPath(new URL('../../lib/model/hub/resolve-model.ts', import.meta.url));
    const program = `import { pullModel } from '${module}';
      await pullModel('org/model', { cacheFolder: '${cacheFolder}' }).catch((error) => { console.log(error.code, error.hint); process.exit(1); });`;
    return spawn('bash', ['-c', `${limits} exec "${process.execPath}" --import tsx --input-type=module -e "$0"`, program]);
  }
  const ended = (child: ReturnType<typeof start>) => new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)));

  it('say when there is no room', async () => {
    const child = start('ulimit -f 100;');
    const out = text(child.stdout);
    expect(await ended(child)).toBe(1);
    expect(await out).toMatch(/^ASTARPO_IO .*ulimit/);
  });

  it('download once, and one that was killed is continued', async () => {
    hub.delayMs = 20;
    const partial = new HubCache(cacheFolder, 'org/model').partial(sha256(weights));
    const killed = start();
    await vi.waitUntil(() => existsSync(partial) && readFileSync(partial).length > 50_000, { timeout: 20_000 });
    killed.kill('SIGKILL');
    expect(await ended(killed)).toBe('SIGKILL');
    hub.seen.length = 0;
    const both = [start(), start()];
    expect(await Promise.all(both.map(ended))).toEqual([0, 0]);
    const stored = hub.downloads('model.safetensors').filter(({ host }) => host === 'storage');
    expect(stored.map(({ range }) => range)).toEqual([expect.stringMatching(/^bytes=[1-9]\d+-$/)]);
  });
});
