import { type FileHandle, open } from 'node:fs/promises';
import { readSafetensors, type SafetensorsFile, type StoredTensor } from '../../lib/model/safetensors.ts';

/** Reads a safetensors file tensor by tensor: gradients of a large model would not fit beside it all at once. */
export class TensorFile {
  readonly #header: SafetensorsFile;
  readonly #file: FileHandle;

  private constructor(header: SafetensorsFile, file: FileHandle) {
    this.#header = header;
    this.#file = file;
  }

  static async open(path: string): Promise<TensorFile> {
    return new TensorFile(await readSafetensors(path), await open(path));
  }

  /** Names that begin with `prefix`, without it. */
  names(prefix: string): string[] {
    return [...this.#header.tensors.keys()].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  }

  shape(name: string): readonly number[] {
    return this.#tensor(name).shape;
  }

  async floats(name: string): Promise<Float32Array> {
    return new Float32Array(await this.#read(name, 'F32'));
  }

  async integers(name: string): Promise<Int32Array> {
    return new Int32Array(await this.#read(name, 'I32'));
  }

  async bytes(name: string): Promise<Uint8Array> {
    return new Uint8Array(await this.#read(name, 'U8'));
  }

  async #read(name: string, dtype: string): Promise<ArrayBuffer> {
    const tensor = this.#tensor(name);
    if (tensor.dtype !== dtype) throw new Error(`${this.#header.path}: expected ${name} in ${dtype}, got ${tensor.dtype}`);
    const bytes = new Uint8Array(tensor.length);
    for (let done = 0; done < bytes.length; ) {
      // One read takes less than 2 GiB.
      const { bytesRead } = await this.#file.read(bytes, done, Math.min(bytes.length - done, 2 ** 30), tensor.offset + done);
      if (bytesRead === 0) throw new Error(`${this.#header.path}: expected ${bytes.length} bytes of ${name}, got ${done}`);
      done += bytesRead;
    }
    return bytes.buffer;
  }

  #tensor(name: string): StoredTensor {
    const tensor = this.#header.tensors.get(name);
    if (tensor === undefined) throw new Error(`${this.#header.path}: expected a tensor ${name}, got none`);
    return tensor;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#file.close();
  }
}
