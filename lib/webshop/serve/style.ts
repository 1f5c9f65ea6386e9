export const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#4338ca"/>
<path d="M9 12h14l-1.5 12h-11z" fill="none" stroke="#fff" stroke-width="2.4" stroke-linejoin="round"/>
<path d="M12.5 12a3.5 3.5 0 0 1 7 0" fill="none" stroke="#fff" stroke-width="2.4"/></svg>
`;

/** Every pair of text and ground has a contrast of at least 4.5 in both schemes; the browser test measures it. */
export const style = `
:root {
  color-scheme: light dark;
  --ground: #f6f6f9; --card: #ffffff; --ink: #1b1b26; --soft: #565666; --line: #d9d9e3; --edge: #85859a;
  --brand: #3730a3; --brand-ink: #ffffff; --link: #3730a3; --tint: #eeedfd; --task: #fff6dd; --task-line: #e3b341;
  --good: #14692f; --bad: #a3271f; --focus: #b45309; --code: #f0f0f5;
  --shade0: #ffffff; --shade1: #e5f0ff; --shade2: #fff1c9; --shade3: #ffdfc2; --shade4: #ffd0cd;
  font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14141b; --card: #1e1e28; --ink: #ececf2; --soft: #b0b0c0; --line: #363645; --edge: #8c8ca3;
    --brand: #4f46c9; --brand-ink: #ffffff; --link: #b4b0ff; --tint: #2a2850; --task: #322a12; --task-line: #a3801f;
    --good: #7fd99a; --bad: #ff9d94; --focus: #fbbf24; --code: #272733;
    --shade0: #1e1e28; --shade1: #1c3557; --shade2: #4a3c0c; --shade3: #5c3410; --shade4: #682421;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink); overflow-wrap: anywhere; }
h1, h2, h3, .h1, .h2 { line-height: 1.25; margin: 0 0 .5rem; }
h1, .h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; } h3 { font-size: 1rem; margin-top: 1rem; } .h2 { font-size: 1.05rem; }
h3.h1 { margin-top: 0; font-size: 1.3rem; }
p { margin: 0 0 .75rem; }
a { color: var(--link); text-underline-offset: .15em; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: 4px; }
main:focus { outline: none; }
.skip { position: absolute; left: .5rem; top: -4rem; background: var(--card); padding: .5rem 1rem; z-index: 2; }
.skip:focus { top: .5rem; }
.unseen { position: absolute; width: 1px; height: 1px; padding: 0; border: 0; overflow: hidden; clip-path: inset(50%); }
.bar { background: var(--brand); color: var(--brand-ink); display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between;
  gap: .25rem 1.5rem; padding: .6rem max(1rem, calc(50% - 31rem)); }
.wide .bar { padding-inline: max(1rem, calc(50% - 43rem)); }
.bar a { color: inherit; text-decoration: none; padding: .35rem 0; }
.bar a:hover { text-decoration: underline; }
.bar :focus-visible { outline-color: #fde68a; }
.brand { font-weight: 700; font-size: 1.2rem; letter-spacing: -.01em; }
.bar nav { display: flex; gap: 1.25rem; }
main, .task, .searchbar, footer { max-width: 64rem; margin-inline: auto; padding-inline: 1rem; }
.wide main, .wide footer { max-width: 88rem; }
main { padding-block: 1.25rem 2.5rem; }
body > .task { max-width: 62rem; }
.task { background: var(--task); border-left: 4px solid var(--task-line); border-radius: 0 8px 8px 0; margin-block: 1rem 0; padding-block: .6rem; }
main .task { margin-block: 0 1rem; max-width: none; }
@media (max-width: 64rem) { body > .task { margin-inline: 1rem; } }
.task p { margin: 0; } .where { color: var(--soft); font-size: .85rem; margin-left: .5rem; }
.searchbar { margin-top: 1rem; }
label { display: block; font-weight: 600; font-size: .9rem; margin-bottom: .25rem; }
.searchbar label { position: absolute; clip-path: inset(50%); }
.field { display: flex; gap: .5rem; }
.field button { flex: none; }
input:not([type=radio]), select { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--edge); border-radius: 8px;
  padding: .55rem .75rem; width: 100%; min-width: 0; }
button, .button { font: inherit; font-weight: 600; display: inline-block; text-decoration: none; cursor: pointer; color: var(--link); background: var(--card);
  border: 1px solid var(--edge); border-radius: 8px; padding: .5rem 1rem; min-height: 2.75rem; text-align: center; }
