/**
 * Hand-written types of the native addon: the whole boundary between TypeScript and C++. Every name here is an export of
 * `native/addon/addon.cc`; a unit test compares the two lists.
 *
 * Rules of the boundary: arguments are plain values and typed arrays, copied before the call returns; results are owned by JS;
 * whatever may take longer than a millisecond returns a promise; errors are `Error` with a `code` of lib/errors.ts.
 * Handles are opaque, tagged objects: a wrong or disposed one is a coded error, never a crash.
 */

declare const handleKind: unique symbol;
interface Handle<K extends string> {
  readonly [handleKind]: K;
}
export type ModelHandle = Handle<'model'>;
export type SequenceHandle = Handle<'sequence'>;
export type PassHandle = Handle<'pass'>;
export type RowsHandle = Handle<'rows'>;
export type AbortHandle = Handle<'abort'>;

export type DType = 'float32' | 'bfloat16';
export type StoredDType = 'F32' | 'BF16' | 'F16';
/**
 * Frozen tensors have 'weights' and 'merged' only (ASTARPO_ARGUMENT for another group).
 * 'merged' is for saveTensors and readTensor: a base weight with its adapter folded in, W + scale·B·A in fp32, rounded once to what it is
 * stored as; computed piece by piece. Equal to 'weights' for every tensor that no adapter belongs to.
 */
export type TensorGroup = 'weights' | 'master' | 'exp_avg' | 'exp_avg_sq' | 'gradient' | 'merged';

/** Plain fields of a decoder; units are counts unless said otherwise. */
export interface NativeModelConfig {
  vocabSize: number;
  hiddenSize: number;
  intermediateSize: number;
  layers: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  maxPositions: number;
  rmsNormEps: number;
  /** Radians per position of each rotated pair, [headDim / 2]. */
  ropeFrequencies: Float32Array;
  /** Cosines and sines are multiplied by it. */
  ropeScale: number;
  /** Biases of q, k, v; of o; of gate, up, down. */
  qkvBias: boolean;
  outputBias: boolean;
  mlpBias: boolean;
  /** RMSNorm of every query and key head before rotation. */
  qkNorm: boolean;
  /** Per layer: keys that a query sees, its own included; 0 = all before it. [layers] */
  windows: Int32Array;
  tiedHead: boolean;
  /** The token whose embedding learns nothing from being an input (padding_idx of torch's Embedding). */
  paddingTokenId?: number;
}

export interface NativeModelOptions {
  /** 'cpu' or 'cuda' or 'cuda:1' */
  device: string;
  dtype: DType;
  reproducible: boolean;
}

export interface TensorInfo {
  name: string;
  shape: number[];
  /** Has gradients and optimizer state. False for the base of a model with an adapter and for everything in a frozen copy. */
  trainable: boolean;
  /** One of an adapter's matrices, MODULE.lora_A.weight [rank, in] or MODULE.lora_B.weight [out, rank]; fp32 whatever the model's dtype. */
  adapter: boolean;
}

/** A low-rank adapter of one linear module: y = x·Wᵀ + bias + scale · dropout(x)·Aᵀ·Bᵀ (Hu et al. 2021, arXiv:2106.09685). */
export interface NativeAdapterModule {
  /** For example 'model.layers.0.self_attn.q_proj': a linear module of a layer. Embedding and head have no adapters. */
  module: string;
  rank: number;
  /** alpha / rank, or alpha / sqrt(rank) for rank-stabilised adapters. */
  scale: number;
}

export interface NativeAdapterOptions {
  /** Of the A matrices: U(−1/√in, 1/√in), element i of a matrix depends on (seed, tensor name, i) alone. B starts at 0. */
  seed: bigint;
  /** Probability, from 0 to below 1, that an element of a module's input is left out in a pass that keeps its graph. */
  dropout: number;
}

