import { deriveSeed, Rng } from '../../../util/rng.ts';
import type { Agent } from '../../agent.ts';
import type { Observation } from '../../environment.ts';
import { observationText } from '../../observation-text.ts';
import type { WebShopEnv, WebShopTask } from '../webshop-env.ts';
import { biasedShopper } from './biased-shopper.ts';
import { randomValidAgent } from './random-agent.ts';
import { scriptedShopper } from './scripted-shopper.ts';

/**
 * How to split the shop's texts for a tokenizer trained on them (`trainBytePairTokenizer`'s `pattern`): three capitals, which are half a
 * code of the synthetic shop; a word; a number; punctuation, each with the blank before it; other white space. With blanks as tokens of
 * their own an episode would be nearly twice as long.
 */
export const shopTokenPattern = ' ?\\p{Lu}{3}| ?\\p{L}\\p{Ll}*| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+';

const maxTurns = 8;

/**
 * Texts to train a tokenizer on, one by one: the `train` products as listings, then what is said in `episodes` (default 2,000) scripted
 * episodes over `train` tasks. In the synthetic shop they hold every word and every half of a code that any split has.
 */
export function* catalogueTexts(env: WebShopEnv, options: { episodes?: number } = {}): Generator<string> {
  const tasks = env.tasks('train');
  const { episodes = 2000 } = options;
  const listed = new Set<string>();
  for (let i = 0; i < tasks.length; i++) {
    const { asin } = tasks.at(i).goal;
    if (listed.has(asin)) continue;
    listed.add(asin);
    yield listing(env, asin);
  }
  const teachers = [scriptedShopper, biasedShopper, randomValidAgent];
  for (let i = 0; i < Math.min(episodes, tasks.length); i++) {
    const task = tasks.at(i);
    const teacher = teachers[i % teachers.length] ?? scriptedShopper;
    yield* played(env, task, teacher(env, task), new Rng(deriveSeed('catalogue texts', i)));
  }
}

function listing(env: WebShopEnv, asin: string): string {
  const product = env.shop.product(asin);
  if (product === undefined) return asin;
  const options = Array.from(product.options, ([name, values]) => `${name}: ${values.join(' / ')}`);
  return [`${product.title} ${product.priceText} ${asin}`, ...options].join('\n');
}

function* played(env: WebShopEnv, task: WebShopTask, agent: Agent, random: Rng): Generator<string> {
  const episode = env.openNow(task, 0n);
  let observation: Observation = episode.first;
  yield observationText(observation);
  for (let turn = 0; turn < maxTurns; turn++) {
    const action = agent.act(observation, random);
    yield action;
    const result = episode.step(action);
    if (result.done || result.observation === undefined) return;
    observation = result.observation;
    yield observationText(observation);
  }
}
