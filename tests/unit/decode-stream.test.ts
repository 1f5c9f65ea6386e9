import { readdirSync, readFileSync } from 'node:fs';
import { URL } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenTexts } from '../../lib/model/stream.ts';
import { Tokenizer } from '../../lib/model/tokenizer.ts';
import type { JsonObject } from '../../lib/util/json.ts';

const styles = new URL('../golden/tokenizer/styles/', import.meta.url);
const readStyle = (name: string) => JSON.parse(readFileSync(new URL(`${name}.json`, styles), 'utf8')) as JsonObject;
const names = readdirSync(styles).map((file) => file.replace('.json', ''));

const replaced = (from: string, to: string) => ({ type: 'Replace', pattern: { String: from }, content: to });
/** Decoders that no recorded style has, over the vocabulary of one with byte fallback. */
const decoders: Readonly<Record<string, JsonObject | null>> = {
  none: null,
  Metaspace: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
  'Metaspace that strips nothing': { type: 'Metaspace', replacement: '▁', prepend_scheme: 'never', split: true },
  'Strip at both ends': { type: 'Sequence', decoders: [{ type: 'Fuse' }, { type: 'Strip', content: '▁', start: 2, stop: 2 }] },
  'Replace over parts': { type: 'Sequence', decoders: [{ type: 'Fuse' }, replaced('▁th', '<'), replaced('e▁', '>')] },
  BPEDecoder: { type: 'BPEDecoder', suffix: 'e' },
  WordPiece: { type: 'WordPiece', prefix: '▁', cleanup: true },
  'bytes of bytes': { type: 'Sequence', decoders: [{ type: 'ByteFallback' }, { type: 'ByteLevel' }] },
};

const tokenizers: [string, Tokenizer][] = [
  ...names.map((name): [string, Tokenizer] => [name, Tokenizer.fromJson(readStyle(name))]),
  ...Object.entries(decoders).map(([name, decoder]): [string, Tokenizer] => [name, Tokenizer.fromJson({ ...readStyle('gemma'), decoder })]),
];

/** Ids of everywhere, and of where bytes and added tokens usually are, with runs of the same. */
const idsOf = (tokenizer: Tokenizer) =>
  fc
    .array(
      fc.tuple(
        fc.oneof(
          fc.nat(tokenizer.vocabSize + 2),
          fc.nat(300),
          fc.integer({ min: Math.max(0, tokenizer.vocabSize - 40), max: tokenizer.vocabSize - 1 }),
        ),
        fc.integer({ min: 1, max: 3 }),
      ),
      { maxLength: 40 },
    )
    .map((runs) => runs.flatMap(([id, times]) => Array.from({ length: times }, () => id)));

describe.each(tokenizers)('decoding token by token: %s', (_, tokenizer) => {
  it('gives in pieces what decode gives at once, and never a broken character', () => {
    fc.assert(
      fc.property(idsOf(tokenizer), fc.boolean(), (ids, skipSpecialTokens) => {
        const stream = tokenizer.decodeStream({ skipSpecialTokens });
        const pieces: string[] = [];
        for (const id of ids) pieces.push(stream.push(id));
        const { holding } = stream;
        const rest = stream.finish();
        expect([...pieces, rest].join('')).toBe(tokenizer.decode(ids, { skipSpecialTokens }));
        for (const piece of pieces) expect(piece).not.toMatch(/\p{Surrogate}/u);
        if (!holding) expect(rest).toBe('');
      }),
      { numRuns: 150 },
    );
  });

  it('tells the text of every sampled token, whatever stops the generation', () => {
    fc.assert(
      fc.property(idsOf(tokenizer), fc.boolean(), (ids, stopped) => {
        const stop = 2;
        const sampled = ids.filter((id) => id !== stop);
        const texts = new TokenTexts(tokenizer, [stop]);
        const told = [...sampled, ...(stopped ? [stop] : [])].flatMap((id) => [...texts.push({ id, logp: -1 })]);
        told.push(...texts.finish());
        expect(told.map(({ id }) => id)).toEqual(stopped ? [...sampled, stop] : sampled);
        expect(told.map(({ text }) => text).join('')).toBe(sampled.length === 0 ? '' : tokenizer.decode(sampled));
        if (stopped) expect(told.at(-1)?.text).toBe('');
      }),
      { numRuns: 100 },
    );
  });
});

describe('decodeStream', () => {
  const tokenizer = Tokenizer.fromJson(readStyle('qwen2'));

  it('holds a character back until its last byte', () => {
    const stream = tokenizer.decodeStream();
    const ids = tokenizer.encode('🫨');
    const pieces = Array.from(ids, (id) => stream.push(id));
    expect(pieces.slice(0, -1).join('')).toBe('');
    expect(pieces.at(-1)).toBe('🫨');
    expect(stream.holding).toBe(false);
  });

  it('gives whole characters at once', () => {
    const stream = tokenizer.decodeStream();
    const ids = tokenizer.encode('Search: a red kettle');
    expect(Array.from(ids, (id) => stream.push(id))).toEqual(Array.from(ids, (id) => tokenizer.decode([id])));
  });
});
