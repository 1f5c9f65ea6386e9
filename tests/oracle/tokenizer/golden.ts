import { writeFile } from 'node:fs/promises';
import { hostileStrings } from '../../fixtures/hostile-strings.ts';
import { hashIds, hashText, packHashes, randomIds, type TokenizerGolden } from '../../fixtures/tokenizer-golden.ts';
import { OracleTrouble } from '../trouble.ts';
import type { RustTokenizer } from './rust-tokenizer.ts';

/** Records what the Rust library gives for the texts and ids of a seed. */
export async function writeGolden(
  file: string,
  rust: RustTokenizer,
  vocabSize: number,
  { seed, count }: { readonly seed: number; readonly count: number },
): Promise<void> {
  const texts = hostileStrings(seed, count, rust.addedTokens);
  const encoded = complete(await rust.encode(texts));
  const decoded = complete(await rust.decode(randomIds(seed, Math.floor(count / 5), vocabSize)));
  const golden: TokenizerGolden = {
    tokenizers: rust.version,
    seed,
    count,
    addedTokens: rust.addedTokens,
    ids: packHashes(encoded.map(({ ids }) => hashIds(ids))),
    asText: packHashes(encoded.map(({ asText }) => hashIds(asText))),
    normalized: packHashes((await rust.normalize(texts)).map(hashText)),
    decoded: packHashes(decoded.map(([all]) => hashText(all))),
    withoutSpecial: packHashes(decoded.map(([, withoutSpecial]) => hashText(withoutSpecial))),
  };
  await writeFile(file, `${JSON.stringify(golden, null, 1)}\n`);
}

function complete<T>(answers: readonly (T | null)[]): T[] {
  return answers.map((answer) => {
    if (answer === null) throw new OracleTrouble('expected a tokenizer that takes every text, got one at which the Rust library panics');
    return answer;
  });
}
