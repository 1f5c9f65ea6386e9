import pc from 'picocolors';
import type { MemoryPlan, MemoryPlanInput } from '../train/memory-plan.ts';

/** What a plan is measured against. */
export interface MemoryRoom {
  /** 'this machine', 'cuda:0' */
  readonly place: string;
  readonly bytes: number;
}

/** Whether the most that is live at a time is there. */
export function fits(plan: MemoryPlan, room: MemoryRoom): boolean {
  return plan.peak <= room.bytes;
}

/** The plan line by line; the last line says whether it fits. */
export function describeMemory(name: string, input: MemoryPlanInput, plan: MemoryPlan, room: MemoryRoom): string {
  const { dtype, microBatchTokens, sequences, context, adapter } = input;
  const lines: (readonly [string, number, string])[] = [
    ['weights', plan.weights, `${millions(plan.parameters - plan.adapter / 4)} parameters in ${dtype}`],
    ['reference', plan.reference, adapter === undefined ? 'a frozen copy' : 'the base is shared'],
    ...(adapter === undefined ? [] : [['adapter', plan.adapter, `${millions(plan.trainable)} parameters in float32`] as const]),
    ['gradients', plan.gradients, `${millions(plan.trainable)} in float32`],
    ['optimizer', plan.optimizer, 'AdamW, from the first step on'],
    ['keys, values', plan.cache, `${sequences} sequences of ${context} tokens, ${kilobytes(plan.cachePerToken)} a token`],
    ['activations', plan.activations, `${microBatchTokens} tokens a pass, ${kilobytes(plan.activationsPerToken)} a token`],
    ['intermediates', plan.scratch, 'the largest of a pass'],
    ['logits', plan.logits, 'one chunk'],
    ['runtime', plan.runtime, 'Node, libtorch and the addon'],
  ];
  const totals: (readonly [string, number, string])[] = [
    ['rollout', plan.rollout, 'while episodes are played: all but activations, intermediates and logits of training'],
    ['update', plan.update, 'while a step is taken: all but keys and values'],
  ];
  const width = Math.max(...[...lines, ...totals].map(([what]) => what.length));
  const print = ([what, bytes, about]: readonly [string, number, string]) =>
    `${pc.bold(what.padEnd(width))}  ${memory(bytes).padStart(10)}  ${about}`;
  const verdict = fits(plan, room)
    ? pc.green(`fits ${room.place}: ${memory(plan.peak)} of ${memory(room.bytes)}`)
    : pc.red(`does not fit ${room.place}: ${memory(plan.peak)} of ${memory(room.bytes)}; ${advice(input, plan, room)}`);
  return [`memory of ${name}`, ...lines.map(print), ...totals.map(print), verdict, ''].join('\n');
}

/** The option that helps most. */
function advice({ dtype, adapter }: MemoryPlanInput, plan: MemoryPlan, room: MemoryRoom): string {
  const over = plan.peak - room.bytes;
  if (plan.rollout >= plan.update && plan.cache > over) return 'lower --concurrency or --max-context';
  if (plan.update > plan.rollout && plan.activations + plan.scratch > over) return 'lower --micro-batch-tokens';
  if (adapter === undefined) return 'train an adapter: --lora-rank';
  return dtype === 'float32' ? 'take --dtype bfloat16' : 'a smaller model is needed';
}

/** Like the machine's own memory, in powers of two. */
function memory(bytes: number): string {
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}

function kilobytes(bytes: number): string {
  return `${(bytes / 2 ** 10).toFixed(1)} KiB`;
}

function millions(count: number): string {
  return count < 1e9 ? `${(count / 1e6).toFixed(1)} million` : `${(count / 1e9).toFixed(2)} billion`;
}
