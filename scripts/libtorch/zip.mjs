// Unpacks a zip archive (zip64 too) entry by entry, with the little memory that one entry needs. Every entry's CRC-32 and size
// are checked; names that leave the folder and symbolic links are refused.
import { createHash } from 'node:crypto';
import { createWriteStream, mkdirSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflateRaw, inflateRawSync } from 'node:zlib';
import { LibtorchError } from './error.mjs';

const END = 0x06054b50;
const END64_LOCATOR = 0x07064b50;
const END64 = 0x06064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
/** Entries up to this many bytes, packed or not, are handled in one piece. */
const SMALL = 4 << 20;

function damaged(file, what) {
  return new LibtorchError('ASTARPO_DOWNLOAD', `${file} is not a complete zip archive: ${what}`, 'delete it and try again');
}

async function readAt(handle, file, position, length) {
  // Damaged numbers reach beyond the file, and beyond what Node can take without ending the process.
  const { size } = await handle.stat();
  if (!(position + length <= size)) throw damaged(file, `it ends at byte ${size}, before byte ${position + length}`);
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await handle.read(buffer, 0, length, position);
  if (bytesRead !== length) throw damaged(file, `it ends at byte ${position + bytesRead}`);
  return buffer;
}

/** Where the central directory is: { offset, size, count }. */
async function findDirectory(handle, file) {
  const { size } = await handle.stat();
  if (size < 22) throw damaged(file, `it has ${size} bytes`);
  const start = Math.max(0, size - 22 - 0xffff);
  const tail = await readAt(handle, file, start, size - start);
  let end = tail.length - 22;
  while (end >= 0 && tail.readUInt32LE(end) !== END) end--;
  if (end < 0) throw damaged(file, 'the end of the central directory is missing');
  if (end < 20 || tail.readUInt32LE(end - 20) !== END64_LOCATOR) {
    return { count: tail.readUInt16LE(end + 10), size: tail.readUInt32LE(end + 12), offset: tail.readUInt32LE(end + 16) };
  }
  const record = await readAt(handle, file, Number(tail.readBigUInt64LE(end - 12)), 56);
  if (record.readUInt32LE(0) !== END64) throw damaged(file, 'the zip64 end record is missing');
  return {
    count: Number(record.readBigUInt64LE(32)),
    size: Number(record.readBigUInt64LE(40)),
    offset: Number(record.readBigUInt64LE(48)),
  };
}

/** Replaces 0xffffffff by the 64-bit numbers of the extra field. */
function widen(entry, extra) {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    let next = at + 4;
    for (const field of ['size', 'packed', 'offset']) {
      if (entry[field] !== 0xffffffff) continue;
      entry[field] = Number(extra.readBigUInt64LE(next));
      next += 8;
    }
  }
  return entry;
}

/** All entries: { name, method, crc, packed, size, offset, mode }. */
async function readDirectory(handle, file) {
  const directory = await findDirectory(handle, file);
  const bytes = await readAt(handle, file, directory.offset, directory.size);
  const entries = [];
  let at = 0;
  for (let i = 0; i < directory.count; i++) {
    if (at + 46 > bytes.length || bytes.readUInt32LE(at) !== CENTRAL) throw damaged(file, `entry ${i} of its directory is damaged`);
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) => bytes.readUInt16LE(at + offset));
    const name = bytes.toString('utf8', at + 46, at + 46 + nameLength);
    const entry = {
      name,
      encrypted: (bytes.readUInt16LE(at + 8) & 1) !== 0,
      method: bytes.readUInt16LE(at + 10),
      crc: bytes.readUInt32LE(at + 16),
      packed: bytes.readUInt32LE(at + 20),
      size: bytes.readUInt32LE(at + 24),
      mode: bytes.readUInt32LE(at + 38) >>> 16,
      offset: bytes.readUInt32LE(at + 42),
    };
    entries.push(widen(entry, bytes.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength)));
    at += 46 + nameLength + extraLength + commentLength;
  }
  return entries;
}

/** Passes bytes on while computing CRC-32, SHA-256 and size; ends with an error beyond `limit`, before the disk is full. */
function meter(state, limit) {
  return new Transform({
    transform(chunk, _encoding, done) {
      if (state.size + chunk.length > limit) {
        done(new Error(`more than the ${limit} bytes that the directory promises`));
        return;
      }
      state.crc = crc32(chunk, state.crc);
      state.hash.update(chunk);
      state.size += chunk.length;
      done(null, chunk);
    },
  });
}

async function extract(handle, file, entry, path) {
  const local = await readAt(handle, file, entry.offset, 30);
  if (local.readUInt32LE(0) !== LOCAL) throw damaged(file, `${entry.name} does not start where the directory says`);
  const begin = entry.offset + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
  const mode = (entry.mode & 0o777) === 0 ? 0o644 : (entry.mode & 0o777) | 0o600;
  const state = { crc: 0, hash: createHash('sha256'), size: 0 };
  if (entry.packed <= SMALL && entry.size <= SMALL) {
    const packed = await readAt(handle, file, begin, entry.packed);
    let data;
    try {
      data = entry.method === 0 ? packed : inflateRawSync(packed, { maxOutputLength: Math.max(1, entry.size) });
    } catch (cause) {
      throw damaged(file, `${entry.name} cannot be inflated (${cause.message})`);
    }
    state.crc = crc32(data);
    state.hash.update(data);
    state.size = data.length;
    writeFileSync(path, data, { mode });
  } else {
    const source = handle.createReadStream({ start: begin, end: begin + entry.packed - 1, autoClose: false, highWaterMark: 1 << 20 });
    const steps = entry.method === 0 ? [] : [createInflateRaw({ chunkSize: 1 << 20 })];
    try {
      await pipeline(source, ...steps, meter(state, entry.size), createWriteStream(path, { mode }));
    } catch (cause) {
      if (cause.syscall !== undefined) throw cause;
      throw damaged(file, `${entry.name} cannot be inflated (${cause.message})`);
    }
  }
  if (state.size !== entry.size || state.crc !== entry.crc) throw damaged(file, `${entry.name} does not match its checksum`);
  return state.hash.digest('base64url');
}

/**
 * Unpacks the entries that `wanted(name)` accepts into `folder`. Returns a Map of name → { sha256 (base64url), size }.
 * Throws ASTARPO_DOWNLOAD when the archive is truncated, damaged or unsafe.
 */
export async function unzip(file, folder, wanted = () => true) {
  const handle = await open(file, 'r');
  const written = new Map();
  try {
    for (const entry of await readDirectory(handle, file)) {
      if (!wanted(entry.name)) continue;
      const name = normalize(entry.name);
      if (name.startsWith('..') || name.startsWith('/') || name.includes('\0') || entry.name.includes('\\')) {
        throw damaged(file, `it holds a file outside of its folder: ${entry.name}`);
      }
      if (entry.name.endsWith('/')) continue;
      if ((entry.mode & 0o170000) === 0o120000) throw damaged(file, `it holds a symbolic link: ${entry.name}`);
      if (entry.encrypted || (entry.method !== 0 && entry.method !== 8))
        throw damaged(file, `${entry.name} is packed by method ${entry.method}`);
      const path = join(folder, name);
      mkdirSync(dirname(path), { recursive: true });
      written.set(entry.name, { sha256: await extract(handle, file, entry, path), size: entry.size });
    }
  } finally {
    await handle.close();
  }
  return written;
}
