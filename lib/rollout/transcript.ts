import type { Observation, StepResult } from '../env/environment.ts';
import { observationText } from '../env/observation-text.ts';
import { AStarPOError } from '../errors.ts';
import { type ChatFormat, type Conversation, openConversation } from '../model/chat/chat-format.ts';
import type { Tool } from '../model/chat/message.ts';
import { ContextBuilder } from './context-builder.ts';
import { chatInput } from './observation.ts';
import type { Context, Turn } from './trajectory.ts';

/** Ids that an observation adds. */
export interface Told {
  readonly tokens: Int32Array;
  /** Whether they are the first of a new context. */
  readonly begins: boolean;
}

/** An agent turn: the ids, their log-probs, and what goes on record. */
export interface SaidTurn extends Pick<Turn, 'text' | 'weightsVersion' | 'view'> {
  readonly tokens: Int32Array;
  readonly logps: Float32Array;
  /** Whether it was cut off before its stop token. Default false. */
  readonly unfinished?: boolean;
}

/** What was told and said in an episode, as the contexts that a model saw: one that grows, and another from each fresh observation on. */
export class Transcript {
  readonly #chat: ChatFormat;
  readonly #system: string | undefined;
  readonly #maxContext: number;
  readonly #closed: Context[] = [];
  #tools: readonly Tool[] | undefined;
  #conversation: Conversation | undefined;
  #context = new ContextBuilder();
  #last: SaidTurn | undefined;

  /** `maxContext`: tokens of one context at most. */
  constructor(chat: ChatFormat, { system, maxContext }: { system: string | undefined; maxContext: number }) {
    this.#chat = chat;
    this.#system = system;
    this.#maxContext = maxContext;
  }

  /** Tokens that the current context has room for. */
  get room(): number {
    return this.#maxContext - this.#context.length;
  }

  /** Takes in an observation; undefined, and nothing changes, when no turn would fit behind it. Throws ASTARPO_CONTEXT when it is the first. */
  observe(observation: Observation): Told | undefined {
    const conversation = this.#conversation;
    const begins = conversation === undefined || observation.fresh === true;
    const tokens = begins ? this.#open(observation) : this.#goOn(conversation, observation);
    if (tokens === undefined) return undefined;
    this.#context.environment(tokens, observationText(observation));
    return { tokens, begins };
  }

  /** Takes down an agent turn. */
  say(turn: SaidTurn): void {
    const { tokens, logps, unfinished: _unfinished, ...record } = turn;
    this.#context.agent(tokens, logps, record);
    this.#last = turn;
  }

  /** What the environment answered to the last agent turn. */
  answered(result: StepResult): void {
    this.#context.answered(result);
  }

  /** All contexts, in order. */
  build(): Context[] {
    return [...this.#closed, this.#context.build()];
  }

  #open(observation: Observation): Int32Array | undefined {
    const { tools = this.#tools, fresh } = observation;
    const conversation = openConversation(this.#chat, { system: this.#system, input: chatInput(observation), tools, single: fresh });
    const { prompt } = conversation;
    if (prompt.length >= this.#maxContext) {
      if (this.#conversation !== undefined) return undefined;
      throw new AStarPOError(
        'ASTARPO_CONTEXT',
        `expected the first prompt to leave room in a context of ${this.#maxContext} tokens, got ${prompt.length}`,
        { hint: 'raise maxContext, use a model with more positions, or shorten the observations' },
      );
    }
    if (this.#conversation !== undefined) this.#closed.push(this.#context.build());
    this.#context = new ContextBuilder();
    this.#conversation = conversation;
    this.#tools = tools;
    return prompt;
  }

  #goOn(conversation: Conversation, observation: Observation): Int32Array | undefined {
    const { text = '', unfinished = false } = this.#last ?? {};
    const next = conversation.next(text, chatInput(observation), { unfinished });
    return next.length >= this.room ? undefined : next;
  }
}