export interface NativeCopyOptions {
  /** 'copy' (default): the copy has the adapter as it is now; 'off': the copy is the base model. */
  adapter: 'copy' | 'off';
}

/** One tensor's bytes in a file: `offset` and `length` in bytes from the start of the file. */
export interface TensorRange {
  name: string;
  dtype: StoredDType;
  offset: number;
  length: number;
}

/** Sequences laid end to end. tokens[N], offsets[n+1], mask[N], temperature[n]. */
export interface NativeBatch {
  tokens: Int32Array;
  offsets: Int32Array;
  mask: Uint8Array;
  temperature: Float32Array;
}

export interface NativeForwardOptions {
  /** Reference rows for the full-vocabulary KL; this batch's rows start at `rowsBegin` among them. */
  rows?: RowsHandle;
  rowsBegin?: number;
  entropy?: boolean;
  /**
   * Required when the adapter has dropout. Which elements are left out depends on the seed, the projection (q, k, v share one, and so do
   * gate and up), the row in the batch and the column; backward leaves out the same ones.
   */
  dropoutSeed?: bigint;
}

/** All arrays have length R = Σ mask. */
export interface NativeForwardResult {
  pass: PassHandle;
  logp: Float32Array;
  kl?: Float32Array;
  entropy?: Float32Array;
}

export interface NativeRowGradients {
  logp: Float64Array;
  kl?: Float64Array;
  entropy?: Float64Array;
}

export interface NativeStepOptions {
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
  /** Largest global gradient norm; 0 = no clipping. */
  clip: number;
}

export interface NativeGenerateRequest {
  maxTokens: number;
  temperature: number;
  topP: number;
  topK: number;
  minP: number;
  greedy: boolean;
  stopIds: Int32Array;
  seed: bigint;
  /** Called on the JS thread for every sampled token, in order, before the promise settles. */
  onToken?: (id: number, logp: number) => void;
}

export interface NativeGenerateResult {
  tokens: Int32Array;
  /** Under the untruncated distribution at the request's temperature. */
  logps: Float32Array;
  finish: 'stop' | 'length' | 'context';
  /** weightsVersion that sampled. */
  version: number;
}

export interface NativeInfo {
  /** libtorch that the core was built against, 'MAJOR.MINOR.PATCH'. */
  torch: string;
  /** name of the CPU kernel table in use: 'cpu-avx512', 'cpu-avx2', 'cpu-baseline' */
  cpuKernels: string;
  cudaKernels: string | null;
  cudaDevices: number;
  threads: number;
}

export interface NativeAddon {
  info(): NativeInfo;
  /** Threads of the CPU lane; takes effect on the next job. */
  setThreads(count: number): void;
  /** Registers the CUDA plug-in that the shim preloaded. Throws ASTARPO_ABI. */
  attachCudaKernels(path: string): void;
  memory(device: string): { residentBytes: number; peakBytes: number; deviceFreeBytes?: number; deviceTotalBytes?: number };

  /**
   * Two files or folders, which must both exist, take each other's names in one step. false where the file system cannot do that: then
   * nothing has changed. Throws ASTARPO_IO.
   */
  exchangePaths(first: string, second: string): boolean;

  newAbort(): AbortHandle;
  abort(handle: AbortHandle): void;

