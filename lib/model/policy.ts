import { AStarPOError } from '../errors.ts';
import { type OptionNames, refuseUnknownOptions } from '../util/known-options.ts';
import { callNativeSync } from './call-native.ts';
import { type ChatFormat, chatFormatFor } from './chat.ts';
import type { ModelConfig } from './config.ts';
import type { DeviceOptions } from './device-options.ts';
import type { Generated, Generator, Sequence } from './generator.ts';
import { saveModelFolder } from './model-folder.ts';
import { type CallOptions, type GenerateRequest, NativeModel } from './native-model.ts';
import { loadOptimizer, saveOptimizer } from './optimizer-file.ts';
import { countRows, type PackedBatch } from './packed-batch.ts';
import { Pass } from './pass.ts';
import type { ReferenceRowsSlice } from './reference-rows.ts';
import { type StreamedToken, streamTokens } from './stream.ts';
import type { Tokenizer } from './tokenizer.ts';

/** How to make a policy from nothing. */
export interface InitOptions extends DeviceOptions {
  readonly tokenizer: Tokenizer;
  /** 64 bits: the same seed draws the same weights. */
  readonly seed: bigint;
  /** Default: chosen by the tokenizer's special tokens. */
  readonly chat?: ChatFormat;
  /**
   * Standard deviation of the embedding; default: the config's `initializerRange`. Large values (0.5 to 1) keep tokens apart while a
   * small model learns from nothing: it then learns to copy several times sooner.
   */
  readonly embeddingRange?: number | undefined;
}

export interface ForwardOptions extends CallOptions {
  /** Adds the full-vocabulary KL to these rows of the reference: as many as the batch has, in its order. */
  readonly kl?: ReferenceRowsSlice | undefined;
  /** Adds the entropy. Default false. */
  readonly entropy?: boolean;
}

/** dLoss/d(row value), each of length R; what the pass did not compute cannot have a gradient. */
export interface RowGradients {
  readonly logp: Float64Array;
  readonly kl?: Float64Array | undefined;
  readonly entropy?: Float64Array | undefined;
}

/** One AdamW step (Loshchilov & Hutter 2019), decay on matrices only. */
export interface StepOptions {
  readonly lr: number;
  /** Largest global gradient norm, 0 = no clipping; default 1. */
  readonly clip?: number;
  /** Default 0.9. */
  readonly beta1?: number;
  /** Default 0.999. */
  readonly beta2?: number;
  /** Default 1e-8. */
  readonly eps?: number;
  /** Default 0. */
  readonly weightDecay?: number;
}

const stepNames: OptionNames<StepOptions> = { lr: true, clip: true, beta1: true, beta2: true, eps: true, weightDecay: true };

export interface StepOutcome {
  /** Global norm before clipping. */
  readonly gradNorm: number;
  /** True when the norm was not finite: nothing changed but the gradients, which were cleared. */
  readonly skipped: boolean;
}

/**
 * A causal language model on a device: generates, scores, takes gradient steps, saves. Every method throws ASTARPO_DISPOSED
 * after dispose(), and ASTARPO_ABORTED when its signal fires.
 */
export class Policy implements Generator {
  /** @internal */
  readonly native: NativeModel;
  readonly view = 'policy';

  private constructor(native: NativeModel) {
    this.native = native;
  }

  /**
   * Loads a Hugging Face folder. Throws ASTARPO_IO, ASTARPO_CONFIG, ASTARPO_ARCHITECTURE, ASTARPO_TOKENIZER, ASTARPO_SAFETENSORS,
   * ASTARPO_TENSOR_MISSING, ASTARPO_TENSOR_UNKNOWN, ASTARPO_OPTION, ASTARPO_DEVICE, ASTARPO_OUT_OF_MEMORY.
   */
  static async load(folder: string, options: DeviceOptions = {}): Promise<Policy> {
    return new Policy(await NativeModel.load('policy', folder, options));
  }

