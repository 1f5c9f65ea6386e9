import { html } from 'hono/html';
import type { ReadTurn } from '../../env/webshop/agent/agent-style.ts';
import type { Inspection } from '../../report/inspection.ts';
import { visibleText } from '../../report/visible.ts';
import type { Trajectory } from '../../rollout/trajectory.ts';
import { clip, counted, type Html } from './document.ts';
import type { Said } from './recorded-steps.ts';
import type { Recorded } from './recording.ts';
import type { Replay, ReplayStep, Shown } from './replay.ts';
import { scoreView } from './score-views.ts';
import { shoppingView } from './shop-views.ts';

export const recordingsPerPage = 50;

export function recordingsView(files: readonly { readonly name: string; readonly path: string; readonly count: number }[]): Html {
  return html`<h1>Recordings</h1>
<p>Files of trajectories that were named when the server started.</p>
<ul class="goals">${files.map(
    ({ name, path, count }, number) =>
      html`<li><span class="place">${number}</span><p><a href="/recordings/${number}">${name}</a><br><span class="hint">${path}</span></p><span>${count.toLocaleString('en')} recorded</span></li>`,
  )}</ul>`;
}

export interface RecordingPage {
  readonly file: number;
  readonly name: string;
  readonly recorded: readonly Recorded[];
  readonly start: number;
}

export function recordingView({ file, name, recorded, start }: RecordingPage): Html {
  const shown = recorded.slice(start, start + recordingsPerPage);
  const address = (from: number) => `/recordings/${file}?start=${Math.max(0, from)}`;
  const rows = shown.map(
    (record, at) => html`<tr><th scope="row"><a href="/recordings/${file}/${start + at}">${clip(visibleText(record.taskId), 80)}</a></th>
<td class="number">${record.sample}</td><td class="number">${record.step ?? '–'}</td><td class="number">${record.return.toFixed(3)}</td>
<td>${record.success ? 'yes' : 'no'}</td><td>${clip(record.finish, 40)}</td><td class="number">${record.agentTurns}</td></tr>`,
  );
  return html`<p class="trail"><a href="/recordings" data-key="u">← All recordings</a></p>
<h1>${name}</h1>
<div class="scroll" role="region" aria-label="Trajectories" tabindex="0"><table><caption>${recorded.length.toLocaleString('en')} recorded${shown.length < recorded.length ? `, ${start} to ${start + shown.length - 1} shown` : ''}</caption>
<thead><tr><th scope="col">Task</th><th scope="col" class="number">Sample</th><th scope="col" class="number">Step</th><th scope="col" class="number">Return</th><th scope="col">Success</th><th scope="col">Finish</th><th scope="col" class="number">Turns</th></tr></thead>
<tbody>${rows}</tbody></table></div>
<nav class="pager" aria-label="Pages of trajectories">
${start > 0 ? html`<a class="button" href="${address(start - recordingsPerPage)}" data-key="p">← Previous</a>` : ''}
${start + shown.length < recorded.length ? html`<a class="button" href="${address(start + recordingsPerPage)}" data-key="n">Next →</a>` : ''}</nav>`;
}

export interface ReplayPage {
  readonly file: number;
  readonly number: number;
  /** Who names the nouns of titles. */
  readonly tagger: string;
  readonly trajectory: Trajectory;
  readonly trainStep: number | undefined;
  readonly replay: Replay;
  /** Which step is shown. */
  readonly at: number;
  /** With the texts of its tokens; undefined without a tokenizer. */
  readonly inspection: Inspection | undefined;
  /** Why there is no inspection although a tokenizer was given. */
  readonly trouble: string | undefined;
}

