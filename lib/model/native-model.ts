import { join } from 'node:path';
import { AStarPOError } from '../errors.ts';
import type { AbortHandle, ModelHandle, NativeAddon, TensorGroup, TensorInfo, TensorRange } from '../native/addon.ts';
import { nativeAddon } from '../native/load.ts';
import { collectGarbage } from '../util/collect-garbage.ts';
import { catchLeak, DisposeGuard, forgetLeak } from '../util/dispose.ts';
import { abortWith } from '../util/on-abort.ts';
import { callNative, callNativeSync } from './call-native.ts';
import type { ChatFormat } from './chat/chat-format.ts';
import type { TemplateSource } from './chat/chat-template.ts';
import { loadChatFormat } from './chat/choose-format.ts';
import type { ChatOptions } from './chat/options.ts';
import { fromHuggingFace, type ModelConfig, toNative } from './config.ts';
import { checkModelConfig } from './config-check.ts';
import { contentHash, hashBase } from './content-hash.ts';
import { type DeviceOptions, type ResolvedDevice, resolveDevice } from './device-options.ts';
import { readJsonFile } from './files.ts';
import type { Generated, GenerateParams } from './generator.ts';
import type { ModelSource } from './hub/resolve-model.ts';
import type { Adapter } from './lora/adapter.ts';
import { baseFingerprint } from './lora/fingerprint.ts';
import type { PackedBatch } from './packed-batch.ts';
import type { ProgressReport } from './progress.ts';
import type { SafetensorsLayout } from './safetensors.ts';
import { ModelSequence } from './sequence.ts';
import { TextFiles } from './text-files.ts';
import { Tokenizer } from './tokenizer.ts';
import { bytesOf, partsOf, planWeights, weightRanges } from './weight-files.ts';

/** One request of `generate`: the ids before it and how to sample. */
export interface GenerateRequest {
  readonly prompt: Int32Array | readonly number[];
  readonly params: GenerateParams;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** The text side of a model: what its ids mean. */
export interface TextParts {
  readonly tokenizer: Tokenizer;
  /** Or why there is none. */
  readonly chat: ChatFormat | AStarPOError;
  /** The chat template that the model's folder came with. */
  readonly folderTemplate?: TemplateSource | undefined;
}

/** What loading a model tells and heeds. */
export interface LoadWork extends CallOptions {
  readonly progress?: ProgressReport;
  readonly chat?: ChatOptions | undefined;
}

/** A model in native memory: what Policy and ReferenceModel share. Library-internal. */
export class NativeModel {
  readonly what: string;
  readonly addon: NativeAddon;
  readonly handle: ModelHandle;
  readonly config: ModelConfig;
  readonly device: ResolvedDevice;
  readonly #text: TextParts;
  readonly #guard: DisposeGuard;
  #source: ModelSource | undefined;
  #textFiles: TextFiles | undefined;
  #adapter: Adapter | undefined;
  /** What was found out about a base that an adapter froze: asked for again and again, and seconds of work. */
  #frozenBase: { hash?: string; fingerprint?: string } = {};

  private constructor(what: string, addon: NativeAddon, handle: ModelHandle, config: ModelConfig, text: TextParts, device: ResolvedDevice) {
    this.what = what;
    this.addon = addon;
    this.handle = handle;
    this.config = config;
    this.#text = text;
    this.device = device;
    this.#guard = new DisposeGuard(what);
    catchLeak(this, what, disposer(addon, handle));
  }

  /** Room for a model; the weights are zero until they are drawn or loaded. */
  static async create(what: string, config: ModelConfig, text: TextParts, options: DeviceOptions): Promise<NativeModel> {
    if (text.tokenizer.vocabSize > config.vocabSize) {
      throw new AStarPOError(
        'ASTARPO_TOKENIZER',
        `expected a tokenizer of at most ${config.vocabSize} ids (vocab_size of config.json), got ${text.tokenizer.vocabSize} ids in tokenizer.json`,
        { hint: 'the two files are of different models: fetch both again, or give the model a larger vocabulary' },
      );
    }
    checkModelConfig(config);
    const device = resolveDevice(options);
    const addon = nativeAddon();
    const { threads, ...native } = device;
    if (threads !== undefined) callNativeSync(() => addon.setThreads(threads));
    const handle = await callNative(addon, () => addon.createModel(toNative(config), native));
    return new NativeModel(what, addon, handle, config, text, device);
  }

