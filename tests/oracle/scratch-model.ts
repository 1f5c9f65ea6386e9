import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compactSpecialTokens } from '../../lib/model/chat/token-formats.ts';
import { asJsonObject } from '../../lib/model/files.ts';
import { trainBytePairTokenizer } from '../../lib/model/train-tokenizer.ts';
import type { JsonObject } from '../../lib/util/json.ts';

/** Bytes and four special tokens, or as many of them as the vocabulary has room for: text does not matter here. */
function byteTokenizer(vocabSize: number): JsonObject {
  const whole = trainBytePairTokenizer([], { vocabSize: 256 + compactSpecialTokens.length, specialTokens: compactSpecialTokens });
  const model = asJsonObject(whole.model) ?? {};
  const vocab = Object.fromEntries(Object.entries(asJsonObject(model.vocab) ?? {}).filter(([, id]) => Number(id) < vocabSize));
  const added = Array.isArray(whole.added_tokens) ? whole.added_tokens : [];
  return { ...whole, model: { ...model, vocab }, added_tokens: added.filter((token) => Number(asJsonObject(token)?.id) < vocabSize) };
}

/** Makes a folder with weights one that this library opens: the text `config` replaces what transformers wrote there. */
export async function completeFolder(folder: string, config: string, vocabSize: number): Promise<void> {
  await writeFile(join(folder, 'config.json'), config);
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(byteTokenizer(vocabSize)));
}
