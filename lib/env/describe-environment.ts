import type { JsonObject } from '../util/json.ts';
import type { Environment } from './environment.ts';

/** Which environment it was, with all that changes its behaviour. */
export interface EnvironmentDescription {
  readonly id: string;
  readonly version: string;
  readonly config: JsonObject;
  /** How it paid, in a few words, where that is not its usual way; `config` has all of it. */
  readonly scoring?: string;
}

export function describeEnvironment({ id, version, config, scoring }: Environment): EnvironmentDescription {
  return { id, version, config, ...(scoring === undefined ? {} : { scoring }) };
}
