import type { AStarPOError } from '../../errors.ts';
import type { JsonValue } from '../../util/json.ts';
import { isId, type TokenizerPart } from './tokenizer-part.ts';

/** Tokens and their ids, both ways. Holes between the ids are allowed. */
export class Vocabulary {
  readonly ids: ReadonlyMap<string, number>;
  /** By id. */
  readonly tokens: readonly (string | undefined)[];

  private constructor(ids: ReadonlyMap<string, number>, tokens: readonly (string | undefined)[]) {
    this.ids = ids;
    this.tokens = tokens;
  }

  /** The `vocab` of a model: an object, or Unigram's list of tokens with scores. Throws ASTARPO_TOKENIZER for ids that collide. */
  static read(model: TokenizerPart): Vocabulary {
    const listed = model.value('vocab');
    const list = Array.isArray(listed) ? listed.map((entry: JsonValue) => String(Array.isArray(entry) ? entry[0] : entry)) : undefined;
    const vocab = list === undefined ? model.part('vocab').json : {};
    const names = list ?? Object.keys(vocab);
    const ids = new Map<string, number>();
    // Made in its full size: ids in no order would make it a slow one.
    const tokens = new Array<string | undefined>(names.length);
    for (let place = 0; place < names.length; place++) {
      const token = names[place] ?? '';
      const id = list === undefined ? vocab[token] : place;
      if (!isId(id)) throw badId(model, token, 'an integer from 0 to 2147483647', id);
      const other = tokens[id];
      if (other !== undefined) throw badId(model, token, `an id of its own, not that of ${JSON.stringify(other)}`, id);
      ids.set(token, id);
      tokens[id] = token;
    }
    return new Vocabulary(ids, tokens);
  }

  /** Number of tokens. */
  get size(): number {
    return this.ids.size;
  }
}

function badId(model: TokenizerPart, token: string, expected: string, id: JsonValue | undefined): AStarPOError {
  return model.bad(`vocab[${JSON.stringify(token)}]`, expected, undefined, id);
}
