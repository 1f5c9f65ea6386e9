import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../lib/log/crc32c.ts';
import { EventFile } from '../../lib/log/event-file.ts';

/** RFC 3720 B.4 and the usual check value. */
const vectors: readonly (readonly [Uint8Array, number])[] = [
  [Buffer.from('123456789'), 0xe3069283],
  [new Uint8Array(32), 0x8a9136aa],
  [new Uint8Array(32).fill(0xff), 0x62a8ab43],
  [Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd794e],
];

describe('crc32c', () => {
  it.each(vectors)('of vector %#', (bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });
});

describe('EventFile', () => {
  it('writes the bytes that TensorBoard 2.21 was seen to read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'astarpo-events-'));
    const events = await EventFile.open(folder, 3, 1_000_000);
    await events.scalars(300, { 'train/loss': 0.5 }, 1_000_000);
    await events.scalars(301, {});
    await events.close();
    const bytes = await readFile(events.path);
    const records = split(bytes);
    expect(records).toHaveLength(3);
    expect(records[0]?.toString('hex')).toBe('090000000000408f401a0d627261696e2e4576656e743a32');
    expect(records[1]?.toString('hex')).toBe('090000000000408f4010033a020801');
    expect(records[2]?.toString('hex')).toBe('090000000000408f4010ac022a130a110a0a747261696e2f6c6f7373150000003f');
  });
});

/** Splits a TFRecord file, checking lengths and masked checksums. */
function split(bytes: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    expect(bytes.readUInt32LE(at + 8)).toBe(masked(bytes.subarray(at, at + 8)));
    const data = bytes.subarray(at + 12, at + 12 + length);
    expect(bytes.readUInt32LE(at + 12 + length)).toBe(masked(data));
    records.push(data);
    at += 16 + length;
  }
  return records;
}

function masked(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
