import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { Policy } from '../../lib/model/policy.ts';
import { readSafetensors } from '../../lib/model/safetensors.ts';
import { goldenPath, withTemporaryFolder } from './golden.ts';

const coded = (code: string, message = /./) => expect.objectContaining({ code, message: expect.stringMatching(message) });
const names = async (folder: string) => (await readdir(folder)).sort();

/** The golden model with text files as they come from the hub, written in another way than this library would. */
async function sourceFolder(folder: string): Promise<string> {
  const source = join(folder, 'source');
  await mkdir(join(source, 'additional_chat_templates'), { recursive: true });
  for (const name of ['config.json', 'model.safetensors']) await cp(goldenPath(`untied/${name}`), join(source, name));
  const tokenizer = JSON.parse(await readFile(goldenPath('untied/tokenizer.json'), 'utf8')) as object;
  const texts = {
    'tokenizer.json': JSON.stringify({ ...tokenizer, unknown_to_us: 1 }, null, 3),
    'tokenizer_config.json': '{"eos_token":"<|end|>",   "chat_template": "{{ messages }}", "extra": [1,2]}',
    'generation_config.json': '{ "temperature": 0.70, "eos_token_id": [3] }',
    'special_tokens_map.json': '{ "eos_token": "<|end|>" }\n\n',
    'merges.txt': '#version: 0.2\na b\n',
    'vocab.json': '{"a": 0}',
    'additional_chat_templates/tools.jinja': '{{ tools }}',
  };
  for (const [name, text] of Object.entries(texts)) await writeFile(join(source, name), text);
  return source;
}

