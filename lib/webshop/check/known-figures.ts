import type { Layout } from '../../env/webshop/pages/layout.ts';

/** What was found over a catalogue when this version was made; see `sanitySettings`. */
export interface SanityFigures {
  /** For people. */
  readonly name: string;
  /** Of the catalogue; see `catalogueFingerprint`. */
  readonly fingerprint: string;
  /** Who named the nouns of titles, and how pages were told: a random player searches for words of the first page. */
  readonly titles: string;
  readonly layout: Layout;
  readonly scripted: PlayerFigures;
  readonly random: PlayerFigures;
  /** Goals that can be solved, of those whose best purchase was made. */
  readonly solvable: number;
}

export interface PlayerFigures {
  /** Mean score. */
  readonly score: number;
  readonly successes: number;
  /** Mean turns. */
  readonly turns: number;
}

/** To be renewed from `env check --json` when a change of the shop, its catalogues or the scripted shopper is meant to move them. */
export const knownFigures: readonly SanityFigures[] = [
  {
    name: 'examples/mini-shop.json',
    fingerprint: 'a076230f415d495f13bc7ed5fa62ff8dd003ec38b0a9165c530638ab58e953be',
    titles: 'rule 1',
    layout: 'compact',
    scripted: { score: 0.9407960199004974, successes: 59, turns: 4.223880597014926 },
    random: { score: 0.016666666666666666, successes: 0, turns: 13.029850746268657 },
    solvable: 67,
  },
  {
    name: 'the synthetic shop of seed 1',
    fingerprint: '6922a66fe69f334966c9ca51e1342f1af18a4b610e62287bc715da1630a347d1',
    titles: 'rule 1',
    layout: 'compact',
    scripted: { score: 1, successes: 200, turns: 5 },
    random: { score: 0.05200000000000002, successes: 0, turns: 13.185 },
    solvable: 500,
  },
  {
    name: 'the synthetic shop of seed 0',
    fingerprint: '66b901f3463d763f45d31c52b91beb4c3912e4d76478cf1976e3dda1b5ba68ff',
    titles: 'rule 1',
    layout: 'compact',
    scripted: { score: 1, successes: 200, turns: 5 },
    random: { score: 0.06600000000000002, successes: 0, turns: 13.03 },
    solvable: 500,
  },
  {
    name: 'a generated catalogue of 100 products and seed 0',
    fingerprint: '0fc4a55a3304cccf9205eda64a4847d8d928fda253d505dcad151da40161c35b',
    titles: 'wink-pos-tagger 2.2.2',
    layout: 'full',
    scripted: { score: 0.9686309523809523, successes: 191, turns: 4.825 },
    random: { score: 0.039466666666666664, successes: 0, turns: 12.645 },
    solvable: 357,
  },
  {
    name: 'a generated catalogue of 1,000 products and seed 0',
    fingerprint: '30f23614980262e03d02510601e950bb8832fa182a9662dc8a222fb2f372d883',
    titles: 'wink-pos-tagger 2.2.2',
    layout: 'full',
    scripted: { score: 0.8868535714285716, successes: 167, turns: 5.205 },
    random: { score: 0.016350595238095237, successes: 0, turns: 12.665 },
    solvable: 500,
  },
  {
    name: 'a generated catalogue of 10,000 products and seed 0',
    fingerprint: 'aaa3309c0a2f78865f64b070b92f47a009f70a70c1ac5b6164c7733b7b7203d0',
    titles: 'wink-pos-tagger 2.2.2',
    layout: 'full',
    scripted: { score: 0.8414188492063489, successes: 154, turns: 5.44 },
    random: { score: 0.009016071428571429, successes: 0, turns: 12.33 },
    solvable: 499,
  },
  {
    name: 'a generated catalogue of 100,000 products and seed 0',
    fingerprint: 'd86999f4de67aac1a5d4271335cbf599ed6358d14540971e1322919a812a7c91',
    titles: 'wink-pos-tagger 2.2.2',
    layout: 'full',
    scripted: { score: 0.7992011904761905, successes: 142, turns: 5.68 },
    random: { score: 0.009100396825396827, successes: 0, turns: 12.105 },
    solvable: 500,
  },
  {
    name: 'WebShop’s 1,000 products',
    fingerprint: '0864c1a1b8d0136042f1c0a7d51f24304d5037fd278d926774157a38bf9ec316',
    titles: 'wink-pos-tagger 2.2.2',
    layout: 'full',
    scripted: { score: 0.8761033602835071, successes: 150, turns: 6.41 },
    random: { score: 0.028057828282828278, successes: 0, turns: 12.28 },
    solvable: 469,
  },
  {
    name: 'WebShop’s 1,000 products, human goals',
    fingerprint: 'c9a51cf87d6277d90694ebfb3bd657ba035631da59221df6d973999486bbc6b4',
    titles: 'wink-pos-tagger 2.2.2',
    layout: 'full',
    scripted: { score: 0.6666666666666666, successes: 1, turns: 3 },
    random: { score: 0, successes: 0, turns: 13.692307692307692 },
    solvable: 13,
  },
];
