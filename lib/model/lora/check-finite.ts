import { withExistingFile } from '../files.ts';
import { damagedFile, type SafetensorsFile, type StoredTensor } from '../safetensors.ts';

/** Bytes that are looked at in one go, between which other work of this thread has its turn. */
const pieceBytes = 2 ** 20;

/** Bits of the exponent, all ones in NaN and in infinities: of F32 as a whole word, of the others as half a word. */
const exponents: ReadonlyMap<string, number> = new Map([
  ['F32', 0x7f80_0000],
  ['BF16', 0x7f80],
  ['F16', 0x7c00],
]);

/** Throws ASTARPO_SAFETENSORS, naming file and tensor, when a value of a floating-point tensor is NaN or infinite. */
export async function checkFinite({ path, tensors }: SafetensorsFile): Promise<void> {
  await withExistingFile(path, async (file) => {
    const buffer = new ArrayBuffer(pieceBytes);
    for (const tensor of tensors.values()) {
      for (let done = 0; done < tensor.length; done += pieceBytes) {
        const length = Math.min(pieceBytes, tensor.length - done);
        const { bytesRead } = await file.read(new Uint8Array(buffer), 0, length, tensor.offset + done);
        if (bytesRead !== length) throw damagedFile(path, `expected ${length} bytes at ${tensor.offset + done}, got ${bytesRead}`);
        refuseNonFinite(path, tensor, buffer, length);
      }
    }
  });
}

function refuseNonFinite(path: string, { name, dtype }: StoredTensor, buffer: ArrayBuffer, length: number): void {
  const exponent = exponents.get(dtype);
  if (exponent === undefined) return;
  const words = dtype === 'F32' ? new Uint32Array(buffer, 0, length / 4) : new Uint16Array(buffer, 0, length / 2);
  if (words.some((word) => (word & exponent) === exponent)) {
    throw damagedFile(path, `expected finite values in ${name}, got NaN or infinity`);
  }
}
