import { AStarPOError } from '../errors.ts';
import { type OptionNames, refuseUnknownOptions } from '../util/known-options.ts';
import { nameHint } from '../util/nearest-name.ts';
import { callNativeSync } from './call-native.ts';
import type { ChatFormat } from './chat/chat-format.ts';
import { chatFormatOrError } from './chat/choose-format.ts';
import type { ChatOptions } from './chat/options.ts';
import type { ModelConfig } from './config.ts';
import type { DeviceOptions } from './device-options.ts';
import type { Generated, Generator, Sequence } from './generator.ts';
import { loadModel } from './load-model.ts';
import { checkLoadOptions, type LoadOptions } from './load-options.ts';
import { describeLora, type LoraDescription } from './lora/description.ts';
import { applyAdapter, readAdapter } from './lora/load-adapter.ts';
import { adapterModules, type LoraOptions, planLora, resolveLora } from './lora/options.ts';
import { type SaveAdapterOptions, saveAdapterFolder, saveAdapterNames } from './lora/save-adapter.ts';
import { saveModelFolder } from './model-folder.ts';
import { type CallOptions, type GenerateRequest, NativeModel } from './native-model.ts';
import { loadOptimizer, saveOptimizer } from './optimizer-file.ts';
import { countRows, type PackedBatch } from './packed-batch.ts';
import { Pass } from './pass.ts';
import type { ReferenceRowsSlice } from './reference-rows.ts';
import { type SaveModelOptions, saveModelNames } from './save-options.ts';
import { type StreamedToken, streamTokens } from './stream.ts';
import type { Tokenizer } from './tokenizer.ts';

/** What `save` writes of a policy with an adapter. */
export type SaveFormat = 'merged' | 'adapter';
export const saveFormats: readonly SaveFormat[] = ['merged', 'adapter'];

export interface SaveOptions extends SaveModelOptions {
  /** Default 'merged': a model of its own. 'adapter' takes `card` alone beside it: an adapter is one small file in fp32. */
  readonly format?: SaveFormat;
}

/** How to make a policy from nothing. */
export interface InitOptions extends DeviceOptions {
  readonly tokenizer: Tokenizer;
  /** 64 bits: the same seed draws the same weights. */
  readonly seed: bigint;
  /** Default: by the tokenizer's chat template, else by its special tokens. */
  readonly chat?: ChatFormat | ChatOptions | undefined;
  /**
   * Standard deviation of the embedding; default: the config's `initializerRange`. Large values (0.5 to 1) keep tokens apart while a
   * small model learns from nothing: it then learns to copy several times sooner.
   */
  readonly embeddingRange?: number | undefined;
  /** Train a low-rank adapter instead of these weights. */
  readonly lora?: LoraOptions | undefined;
}

export interface ForwardOptions extends CallOptions {
  /** Adds the full-vocabulary KL to these rows of the reference: as many as the batch has, in its order. */
  readonly kl?: ReferenceRowsSlice | undefined;
  /** Adds the entropy. Default false. */
  readonly entropy?: boolean;
  /** 64 bits that decide what an adapter with dropout leaves out in this pass; needed there, unused elsewhere. */
  readonly dropoutSeed?: bigint | undefined;
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
   * Loads a Hugging Face folder, or what the hub has under an id ('org/name'), which is kept in the hub's cache; or an adapter
   * together with its base. Throws ASTARPO_IO, ASTARPO_DOWNLOAD, ASTARPO_CONFIG, ASTARPO_ARCHITECTURE, ASTARPO_TOKENIZER,
   * ASTARPO_SAFETENSORS, ASTARPO_TENSOR_MISSING, ASTARPO_TENSOR_UNKNOWN, ASTARPO_ADAPTER, ASTARPO_OPTION, ASTARPO_UNKNOWN_OPTION,
   * ASTARPO_DEVICE, ASTARPO_OUT_OF_MEMORY, ASTARPO_ABORTED.
   */
  static async load(model: string, options: LoadOptions = {}): Promise<Policy> {
    checkLoadOptions('Policy.load', options);
    return new Policy(await loadModel('policy', model, options));
  }

