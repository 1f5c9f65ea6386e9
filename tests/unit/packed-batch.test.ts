import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countRows, packBatch, rowOffsets } from '../../lib/model/packed-batch.ts';
import { toTokenIds } from '../../lib/model/token-ids.ts';

const context = fc
  .array(fc.tuple(fc.nat(99), fc.nat(1)), { maxLength: 12 })
  .map((pairs) => ({ tokens: Int32Array.from(pairs, ([id]) => id), mask: Uint8Array.from(pairs, ([, bit], i) => (i === 0 ? 0 : bit)) }));

describe('packBatch', () => {
  it('lays sequences end to end, and rowOffsets finds their rows', () => {
    fc.assert(
      fc.property(fc.array(context, { maxLength: 6 }), (contexts) => {
        const batch = packBatch(contexts, 0.5);
        const rows = rowOffsets(batch);
        for (const [i, { tokens, mask }] of contexts.entries()) {
          expect(batch.tokens.slice(batch.offsets[i], batch.offsets[i + 1])).toEqual(tokens);
          expect(batch.mask.slice(batch.offsets[i], batch.offsets[i + 1])).toEqual(mask);
          expect((rows[i + 1] ?? 0) - (rows[i] ?? 0)).toBe(mask.reduce((sum, bit) => sum + bit, 0));
        }
        expect(rows[contexts.length]).toBe(countRows(batch));
        expect([...batch.temperature]).toEqual(contexts.map(() => 0.5));
      }),
    );
  });

  it('takes a temperature per sequence', () => {
    const contexts = [1, 2].map(() => ({ tokens: Int32Array.of(1, 2), mask: Uint8Array.of(0, 1) }));
    expect([...packBatch(contexts, [0.5, 2]).temperature]).toEqual([0.5, 2]);
    expect(() => packBatch(contexts, [1])).toThrow(expect.objectContaining({ code: 'ASTARPO_BATCH' }));
  });
});

describe('toTokenIds', () => {
  it('takes ids of the vocabulary and nothing else', () => {
    expect(toTokenIds([0, 5, 9], 10)).toEqual(Int32Array.of(0, 5, 9));
    const ids = Int32Array.of(1, 2);
    expect(toTokenIds(ids, 10)).toBe(ids);
    for (const bad of [10, -1, 0.5, Number.NaN, 2 ** 31, '1' as unknown as number]) {
      expect(() => toTokenIds([0, bad], 10)).toThrow(expect.objectContaining({ code: 'ASTARPO_TOKEN_RANGE' }));
    }
  });
});
