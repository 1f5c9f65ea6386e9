/** Every error that astar-po throws on purpose has a `code` of this table; the text says what that code means. */
export const errorCodes = {
  // installation
  ASTARPO_NO_LIBTORCH: 'no usable libtorch was found',
  ASTARPO_LIBTORCH_VERSION: 'libtorch has another version than the addon was built for',
  ASTARPO_LIBTORCH_FOLDER: 'LIBTORCH does not name a libtorch folder',
  ASTARPO_LIBTORCH_CONFLICT: 'another libtorch is already loaded in this process',
  ASTARPO_CORE_CONFLICT: 'another copy of the native core is already loaded in this process',
  ASTARPO_NO_ADDON: 'the native addon is not built for this platform',
  ASTARPO_DLOPEN: 'a native library could not be opened',
  ASTARPO_ABI: 'native files of different builds were mixed',
  ASTARPO_DOWNLOAD: 'a download failed or did not verify',
  ASTARPO_DEVICE: 'the device that was asked for is not available',
  // arguments
  ASTARPO_OPTION: 'an option has a value that is not allowed',
  ASTARPO_UNKNOWN_OPTION: 'an option is not known',
  ASTARPO_ARGUMENT: 'a native call got an argument of the wrong type or shape',
  ASTARPO_BATCH: 'a packed batch is inconsistent',
  ASTARPO_TOKEN_RANGE: 'a token id is outside the vocabulary',
  ASTARPO_EMPTY_PROMPT: 'generation needs at least one token',
  ASTARPO_CONTEXT: 'more tokens than the model has positions',
  // life time
  ASTARPO_DISPOSED: 'the object was disposed',
  ASTARPO_BUSY: 'the object is in use',
  ASTARPO_GENERATING: 'the weights cannot change while rows are generating',
  ASTARPO_OPEN_PASS: 'a forward pass is still open',
  ASTARPO_PASS_CONSUMED: 'a pass can be used for one backward only',
  ASTARPO_ABORTED: 'the call was aborted',
  ASTARPO_STALE: 'the weights changed since the pass or the rows were made',
  // models and files
  ASTARPO_CONFIG: 'a model configuration cannot be used',
  ASTARPO_ARCHITECTURE: 'the model architecture is not supported',
  ASTARPO_TENSOR_UNKNOWN: 'a tensor is not part of the model',
  ASTARPO_ADAPTER: 'an adapter cannot be used with the model, or does not allow what is asked',
  ASTARPO_TENSOR_MISSING: 'a tensor of the model is missing in the files',
  ASTARPO_SAFETENSORS: 'a safetensors file is damaged or lies about its contents',
  ASTARPO_TOKENIZER: 'the tokenizer files cannot be used',
  ASTARPO_CHAT_TEMPLATE: 'a chat template cannot be used',
  ASTARPO_IO: 'a file could not be read or written',
  // environments and runs
  ASTARPO_ENVIRONMENT: 'an environment broke its contract',
  ASTARPO_TIMEOUT: 'an environment did not answer in time',
  ASTARPO_TASKS: 'a task or split does not exist',
  ASTARPO_DATA: 'environment data cannot be used',
  ASTARPO_REWARD: 'a reward is not a finite number',
  ASTARPO_VSTAR: 'the V* store cannot be used',
  ASTARPO_VSTAR_MISSING: 'a task has too few stored returns',
  ASTARPO_RUN_FOLDER: 'the run folder belongs to another configuration',
  ASTARPO_CHECKPOINT: 'a checkpoint is damaged',
  ASTARPO_REQUEST: 'a request to the shop in a browser was refused',
  ASTARPO_PORT: 'the shop cannot listen on the port or host',
  ASTARPO_NO_SIGNAL: 'nothing is left to learn from',
  ASTARPO_NON_FINITE: 'weights, losses or gradients are not finite',
  ASTARPO_REJECTED: 'too many trajectories were rejected',
  // native
  ASTARPO_OUT_OF_MEMORY: 'a device ran out of memory',
  ASTARPO_TORCH: 'libtorch reported an error',
  ASTARPO_INTERNAL: 'this is a bug in astar-po',
} as const;

export type ErrorCode = keyof typeof errorCodes;

/**
 * What astar-po throws: `message` says what was expected and what came, `hint` what to do next, `code` is stable.
 */
export class AStarPOError extends Error {
  override readonly name = 'AStarPOError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(
      options.hint === undefined ? message : `${message}\n  ${options.hint}`,
      options.cause === undefined ? {} : { cause: options.cause },
    );
    this.code = code;
    this.hint = options.hint;
  }
}

/** True when `error` is an AStarPOError, of the given code if one is given. */
export function isAStarPOError(error: unknown, code?: ErrorCode): error is AStarPOError {
  return error instanceof AStarPOError && (code === undefined || error.code === code);
}
