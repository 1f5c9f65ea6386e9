import { AStarPOError } from '../errors.ts';
import { shortJson } from '../util/json.ts';
import { type OptionNames, refuseUnknownOptions } from '../util/known-options.ts';
import { packageVersion } from '../util/package-version.ts';

/**
 * What the model card (README.md) of a saved model tells beside what the library knows itself: where the base came from, the adapter,
 * the version. What is not given is not said. Texts are Markdown.
 */
export interface ModelCard {
  /** Heading; default: the name of the folder. */
  readonly title?: string | undefined;
  /** What was minimised. */
  readonly objective?: string | undefined;
  /** Optimizer steps. */
  readonly steps?: number | undefined;
  /** What it learned from. */
  readonly data?: string | undefined;
  readonly hardware?: string | undefined;
  /** Settings that others need to repeat it, in this order. */
  readonly settings?: Readonly<Record<string, string | number | boolean>> | undefined;
  /** What was measured, in this order, for example success with its interval. */
  readonly results?: Readonly<Record<string, string | number>> | undefined;
  /** Anything else: paragraphs at the end. */
  readonly notes?: string | undefined;
  /** Hub id of the base model; default: that which the policy was loaded from. */
  readonly baseModel?: string | undefined;
  /** Licence by the hub's identifier ('apache-2.0'); without it the card names none. */
  readonly license?: string | undefined;
  /** The hub's tags, beside 'astar-po'. */
  readonly tags?: readonly string[] | undefined;
}

const names: OptionNames<ModelCard> = {
  ...{ title: true, objective: true, steps: true, data: true, hardware: true, settings: true, results: true, notes: true },
  ...{ baseModel: true, license: true, tags: true },
};

/** What the library knows of the model that a card is about. */
export interface CardSubject {
  /** A model of its own, or an adapter that needs its base. */
  readonly kind: 'model' | 'adapter';
  /** Name of the folder. */
  readonly name: string;
  /** Hub id and commit of the model that was loaded; undefined for a local folder or new weights. */
  readonly base: { readonly id: string; readonly commit: string } | undefined;
  /** Optimizer steps that the model has behind it, unless the card says otherwise; 0 is not told. */
  readonly steps: number;
  /** One line about each further fact: architecture, dtype, adapter. */
  readonly facts: Readonly<Record<string, string>>;
}

/** Cards of this library carry it: saving again replaces them, and no others. */
const marker = '<!-- written by astar-po -->';

/** Whether the library wrote this README.md. */
export function isOwnCard(text: string): boolean {
  return text.includes(marker);
}

/** The README.md. Throws ASTARPO_UNKNOWN_OPTION, ASTARPO_OPTION. */
export function renderModelCard(card: ModelCard, subject: CardSubject): string {
  checkCard(card);
  const base = card.baseModel ?? subject.base?.id;
  const steps = card.steps ?? subject.steps;
  const trained = card.objective !== undefined || steps > 0;
  const facts = rowsOf(
    {
      'Base model': describeBase(card, subject),
      ...subject.facts,
      Objective: card.objective,
      'Optimizer steps': trained ? steps : undefined,
      Data: card.data,
      Hardware: card.hardware,
      Software: `astar-po ${packageVersion()}, Node ${process.versions.node}`,
    },
    '| | |\n| --- | --- |',
  );
  const sections = [
    `${frontMatter(card, subject.kind, base)}\n\n${marker}`,
    `# ${card.title ?? subject.name}`,
    `${subject.kind === 'adapter' ? 'A low-rank adapter' : 'A language model'} ${trained ? 'trained with' : 'written by'} astar-po.`,
    `## ${trained ? 'Training' : 'Model'}\n\n${facts}`,
    section('Settings', card.settings, '| setting | value |\n| --- | --- |'),
    section('Results', card.results, '| measure | value |\n| --- | --- |'),
    card.notes ?? '',
  ];
  return `${sections.filter((text) => text !== '').join('\n\n')}\n`;
}

function checkCard(card: ModelCard): void {
  if (typeof card !== 'object' || card === null || Array.isArray(card)) {
    throw new AStarPOError('ASTARPO_OPTION', `expected card to be an object or false, got ${shortJson(card)}`);
  }
  refuseUnknownOptions('card', card, names);
}

/** YAML that the hub reads; JSON strings are YAML. */
function frontMatter(card: ModelCard, kind: CardSubject['kind'], base: string | undefined): string {
  const adapter = kind === 'adapter';
  const lines = [
    `library_name: ${adapter ? 'peft' : 'transformers'}`,
    'pipeline_tag: text-generation',
    ...(base === undefined ? [] : [`base_model: ${JSON.stringify(base)}`, `base_model_relation: ${adapter ? 'adapter' : 'finetune'}`]),
    ...(card.license === undefined ? [] : [`license: ${JSON.stringify(card.license)}`]),
    'tags:',
    ...['astar-po', ...(card.tags ?? [])].map((tag) => `  - ${JSON.stringify(tag)}`),
  ];
  return `---\n${lines.join('\n')}\n---`;
}

function describeBase(card: ModelCard, { base }: CardSubject): string | undefined {
  if (card.baseModel !== undefined && card.baseModel !== base?.id) return card.baseModel;
  return base === undefined ? undefined : `${base.id}, commit ${base.commit}`;
}

type Values = Readonly<Record<string, string | number | boolean | undefined>>;

function section(title: string, values: Values | undefined, head: string): string {
  return values === undefined || Object.keys(values).length === 0 ? '' : `## ${title}\n\n${rowsOf(values, head)}`;
}

function rowsOf(values: Values, head: string): string {
  const cell = (value: string | number | boolean) =>
    String(value)
      .replaceAll('|', '\\|')
      .replaceAll(/\s*\n\s*/g, ' ');
  const rows = Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [`| ${cell(name)} | ${cell(value)} |`]));
  return [head, ...rows].join('\n');
}