  /**
   * Draws new weights: matrices normal with the config's `initializerRange`, norms 1, biases 0. Without eos ids in the config,
   * the chat format's stop ids are taken.
   */
  static async init(config: ModelConfig, options: InitOptions): Promise<Policy> {
    const { tokenizer, seed, chat: wanted, embeddingRange, lora, ...device } = options;
    if (lora !== undefined) adapterModules(lora, config);
    if (typeof seed !== 'bigint' || BigInt.asUintN(64, seed) !== seed) {
      throw new AStarPOError('ASTARPO_OPTION', `expected seed to be a bigint of 64 bits, got ${String(seed)}`);
    }
    const { eosTokenIds } = config;
    const chat = wanted !== undefined && 'stopIds' in wanted ? wanted : chatFormatOrError(tokenizer, { options: wanted, eosTokenIds });
    if (eosTokenIds.length === 0 && chat instanceof AStarPOError) throw chat;
    const complete = chat instanceof AStarPOError || eosTokenIds.length > 0 ? config : { ...config, eosTokenIds: [...chat.stopIds] };
    const embeddingStd = embeddingRange ?? complete.initializerRange;
    if (!Number.isFinite(embeddingStd) || embeddingStd <= 0) {
      throw new AStarPOError('ASTARPO_OPTION', `expected embeddingRange to be a positive number, got ${embeddingRange}`);
    }
    const native = await NativeModel.create('policy', complete, { tokenizer, chat }, device);
    try {
      await native.call(() => native.addon.initModel(native.handle, seed, complete.initializerRange, embeddingStd));
      const policy = new Policy(native);
      if (lora !== undefined) await policy.addLora(lora);
      return policy;
    } catch (error) {
      await native.dispose();
      throw error;
    }
  }

  get config(): ModelConfig {
    return this.native.config;
  }

  get tokenizer(): Tokenizer {
    return this.native.tokenizer;
  }

  /** Throws ASTARPO_TOKENIZER or ASTARPO_CHAT_TEMPLATE for a model without a chat format, as base models are. */
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

  /** The low-rank adapter that is trained instead of the weights; undefined without one. */
  get lora(): LoraDescription | undefined {
    const { adapter } = this.native;
    return adapter === undefined ? undefined : describeLora(adapter);
  }

  /**
   * Gives the policy a new adapter and freezes its weights; results stay the same until the first step. Throws ASTARPO_OPTION,
   * ASTARPO_UNKNOWN_OPTION, ASTARPO_ADAPTER (there is one already, or the weights are being trained), ASTARPO_GENERATING,
   * ASTARPO_OPEN_PASS.
   */
  async addLora(options: LoraOptions = {}): Promise<void> {
    const { settings, seed } = resolveLora(options);
    await this.native.addAdapter({ settings, modules: planLora(settings, this.config) }, seed);
  }

  /**
   * Reads an adapter in PEFT's format, made by PEFT or here. A policy without adapter gets this one; an adapter that is there must be
   * of the same kind, and takes its values. Throws ASTARPO_ADAPTER (not plain LoRA; another base: naming file, tensor and shapes),
   * ASTARPO_TENSOR_MISSING, ASTARPO_SAFETENSORS, ASTARPO_IO.
   */
  async loadAdapter(folder: string): Promise<void> {
    await applyAdapter(this.native, await readAdapter(folder, this.config));
  }

  /**
   * Writes the adapter in PEFT's format, whole or not at all; an older adapter there is replaced. Throws ASTARPO_ADAPTER without an
   * adapter, ASTARPO_IO.
   */
  saveAdapter(folder: string, options: SaveAdapterOptions = {}): Promise<void> {
    refuseUnknownOptions('saveAdapter', options, saveAdapterNames);
    return saveAdapterFolder(this.native, folder, options);
  }

