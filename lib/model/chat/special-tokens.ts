import type { JsonObject, JsonValue } from '../../util/json.ts';
import { asJsonObject } from '../files.ts';

/**
 * The variables `bos_token`, `eos_token` and so on of a chat template, as transformers takes them from tokenizer_config.json: each
 * `…_token` that has a name, and those of `extra_special_tokens`.
 * @param map special_tokens_map.json, which older tokenizers have beside a config without `added_tokens_decoder`: it comes first
 */
export function specialTokensOf(config: JsonObject, map: JsonObject = {}): Record<string, string> {
  const entries = config.added_tokens_decoder === undefined ? { ...config, ...map } : config;
  const named = { ...entries, ...asJsonObject(entries.extra_special_tokens) };
  const tokens: Record<string, string> = {};
  for (const [key, value] of Object.entries(named)) {
    const token = key.endsWith('_token') ? tokenText(value) : undefined;
    if (token !== undefined) tokens[key] = token;
  }
  return tokens;
}

function tokenText(value: JsonValue): string | undefined {
  const text = asJsonObject(value)?.content ?? value;
  return typeof text === 'string' ? text : undefined;
}
