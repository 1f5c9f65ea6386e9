import { AStarPOError } from '../errors.ts';
import type { DType } from '../native/addon.ts';
import { type OptionNames, refuseUnknownOptions } from '../util/known-options.ts';
import { nameHint } from '../util/nearest-name.ts';

/** Where and how a model runs. */
export interface DeviceOptions {
  /** 'cpu' (default), 'cuda' or 'cuda:N'. */
  readonly device?: string;
  /** Of weights and activations; default 'float32' on the CPU, 'bfloat16' on CUDA. */
  readonly dtype?: DType;
  /** Results of a sequence do not depend on what else runs beside it. Default false: faster. */
  readonly reproducible?: boolean;
  /** CPU threads of native work, for the whole process; default: left as it is. */
  readonly threads?: number;
}

export interface ResolvedDevice {
  readonly device: string;
  readonly dtype: DType;
  readonly reproducible: boolean;
  readonly threads: number | undefined;
}

const deviceNames: OptionNames<DeviceOptions> = { device: true, dtype: true, reproducible: true, threads: true };
const dtypes: readonly DType[] = ['float32', 'bfloat16'];

/**
 * Defaults and checks. Throws ASTARPO_OPTION, ASTARPO_UNKNOWN_OPTION. Whether a CUDA device is there is known only when a model is
 * made: ASTARPO_DEVICE.
 */
export function resolveDevice(options: DeviceOptions): ResolvedDevice {
  refuseUnknownOptions('the model', options, deviceNames);
  const { device = 'cpu', reproducible = false, threads } = options;
  if (!/^(cpu|cuda(:\d+)?)$/.test(device)) throw wrong('device', `'cpu', 'cuda' or 'cuda:N'`, device, nameHint(device, ['cpu', 'cuda']));
  const dtype = options.dtype ?? (device === 'cpu' ? 'float32' : 'bfloat16');
  if (!dtypes.includes(dtype)) throw wrong('dtype', `'float32' or 'bfloat16'`, dtype, nameHint(String(dtype), dtypes));
  if (typeof reproducible !== 'boolean') throw wrong('reproducible', 'true or false', reproducible);
  if (threads !== undefined && (!Number.isInteger(threads) || threads < 1)) throw wrong('threads', 'a positive integer', threads);
  return { device, dtype, reproducible, threads };
}

function wrong(name: string, expected: string, value: unknown, hint?: string): AStarPOError {
  const options = hint === undefined ? {} : { hint };
  return new AStarPOError('ASTARPO_OPTION', `expected ${name} to be ${expected}, got ${JSON.stringify(value)}`, options);
}
