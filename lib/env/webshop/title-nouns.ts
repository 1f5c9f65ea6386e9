import { createRequire } from 'node:module';
import type { NounTagger } from './reward.ts';

/**
 * Who names the nouns of product titles, which the reward compares (the original asks spaCy's en_core_web_sm, which no JavaScript package
 * equals). `wink`: wink-pos-tagger. `rule`: every word but those of closed classes. Or a tagger of one's own, under a name that changes
 * whenever its answers do: the name is part of the environment's config.
 */
export type TitleTagger = 'wink' | 'rule' | { readonly name: string; readonly nouns: NounTagger };

export const titleTaggers = ['wink', 'rule'] as const;

/** A tagger and the name that results are filed under. */
export function titleTagger(tagger: TitleTagger): { readonly name: string; readonly nouns: NounTagger } {
  if (tagger === 'rule') return { name: 'rule 1', nouns: ruleNouns };
  if (tagger === 'wink') return { name: 'wink-pos-tagger 2.2.2', nouns: winkNouns };
  return tagger;
}

/** The part of wink-pos-tagger that is used here; it has no declarations. */
interface WinkTagger {
  tagSentence(text: string): { readonly value: string; readonly tag: string; readonly pos: string }[];
}

let wink: WinkTagger | undefined;

/** Words with one of the Penn Treebank's noun tags, lower-cased. The first call loads a lexicon, which takes a fraction of a second. */
export function winkNouns(title: string): string[] {
  wink ??= (createRequire(import.meta.url)('wink-pos-tagger') as () => WinkTagger)();
  const nouns = wink.tagSentence(title).filter(({ tag, pos }) => tag === 'word' && pos.startsWith('NN'));
  return nouns.map(({ value }) => value.toLowerCase());
}

const closedClass = new Set(
  `a an the and or but nor so yet as if than then while because although of in on at by for with without from to into onto over under between
  among through during before after about against per via upon within up down off out i you he she it we they me him her us them my your his
  its our their this that these those who which what is are was were be been being am do does did has have had can could will would shall
  should may might must not no`.split(/\s+/),
);

/**
 * Words that begin with a letter, split at hyphens, lower-cased, unless they are articles, prepositions, conjunctions, pronouns or
 * auxiliaries. Adjectives count, which a tagger would leave out.
 */
export function ruleNouns(title: string): string[] {
  const words = title.match(/[A-Za-z][A-Za-z0-9'’-]*/g) ?? [];
  return words.flatMap((word) => word.toLowerCase().split('-')).filter((word) => word !== '' && !closedClass.has(word));
}
