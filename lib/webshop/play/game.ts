import type { Episode, Observation, StepResult } from '../../env/environment.ts';
import { observationText } from '../../env/observation-text.ts';
import { plainActions, searchMarker } from '../../env/webshop/agent/action-list.ts';
import { type Moment, momentOf, requireMoment } from '../../env/webshop/agent/moment.ts';
import { numberedStyle } from '../../env/webshop/agent/numbered-style.ts';
import type { WebShopEnv, WebShopTask } from '../../env/webshop/webshop-env.ts';
import type { EpisodeAudit } from '../../report/episode-audit.ts';
import { Advisor } from './advisor.ts';
import { scoreText } from './score-text.ts';

type Turn = EpisodeAudit['turns'][number];

/**
 * One goal played by a person, who may speak as a model would in the environment's style, or in few words: those of the style `numbered`
 * (`search red shoes`, `click 2`, `buy 1`, `back`), actions of the shop, or the number of an action of `choices`.
 */
export class Game {
  readonly task: WebShopTask;
  readonly #env: WebShopEnv;
  readonly #seed: bigint;
  readonly #episode: Episode;
  readonly #advisor: Advisor;
  readonly #turns: Turn[] = [];
  #observation: Observation;
  #moment: Moment;
  #last: StepResult | undefined;

  private constructor(env: WebShopEnv, task: WebShopTask, seed: bigint, episode: Episode) {
    this.task = task;
    this.#env = env;
    this.#seed = seed;
    this.#episode = episode;
    this.#advisor = new Advisor(env, task);
    this.#observation = episode.first;
    this.#moment = requireMoment(episode.first);
  }

  /** `seed` only decides what searches for random products find. */
  static async open(env: WebShopEnv, task: WebShopTask, seed = 0n): Promise<Game> {
    return new Game(env, task, seed, await env.open(task, { seed, signal: new AbortController().signal }));
  }

  /** What an agent sees now. */
  get observation(): string {
    return observationText(this.#observation);
  }

  /** Turns played so far. */
  get turns(): number {
    return this.#turns.length;
  }

  /** Whether the episode is over: by a purchase or by a limit. */
  get over(): boolean {
    return this.#last?.done === true;
  }

  /** Whether the last turn did anything; true before the first. */
  get valid(): boolean {
    return this.#last?.valid !== false;
  }

  /** Whether something was bought that solves the task. */
  get success(): boolean {
    return this.#last?.success === true;
  }

  /** Actions of the shop that are possible now, to be called by their numbers from 1; none in the style `numbered`, whose pages have numbers. */
  get choices(): readonly string[] {
    return this.over || this.#env.options.style === numberedStyle ? [] : plainActions(this.#moment.view);
  }

  /** What the scripted shopper would do, as it is said in this style. */
  hint(): string {
    return this.#said(this.#advisor.advise(this.#moment.view));
  }

  /** Does what a person asks for, in few words or in those of the style. Nothing is done after the end. */
  async play(line: string): Promise<void> {
    for (const turn of this.#understood(line)) {
      if (this.over) return;
      await this.say(typeof turn === 'string' ? turn : this.#said(turn.action));
    }
  }

  /** Says a text exactly as a model would. */
  async say(said: string): Promise<void> {
    if (this.over) return;
    const observation = this.observation;
    const result = await this.#episode.step(said);
    const { reward, rewards, done, info } = result;
    const actions = (info?.actions as readonly string[] | undefined) ?? [said];
    const thought = info?.thought as string | undefined;
    this.#turns.push({
      ...{ observation, said, ...(thought === undefined ? {} : { thought }), actions, reward },
      ...{ ...(rewards === undefined ? {} : { rewards }), valid: result.valid !== false, done },
    });
    this.#advisor.note(actions);
    this.#last = result;
    if (result.observation === undefined) return;
    this.#observation = result.observation;
    this.#moment = momentOf(result.observation) ?? this.#moment;
  }

  /** Why it was scored as it was, line by line. */
  report(): string[] {
    const { page } = this.#moment.view;
    const paid = this.#turns.reduce((sum, { reward }) => sum + reward, 0);
    if (page.kind !== 'done') return ['nothing was bought: score 0', ...(paid === 0 ? [] : [`paid ${paid.toFixed(3)}`])];
    const lines = scoreText(page, this.task.goal, this.#env.options.titles.name);
    return [...lines, this.success ? 'solved' : 'not solved', ...(paid === page.score.reward ? [] : [`paid ${paid.toFixed(3)}`])];
  }

  /** The game as it is now, for a file of audits. */
  audit(player: string): EpisodeAudit {
    const { id, version, config } = this.#env;
    const { page } = this.#moment.view;
    const bought = page.kind === 'done' ? { product: page.product.asin, options: Object.fromEntries(page.chosen) } : undefined;
    return {
      environment: { id, version, config },
      ...{ task: this.task.id, instruction: this.task.instruction, player, seed: this.#seed.toString() },
      turns: [...this.#turns],
      return: this.#turns.reduce((sum, { reward }) => sum + reward, 0),
      success: this.success,
      finish: this.over ? 'done' : 'quit',
      outcome: { ...(bought === undefined ? {} : { bought }), report: this.report() },
    };
  }

  async close(): Promise<void> {
    await this.#episode.close?.();
  }

  /** What to say, or the shop's actions to say in the style, one turn each. */
  #understood(line: string): (string | { readonly action: string })[] {
    const words = line.trim();
    if (this.#env.options.style === numberedStyle) return [/^\d+$/.test(words) ? `click ${words}` : line];
    const choice = /^\d{1,4}$/.test(words) ? this.choices[Number(words) - 1] : undefined;
    if (choice !== undefined && choice !== searchMarker) return [{ action: choice }];
    if (isAction(words)) return [{ action: words }];
    const { actions } = this.#inFewWords(words);
    return actions.length > 0 && actions.every(isAction) ? actions.map((action) => ({ action })) : [line];
  }

  #inFewWords(words: string): { readonly actions: readonly string[] } {
    const dialogue = numberedStyle.begin();
    const { view } = this.#moment;
    dialogue.observe(view);
    return dialogue.read(words, view);
  }

  #said(action: string): string {
    return this.#env.options.style.say(action, undefined, this.#moment.view);
  }
}

/** Whether a text has the form of the shop's actions. */
function isAction(text: string): boolean {
  return /^(search|click)\[.+\]$/.test(text);
}