  /** A model from a Hugging Face folder. */
  static async load(what: string, source: ModelSource, options: DeviceOptions, work: LoadWork = {}): Promise<NativeModel> {
    const { folder } = source;
    const json = await readJsonFile(join(folder, 'config.json'), 'ASTARPO_CONFIG');
    if (json === undefined) {
      throw new AStarPOError('ASTARPO_IO', `expected a model folder with config.json, got ${folder}`, {
        hint: 'give the path of a Hugging Face model folder (config.json, model.safetensors, tokenizer.json)',
      });
    }
    const generation = await readJsonFile(join(folder, 'generation_config.json'), 'ASTARPO_CONFIG');
    const config = fromHuggingFace(json, generation, join(folder, 'config.json'));
    const before = process.memoryUsage().heapUsed;
    const tokenizer = await Tokenizer.load(folder);
    // The JSON of a large vocabulary would stay until long after the weights have come.
    if (process.memoryUsage().heapUsed - before > 2 ** 24) collectGarbage();
    const chat = await loadChatFormat(folder, tokenizer, { options: work.chat, eosTokenIds: config.eosTokenIds });
    const model = await NativeModel.create(what, config, { tokenizer, ...chat }, options);
    try {
      await model.loadWeights(folder, work);
      model.#source = source;
      model.#textFiles = await TextFiles.of(folder);
    } catch (error) {
      await model.dispose();
      throw error;
    }
    return model;
  }

