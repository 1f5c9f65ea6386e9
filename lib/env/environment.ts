import type { ChatMessage, Tool } from '../model/chat/message.ts';
import type { JsonObject } from '../util/json.ts';

/** One task instance: `id` is unique in its environment and never depends on the split or its order. */
export interface Task {
  readonly id: string;
}

/** A fixed, ordered list of tasks. */
export interface TaskList<T extends Task = Task> {
  readonly length: number;
  at(index: number): T;
}

/** What the agent sees: text, or chat messages for models with a chat template. */
export type Observation = TextObservation | MessagesObservation;

interface ObservationExtras {
  /** The actions that are valid now, where the environment knows them. */
  readonly validActions?: readonly string[];
  /** Where a context begins: functions that the agent may call, as JSON schemas. */
  readonly tools?: readonly Tool[];
  /**
   * Begins a new context: the model sees the system prompt (if any), the tools and this observation, and nothing of what was said
   * before. For prompts that tell the history themselves. The first observation begins a context in any case; where it says fresh too, the
   * next ones are expected to, and the model's chat template may do as it likes with earlier turns. Default false.
   */
  readonly fresh?: boolean;
}

/** Becomes one user message. */
export interface TextObservation extends ObservationExtras {
  readonly text: string;
  readonly messages?: undefined;
}

/**
 * Messages with the roles system (where a context begins), user and tool. Those after an action may begin with an assistant message:
 * how the environment understood the action (its `tool_calls`), for templates that want calls as data.
 */
export interface MessagesObservation extends ObservationExtras {
  readonly messages: readonly ChatMessage[];
  readonly text?: undefined;
}

export interface StepResult {
  /** What the agent sees next; may be left out when `done`. */
  readonly observation?: Observation;
  /** Paid for this action; the return of an episode is the sum. */
  readonly reward: number;
  /** Named parts of the reward, for the record. */
  readonly rewards?: Readonly<Record<string, number>>;
  readonly done: boolean;
  /** Whether the task was solved; only read when `done`. */
  readonly success?: boolean;
  /** False when the action was not understood or not possible. */
  readonly valid?: boolean;
  readonly info?: JsonObject;
}

/** One live episode: all state is here, so that one environment serves thousands at a time. */
export interface Episode {
  readonly first: Observation;
  step(action: string): StepResult | Promise<StepResult>;
  close?(): void | Promise<void>;
}

/**
 * A factory of episodes. `version` changes whenever behaviour changes and `config` holds all that changes behaviour: both are
 * part of the key under which V* is stored.
 */
export interface Environment<T extends Task = Task> {
  readonly id: string;
  readonly version: string;
  readonly config: JsonObject;
  /** How it pays, in a few words, where that is not its usual way; results name it. */
  readonly scoring?: string | undefined;
  /** Throws ASTARPO_TASKS for an unknown split, naming those that exist. */
  tasks(split: string): TaskList<T>;
  open(task: T, options: { seed: bigint; signal: AbortSignal }): Promise<Episode>;
}
