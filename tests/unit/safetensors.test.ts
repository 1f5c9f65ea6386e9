import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, URL } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { isAStarPOError } from '../../lib/errors.ts';
import {
  layoutSafetensors,
  maxHeaderBytes,
  parseSafetensorsHeader,
  readSafetensors,
  type TensorPlan,
  writeSafetensors,
} from '../../lib/model/safetensors.ts';
import { planTensors } from '../../lib/model/weight-files.ts';
import { readWeightFiles } from '../../lib/model/weight-index.ts';

const folder = mkdtempSync(join(tmpdir(), 'astarpo-safetensors-'));
afterAll(() => rmSync(folder, { recursive: true }));

const golden = (name: string) => fileURLToPath(new URL(`../golden/${name}`, import.meta.url));
const damaged = expect.objectContaining({ code: 'ASTARPO_SAFETENSORS' });

/** A file with the given header object (or text) and data bytes, its length field true unless given. */
function craft(name: string, header: unknown, dataBytes: number, length?: bigint): string {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length ?? BigInt(text.length));
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat([prefix, text, Buffer.alloc(dataBytes)]));
  return path;
}

const f32 = (shape: number[], begin: number, end: number) => ({ dtype: 'F32', shape, data_offsets: [begin, end] });

describe('reading', () => {
  it('reads a file that safetensors wrote', async () => {
    const file = await readSafetensors(golden('tied/model.safetensors'));
    expect(file.metadata).toEqual({ format: 'pt' });
    expect(file.tensors.get('model.embed_tokens.weight')).toMatchObject({ dtype: 'F32', shape: [320, 48], length: 320 * 48 * 4 });
    expect(file.tensors.get('model.norm.weight')?.shape).toEqual([48]);
  });

  it('refuses a file cut at any length', async () => {
    const whole = readFileSync(golden('untied/model.safetensors'));
    for (const length of [0, 1, 7, 8, 9, 500, 5000, whole.length - 4, whole.length - 1]) {
      const path = join(folder, 'cut.safetensors');
      writeFileSync(path, whole.subarray(0, length));
      await expect(readSafetensors(path), `cut to ${length} bytes`).rejects.toThrow(damaged);
    }
  });

  it.each([
    ['bytes beyond the last tensor', { a: f32([2], 0, 8) }, 12],
    ['fewer bytes than promised', { a: f32([4], 0, 16) }, 8],
    ['a shape that needs more bytes', { a: f32([3], 0, 8) }, 8],
    ['a gap', { a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12],
    ['a gap before the first tensor', { a: f32([1], 4, 8) }, 8],
    ['an overlap', { a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12],
    ['two tensors in one place', { a: f32([2], 0, 8), b: f32([2], 0, 8) }, 8],
    ['offsets that run backwards', { a: f32([1], 4, 0) }, 4],
    ['a tensor that is not aligned', { a: { dtype: 'U8', shape: [2], data_offsets: [0, 2] }, b: f32([1], 2, 6) }, 6],
    ['a header that leaves no tensor aligned', `${JSON.stringify({ a: f32([1], 0, 4) })} `, 4],
    ['a negative shape', { a: f32([-1, -1], 0, 4) }, 4],
    ['a fractional shape', { a: f32([0.5], 0, 2) }, 2],
    ['a shape whose product overflows', { a: f32([2 ** 40, 2 ** 40], 0, 8) }, 8],
    ['an unknown dtype', { a: { dtype: 'F33', shape: [1], data_offsets: [0, 4] } }, 4],
    ['a missing dtype', { a: { shape: [1], data_offsets: [0, 4] } }, 4],
    ['one offset', { a: { dtype: 'F32', shape: [1], data_offsets: [4] } }, 4],
    ['a tensor that is a number', { a: 1 }, 0],
    ['metadata that is not text', { __metadata__: { a: 1 } }, 0],
    ['a header that is a list', [], 0],
    ['a header that is no JSON', '{"a":', 0],
  ])('refuses %s', async (name, header, bytes) => {
    await expect(readSafetensors(craft('lie.safetensors', header, bytes)), name).rejects.toThrow(damaged);
  });

  it('refuses a header length beyond the file or the limit, without allocating it', async () => {
    await expect(readSafetensors(craft('a.safetensors', {}, 0, 1000n))).rejects.toThrow(damaged);
    await expect(readSafetensors(craft('b.safetensors', {}, 0, BigInt(maxHeaderBytes) + 1n))).rejects.toThrow(damaged);
    await expect(readSafetensors(craft('c.safetensors', {}, 0, 2n ** 64n - 1n))).rejects.toThrow(damaged);
  });

  it('says when there is no file', async () => {
    await expect(readSafetensors(join(folder, 'none'))).rejects.toThrow(expect.objectContaining({ code: 'ASTARPO_IO' }));
    await expect(readWeightFiles(folder)).rejects.toThrow(expect.objectContaining({ code: 'ASTARPO_IO' }));
  });

  it('accepts nothing or throws the one coded error, whatever the bytes', () => {
    const value = fc.jsonValue({ maxDepth: 3 });
    const tensor = fc.record({
      dtype: fc.constantFrom('F32', 'BF16', 'F16', 'I64', 'X'),
      shape: fc.array(fc.integer(), { maxLength: 3 }),
      data_offsets: fc.array(fc.integer({ min: -4, max: 64 }), { maxLength: 3 }),
    });
    const header = fc.oneof(fc.dictionary(fc.string(), fc.oneof(value, tensor)), value);
    fc.assert(
      fc.property(header, fc.nat(200), (json, extra) => {
        const bytes = Buffer.from(JSON.stringify(json));
        try {
          const { tensors } = parseSafetensorsHeader(bytes, 8 + bytes.length + extra, 'x');
          const total = [...tensors.values()].reduce((sum, { length }) => sum + length, 0);
          expect(total).toBe(extra);
        } catch (error) {
          if (!isAStarPOError(error, 'ASTARPO_SAFETENSORS')) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('reading damaged bytes', () => {
  const whole = readFileSync(golden('untied/model.safetensors'));
  const headerBytes = 8 + Number(whole.readBigUInt64LE(0));
  const change = fc.oneof(
    fc.record({ at: fc.nat(headerBytes - 1), byte: fc.nat(255) }),
    fc.record({ at: fc.nat(headerBytes - 1), digits: fc.stringMatching(/^[0-9\-,"[\]{}:]{1,4}$/) }),
  );

  it('gives tensors that lie in the file, one after the other, or the one coded error', async () => {
    const path = join(folder, 'mutated.safetensors');
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), fc.integer({ min: -40, max: 40 }), async (changes, longer) => {
        const bytes = Buffer.from(whole.subarray(0, headerBytes));
        for (const { at, ...put } of changes) Buffer.from('byte' in put ? [put.byte] : put.digits).copy(bytes, at);
        writeFileSync(path, bytes);
        truncateSync(path, whole.length + longer);
        try {
          const { tensors } = await readSafetensors(path);
          const ordered = [...tensors.values()].filter(({ length }) => length > 0).sort((a, b) => a.offset - b.offset);
          for (const [i, { offset, length }] of ordered.entries()) {
            expect(offset + length).toBe(ordered[i + 1]?.offset ?? whole.length + longer);
          }
        } catch (error) {
          if (!isAStarPOError(error, 'ASTARPO_SAFETENSORS')) throw error;
        }
      }),
      { numRuns: 1500 },
    );
  });
});

describe('writing', () => {
  const plans = fc.uniqueArray(
    fc.record({
      name: fc.string({ minLength: 1 }).filter((name) => name !== '__metadata__' && name !== '__proto__'),
      dtype: fc.constantFrom('F32', 'BF16', 'F16') as fc.Arbitrary<TensorPlan['dtype']>,
      shape: fc.array(fc.nat(5), { maxLength: 3 }),
    }),
    { selector: ({ name }) => name, maxLength: 6 },
  );

  it('lays out what it reads back', () => {
    fc.assert(
      fc.property(plans, (tensors) => {
        const layout = layoutSafetensors(tensors, { format: 'pt' });
        expect(layout.header.length % 8).toBe(0);
        const parsed = parseSafetensorsHeader(layout.header.subarray(8), layout.fileSize, 'x');
        expect(parsed.metadata).toEqual({ format: 'pt' });
        for (const tensor of layout.tensors) expect(parsed.tensors.get(tensor.name)).toEqual(tensor);
        expect(parsed.tensors.size).toBe(tensors.length);
      }),
    );
  });

  it('leaves the old file when filling fails, and no other', async () => {
    const path = join(folder, 'kept.safetensors');
    writeFileSync(path, 'old');
    const layout = layoutSafetensors([{ name: 'a', dtype: 'F32', shape: [2] }]);
    await expect(writeSafetensors(path, layout, () => Promise.reject(new Error('disk full')))).rejects.toThrow(
      expect.objectContaining({ code: 'ASTARPO_IO' }),
    );
    expect(readFileSync(path, 'utf8')).toBe('old');
    await expect(readSafetensors(`${path}.tmp`)).rejects.toThrow(expect.objectContaining({ code: 'ASTARPO_IO' }));
    await writeSafetensors(path, layout, async () => {});
    expect((await readSafetensors(path)).tensors.get('a')?.length).toBe(8);
  });
});

describe('shards', () => {
  const shards = mkdtempSync(join(tmpdir(), 'astarpo-shards-'));
  afterAll(() => rmSync(shards, { recursive: true }));
  const write = (index: unknown) => writeFileSync(join(shards, 'model.safetensors.index.json'), JSON.stringify(index));

  it('reads every shard that the index names', async () => {
    for (const [name, tensor] of [
      ['one.safetensors', 'a'],
      ['two.safetensors', 'b'],
    ] as const) {
      await writeSafetensors(join(shards, name), layoutSafetensors([{ name: tensor, dtype: 'F32', shape: [1] }]), async () => {});
    }
    write({ weight_map: { a: 'one.safetensors', b: 'two.safetensors' } });
    const files = await readWeightFiles(shards);
    expect(files.map(({ tensors }) => [...tensors.keys()])).toEqual([['a'], ['b']]);
  });

  it('stand back behind a single file, as in transformers', async () => {
    const whole = join(shards, 'model.safetensors');
    await writeSafetensors(whole, layoutSafetensors([{ name: 'whole', dtype: 'F32', shape: [1] }]), async () => {});
    expect((await readWeightFiles(shards)).map(({ path }) => path)).toEqual([whole]);
    rmSync(whole);
  });

  it.each([
    ['a tensor that its shard lacks', { weight_map: { a: 'two.safetensors' } }],
    ['a shard elsewhere', { weight_map: { a: '../one.safetensors' } }],
    ['a shard that is no safetensors file', { weight_map: { a: 'one.bin' } }],
    ['a shard that is not there', { weight_map: { a: 'one.safetensors', b: 'three.safetensors' } }],
    ['a weight map that is a list', { weight_map: ['one.safetensors'] }],
    ['no weight map', {}],
  ])('refuses %s', async (_, index) => {
    write(index);
    await expect(readWeightFiles(shards)).rejects.toThrow(damaged);
  });
});

describe('planTensors', () => {
  const file = (tensors: TensorPlan[]) => {
    const layout = layoutSafetensors(tensors);
    return parseSafetensorsHeader(layout.header.subarray(8), layout.fileSize, 'x.safetensors');
  };
  const expected = [{ name: 'a', shape: [2, 3] }];

  it('compares the files with the model before anything is loaded', () => {
    const plan = planTensors([file([{ name: 'a', dtype: 'BF16', shape: [2, 3] }])], expected);
    expect(plan[0]?.ranges).toEqual([expect.objectContaining({ name: 'a', dtype: 'BF16', length: 12 })]);
    const cases: [TensorPlan[], string][] = [
      [[], 'ASTARPO_TENSOR_MISSING'],
      [[{ name: 'a', dtype: 'F32', shape: [3, 2] }], 'ASTARPO_CONFIG'],
      [
        [
          { name: 'a', dtype: 'F32', shape: [2, 3] },
          { name: 'b', dtype: 'F32', shape: [1] },
        ],
        'ASTARPO_TENSOR_UNKNOWN',
      ],
    ];
    for (const [tensors, code] of cases) expect(() => planTensors([file(tensors)], expected)).toThrow(expect.objectContaining({ code }));
  });
});