/** One step: the page beside what the model said. */
export function replayView(page: ReplayPage): Html {
  const { file, number, trajectory, replay, at } = page;
  const step = replay.steps[at];
  const address = (place: number) => `/recordings/${file}/${number}?step=${place}`;
  const link = (place: number, label: string, shortcut: string) =>
    place < 0 || place >= replay.steps.length || place === at
      ? html`<span class="button off" aria-disabled="true">${label}</span>`
      : html`<a class="button" href="${address(place)}" data-key="${shortcut}">${label}</a>`;
  const last = replay.steps.length - 1;
  return html`<p class="trail"><a href="/recordings/${file}?start=${number - (number % recordingsPerPage)}" data-key="u">← All trajectories of this file</a></p>
<h1>${clip(visibleText(trajectory.taskId), 80)}, sample ${trajectory.sample}</h1>
${replay.goal === undefined ? '' : html`<aside class="task" aria-label="What was asked for"><p>${clip(replay.goal.instruction, 2000)}</p></aside>`}
<nav class="pager steps" aria-label="Steps">${link(0, '⇤ First', 'Home')} ${link(at - 1, '← Back', 'ArrowLeft')}
<span aria-live="polite">Step ${at + 1} of ${replay.steps.length}</span> ${link(at + 1, 'On →', 'ArrowRight')} ${link(last, 'Last ⇥', 'End')}</nav>
<div class="beside replay">
<section aria-labelledby="page"><h2 id="page">The page</h2>${step === undefined ? '' : pageOf(step, page)}</section>
<div class="said">${step?.said === undefined ? html`<section aria-labelledby="model"><h2 id="model">The model</h2><p class="empty">Nothing more was said.</p></section>` : saidView(step.said, step.read, page)}
${episodeView(page)}
<section aria-labelledby="all"><h2 id="all">All steps</h2><ol class="log">${replay.steps.map(
    (step, place) =>
      html`<li><a href="${address(place)}"${place === at ? html` aria-current="step"` : ''}>${clip(visibleText(summaryOf(step)), 80)}</a></li>`,
  )}</ol></section></div></div>`;
}

/** A step in a few words: what it did, where that is known. */
function summaryOf({ said, read }: ReplayStep): string {
  if (said === undefined) return 'end';
  const text = read === undefined || read.actions.length === 0 ? said.turn.text : read.actions.join(', ');
  return text.trim() || '(nothing)';
}

function pageOf({ told, shown, read }: ReplayStep, { replay, tagger }: ReplayPage): Html {
  const { goal, agreement } = replay;
  const notes: Readonly<Record<Replay['agreement'], string>> = {
    same: '',
    'not compared': 'Replayed from the actions. The recording tells pages in a form of its own, so they were not compared.',
    different:
      'From some step on, this shop tells other pages than the recording: it is another catalogue, or was played with other options. Give those of the recording.',
    'no such goal': 'This shop has no goal of that name, so only the recorded text is shown.',
  };
  const note = notes[agreement];
  return html`${note === '' ? '' : html`<p class="notice">${note}</p>`}
${shown === undefined || goal === undefined ? '' : html`<div class="picture" role="region" aria-label="The page of the shop" tabindex="0">${pictureOf(shown, goal, tagger, read?.actions[0])}</div>`}
${told === undefined ? '' : html`<h3>As the model was told</h3><pre tabindex="0" aria-label="Observation">${clip(visibleText(told))}</pre>`}`;
}

function pictureOf({ page, search, subPages }: Shown, goal: NonNullable<Replay['goal']>, tagger: string, done: string | undefined): Html {
  return page.kind === 'done' ? scoreView(page, goal, tagger, 'h3') : shoppingView(page, { search, subPages }, { live: false, done });
}

function saidView(
  { turn, context, place, logps }: Said,
  read: ReadTurn | undefined,
  { trajectory, inspection, trouble }: ReplayPage,
): Html {
  const sum = logps.reduce((total, logp) => total + logp, 0);
  const spans = inspection?.spans.filter((span) => span.context === context && span.turn === place) ?? [];
  const tokens = spans.flatMap((span) => span.tokens);
  const facts: readonly (readonly [string, string])[] = [
    ['Sampled tokens', String(logps.length)],
    ['Log-prob of the turn', logps.length === 0 ? '–' : sum.toFixed(3)],
    ['Mean per token', logps.length === 0 ? '–' : (sum / logps.length).toFixed(3)],
    ['Reward', turn.reward === undefined ? '–' : String(turn.reward)],
    ['Action was possible', turn.valid === undefined ? '–' : turn.valid ? 'yes' : 'no'],
    ['Weights', turn.weightsVersion === undefined ? '–' : String(turn.weightsVersion)],
    ...(trajectory.contexts.length > 1 ? [['Context', `${context + 1} of ${trajectory.contexts.length}`] as const] : []),
  ];
  const without = trouble ?? 'Start the server with --model to see the tokens: the folder of the model that sampled them.';
  return html`<section aria-labelledby="model"><h2 id="model">The model</h2>
<pre class="speech" tabindex="0" aria-label="What the model said">${
    tokens.length === 0 ? clip(visibleText(turn.text)) : tokens.slice(0, 4000).map(tokenView)
  }</pre>
${tokens.length === 0 ? html`<p class="hint">${without}</p>` : legend}
${read === undefined || read.actions.join() === turn.text ? '' : readView(read)}
<dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${tokens.length === 0 ? '' : tokenTable(tokens)}</section>`;
}

