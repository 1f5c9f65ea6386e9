import { html } from 'hono/html';
import type { Goal } from '../../env/webshop/catalogue/goals.ts';
import { type Criterion, countMet, criteriaOf, type Purchase } from '../../env/webshop/reward/criteria.ts';
import { clip, type Html } from './document.ts';

/** The score of a purchase with all its parts, and what was asked for beside what was bought. `tagger`: who named the nouns of the titles; `heading`: of which level. */
export function scoreView(purchase: Purchase, goal: Goal, tagger: string, heading: 'h1' | 'h3' = 'h1'): Html {
  const { product, chosen, score } = purchase;
  const { attributes, options, price, points, wanted } = criteriaOf(purchase, goal);
  const part = (name: string, value: string, why: string) =>
    html`<tr><th scope="row">${name}</th><td class="number">${value}</td><td>${why}</td></tr>`;
  const list = (criteria: readonly Criterion[]) =>
    criteria.length === 0 ? html`<p class="hint">None was asked for.</p>` : html`<ul class="criteria">${criteria.map(criterion)}</ul>`;
  const choices = Array.from(chosen, ([name, value]) => `${name}: ${value}`);
  return html`<section aria-labelledby="score" class="score">
${title(verdict(score.reward), heading)}
<p class="total"><strong>${score.reward.toFixed(3)}</strong> of 1 <meter min="0" max="1" value="${score.reward}" aria-label="Score">${score.reward.toFixed(3)}</meter></p>
<p class="hint">${score.typeFactor} (type) × ${points} of ${wanted} points = ${Number(score.reward.toFixed(4))}: a point for each attribute and option that matches, and one for the price.</p>
<div class="scroll" role="region" aria-label="Parts of the score" tabindex="0"><table>
<caption>Parts of the score</caption>
<thead><tr><th scope="col">Part</th><th scope="col" class="number">Value</th><th scope="col">Why</th></tr></thead>
<tbody>
${part('r_type', String(score.typeFactor), 'is it the kind of thing that was asked for')}
${part('title score', score.titleScore.toFixed(3), `share of the wanted title’s nouns that the bought title has (nouns by ${tagger})`)}
${part('query match', yes(score.queryMatch), `bought ${product.query}, wanted ${goal.query}`)}
${part('category match', yes(score.categoryMatch), `bought ${product.productCategory}, wanted ${goal.productCategory}`)}
${part('r_att', attributes.length === 0 ? 'none asked' : score.attributes.toFixed(3), `${countMet(attributes)} of ${attributes.length} attributes`)}
${part('r_option', score.options === undefined ? 'none asked' : score.options.toFixed(3), `${countMet(options)} of ${options.length} options`)}
${part('r_price', score.price ? '1' : '0', `$${product.price.toFixed(2)}, ${price.text}`)}
</tbody></table></div>
<div class="beside">
<section aria-labelledby="asked"><h2 id="asked">What was asked for</h2>
<p>${clip(goal.instruction)}</p>
<h3>Attributes</h3>${list(attributes)}
<h3>Options</h3>${list(options)}
<h3>Price</h3><ul class="criteria">${criterion(price)}</ul>
<details><summary>The product behind the goal</summary><p>${clip(goal.title)}</p><p class="hint">${goal.asin} · ${goal.productCategory}</p></details>
</section>
<section aria-labelledby="bought"><h2 id="bought">What was bought</h2>
<p>${clip(product.title)}</p>
<p class="hint">${product.asin} · ${product.productCategory}${product.asin === goal.asin ? ' · the product behind the goal' : ''}</p>
<h3>Its attributes</h3><p>${clip(product.attributes.join(', ')) || 'none'}</p>
<h3>Chosen options</h3>${choices.length === 0 ? html`<p class="hint">None.</p>` : html`<ul>${choices.map((text) => html`<li>${text}</li>`)}</ul>`}
<h3>Price</h3><p>$${product.price.toFixed(2)}${product.priceText.includes(' to ') ? html` <span class="hint">(shown as ${product.priceText})</span>` : ''}</p>
</section></div></section>`;
}

function verdict(reward: number): string {
  if (reward === 1) return 'Exactly what was asked for';
  return reward === 0 ? 'Not what was asked for' : 'Not all that was asked for';
}

function title(text: string, heading: 'h1' | 'h3'): Html {
  return heading === 'h1' ? html`<h1 id="score">${text}</h1>` : html`<h3 class="h1" id="score">${text}</h3>`;
}

function criterion({ text, met }: Criterion): Html {
  return html`<li class="${met ? 'met' : 'missed'}"><span class="sign" aria-hidden="true">${met ? '✓' : '✗'}</span>
${text} <span class="verdict">${met ? 'matched' : 'not matched'}</span></li>`;
}

function yes(holds: boolean): string {
  return holds ? 'yes' : 'no';
}