  createModel(config: NativeModelConfig, options: NativeModelOptions): Promise<ModelHandle>;
  /**
   * A frozen copy of the weights: no gradients, no optimizer state. Tensors that are frozen in the source are shared with it, not copied,
   * until one of the two is loaded anew.
   */
  copyModel(model: ModelHandle, options?: NativeCopyOptions): Promise<ModelHandle>;
  /** The base's tensors in file order, then an adapter's. */
  tensors(model: ModelHandle): TensorInfo[];
  /** Normal weights; the embedding's standard deviation is `std` too unless given. */
  initModel(model: ModelHandle, seed: bigint, std: number, embeddingStd?: number): Promise<void>;
  /** Reads byte ranges of `file` with pread in pieces of at most 16 MiB, converting to the group's dtype. */
  loadTensors(model: ModelHandle, group: TensorGroup, file: string, ranges: TensorRange[], abort?: AbortHandle): Promise<void>;
  /** Writes tensors of a group into an existing file at the given offsets, in the given dtype. Full disk: ASTARPO_IO. */
  saveTensors(model: ModelHandle, group: TensorGroup, file: string, ranges: TensorRange[], abort?: AbortHandle): Promise<void>;
  /** Elements of one tensor as fp32, for tests and hashing: `count` from `begin` on; default: all. ASTARPO_ARGUMENT for others. */
  readTensor(model: ModelHandle, group: TensorGroup, name: string, begin?: number, count?: number): Promise<Float32Array>;

  /**
   * Gives the modules low-rank adapters and freezes everything else; weightsVersion + 1, although B = 0 changes no result yet.
   * Throws ASTARPO_TENSOR_UNKNOWN for a module that is not there, ASTARPO_ARGUMENT for one that is named twice or for none,
   * ASTARPO_ADAPTER when the model has an adapter, gradients or optimizer state, ASTARPO_GENERATING, ASTARPO_OPEN_PASS.
   */
  addAdapter(model: ModelHandle, modules: NativeAdapterModule[], options: NativeAdapterOptions): Promise<void>;
  /**
   * From here on layers multiply by W + scale·B·A, rounded once to the model's dtype and kept aside: the memory of the adapted weights
   * once more. unmergeAdapter drops that, which leaves the base bit for bit as it was. weightsVersion + 1 each. While merged, forward, step,
   * loadTensors and initModel throw ASTARPO_ADAPTER, as these two do without an adapter or when it is (not) merged already.
   */
  mergeAdapter(model: ModelHandle): Promise<void>;
  unmergeAdapter(model: ModelHandle): Promise<void>;

  optimizerStepCount(model: ModelHandle): number;
  setOptimizerStepCount(model: ModelHandle, count: number): void;
  weightsVersion(model: ModelHandle): number;

  createSequence(model: ModelHandle): SequenceHandle;
  extendSequence(sequence: SequenceHandle, tokens: Int32Array): void;
  forkSequence(sequence: SequenceHandle): SequenceHandle;
  sequenceTokens(sequence: SequenceHandle): Int32Array;
  releaseSequence(sequence: SequenceHandle): void;
  generate(sequence: SequenceHandle, request: NativeGenerateRequest, abort?: AbortHandle): Promise<NativeGenerateResult>;

  score(model: ModelHandle, batch: NativeBatch, abort?: AbortHandle): Promise<Float32Array>;
  /**
   * For tests and tools: [R, vocabSize] fp32, R = Σ mask; row r holds the logits that score the r-th masked token (those of the position before
   * it), before any temperature. More than 1 GiB: ASTARPO_BATCH.
   */
  logits(model: ModelHandle, batch: NativeBatch, abort?: AbortHandle): Promise<Float32Array>;
  rows(model: ModelHandle, batch: NativeBatch, abort?: AbortHandle): Promise<{ rows: RowsHandle; logp: Float32Array }>;
  releaseRows(rows: RowsHandle): void;
  forward(model: ModelHandle, batch: NativeBatch, options: NativeForwardOptions, abort?: AbortHandle): Promise<NativeForwardResult>;
  backward(pass: PassHandle, gradients: NativeRowGradients, abort?: AbortHandle): Promise<void>;
  dropPass(pass: PassHandle): void;
  step(model: ModelHandle, options: NativeStepOptions): Promise<{ gradNorm: number; skipped: boolean }>;
  discardGradients(model: ModelHandle): Promise<void>;

  /** Cancels the model's queued work, waits for the running job, frees. Later use: ASTARPO_DISPOSED. */
  disposeModel(model: ModelHandle): Promise<void>;
}
