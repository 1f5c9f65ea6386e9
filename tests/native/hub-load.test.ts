import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Policy } from '../../lib/model/policy.ts';
import type { LoadProgress } from '../../lib/model/progress.ts';
import { ReferenceModel } from '../../lib/model/reference-model.ts';
import { HubServer } from '../fixtures/hub-server.ts';
import { goldenPath, withTemporaryFolder } from './golden.ts';

const commit = 'a'.repeat(40);
let hub: HubServer;

beforeAll(async () => {
  const names = ['config.json', 'model.safetensors', 'tokenizer.json'];
  const files = Object.fromEntries(names.map((name) => [name, readFileSync(goldenPath(`tied/${name}`))]));
  hub = await HubServer.start({ 'org/tied': { commit, files } });
});
afterAll(() => hub.stop());

it('a policy loads from the hub, tells its progress, and remembers where it came from', () =>
  withTemporaryFolder(async (cacheFolder) => {
    process.env.HF_ENDPOINT = hub.endpoint;
    const events: LoadProgress[] = [];
    await using policy = await Policy.load('org/tied', { cacheFolder, token: false, progress: (event) => events.push(event) });
    await using local = await Policy.load(goldenPath('tied'), { progress: false });
    expect(await policy.contentHash()).toBe(await local.contentHash());
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['download', 'weights']));
    expect(events.at(-1)).toMatchObject({ type: 'weights', file: expect.stringContaining(commit) });
    for (const event of [events.findLast(({ type }) => type === 'download'), events.at(-1)]) expect(event?.bytes).toBe(event?.totalBytes);
    await policy.save(join(cacheFolder, 'mine'));
    expect(readFileSync(join(cacheFolder, 'mine', 'README.md'), 'utf8')).toMatch(`base_model: "org/tied"`);
    await using reference = await ReferenceModel.load('org/tied', { cacheFolder, offline: true });
    expect(reference.hash).toBe(await policy.contentHash());
    await policy.addLora({ rank: 2 });
    await policy.saveAdapter(join(cacheFolder, 'adapter'));
    expect(JSON.parse(readFileSync(join(cacheFolder, 'adapter', 'adapter_config.json'), 'utf8'))).toMatchObject({
      base_model_name_or_path: 'org/tied',
      revision: commit,
    });
    // The base of an adapter comes from the hub too, as it was.
    await using adapted = await Policy.load(join(cacheFolder, 'adapter'), { cacheFolder, offline: true });
    expect(await adapted.contentHash()).toBe(await policy.contentHash());
    await expect(Policy.load('org/tied', { cacheFolder, signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ASTARPO_ABORTED' });
  }));
