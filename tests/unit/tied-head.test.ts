import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { modelConfig } from '../../lib/model/config.ts';
import { readSafetensors, type SafetensorsFile } from '../../lib/model/safetensors.ts';
import { withTiedHead } from '../../lib/model/tied-head.ts';
import { planWeights } from '../../lib/model/weight-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'astarpo-tied-'));
afterAll(() => rmSync(folder, { recursive: true }));

const embedding = 'model.embed_tokens.weight';
const head = 'lm_head.weight';

/** A file of fp32 vectors. */
function store(name: string, tensors: Record<string, readonly number[]>): Promise<SafetensorsFile> {
  let end = 0;
  const header: Record<string, unknown> = {};
  for (const [tensor, values] of Object.entries(tensors)) {
    header[tensor] = { dtype: 'F32', shape: [values.length], data_offsets: [end, end + 4 * values.length] };
    end += 4 * values.length;
  }
  const text = Buffer.from(JSON.stringify(header).padEnd(256));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat([length, text, new Uint8Array(Float32Array.from(Object.values(tensors).flat()).buffer)]));
  return readSafetensors(path);
}

// Longer than what is compared at a time.
const long = Array.from({ length: 2 ** 21 + 5 }, (_, i) => i % 1000);

describe('the head of a model that ties it', () => {
  it('may be stored as well, in another shard too', async () => {
    const files = [await store('a', { [embedding]: long }), await store('b', { [head]: long })];
    expect(await withTiedHead(files)).toBe(files);
  });

  it('is refused when it is another matrix, which transformers would not tie', async () => {
    const other = [...long.slice(0, -1), 7];
    const files = [await store('c', { [embedding]: long, [head]: other })];
    await expect(withTiedHead(files)).rejects.toThrow(
      expect.objectContaining({ code: 'ASTARPO_CONFIG', hint: expect.stringContaining('"tie_word_embeddings": false') }),
    );
  });

  it('is refused when it has another shape', async () => {
    const files = [await store('d', { [embedding]: [1, 2], [head]: [1, 2, 3] })];
    await expect(withTiedHead(files)).rejects.toThrow(expect.objectContaining({ code: 'ASTARPO_CONFIG' }));
  });

  it('is the embedding where that is not stored', async () => {
    const file = await store('model.safetensors', { 'model.norm.weight': [9], [head]: [1, 2] });
    const shapes = { 'model.norm.weight': [1], [embedding]: [2] };
    const expected = Object.entries(shapes).map(([name, shape]) => ({ name, shape }));
    const config = modelConfig({ vocabSize: 2, hiddenSize: 8, layers: 1, heads: 4, tiedHead: true });
    const [plan] = await planWeights(folder, expected, config);
    expect(plan?.ranges.find(({ name }) => name === embedding)).toMatchObject({ offset: file.tensors.get(head)?.offset, length: 8 });
    const own = planWeights(folder, expected, { ...config, tiedHead: false });
    await expect(own).rejects.toThrow(expect.objectContaining({ code: 'ASTARPO_TENSOR_UNKNOWN' }));
  });
});
