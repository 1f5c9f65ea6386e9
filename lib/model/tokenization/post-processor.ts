import { asJsonObject } from '../files.ts';
import type { TokenizerPart } from './tokenizer-part.ts';

/** Adds the special tokens that begin and end a text to its ids. */
export type PostProcessor = (ids: readonly number[]) => readonly number[];

/** The `post_processor` of a tokenizer.json for single texts. Throws ASTARPO_TOKENIZER for a type that is not known here. */
export function createPostProcessor(part: TokenizerPart | undefined): PostProcessor {
  return part === undefined ? (ids) => ids : part.byType(postProcessors)(part);
}

const postProcessors: Readonly<Record<string, (part: TokenizerPart) => PostProcessor>> = {
  // It only trims offsets.
  ByteLevel: () => (ids) => ids,
  BertProcessing: surround,
  RobertaProcessing: surround,
  Sequence: (part) => {
    const steps = part.parts('processors').map(createPostProcessor);
    return (ids) => steps.reduce((processed, step) => step(processed), ids);
  },
  TemplateProcessing: template,
};

function surround(part: TokenizerPart): PostProcessor {
  const idOf = (key: string) => {
    const id = part.list(key)[1];
    if (typeof id !== 'number') throw part.bad(key, 'a token and its id');
    return id;
  };
  const [first, last] = [idOf('cls'), idOf('sep')];
  return (ids) => [first, ...ids, last];
}

/** The sequence of ids that `single` describes; undefined stands for the text. */
function template(part: TokenizerPart): PostProcessor {
  const tokens = part.part('special_tokens');
  const single = part.parts('single').flatMap((piece): (number | undefined)[] => {
    if (asJsonObject(piece.value('Sequence')) !== undefined) return [undefined];
    const name = piece.part('SpecialToken').string('id');
    const ids = tokens.part(name).list('ids');
    return ids.map((id) => {
      if (typeof id !== 'number') throw tokens.bad(name, 'a token with its ids');
      return id;
    });
  });
  return (ids) => single.flatMap((id) => id ?? ids);
}
