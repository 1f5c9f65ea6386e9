import type { JsonObject } from '../util/json.ts';

/** Lines of keys that transformers takes for a float only: an error for the first two, a warning for the last. */
const wholeFloats = /^( +"(?:rms_norm_eps|initializer_range|attention_factor)": -?\d+)(,?)$/gm;

/** A config.json as text: with a decimal point where Python needs one to read a float, which JSON.stringify leaves out of 1.0. */
export function configText(json: JsonObject): string {
  return `${JSON.stringify(json, null, 2).replace(wholeFloats, '$1.0$2')}\n`;
}
