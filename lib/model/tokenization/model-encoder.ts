import type { AddedTokens } from './added-tokens.ts';
import { BytePairModel } from './byte-pair-model.ts';
import type { Encoder, TokenNames } from './encoder.ts';
import { createPreTokenizer, type PreTokenizer } from './pre-tokenizers.ts';
import type { TokenizerPart } from './tokenizer-part.ts';
import { UnigramModel } from './unigram-model.ts';
import type { Vocabulary } from './vocabulary.ts';

/** What turns a piece of text, which is not empty, into ids. */
interface PieceModel {
  encode(piece: string): readonly number[];
}

/** Text → ids in the steps of the tokenizers library: added tokens and normalisation, pre-tokenisation, the model piece by piece. */
export class ModelEncoder implements Encoder {
  readonly #added: AddedTokens;
  readonly #preTokenizer: PreTokenizer;
  readonly #model: PieceModel;

  /** @param file the whole tokenizer.json */
  constructor(file: TokenizerPart, vocabulary: Vocabulary, added: AddedTokens) {
    const model = file.part('model');
    const { read } = model.value('type') === 'Unigram' ? UnigramModel : BytePairModel;
    this.#added = added;
    this.#preTokenizer = createPreTokenizer(file.partOrNone('pre_tokenizer'));
    this.#model = read(model, vocabulary, this.#preTokenizer.bytes);
  }

  encode(text: string, names: TokenNames): number[] {
    const ids: number[] = [];
    for (const segment of this.#added.split(text, names)) {
      if (typeof segment === 'number') ids.push(segment);
      else this.#encodeText(segment.text, segment.atStart, ids);
    }
    return ids;
  }

  #encodeText(text: string, atStart: boolean, ids: number[]): void {
    for (const piece of this.#preTokenizer.split({ texts: [text], atStart }).texts) {
      for (const id of this.#model.encode(piece)) ids.push(id);
    }
  }
}
