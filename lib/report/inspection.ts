import { AStarPOError } from '../errors.ts';
import type { Tokenizer } from '../model/tokenizer.ts';
import type { Context, FinishReason, Trajectory, Turn } from '../rollout/trajectory.ts';

/** One token as the model saw it. */
export interface InspectedToken {
  readonly id: number;
  /** Text that is certain with this token: nothing while a character is not complete. */
  readonly text: string;
  /** Log-prob when it was sampled; undefined for a token that was not. */
  readonly logp: number | undefined;
}

/** Tokens in a row, of one turn, which all count in training or all do not. */
export interface InspectedSpan {
  /** Place of the context in the trajectory, and of the turn in the context. */
  readonly context: number;
  readonly turn: number;
  readonly role: Turn['role'];
  /** Token range [start, end) in the context. */
  readonly start: number;
  readonly end: number;
  /** Whether these tokens are trained: mask 1. */
  readonly trained: boolean;
  readonly text: string;
  /** Sum of the log-probs; undefined where nothing was sampled. */
  readonly logp: number | undefined;
  readonly tokens: readonly InspectedToken[];
  /** Paid for the turn, and by which weights it was sampled; undefined for turns of the environment. */
  readonly reward: number | undefined;
  readonly weightsVersion: number | undefined;
}

export interface InspectedContext {
  readonly tokens: number;
  readonly trainedTokens: number;
}

/** A trajectory as text, with what is trained. */
export interface Inspection {
  readonly taskId: string;
  readonly sample: number;
  readonly seed: bigint;
  readonly return: number;
  readonly success: boolean;
  readonly finish: FinishReason;
  readonly agentTurns: number;
  /** Each was a prompt of its own for the model; in training they count as one episode. */
  readonly contexts: readonly InspectedContext[];
  /** Of all contexts. */
  readonly tokens: number;
  readonly trainedTokens: number;
  /** Of all contexts, in order. */
  readonly spans: readonly InspectedSpan[];
  /** Agent turns whose stored text is not what the tokenizer reads: it is then probably that of another model. */
  readonly foreignTurns: number;
}

/** Takes a trajectory apart into spans. Throws ASTARPO_TOKEN_RANGE for ids that the tokenizer does not have. */
export function inspectTrajectory(trajectory: Trajectory, tokenizer: Tokenizer): Inspection {
  const { taskId, sample, seed, success, finish, agentTurns } = trajectory;
  const spans = trajectory.contexts.map((context, place) => inspectContext(context, place, tokenizer));
  const contexts = spans.map((all) => ({ tokens: countTokens(all), trainedTokens: countTokens(all.filter(({ trained }) => trained)) }));
  return {
    ...{ taskId, sample, seed, success, finish, agentTurns, contexts },
    spans: spans.flat(),
    return: trajectory.return,
    tokens: contexts.reduce((sum, { tokens }) => sum + tokens, 0),
    trainedTokens: contexts.reduce((sum, { trainedTokens }) => sum + trainedTokens, 0),
    foreignTurns: trajectory.contexts.reduce((sum, context) => sum + countForeign(context, tokenizer), 0),
  };
}

function countTokens(spans: readonly InspectedSpan[]): number {
  return spans.reduce((sum, span) => sum + span.tokens.length, 0);
}

function inspectContext(context: Context, place: number, tokenizer: Tokenizer): InspectedSpan[] {
  const texts = tokenTexts(context.tokens, tokenizer);
  const spans: InspectedSpan[] = [];
  for (const [turn, { role, start, end, reward, weightsVersion }] of context.turns.entries()) {
    for (let from = start; from < end; ) {
      let to = from + 1;
      while (to < end && context.mask[to] === context.mask[from]) to++;
      const trained = context.mask[from] === 1;
      const tokens = Array.from({ length: to - from }, (_, i) => ({
        id: context.tokens[from + i] as number,
        text: texts[from + i] as string,
        logp: trained ? (context.logps[from + i] as number) : undefined,
      }));
      const logp = trained ? tokens.reduce((sum, token) => sum + (token.logp ?? 0), 0) : undefined;
      const text = tokens.map((token) => token.text).join('');
      spans.push({ context: place, turn, role, start: from, end: to, trained, text, logp, tokens, reward, weightsVersion });
      from = to;
    }
  }
  return spans;
}

/** The text that each token completes. */
function tokenTexts(ids: Int32Array, tokenizer: Tokenizer): string[] {
  const stream = tokenizer.decodeStream();
  const texts = Array.from(ids, (id) => {
    if (id >= 0 && id < tokenizer.vocabSize) return stream.push(id);
    throw new AStarPOError('ASTARPO_TOKEN_RANGE', `expected ids below ${tokenizer.vocabSize}, the size of the tokenizer, got ${id}`, {
      hint: 'give the model that sampled these trajectories',
    });
  });
  const rest = stream.finish();
  return texts.length === 0 ? [] : [...texts.slice(0, -1), `${texts.at(-1)}${rest}`];
}

function countForeign({ tokens, turns }: Context, tokenizer: Tokenizer): number {
  const isForeign = ({ role, start, end, text }: Turn) => role === 'agent' && !tokenizer.decode(tokens.slice(start, end)).includes(text);
  return turns.filter(isForeign).length;
}