a.button { line-height: 1.6; }
button:hover, a.button:hover { background: var(--tint); }
.primary { background: var(--brand); color: var(--brand-ink); border-color: var(--brand); }
button.primary:hover { background: var(--brand); filter: brightness(1.12); }
.quiet { border-color: transparent; background: none; padding-inline: .5rem; }
.link { border: 0; background: none; padding: 0; text-align: left; min-height: 0; line-height: 1.35; text-decoration: underline; text-decoration-thickness: 1px; text-underline-offset: .15em; }
.button.off { color: var(--soft); border-style: dashed; cursor: default; }
.picture .button { cursor: default; }
.hint, small { color: var(--soft); font-size: .875rem; }
.empty { color: var(--soft); padding: 1.5rem; border: 1px dashed var(--edge); border-radius: 12px; text-align: center; }
.notice { background: var(--tint); border-radius: 8px; padding: .6rem .9rem; }
.hero { background: var(--card); border: 1px solid var(--line); border-radius: 16px; padding: clamp(1.25rem, 5vw, 3rem); text-align: center; }
.hero label { position: absolute; clip-path: inset(50%); }
.hero .hint { margin: 1rem 0 0; }
.hero .field { max-width: 36rem; margin: 1rem auto 0; }
.chooser { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: 1rem; margin-bottom: 1.75rem; }
.panel { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1rem; display: flex; flex-direction: column; gap: .5rem; }
.panel p { margin: 0; } .panel label { margin: 0; } .panel button { margin-top: auto; }
ol.goals, ul.goals, .products { list-style: none; margin: 0; padding: 0; display: grid; gap: .6rem; }
.goals li { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: .7rem .9rem; display: flex; gap: .9rem; align-items: center; }
.goals li > p { flex: 1; margin: 0; min-width: 0; }
.place { color: var(--soft); font-variant-numeric: tabular-nums; min-width: 2.5ch; text-align: right; font-size: .875rem; }
.trail { margin-bottom: .5rem; }
.trail .quiet { margin-left: -.5rem; margin-right: .75rem; }
.product { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: .8rem; display: grid; grid-template-columns: 5rem 1fr; gap: 1rem; }
.product h2, .product .h2 { font-size: 1.02rem; font-weight: 600; margin: 0 0 .3rem; }
.product p { margin: 0; }
.price { font-weight: 700; font-size: 1.1rem; }
.tile { border-radius: 10px; aspect-ratio: 1; display: grid; place-items: center; color: #fff; font-size: 1.8rem; font-weight: 700; align-self: start; }
.tile.beauty { background: linear-gradient(135deg, #9d174d, #be3a72); } .tile.electronics { background: linear-gradient(135deg, #1e3a8a, #2f5cc4); }
.tile.fashion { background: linear-gradient(135deg, #5b21b6, #7d4bd0); } .tile.garden { background: linear-gradient(135deg, #14532d, #2a7a4b); }
.tile.grocery { background: linear-gradient(135deg, #7c2d12, #a8501f); } .tile.other { background: linear-gradient(135deg, #334155, #56657c); }
.pager { display: flex; flex-wrap: wrap; gap: .6rem 1rem; align-items: center; justify-content: center; margin-top: 1.25rem; }
nav.steps { margin: 0 0 1rem; }
.item .tile { font-size: 4rem; }
.item:not(.form) { display: block; }
.item .item, form.item > .item { display: grid; grid-template-columns: minmax(0, 18rem) minmax(0, 1fr); gap: 1.5rem; }
.about { background: var(--card); border: 1px solid var(--line); border-radius: 16px; padding: clamp(1rem, 3vw, 1.75rem); }
.about h1 { font-size: 1.35rem; }
.option { border: 0; padding: 0; margin: 0 0 1rem; display: flex; flex-wrap: wrap; gap: .5rem; max-height: 22rem; overflow: auto; }
.option legend { font-weight: 600; margin-bottom: .35rem; padding: 0; }
.choice { font-weight: 400; font-size: .95rem; margin: 0; position: relative; }
.choice input { position: absolute; inset: 0; opacity: 0; width: 100%; height: 100%; margin: 0; cursor: pointer; }
.choice span { display: block; border: 1px solid var(--edge); border-radius: 8px; padding: .45rem .8rem; }
.choice input:checked + span { background: var(--brand); border-color: var(--brand); color: var(--brand-ink); font-weight: 600; }
.choice input:checked + span::before { content: '✓ '; }
.choice input:focus-visible + span { outline: 3px solid var(--focus); outline-offset: 2px; }
.choice input:hover:enabled:not(:checked) + span { background: var(--tint); }
.blocked span { border-style: dashed; color: var(--soft); }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin-block: 1.25rem; align-items: center; }
.more { display: flex; flex-wrap: wrap; gap: .6rem; border-top: 1px solid var(--line); padding-top: 1.25rem; }
.prose { max-width: 46rem; } p.prose, .prose li { white-space: pre-line; } ul.prose { padding-left: 1.25rem; } .prose li { margin-bottom: .4rem; }
.score .total { font-size: 1.15rem; display: flex; align-items: center; gap: .5rem; flex-wrap: wrap; } .total strong { font-size: 2.2rem; line-height: 1; } meter { width: min(16rem, 100%); height: 1.2rem; }
.scroll { overflow-x: auto; margin-bottom: 1.25rem; border: 1px solid var(--line); border-radius: 12px; background: var(--card); }
table { border-collapse: collapse; width: 100%; font-size: .95rem; }
caption { text-align: left; padding: .6rem .8rem; color: var(--soft); }
th, td { text-align: left; padding: .5rem .8rem; border-top: 1px solid var(--line); vertical-align: top; } th { font-weight: 600; overflow-wrap: normal; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem; align-items: start; }
.beside > section, .said > section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1rem; min-width: 0; }
.replay { grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); }
.said { display: grid; gap: 1rem; min-width: 0; }
.criteria { list-style: none; padding: 0; } .criteria li { padding: .15rem 0; }
.sign { font-weight: 700; display: inline-block; width: 1.2em; } .met .sign, .met .verdict { color: var(--good); } .missed .sign, .missed .verdict { color: var(--bad); }
.verdict { font-size: .85rem; }
details { margin-top: 1rem; } summary { cursor: pointer; color: var(--link); padding: .3rem 0; }
.log { font-size: .9rem; padding-left: 2.2rem; } .log a[aria-current] { font-weight: 700; color: inherit; }
code, pre, kbd { font-family: ui-monospace, 'DejaVu Sans Mono', monospace; font-size: .875rem; }
kbd { border: 1px solid var(--edge); border-bottom-width: 2px; border-radius: 5px; padding: .05rem .4rem; white-space: nowrap; }
pre { background: var(--code); border-radius: 8px; padding: .8rem; margin: 0 0 .75rem; white-space: pre-wrap; max-height: 24rem; overflow: auto; }
.speech { background: none; border: 1px solid var(--line); }
.understood { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 12rem), 1fr)); gap: 1rem; overflow-wrap: anywhere; }
.understood h4 { font-size: .9rem; margin: 0 0 .25rem; } .understood p { margin: 0; }
.token { border-radius: 3px; } .shade0 { background: var(--shade0); } .shade1 { background: var(--shade1); } .shade2 { background: var(--shade2); }
.shade3 { background: var(--shade3); } .shade4 { background: var(--shade4); } .forced { color: var(--soft); }
.hint .token { color: var(--ink); padding: 0 .3rem; border: 1px solid var(--line); }
.facts { margin: 0; } .facts > div { display: flex; justify-content: space-between; gap: 1rem; border-top: 1px solid var(--line); padding: .35rem 0; }
.facts.keys > div { justify-content: start; } .keys dt { flex: 0 0 11rem; } .facts.keys dd { text-align: left; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; text-align: right; }
.picture { border: 1px solid var(--line); border-radius: 12px; padding: 1rem; background: var(--ground); margin-bottom: 1rem; max-height: 46rem; overflow: auto; }
.button.done, .choice.done span { outline: 3px solid var(--focus); outline-offset: 3px; border-radius: 4px; }
.button.done::after, .choice.done span::after { content: ' ◀ chosen by the model'; color: var(--ink); font-size: .8rem; }
.choice.done input:checked + span::after, .primary.done::after { color: inherit; }
.error { max-width: 36rem; margin: 2rem auto; }
footer { border-top: 1px solid var(--line); padding-block: 1rem 2rem; color: var(--soft); font-size: .875rem; display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; justify-content: space-between; align-items: center; }
footer p { margin: 0; }
@media (max-width: 44rem) {
  h1 { font-size: 1.35rem; }
  .item .item, form.item > .item, .replay { grid-template-columns: minmax(0, 1fr); }
  .item .item > .tile, form.item > .item > .tile { display: none; }
  .product { grid-template-columns: 3.25rem 1fr; gap: .75rem; } .tile { font-size: 1.3rem; }
  .goals li { flex-wrap: wrap; } .goals li > p { flex-basis: 70%; } .goals button { flex: 1; }
  .picture { max-height: 26rem; }
  .steps span[aria-live] { order: -1; flex-basis: 100%; text-align: center; }
  .actions > * { flex: 1 1 auto; }
}
@media (prefers-reduced-motion: no-preference) { .skip { transition: top .1s; } }
`;
