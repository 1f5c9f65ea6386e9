import type { JsonObject } from '../../util/json.ts';
import type { ModelConfig } from '../config.ts';
import type { ConfigReader } from './config-reader.ts';

/**
 * One model family: how its config.json says what the decoder computes. Adding a family is writing one of these and naming it in
 * `index.ts`; native/README.md, "Adding a model family", walks through an example.
 */
export interface Family<Architecture extends string = string> {
  /** transformers' class of the causal language model, as in `architectures`. */
  readonly architecture: Architecture;
  /** As in `model_type`: what transformers chooses the class by. */
  readonly modelType: string;
  /** What people call the models. */
  readonly models: string;
  /** Of a new model that says nothing else. */
  readonly biases: Biases;
  /** Reads the keys as transformers does, with its defaults for absent ones. Throws ASTARPO_CONFIG. */
  read(config: ConfigReader): DecoderFields;
  /** The inverse: every key that `read` looks at. What an architecture cannot say is lost, which `checkModelConfig` notices. */
  write(config: ModelConfig): JsonObject;
}

export type Biases = Pick<ModelConfig, 'qkvBias' | 'outputBias' | 'mlpBias' | 'qkNorm'>;

/** What a family reads: everything but its own name and the file. */
export type DecoderFields = Omit<ModelConfig, 'architecture' | 'source'>;
