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
