import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { crc32c } from './crc32c.ts';

/*
 * TensorBoard's event files, written by hand: a TFRecord per event (length, masked CRC of the length, bytes, masked CRC of the
 * bytes), each event a protobuf message `Event { double wall_time = 1; int64 step = 2; string file_version = 3;
 * Summary summary = 5; SessionLog session_log = 7 }` with `Summary { repeated Value { string tag = 1; float simple_value = 2 } }`.
 */

/** Writes scalars that TensorBoard reads. One file per start of the process; a later start hides steps that it repeats. */
export class EventFile {
  readonly path: string;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  /** `fromStep` is the first step that this process will write: TensorBoard drops what earlier files hold from there on. */
  static async open(folder: string, fromStep = 0, now = Date.now()): Promise<EventFile> {
    await mkdir(folder, { recursive: true });
    const path = join(folder, `events.out.tfevents.${Math.floor(now / 1000)}.${hostname()}.${process.pid}`);
    const file = await open(path, 'a');
    const events = new EventFile(path, file);
    const seconds = now / 1000;
    await file.appendFile(record(concat(double(1, seconds), text(3, 'brain.Event:2'))));
    await file.appendFile(record(concat(double(1, seconds), integer(2, fromStep), message(7, integer(1, 1)))));
    return events;
  }

  /** Appends one event with all values of a step; values that are not finite are kept as they are. */
  async scalars(step: number, values: Readonly<Record<string, number>>, now = Date.now()): Promise<void> {
    const entries = Object.entries(values).map(([tag, value]) => message(1, concat(text(1, tag), float(2, value))));
    if (entries.length === 0) return;
    await this.#file.appendFile(record(concat(double(1, now / 1000), integer(2, step), message(5, concat(...entries)))));
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

function record(data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeBigUInt64LE(BigInt(data.length), 0);
  head.writeUInt32LE(maskedCrc(head.subarray(0, 8)), 8);
  const tail = Buffer.alloc(4);
  tail.writeUInt32LE(maskedCrc(data), 0);
  return concat(head, data, tail);
}

/** Rotated and offset, so that a CRC of data that holds CRCs stays sound. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function concat(...parts: readonly Buffer[]): Buffer {
  return Buffer.concat(parts);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

function key(field: number, wireType: number): Buffer {
  return varint(field * 8 + wireType);
}

function integer(field: number, value: number): Buffer {
  return concat(key(field, 0), varint(value));
}

function double(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return concat(key(field, 1), bytes);
}

function float(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return concat(key(field, 5), bytes);
}

function message(field: number, bytes: Buffer): Buffer {
  return concat(key(field, 2), varint(bytes.length), bytes);
}

function text(field: number, value: string): Buffer {
  return message(field, Buffer.from(value, 'utf8'));
}
