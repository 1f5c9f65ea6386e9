/** Which names of added tokens in a text stand for these tokens: all, those of tokens that are not special, or none. */
export type TokenNames = 'all' | 'notSpecial' | 'none';

/** Text → ids, without the special tokens that a post-processor adds. */
export interface Encoder {
  /**
   * @param text without lone surrogates
   * @param names which names in it are tokens
   */
  encode(text: string, names: TokenNames): readonly number[];
}