  /** A frozen copy of the weights under another name, with the adapter as it is now or without it; the base of an adapter is shared. */
  async copy(what: string, adapter: 'copy' | 'off' = 'copy'): Promise<NativeModel> {
    const handle = await this.call(() => this.addon.copyModel(this.handle, { adapter }));
    const copy = new NativeModel(what, this.addon, handle, this.config, this.#text, this.device);
    copy.#source = this.#source;
    copy.#textFiles = this.#textFiles;
    if (adapter === 'copy') copy.#adapter = this.#adapter;
    if (this.#adapter !== undefined) copy.#frozenBase = this.#frozenBase;
    return copy;
  }

  get tokenizer(): Tokenizer {
    return this.#text.tokenizer;
  }

  /** Throws ASTARPO_TOKENIZER or ASTARPO_CHAT_TEMPLATE for a model without one. */
  get chat(): ChatFormat {
    const { chat } = this.#text;
    if (chat instanceof AStarPOError) throw chat;
    return chat;
  }

  /** Undefined for a model without a chat format. */
  get chatOrNone(): ChatFormat | undefined {
    const { chat } = this.#text;
    return chat instanceof AStarPOError ? undefined : chat;
  }

  get folderTemplate(): TemplateSource | undefined {
    return this.#text.folderTemplate;
  }

  /** Where the weights came from; undefined for weights that were drawn. */
  get source(): ModelSource | undefined {
    return this.#source;
  }

  /** Tokenizer and generation settings as they came; undefined for a model that was made here. */
  get textFiles(): TextFiles | undefined {
    return this.#textFiles;
  }

  /** Whether both models read the same base in memory. */
  sharesBase(other: NativeModel): boolean {
    return this.#frozenBase === other.#frozenBase;
  }

  get adapter(): Adapter | undefined {
    return this.#adapter;
  }

  /** Gives modules an adapter and freezes the rest. */
  async addAdapter({ settings, modules }: Omit<Adapter, 'merged'>, seed: bigint): Promise<void> {
    const native = modules.map(({ module, rank, scale }) => ({ module, rank, scale }));
    await this.call(() => this.addon.addAdapter(this.handle, native, { seed, dropout: settings.dropout }));
    this.#adapter = { settings, modules, merged: false };
  }

  /** Folds the adapter into a copy of the weights, or drops that copy. */
  async setMerged(merged: boolean): Promise<void> {
    await this.call(() => (merged ? this.addon.mergeAdapter(this.handle) : this.addon.unmergeAdapter(this.handle)));
    if (this.#adapter !== undefined) this.#adapter = { ...this.#adapter, merged };
  }

  get disposed(): boolean {
    return this.#guard.disposed;
  }

  /** Throws ASTARPO_DISPOSED after dispose(). */
  check(): void {
    this.#guard.check();
  }

  /** An asynchronous native call on this model. */
  async call<T>(operation: (abort?: AbortHandle) => Promise<T>, options: CallOptions = {}): Promise<T> {
    this.check();
    return await callNative(this.addon, operation, options);
  }

  get weightsVersion(): number {
    this.check();
    return callNativeSync(() => this.addon.weightsVersion(this.handle));
  }

  /** AdamW steps taken so far, those before a resumed run included. */
  get optimizerSteps(): number {
    this.check();
    return callNativeSync(() => this.addon.optimizerStepCount(this.handle));
  }

  /** The tensors of the Hugging Face model, in file order; not an adapter's. */
  tensors(): TensorInfo[] {
    return this.#allTensors().filter(({ adapter }) => !adapter);
  }

  adapterTensors(): TensorInfo[] {
    return this.#allTensors().filter(({ adapter }) => adapter);
  }

  /** Those that gradients and the optimizer know. */
  trainableTensors(): TensorInfo[] {
    return this.#allTensors().filter(({ trainable }) => trainable);
  }

  #allTensors(): TensorInfo[] {
    this.check();
    return callNativeSync(() => this.addon.tensors(this.handle));
  }

  /** Values of one tensor in fp32: `count` from `begin` on, or all. */
  readTensor(name: string, begin?: number, count?: number): Promise<Float32Array> {
    return this.call(() => this.addon.readTensor(this.handle, 'weights', name, begin, count));
  }

  sequence(prefix?: Int32Array | readonly number[]): ModelSequence {
    return ModelSequence.create(this, prefix);
  }

  /** All requests at once; when one fails the others are cancelled and its error is thrown. */
  async generate(requests: readonly GenerateRequest[], options: CallOptions = {}): Promise<Generated[]> {
    const sequences: ModelSequence[] = [];
    const cancel = new AbortController();
    const stopListening = abortWith(cancel, options.signal);
    const { signal } = cancel;
    try {
      for (const { prompt } of requests) sequences.push(this.sequence(prompt));
      const running = requests.map(async ({ params }, i) => await (sequences[i] as ModelSequence).generate(params, { signal }));
      try {
        return await Promise.all(running);
      } catch (error) {
        cancel.abort(error);
        await Promise.allSettled(running);
        throw error;
      }
    } finally {
      stopListening();
      for (const sequence of sequences) sequence.release();
    }
  }

  score(batch: PackedBatch, options: CallOptions = {}): Promise<Float32Array> {
    return this.call((abort) => this.addon.score(this.handle, batch, abort), options);
  }

  /** Reads the weights of a Hugging Face folder; every header is checked against the model before a byte is loaded. */
  async loadWeights(folder: string, work: LoadWork = {}): Promise<void> {
    const files = await planWeights(folder, this.tensors(), this.config);
    this.#frozenBase = {};
    const totalBytes = files.reduce((sum, { ranges }) => sum + bytesOf(ranges), 0);
    let bytes = 0;
    for (const { path, ranges } of files) {
      for (const part of partsOf(ranges)) {
        await this.loadTensors('weights', path, part, work);
        bytes += bytesOf(part);
        work.progress?.report({ type: 'weights', file: path, bytes, totalBytes });
      }
    }
  }

  /** Reads tensors of one group from byte ranges of a file. */
  loadTensors(group: TensorGroup, path: string, ranges: TensorRange[], options: CallOptions = {}): Promise<void> {
    return this.call((abort) => this.addon.loadTensors(this.handle, group, path, ranges, abort), { signal: options.signal });
  }

  /** Writes a layout's tensors of one group into a file that has room for them. */
  writeTensors(group: TensorGroup, path: string, layout: SafetensorsLayout, options: CallOptions = {}): Promise<void> {
    return this.call((abort) => this.addon.saveTensors(this.handle, group, path, weightRanges(layout), abort), options);
  }

  /** See NativeAddon. */
  exchangePaths(first: string, second: string): boolean {
    return callNativeSync(() => this.addon.exchangePaths(first, second));
  }

  /** Runs several native calls that must see one state of the weights. Throws ASTARPO_STALE when these changed meanwhile. */
  async atOneVersion<T>(work: () => Promise<T>): Promise<T> {
    const version = this.weightsVersion;
    const result = await work();
    if (this.weightsVersion === version) return result;
    throw new AStarPOError('ASTARPO_STALE', `expected weights of version ${version} throughout, got ${this.weightsVersion} at the end`, {
      hint: 'await this call before the next step() or load',
    });
  }

  /** See content-hash.ts. */
  contentHash(): Promise<string> {
    return this.atOneVersion(() => contentHash(this));
  }

  /** The content hash of the model without its adapter. */
  async baseHash(): Promise<string> {
    const known = this.#frozenBase;
    const hash = known.hash ?? (await hashBase(this));
    if (this.#adapter !== undefined) known.hash = hash;
    return hash;
  }

  /** A mark of the base's weights that does not depend on the dtype. */
  async baseFingerprint(): Promise<string> {
    const known = this.#frozenBase;
    const fingerprint = known.fingerprint ?? (await baseFingerprint(this));
    if (this.#adapter !== undefined) known.fingerprint = fingerprint;
    return fingerprint;
  }

  dispose(): Promise<void> {
    return this.#guard.dispose(async () => {
      forgetLeak(this);
      await callNative(this.addon, disposer(this.addon, this.handle));
    });
  }
}

function disposer(addon: NativeAddon, handle: ModelHandle): () => Promise<void> {
  return () => addon.disposeModel(handle);
}
