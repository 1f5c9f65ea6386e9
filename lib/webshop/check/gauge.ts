import type { Agent } from '../../env/agent.ts';
import type { Observation } from '../../env/environment.ts';
import { observationText } from '../../env/observation-text.ts';
import { momentOf } from '../../env/webshop/agent/moment.ts';

/** The longest observation so far. */
export interface LongestObservation {
  /** In UTF-16 units. */
  readonly characters: number;
  /** The page and the task that it was seen in. */
  readonly where: string;
}

/** Measures what agents are shown. */
export class ObservationGauge {
  #longest: LongestObservation = { characters: 0, where: '' };
  #count = 0;

  get longest(): LongestObservation {
    return this.#longest;
  }

  /** Observations seen. */
  get count(): number {
    return this.#count;
  }

  /** The agent, with this gauge reading over its shoulder. */
  watch(agent: Agent, task: string): Agent {
    return {
      act: (observation, random) => {
        this.#read(observation, task);
        return agent.act(observation, random);
      },
    };
  }

  #read(observation: Observation, task: string): void {
    const characters = observationText(observation).length;
    this.#count++;
    if (characters > this.#longest.characters) this.#longest = { characters, where: `${placeOf(observation)} of task ${task}` };
  }
}

function placeOf(observation: Observation): string {
  const page = momentOf(observation)?.view.page;
  if (page === undefined) return 'a page';
  if (page.kind === 'item') return `the page of ${page.product.asin}`;
  if (page.kind === 'sub-page') return `the ${page.name} of ${page.product.asin}`;
  return page.kind === 'results' ? `page ${page.number} of results` : `the ${page.kind} page`;
}
