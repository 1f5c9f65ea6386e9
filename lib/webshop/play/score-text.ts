import type { Goal } from '../../env/webshop/catalogue/goals.ts';
import { type Criterion, criteriaOf, type Purchase } from '../../env/webshop/reward/criteria.ts';

/** The score of a purchase with its parts, and what was met, as lines of text. `tagger`: who named the nouns of the titles. */
export function scoreText(purchase: Purchase, goal: Goal, tagger: string): string[] {
  const { product, chosen, score } = purchase;
  const { attributes, options, price, points, wanted } = criteriaOf(purchase, goal);
  const choices = Array.from(chosen, ([name, value]) => `${name}: ${value}`).join(', ');
  const kind = [
    `query ${score.queryMatch ? 'matches' : 'differs'}`,
    `category ${score.categoryMatch ? 'matches' : 'differs'}`,
    `title score ${score.titleScore.toFixed(2)}, nouns by ${tagger}`,
  ];
  return [
    `bought: ${product.title} (${product.asin})${choices === '' ? '' : `, ${choices}`}`,
    `score ${score.reward.toFixed(3)} = ${score.typeFactor} (type) x ${points} of ${wanted} points`,
    mark({ text: `the right kind of product (${kind.join('; ')})`, met: score.typeFactor === 1 }),
    ...attributes.map(({ text, met }) => mark({ text: `attribute ${text}`, met })),
    ...options.map(({ text, met }) => mark({ text: `option ${text}`, met })),
    mark({ text: `price $${product.price.toFixed(2)}, ${price.text}`, met: price.met }),
    ...(goal.asin === '' || goal.asin === product.asin ? [] : [`the goal was made from ${goal.title} (${goal.asin})`]),
  ];
}

function mark({ text, met }: Criterion): string {
  return `  ${met ? '+' : '-'} ${text}`;
}
