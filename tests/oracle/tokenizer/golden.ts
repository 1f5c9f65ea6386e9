import { hostileStrings } from '../../fixtures/hostile-strings.ts';
import { hashIds, hashText, packHashes, randomIds, type TokenizerGolden } from '../../fixtures/tokenizer-golden.ts';
import type { RustTokenizer } from './rust-tokenizer.ts';

/** What the Rust library gives for the texts and ids of a seed; null when it panics at one. */
export async function recordGolden(
  rust: RustTokenizer,
  vocabSize: number,
  { seed, count }: { readonly seed: number; readonly count: number },
): Promise<TokenizerGolden | null> {
  const texts = hostileStrings(seed, count, rust.addedTokens);
  const encoded = complete(await rust.encode(texts));
  const decoded = complete(await rust.decode(randomIds(seed, Math.floor(count / 5), vocabSize)));
  if (encoded === undefined || decoded === undefined) return null;
  return {
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
}

function complete<T>(answers: readonly (T | null)[]): T[] | undefined {
  const present = answers.filter((answer) => answer !== null);
  return present.length === answers.length ? present : undefined;
}
