import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fromHuggingFace, type ModelConfig } from '../../lib/model/config.ts';
import { configText } from '../../lib/model/config-text.ts';
import { readJsonFile } from '../../lib/model/files.ts';
import type { JsonObject } from '../../lib/util/json.ts';
import { OracleTrouble } from './trouble.ts';

/** A configuration to compare: its text as transformers gets it, and as this library reads it. */
export interface Candidate {
  readonly label: string;
  readonly text: string;
  readonly config: ModelConfig;
}

/**
 * Reads a config.json, or that of a folder. Throws what the library refuses it with (ASTARPO_ARCHITECTURE, ASTARPO_CONFIG);
 * OracleTrouble when there is no such file.
 */
export async function readCandidate(path: string, layers: number | undefined): Promise<Candidate> {
  const found = await stat(path).catch(() => undefined);
  const file = found?.isDirectory() === true ? join(path, 'config.json') : path;
  const json = await readJsonFile(file, 'ASTARPO_CONFIG');
  if (json === undefined) throw new OracleTrouble(`expected a config.json, got no file ${file}`, 'check the path');
  const candidate = createCandidate(path, json, layers, file);
  // Letter for letter where nothing was changed: Python tells 1 from 1.0, which parsing forgets.
  return candidate.config.source === json ? { ...candidate, text: await readFile(file, 'utf8') } : candidate;
}

export function createCandidate(label: string, json: JsonObject, layers: number | undefined, file?: string): Candidate {
  const config = fromHuggingFace(json, {}, file);
  if (layers === undefined || layers >= config.layers) return { label, text: configText(json), config };
  const kinds = json.layer_types;
  const shortened = { ...json, num_hidden_layers: layers, ...(Array.isArray(kinds) ? { layer_types: kinds.slice(0, layers) } : {}) };
  return {
    label: `${label} (first ${layers} of ${config.layers} layers)`,
    text: configText(shortened),
    config: fromHuggingFace(shortened, {}, file),
  };
}
