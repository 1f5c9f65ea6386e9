import { createRequire } from 'node:module';
import { titleWords } from './title-words.ts';

/** The part of wink-pos-tagger that is used here; it has no declarations. */
interface WinkTagger {
  tagSentence(text: string): TaggedWord[];
  tagRawTokens(words: readonly string[]): TaggedWord[];
}

interface TaggedWord {
  readonly value: string;
  /** Its sort: `word`, `number`, `punctuation`, … */
  readonly tag: string;
  /** Its tag of the Penn Treebank. */
  readonly pos: string;
}

const load = createRequire(import.meta.url);
let loaded: WinkTagger | undefined;

/** The first call loads a lexicon, which takes a fraction of a second. */
function wink(): WinkTagger {
  loaded ??= (load('wink-pos-tagger') as () => WinkTagger)();
  return loaded;
}

/** The name and version of the package that is installed. */
export function winkName(): string {
  const { name, version } = load('wink-pos-tagger/package.json') as { name: string; version: string };
  return `${name} ${version}`;
}

/** wink's time to split a word grows with the square of its length: 100,000 letters take minutes. Words of titles have less than 100. */
const longWord = /\S{250}/g;

/**
 * Words with one of the Penn Treebank's noun tags, as wink splits and tags them, lower-cased. What is longer than 250 characters without a
 * blank is divided there.
 */
export function winkNouns(title: string): string[] {
  const nouns = wink()
    .tagSentence(title.replace(longWord, '$& '))
    .filter(({ tag, pos }) => tag === 'word' && isNoun(pos));
  return nouns.map(({ value }) => value.toLowerCase());
}

/**
 * wink's tags over the words that the original's tokenizer makes (see `titleWords`), with one correction: titles capitalise nearly every
 * word, and a capitalised word that wink takes for a verb in its plain form (`Massage`, `Set`) is a name there. Marks are no nouns, nor are
 * words that end in a digit (`C340`), which wink counts among the numbers when it is given words.
 */
export function winkTitleNouns(title: string): string[] {
  const nouns = wink()
    .tagRawTokens(titleWords(title))
    .filter((word) => word.tag === 'word' && /\p{L}/u.test(word.value) && (isNoun(word.pos) || isCapitalisedVerb(word)));
  return nouns.map(({ value }) => value.toLowerCase());
}

function isNoun(pos: string): boolean {
  return pos.startsWith('NN');
}

/** Not so the forms that titles use as adjectives: `Upholstered`, `Walking`. */
function isCapitalisedVerb({ value, pos }: TaggedWord): boolean {
  return /^(?:V|MD)/.test(pos) && /^[A-Z]/.test(value) && !/(?:ing|ed)$/i.test(value);
}
