/** Text → ids, without the special tokens that a post-processor adds. */
export interface Encoder {
  /**
   * @param text without lone surrogates
   * @param special whether the names of special tokens in it stand for these tokens
   */
  encode(text: string, special: boolean): readonly number[];
}