  /**
   * Folds the adapter into a copy of the weights it belongs to, for faster generation; rounded to the policy's dtype. A merged policy
   * cannot be trained. Throws ASTARPO_ADAPTER without an adapter or when it is merged already, ASTARPO_GENERATING, ASTARPO_OPEN_PASS.
   */
  merge(): Promise<void> {
    return this.native.setMerged(true);
  }

  /** Takes `merge` back; the base is as it was, bit for bit. Throws like `merge`. */
  unmerge(): Promise<void> {
    return this.native.setMerged(false);
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
   * Scores the rows like `score`, but for an adapter's dropout, and keeps the graph for `backward`. Throws ASTARPO_OPEN_PASS while
   * another pass is open, ASTARPO_BATCH, ASTARPO_STALE (rows of other weights), ASTARPO_OPTION (dropout without a seed),
   * ASTARPO_ADAPTER (merged).
   */
  async forward(batch: PackedBatch, options: ForwardOptions = {}): Promise<Pass> {
    const { kl, entropy = false, dropoutSeed, signal } = options;
    if (kl !== undefined && kl.end - kl.begin !== countRows(batch)) {
      throw new AStarPOError(
        'ASTARPO_BATCH',
        `expected as many reference rows as the batch has (${countRows(batch)}), got ${kl.end - kl.begin}`,
      );
    }
    if ((this.lora?.dropout ?? 0) > 0 && dropoutSeed === undefined) {
      throw new AStarPOError('ASTARPO_OPTION', 'expected dropoutSeed for a policy whose adapter has dropout, got none', {
        hint: 'give each pass a seed of its own, for example deriveSeed(seed, step)',
      });
    }
    const rows = kl === undefined ? {} : { rows: kl.rows.handle, rowsBegin: kl.begin };
    const native = { entropy, ...rows, ...(dropoutSeed === undefined ? {} : { dropoutSeed }) };
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
   * Writes a Hugging Face folder with a model card, whole or not at all; an older model there is replaced. Text files stay as they came.
   * With an adapter, 'merged' (default) folds it in, so that the folder needs no base, and 'adapter' writes it alone, like `saveAdapter`.
   * Throws ASTARPO_IO, ASTARPO_OPTION, ASTARPO_UNKNOWN_OPTION, ASTARPO_STALE, ASTARPO_ABORTED.
   */
  async save(folder: string, options: SaveOptions = {}): Promise<void> {
    refuseUnknownOptions('save', options, { format: true, ...saveModelNames });
    const { format = 'merged', ...model } = options;
    if (!saveFormats.includes(format)) {
      throw new AStarPOError('ASTARPO_OPTION', `expected format to be ${saveFormats.join(' or ')}, got ${format}`, {
        hint: nameHint(String(format), saveFormats),
      });
    }
    await (format === 'adapter' ? this.saveAdapter(folder, model) : saveModelFolder(this.native, folder, model));
  }

  /** Writes AdamW's state of what is trained (fp32 master weights, both moments, step count) into one safetensors file. Throws ASTARPO_IO. */
  saveOptimizer(file: string): Promise<void> {
    return saveOptimizer(this.native, file);
  }

  /** Reads what `saveOptimizer` wrote, bit for bit. Throws ASTARPO_IO, ASTARPO_SAFETENSORS, ASTARPO_CONFIG. */
  loadOptimizer(file: string): Promise<void> {
    return loadOptimizer(this.native, file);
  }

  /** Replaces the weights, the base of an adapter among them, by a folder's of the same shape. Throws like `load`. */
  loadWeights(folder: string): Promise<void> {
    return this.native.loadWeights(folder);
  }

  /**
   * SHA-256, in hex, over what decides what the policy says: shape, dtype, weights, adapter, tokenizer and chat format. An adapter whose
   * B is still 0 says nothing yet: the hash is that of the base alone.
   */
  contentHash(): Promise<string> {
    return this.native.contentHash();
  }

  /** AdamW steps taken so far. */
  get optimizerSteps(): number {
    return this.native.optimizerSteps;
  }

  /** Cancels what is queued, waits for what runs, frees the memory. Idempotent. */
  dispose(): Promise<void> {
    return this.native.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}
