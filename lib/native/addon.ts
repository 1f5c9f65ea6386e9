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
export type TensorGroup = 'weights' | 'master' | 'exp_avg' | 'exp_avg_sq' | 'gradient';

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

  newAbort(): AbortHandle;
  abort(handle: AbortHandle): void;

  createModel(config: NativeModelConfig, options: NativeModelOptions): Promise<ModelHandle>;
  /** A frozen copy of the weights: no gradients, no optimizer state. */
  copyModel(model: ModelHandle): Promise<ModelHandle>;
  tensors(model: ModelHandle): TensorInfo[];
  /** Normal weights; the embedding's standard deviation is `std` too unless given. */
  initModel(model: ModelHandle, seed: bigint, std: number, embeddingStd?: number): Promise<void>;
  /** Reads byte ranges of `file` with pread in pieces of at most 16 MiB, converting to the group's dtype. */
  loadTensors(model: ModelHandle, group: TensorGroup, file: string, ranges: TensorRange[], abort?: AbortHandle): Promise<void>;
  /** Writes tensors of a group into an existing file at the given offsets, in the given dtype. Full disk: ASTARPO_IO. */
  saveTensors(model: ModelHandle, group: TensorGroup, file: string, ranges: TensorRange[], abort?: AbortHandle): Promise<void>;
  /** One tensor as fp32, for tests and hashing. */
  readTensor(model: ModelHandle, group: TensorGroup, name: string): Promise<Float32Array>;
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