/** The thought beside the actions, where they are not all that was said. */
function readView({ actions, thought, formatted }: ReadTurn): Html {
  const codes = actions.map((action) => html`<code>${clip(visibleText(action), 300)}</code>`);
  const [code] = codes;
  const several = html`<ol class="log">${codes.map((one) => html`<li>${one}</li>`)}</ol>`;
  return html`<h3>How it was understood</h3>
<div class="understood">${thought === undefined ? '' : html`<section aria-label="Thought"><h4>Thought</h4><p>${clip(visibleText(thought)) || '(empty)'}</p></section>`}
<section aria-label="Actions"><h4>${actions.length > 1 ? 'Actions' : 'Action'}</h4>${code === undefined ? html`<p class="empty">None was found.</p>` : codes.length === 1 ? html`<p>${code}</p>` : several}
${formatted ? '' : html`<p class="hint">Not in the form that was asked for.</p>`}</section></div>`;
}

type Token = Inspection['spans'][number]['tokens'][number];

/** Bounds of the shades of a token, as probabilities. */
const shades = [0.9, 0.5, 0.2, 0.05] as const;

const legend = html`<p class="hint">Probability when it was sampled: ${[...shades, 0].map(
  (bound, shade) => html`<span class="token shade${shade}">${bound === 0 ? `below ${shades.at(-1)}` : `from ${bound}`}</span> `,
)}</p>`;

function tokenView({ id, text, logp }: Token): Html {
  if (logp === undefined) return html`<span class="token forced" title="id ${id}, not sampled">${visibleText(text)}</span>`;
  const shade = shades.findIndex((bound) => Math.exp(logp) >= bound);
  const title = `id ${id}, log-prob ${logp.toFixed(3)}`;
  return html`<span class="token shade${shade === -1 ? shades.length : shade}" title="${title}">${visibleText(text)}</span>`;
}

function tokenTable(tokens: readonly Token[]): Html {
  const rows = tokens.slice(0, 1000).map(
    ({ id, text, logp }) => html`<tr><td class="number">${id}</td><td><code>${visibleText(text)}</code></td>
<td class="number">${logp?.toFixed(4) ?? 'not sampled'}</td><td class="number">${logp === undefined ? '' : Math.exp(logp).toFixed(3)}</td></tr>`,
  );
  return html`<details><summary>${counted(tokens.length, 'token')} one by one</summary><div class="scroll" role="region" aria-label="Tokens" tabindex="0"><table>
<thead><tr><th scope="col" class="number">Id</th><th scope="col">Text</th><th scope="col" class="number">Log-prob</th><th scope="col" class="number">Probability</th></tr></thead>
<tbody>${rows}</tbody></table></div></details>`;
}

function episodeView({ trajectory, trainStep }: ReplayPage): Html {
  const { success, finish, rewards, temperature, agentTurns, sampledTokens, validActions } = trajectory;
  const facts: readonly (readonly [string, string])[] = [
    ['Return', trajectory.return.toFixed(3)],
    ['Success', success ? 'yes' : 'no'],
    ['Finished by', clip(finish, 40)],
    ...Object.entries(rewards).map(([name, value]) => [clip(visibleText(name), 40), value.toFixed(3)] as const),
    ['Turns', `${agentTurns}, ${validActions} possible`],
    ['Sampled tokens', String(sampledTokens)],
    ['Temperature', String(temperature)],
    ['Optimizer step', trainStep === undefined ? '–' : String(trainStep)],
    ['Seed', String(trajectory.seed)],
  ];
  return html`<section aria-labelledby="episode"><h2 id="episode">The episode</h2>
<dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></section>`;
}