  /**
   * Draws new weights: matrices normal with the config's `initializerRange`, norms 1, biases 0. Without eos ids in the config,
   * the chat format's stop ids are taken.
   */
  static async init(config: ModelConfig, options: InitOptions): Promise<Policy> {
    const { tokenizer, seed, chat = chatFormatFor(tokenizer), embeddingRange, ...device } = options;
    if (typeof seed !== 'bigint' || BigInt.asUintN(64, seed) !== seed) {
      throw new AStarPOError('ASTARPO_OPTION', `expected seed to be a bigint of 64 bits, got ${String(seed)}`);
    }
    const complete = config.eosTokenIds.length > 0 ? config : { ...config, eosTokenIds: [...chat.stopIds] };
    const embeddingStd = embeddingRange ?? complete.initializerRange;
    if (!Number.isFinite(embeddingStd) || embeddingStd <= 0) {
      throw new AStarPOError('ASTARPO_OPTION', `expected embeddingRange to be a positive number, got ${embeddingRange}`);
    }
    const native = await NativeModel.create('policy', complete, { tokenizer, chat }, device);
    try {
      await native.call(() => native.addon.initModel(native.handle, seed, complete.initializerRange, embeddingStd));
    } catch (error) {
      await native.dispose();
      throw error;
    }
    return new Policy(native);
  }

  get config(): ModelConfig {
    return this.native.config;
  }

  get tokenizer(): Tokenizer {
    return this.native.tokenizer;
  }

  get chat(): ChatFormat {
    return this.native.chat;
  }

  get device(): string {
    return this.native.device.device;
  }

  get dtype(): 'float32' | 'bfloat16' {
    return this.native.device.dtype;
  }

  get reproducible(): boolean {
    return this.native.device.reproducible;
  }

  /** CPU threads of native work in this process. */
  get threads(): number {
    this.native.check();
    return callNativeSync(() => this.native.addon.info().threads);
  }

  /** Most bytes in use at a time so far: of this process on the CPU, of libtorch on a CUDA device. */
  get peakMemory(): number {
    this.native.check();
    return callNativeSync(() => this.native.addon.memory(this.device).peakBytes);
  }

  get maxPositions(): number {
    return this.native.config.maxPositions;
  }

  /** Grows with every optimizer step and every load. */
  get weightsVersion(): number {
    return this.native.weightsVersion;
  }

  /** A sequence whose keys and values stay between turns. Throws ASTARPO_TOKEN_RANGE, ASTARPO_CONTEXT. */
  sequence(prefix?: Int32Array | readonly number[]): Sequence {
    return this.native.sequence(prefix);
  }

  /**
   * Completes all prompts in one batch; results in the order of the requests. When one fails, the others are cancelled.
   * Throws ASTARPO_EMPTY_PROMPT, ASTARPO_CONTEXT, ASTARPO_TOKEN_RANGE, ASTARPO_OPTION.
   */
  generate(requests: readonly GenerateRequest[], options: CallOptions = {}): Promise<Generated[]> {
    return this.native.generate(requests, options);
  }

  /** Completes one prompt, giving tokens as they are sampled. Leaving the loop early cancels the rest. */
  stream(request: GenerateRequest, options: CallOptions = {}): AsyncIterable<StreamedToken> {
    return streamTokens(this.native, request, options);
  }

  /** Log-prob of every row: [R]. Throws ASTARPO_BATCH, ASTARPO_TOKEN_RANGE, ASTARPO_CONTEXT. */
  score(batch: PackedBatch, options: CallOptions = {}): Promise<Float32Array> {
    return this.native.score(batch, options);
  }

  /**
   * Scores the rows like `score` and keeps the graph for `backward`. Throws ASTARPO_OPEN_PASS while another pass is open,
   * ASTARPO_BATCH, ASTARPO_STALE (rows of other weights).
   */
  async forward(batch: PackedBatch, options: ForwardOptions = {}): Promise<Pass> {
    const { kl, entropy = false, signal } = options;
    if (kl !== undefined && kl.end - kl.begin !== countRows(batch)) {
      throw new AStarPOError(
        'ASTARPO_BATCH',
        `expected as many reference rows as the batch has (${countRows(batch)}), got ${kl.end - kl.begin}`,
      );
    }
    const native = { entropy, ...(kl === undefined ? {} : { rows: kl.rows.handle, rowsBegin: kl.begin }) };
    const result = await this.native.call((abort) => this.native.addon.forward(this.native.handle, batch, native, abort), { signal });
    return new Pass(this.native, result);
  }