describe('a saved folder', () => {
  it('has the text files of its source byte for byte, wherever it is saved', () =>
    withTemporaryFolder(async (folder) => {
      const source = await sourceFolder(folder);
      await using policy = await Policy.load(source);
      const copy = join(folder, 'copy');
      await policy.save(copy);
      const kept = (await names(source)).filter(
        (name) => !['config.json', 'model.safetensors', 'additional_chat_templates'].includes(name),
      );
      for (const name of [...kept, 'additional_chat_templates/tools.jinja']) {
        expect(await readFile(join(copy, name), 'utf8'), name).toBe(await readFile(join(source, name), 'utf8'));
      }
      expect(await names(copy)).toEqual([...(await names(source)), 'README.md'].sort());
      // Over its own source too, and again.
      await policy.save(source);
      await policy.save(source);
      for (const name of kept) expect(await readFile(join(source, name), 'utf8'), name).toBe(await readFile(join(copy, name), 'utf8'));
      await using again = await Policy.load(source);
      expect(await again.contentHash()).toBe(await policy.contentHash());
    }));

  it('is written from memory, with a warning, when the source changed', () =>
    withTemporaryFolder(async (folder) => {
      const source = await sourceFolder(folder);
      await using policy = await Policy.load(source);
      await appendFile(join(source, 'merges.txt'), 'c d\n');
      await rm(join(source, 'tokenizer.json'));
      const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
      try {
        await policy.save(join(folder, 'copy'));
        expect(warning).toHaveBeenCalledWith(
          expect.stringMatching(/tokenizer\.json, merges\.txt|merges\.txt, tokenizer\.json/),
          expect.anything(),
        );
      } finally {
        warning.mockRestore();
      }
      expect(await names(join(folder, 'copy'))).not.toContain('merges.txt');
      await using again = await Policy.load(join(folder, 'copy'));
      expect(again.tokenizer.hash).toBe(policy.tokenizer.hash);
    }));

  it('has shards and an index above maxShardBytes', () =>
    withTemporaryFolder(async (folder) => {
      await using policy = await Policy.load(goldenPath('untied'));
      const target = join(folder, 'model');
      await policy.save(target, { maxShardBytes: 50_000 });
      const files = (await names(target)).filter((name) => name.endsWith('.safetensors'));
      expect(files.length).toBeGreaterThan(2);
      expect(files[0]).toMatch(/^model-00001-of-0000\d\.safetensors$/);
      await using again = await Policy.load(target);
      expect(await again.contentHash()).toBe(await policy.contentHash());
      // One file again: no shard of the older model stays.
      await policy.save(target);
      expect((await names(target)).filter((name) => /shard|index|-of-/.test(name))).toEqual([]);
    }));

  it.each([
    ['float32', 'F32'],
    ['bfloat16', 'BF16'],
    ['float16', 'F16'],
  ] as const)('has weights in %s where that is asked for', (dtype, stored) =>
    withTemporaryFolder(async (folder) => {
      await using policy = await Policy.load(goldenPath('untied'));
      await policy.save(join(folder, 'm'), { dtype });
      const { tensors } = await readSafetensors(join(folder, 'm', 'model.safetensors'));
      expect(new Set([...tensors.values()].map((tensor) => tensor.dtype))).toEqual(new Set([stored]));
      expect(JSON.parse(await readFile(join(folder, 'm', 'config.json'), 'utf8'))).toMatchObject({ dtype });
      await using again = await Policy.load(join(folder, 'm'));
      const name = 'model.layers.0.mlp.up_proj.weight';
      const [before, after] = [await policy.native.readTensor(name), await again.native.readTensor(name)];
      const step = { float32: 0, bfloat16: 2 ** -8, float16: 2 ** -11 }[dtype];
      for (const [i, value] of after.entries())
        expect(Math.abs(value - (before[i] ?? 0))).toBeLessThanOrEqual(Math.abs(before[i] ?? 0) * step + 1e-7);
    }),
  );

  it('has a card that says what it knows and what it was told', () =>
    withTemporaryFolder(async (folder) => {
      await using policy = await Policy.load(goldenPath('untied'), { lora: { rank: 2 } });
      await policy.save(join(folder, 'mine'), { card: { objective: 'imitation', license: 'mit' } });
      const card = await readFile(join(folder, 'mine', 'README.md'), 'utf8');
      expect(card).toMatch(/license: "mit"[\s\S]*# mine[\s\S]*Qwen2ForCausalLM.*float32[\s\S]*LoRA of rank 2.*folded[\s\S]*imitation/);
      await policy.save(join(folder, 'mine'), { card: false });
      expect(await names(join(folder, 'mine'))).not.toContain('README.md');
      await policy.save(join(folder, 'adapter'), { format: 'adapter', card: { data: 'episodes' } });
      expect(await readFile(join(folder, 'adapter', 'README.md'), 'utf8')).toMatch(/library_name: peft[\s\S]*episodes/);
    }));

  it('never replaces someone’s own README.md', () =>
    withTemporaryFolder(async (folder) => {
      await using policy = await Policy.load(goldenPath('untied'));
      await policy.save(join(folder, 'm'));
      await writeFile(join(folder, 'm', 'README.md'), '# my words');
      await expect(policy.save(join(folder, 'm'))).rejects.toThrow(coded('ASTARPO_IO', /README\.md/));
      expect(await readFile(join(folder, 'm', 'README.md'), 'utf8')).toBe('# my words');
    }));

  it.each([
    ['maxShardBytes', 0, 'ASTARPO_OPTION'],
    ['maxShardBytes', Number.NaN, 'ASTARPO_OPTION'],
    ['dtype', 'int8', 'ASTARPO_OPTION'],
    ['card', { objectve: 'x' }, 'ASTARPO_UNKNOWN_OPTION'],
    ['shards', 1, 'ASTARPO_UNKNOWN_OPTION'],
  ])('refuses %s: %s', async (name, value, code) => {
    await using policy = await Policy.load(goldenPath('untied'));
    await expect(policy.save('/tmp/unused', { [name]: value })).rejects.toThrow(coded(code));
  });
});

describe('a save that does not end well', () => {
  const child = fileURLToPath(new URL('children/save.mjs', import.meta.url));

  /** Runs `children/save.mjs SOURCE TARGET` under a shell's limits; gives its exit status and output. */
  function save(
    source: string,
    target: string,
    limits = '',
  ): { kill: () => void; ended: Promise<{ status: number | string | null; out: string }> } {
    const command = `${limits} exec "${process.execPath}" --import tsx "${child}" "${source}" "${target}"`;
    const running = spawn('bash', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    running.stdout.on('data', (chunk) => {
      out += String(chunk);
    });
    const ended = new Promise<{ status: number | string | null; out: string }>((resolve) =>
      running.on('close', (status, signal) => resolve({ status: signal ?? status, out })),
    );
    return { kill: () => running.kill('SIGKILL'), ended };
  }

  it('for want of room says so and leaves the older model', () =>
    withTemporaryFolder(async (folder) => {
      const target = join(folder, 'model');
      await using policy = await Policy.load(goldenPath('untied'));
      await policy.save(target);
      const before = await policy.contentHash();
      // 100 blocks of 1024 bytes: less than the weights, more than the other files.
      const { status, out } = await save(goldenPath('tied'), target, 'ulimit -f 100;').ended;
      expect(status).toBe(1);
      expect(out).toMatch(/^ASTARPO_IO .*model.*\n.*(ulimit|free)/);
      expect(await names(folder)).toEqual(['model']);
      await using kept = await Policy.load(target);
      expect(await kept.contentHash()).toBe(before);
    }));

  it('because it was killed leaves the older model, and the next save clears up', () =>
    withTemporaryFolder(async (folder) => {
      const target = join(folder, 'model');
      await using policy = await Policy.load(goldenPath('untied'));
      await policy.save(target);
      const { kill, ended } = save(goldenPath('untied'), target);
      await vi.waitUntil(async () => (await names(folder)).some((name) => name.endsWith('.tmp')), { timeout: 20_000, interval: 1 });
      kill();
      expect((await ended).status).toBe('SIGKILL');
      await using kept = await Policy.load(target);
      expect(await kept.contentHash()).toBe(await policy.contentHash());
      // As if the machine had stopped between the renames.
      await cp(target, join(folder, '.other.01234567.old'), { recursive: true });
      await policy.save(target);
      await policy.save(join(folder, 'other'));
      expect(await names(folder)).toEqual(['model', 'other']);
    }));

  it('never leaves a moment without a model there', () =>
    withTemporaryFolder(async (folder) => {
      await using policy = await Policy.load(goldenPath('untied'));
      const [target, other] = [join(folder, 'm'), join(folder, 'o')];
      await policy.save(target);
      await policy.save(other);
      await writeFile(join(other, 'added_tokens.json'), '{}');
      if (!policy.native.exchangePaths(target, other)) return console.warn('SKIPPED: this file system cannot exchange folders');
      expect(await names(target)).toContain('added_tokens.json');
      expect(await names(other)).not.toContain('added_tokens.json');
      expect(() => policy.native.exchangePaths(target, join(folder, 'nowhere'))).toThrow(coded('ASTARPO_IO', /nowhere/));
      let saving = true;
      const saved = policy.save(target).finally(() => {
        saving = false;
      });
      while (saving) {
        expect(existsSync(join(target, 'config.json'))).toBe(true);
        await new Promise(setImmediate);
      }
      await saved;
      expect(await names(folder)).toEqual(['m', 'o']);
    }));

  it('because of its signal leaves nothing', () =>
    withTemporaryFolder(async (folder) => {
      await using policy = await Policy.load(goldenPath('untied'));
      await expect(policy.save(join(folder, 'm'), { signal: AbortSignal.abort() })).rejects.toThrow(coded('ASTARPO_ABORTED'));
      expect(await names(folder)).toEqual([]);
    }));

  it('when two save into one folder is refused', () =>
    withTemporaryFolder(async (folder) => {
      await using policy = await Policy.load(goldenPath('untied'));
      const target = join(folder, 'm');
      const results = await Promise.allSettled([policy.save(target), policy.save(target)]);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
      expect(results[1]).toMatchObject({ reason: { code: 'ASTARPO_BUSY' } });
      expect(await names(folder)).toEqual(['m']);
    }));
});
