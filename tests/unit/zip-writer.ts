import { createHash } from 'node:crypto';
import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipEntry {
  name: string;
  data: string | Buffer;
  /** Unix mode with file type; default a plain file 0644. */
  mode?: number;
  /** Written instead of the true one. */
  crc?: number;
  /** Written instead of the true one. */
  size?: number;
  store?: boolean;
}

/** A zip archive in memory. */
export function zip(entries: readonly ZipEntry[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    const data = Buffer.from(entry.data);
    const packed = entry.store ? data : deflateRawSync(data);
    const fields = Buffer.alloc(20); // from 'method' to 'uncompressed size', shared by both headers
    fields.writeUInt16LE(entry.store ? 0 : 8, 0);
    fields.writeUInt32LE(entry.crc ?? crc32(data), 6);
    fields.writeUInt32LE(packed.length, 10);
    fields.writeUInt32LE(entry.size ?? data.length, 14);
    const lengths = Buffer.alloc(4);
    lengths.writeUInt16LE(name.length, 0);
    const local = Buffer.concat([Buffer.from([0x50, 0x4b, 3, 4, 20, 0, 0, 0]), fields.subarray(0, 18), lengths, name]);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    fields.copy(central, 10, 0, 18);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt32LE(((entry.mode ?? 0o100644) << 16) >>> 0, 38);
    central.writeUInt32LE(offset, 42);
    parts.push(local, packed);
    directory.push(central, name);
    offset += local.length + packed.length;
  }
  const index = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(index.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, index, end]);
}

/** A wheel of a pretended torch: the given files, and a RECORD of them. */
export function wheel(version: string, files: Record<string, string>, record?: (text: string) => string): Buffer {
  const lines = Object.entries(files).map(
    ([name, data]) => `${name},sha256=${createHash('sha256').update(data).digest('base64url')},${Buffer.byteLength(data)}`,
  );
  const info = `torch-${version}.dist-info/RECORD`;
  const text = [...lines, `${info},,`].join('\n');
  return zip([...Object.entries(files).map(([name, data]) => ({ name, data })), { name: info, data: record ? record(text) : text }]);
}

/** Files of a libtorch that `inspect` accepts. */
export function torchFiles(version: string): Record<string, string> {
  return {
    'torch/version.py': `__version__ = '${version}'\n`,
    'torch/lib/libtorch_cpu.so': 'cpu',
    'torch/lib/libc10.so': 'c10',
    'torch/lib/libtorch.so': 'torch',
    'torch/lib/libgomp-a34b3233.so.1': 'gomp',
    'torch/lib/libtorch_python.so': 'python',
    'torch/include/ATen/core/Tensor.h': '#pragma once',
    'torch/nn/__init__.py': 'pass',
  };
}
