import { createHash } from 'node:crypto';
import { canonicalJson, type JsonObject } from '../util/json.ts';

/** Everything that changes the distribution of a task's reference returns. Not β1 and not the number of samples. */
export interface VStarKeyParts {
  readonly task: string;
  readonly environment: { readonly id: string; readonly version: string; readonly config: JsonObject };
  /** Version of the chat rendering, and the system prompt. */
  readonly prompt: { readonly chat: string; readonly system: string | null };
  readonly tokenizer: string;
  /** Content hash of the reference's weights. */
  readonly reference: string;
  /** Temperature, top-p, top-k, min-p, greedy, tokens per turn. */
  readonly sampling: JsonObject;
  /** Turns, context, what happens when a turn hits its token limit. */
  readonly limits: JsonObject;
  /** Which number of an episode is the return. */
  readonly reward: string;
}

/** SHA-256 (hex) of the parts' canonical JSON: equal keys mean exchangeable samples. */
export function vstarKey(parts: VStarKeyParts): string {
  return createHash('sha256')
    .update(canonicalJson(parts as unknown as JsonObject))
    .digest('hex');
}