  /**
   * Accumulates parameter gradients from dLoss/d(row value) and consumes the pass, also when it throws: then call
   * `discardGradients`, since half a batch is never applied. Throws ASTARPO_PASS_CONSUMED, ASTARPO_ARGUMENT, ASTARPO_STALE.
   */
  async backward(pass: Pass, gradients: RowGradients, options: CallOptions = {}): Promise<void> {
    if (pass.model !== this.native) throw new AStarPOError('ASTARPO_ARGUMENT', `expected a pass of this policy, got another model's`);
    const { logp, kl, entropy } = gradients;
    const rows = { logp, ...(kl === undefined ? {} : { kl }), ...(entropy === undefined ? {} : { entropy }) };
    try {
      await this.native.call((abort) => this.native.addon.backward(pass.handle, rows, abort), options);
      pass.close();
    } catch (error) {
      // Refused before it began (an aborted signal, arrays of a wrong length), the native side still holds the graph.
      pass.drop();
      throw error;
    }
  }

  /**
   * Applies and clears the accumulated gradients. Throws ASTARPO_GENERATING while rows generate, ASTARPO_OPEN_PASS while a pass
   * is open, ASTARPO_OPTION, ASTARPO_UNKNOWN_OPTION.
   */
  async step(options: StepOptions): Promise<StepOutcome> {
    refuseUnknownOptions('step', options, stepNames);
    const { lr, clip = 1, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weightDecay = 0 } = options;
    const native = { lr, clip, beta1, beta2, eps, weightDecay };
    for (const [name, value] of Object.entries(native)) {
      const limit = name === 'beta1' || name === 'beta2' ? 1 : Number.POSITIVE_INFINITY;
      if (value >= 0 && value < limit) continue;
      const range = limit === 1 ? 'at least 0 and below 1' : 'a non-negative number';
      throw new AStarPOError('ASTARPO_OPTION', `expected ${name} to be ${range}, got ${value}`);
    }
    return await this.native.call(() => this.native.addon.step(this.native.handle, native));
  }

  /** Clears accumulated gradients without a step. */
  discardGradients(): Promise<void> {
    return this.native.call(() => this.native.addon.discardGradients(this.native.handle));
  }

  /**
   * Writes a Hugging Face folder, whole or not at all; an older model there is replaced. Weights in the policy's dtype.
   * Throws ASTARPO_IO.
   */
  save(folder: string): Promise<void> {
    return saveModelFolder(this.native, folder);
  }

  /** Writes AdamW's state (fp32 master weights, both moments, step count) into one safetensors file. Throws ASTARPO_IO. */
  saveOptimizer(file: string): Promise<void> {
    return saveOptimizer(this.native, file);
  }

  /** Reads what `saveOptimizer` wrote, bit for bit. Throws ASTARPO_IO, ASTARPO_SAFETENSORS, ASTARPO_CONFIG. */
  loadOptimizer(file: string): Promise<void> {
    return loadOptimizer(this.native, file);
  }

  /** Replaces the weights by a folder's of the same shape. Throws like `load`. */
  loadWeights(folder: string): Promise<void> {
    return this.native.loadWeights(folder);
  }

  /** SHA-256, in hex, over shape, dtype, weights, tokenizer and chat format. */
  contentHash(): Promise<string> {
    return this.native.contentHash();
  }

  /** AdamW steps taken so far. */
  get optimizerSteps(): number {
    this.native.check();
    return callNativeSync(() => this.native.addon.optimizerStepCount(this.native.handle));
  }

  /** Cancels what is queued, waits for what runs, frees the memory. Idempotent. */
  dispose(): Promise<void> {
    return this.native.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}
