import { isUtf8 } from 'node:buffer';
import { AStarPOError } from '../../../errors.ts';

/** JSON from a file's bytes; `where` is for messages. Throws ASTARPO_DATA, also for bytes that are not UTF-8: they must not become other texts. */
export function parseJson(json: Buffer, where: string): unknown {
  if (!isUtf8(json)) {
    throw new AStarPOError('ASTARPO_DATA', `expected UTF-8 in ${where}, got other bytes`, {
      hint: 'the file may be damaged or in another encoding: fetch it again, or convert it',
    });
  }
  try {
    return JSON.parse(json.toString());
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AStarPOError('ASTARPO_DATA', `expected JSON as ${where}, got ${reason}`, { hint: hintFor(json), cause });
  }
}

function hintFor(json: Buffer): string {
  // Python writes what JSON has not.
  if (/[:,[]\s*(NaN|-?Infinity)\b/.test(json.toString('latin1')))
    return 'JSON has neither NaN nor Infinity: write null, or leave the field out';
  return 'the file may be cut off or damaged: fetch it again';
}
