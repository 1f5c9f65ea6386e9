import { totalmem } from 'node:os';
import type { DoctorConfig } from '../config.ts';
import { AStarPOError } from '../errors.ts';
import { resolveDevice } from '../model/device-options.ts';
import { adapterModules } from '../model/lora/options.ts';
import { readShape } from '../model/read-shape.ts';
import { nativeAddon } from '../native/load.ts';
import { type MemoryPlanInput, planMemory } from '../train/memory-plan.ts';
import { defined } from '../util/defined.ts';
import { describeMemory, fits, type MemoryRoom } from './memory-table.ts';
import { loraOptions } from './open.ts';

/** Tokens of an episode, unless told: with the models' own limits of 100,000 positions and more nothing would ever fit. */
const usualContext = 4096;

/** Prints the plan of a training; the exit status is 1 when it does not fit. */
export async function planTraining(config: DoctorConfig, model: string): Promise<void> {
  const lora = loraOptions(config, 0);
  const { device, dtype } = resolveDevice(defined({ device: config.device, dtype: config.dtype }));
  const { revision, offline, base } = config;
  const shape = await readShape(model, defined({ revision, offline, base }));
  if (lora !== undefined && shape.adapter !== undefined) {
    throw new AStarPOError('ASTARPO_OPTION', `expected no --lora-rank for ${model}, which is the folder of an adapter`, {
      hint: 'leave it out to plan for that adapter, or give the folder of its base to plan for a new one',
    });
  }
  const input: MemoryPlanInput = {
    config: shape.config,
    dtype,
    adapter: lora === undefined ? shape.adapter : adapterModules(lora, shape.config),
    microBatchTokens: config.microBatchTokens,
    sequences: config.concurrency,
    context: config.maxContext ?? Math.min(usualContext, shape.config.maxPositions),
  };
  const plan = planMemory(input);
  const room = roomOf(device);
  const { config: _shape, adapter: _adapter, ...sizes } = input;
  process.stdout.write(
    config.json
      ? `${JSON.stringify({ model, ...sizes, room, fits: fits(plan, room), plan }, null, 2)}\n`
      : describeMemory(model, input, plan, room),
  );
  if (!fits(plan, room)) process.exitCode = 1;
}

/** The memory of the machine, or less where a container is allowed less; for CUDA that of the device, whose driver must be asked. */
function roomOf(device: string): MemoryRoom {
  if (device === 'cpu') return { place: 'this machine', bytes: Math.min(totalmem(), process.constrainedMemory() || totalmem()) };
  return { place: device, bytes: nativeAddon().memory(device).deviceTotalBytes ?? 0 };
}
