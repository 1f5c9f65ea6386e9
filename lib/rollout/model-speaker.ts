import type { Observation } from '../env/environment.ts';
import type { ChatFormat } from '../model/chat/chat-format.ts';
import type { Generator, SamplingOptions, Sequence } from '../model/generator.ts';
import type { Transcript } from './transcript.ts';

/** A model that takes part in a conversation: Policy and ReferenceModel both are one. */
export interface ChatGenerator extends Generator {
  readonly chat: ChatFormat;
}

/** What a model said. */
export interface Speech {
  readonly text: string;
  /** What cut it off before its stop token, if anything: the turn's own limit of tokens, or that of the context. */
  readonly cut: 'turn' | 'context' | undefined;
}

/** A model in an episode: its keys and values stay for as long as a context grows, and the transcript has all it hears and says. */
export class ModelSpeaker {
  readonly #generator: ChatGenerator;
  readonly #transcript: Transcript;
  #sequence: Sequence | undefined;

  constructor(generator: ChatGenerator, transcript: Transcript) {
    this.#generator = generator;
    this.#transcript = transcript;
  }

  /** False when no turn would fit behind the observation. Throws as `Transcript.observe` does. */
  hear(observation: Observation): boolean {
    const told = this.#transcript.observe(observation);
    if (told === undefined) return false;
    if (told.begins) {
      // Before the next one takes memory.
      this.release();
      this.#sequence = this.#generator.sequence(told.tokens);
    } else {
      this.#sequence?.extend(told.tokens);
    }
    return true;
  }

  /** Samples a turn behind what was heard. Throws what the model throws. */
  async speak(sampling: SamplingOptions, seed: bigint, signal: AbortSignal): Promise<Speech> {
    const { chat, view } = this.#generator;
    const sequence = this.#sequence as Sequence;
    const { room } = this.#transcript;
    const maxTokens = Math.min(sampling.maxTokens, room);
    const generated = await sequence.generate({ ...sampling, maxTokens, stopIds: chat.stopIds, seed }, { signal });
    const { tokens, logps, finish, weightsVersion } = generated;
    const text = chat.text(tokens);
    this.#transcript.say({ tokens, logps, text, weightsVersion, view, unfinished: finish !== 'stop' });
    if (finish === 'stop') return { text, cut: undefined };
    return { text, cut: finish === 'context' || room < sampling.maxTokens ? 'context' : 'turn' };
  }

  /** Frees the keys and values; idempotent. */
  release(): void {
    this.#sequence?.release();
    this.#sequence = undefined;
  }
}
