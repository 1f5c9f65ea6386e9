import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveModel } from '../../lib/model/hub/resolve-model.ts';
import { type HubRepository, HubServer } from '../fixtures/hub-server.ts';

const python = process.env.ASTARPO_ORACLE_PYTHON;
if (python === undefined) console.warn('the cache that Python shares: SKIPPED, ASTARPO_ORACLE_PYTHON names no Python with huggingface_hub');

const repository: HubRepository = {
  commit: 'b'.repeat(40),
  files: {
    'config.json': Buffer.from('{"model_type": "qwen2"}'),
    'tokenizer.json': Buffer.from('{}'),
    'model.safetensors': Buffer.alloc(200_000, 7),
  },
};
const silent = { report: () => undefined, end: () => undefined };

describe.skipIf(python === undefined)('the cache that Python’s huggingface_hub shares', () => {
  let hub: HubServer;
  let home: string;
  beforeAll(async () => {
    hub = await HubServer.start({ 'org/ours': repository, 'org/theirs': repository });
    home = mkdtempSync(join(tmpdir(), 'astarpo-hub-python-'));
  });
  afterAll(async () => {
    await hub.stop();
    rmSync(home, { recursive: true });
  });

  /** What a Python program prints. */
  function run(program: string, env: Record<string, string>): Promise<string> {
    const child = spawn(python as string, ['-c', program], {
      env: {
        PATH: process.env.PATH,
        HF_HOME: home,
        HF_ENDPOINT: hub.endpoint,
        HF_HUB_DISABLE_TELEMETRY: '1',
        HF_HUB_DISABLE_XET: '1',
        ...env,
      },
    });
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += String(chunk);
    });
    child.stderr.on('data', (chunk) => {
      text += String(chunk);
    });
    return new Promise((resolve, reject) => child.on('close', (code) => (code === 0 ? resolve(text.trim()) : reject(new Error(text)))));
  }

  it('is found by Python, offline, when we filled it', async () => {
    const { folder } = await resolveModelAt('org/ours', false);
    const offline = { HF_HUB_OFFLINE: '1' };
    expect(await run("from huggingface_hub import snapshot_download; print(snapshot_download('org/ours'))", offline)).toBe(folder);
    const file = "from huggingface_hub import hf_hub_download; print(open(hf_hub_download('org/ours', 'config.json')).read())";
    expect(await run(file, offline)).toBe('{"model_type": "qwen2"}');
    const scan = 'from huggingface_hub import scan_cache_dir as s; r = s(); print(len(r.warnings), [p.repo_id for p in r.repos])';
    expect(await run(scan, offline)).toBe("0 ['org/ours']");
  });

  it('is found by us, offline, when Python filled it', async () => {
    const folder = await run("from huggingface_hub import snapshot_download; print(snapshot_download('org/theirs'))", {});
    const before = hub.seen.length;
    const found = await resolveModelAt('org/theirs', true);
    expect(found.folder).toBe(folder.split('\n').at(-1));
    expect(readFileSync(join(found.folder, 'model.safetensors')).equals(repository.files['model.safetensors'] as Buffer)).toBe(true);
    expect(hub.seen.length).toBe(before);
  });

  function resolveModelAt(id: string, offline: boolean) {
    process.env.HF_ENDPOINT = hub.endpoint;
    return resolveModel(id, { cacheFolder: join(home, 'hub'), offline, token: false }, silent);
  }
});
