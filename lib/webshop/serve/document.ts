import { html } from 'hono/html';

/** A piece of a page: every value in it was escaped. */
export type Html = ReturnType<typeof html>;

export interface DocumentParts {
  readonly title: string;
  readonly main: Html;
  /** Below the bar: the search bar, what the shopper was asked for. */
  readonly top?: Html | undefined;
  readonly hasRecordings: boolean;
  /** For the two columns of a replay. */
  readonly wide?: boolean;
}

/** Texts of a catalogue may be long: what a page shows of one at most, in UTF-16 units. */
const longest = 20_000;

/** Cut where a page would be too heavy to open; says so. */
export function clip(text: string, limit = longest): string {
  return text.length <= limit ? text : `${text.slice(0, limit)} … (${(text.length - limit).toLocaleString('en')} more characters)`;
}

export function counted(count: number, what: string): string {
  return `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;
}

/** A whole page with its landmarks. */
export function renderDocument({ title, main, top, hasRecordings, wide = false }: DocumentParts): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${clip(title, 100)} · WebShop</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css">
<script src="/keys.js" defer></script>
</head>
<body class="${wide ? 'wide' : ''}">
<a class="skip" href="#main">Skip to the page</a>
<header class="bar">
<a class="brand" href="/" data-key="g">WebShop</a>
<nav aria-label="Site">
<a href="/">Goals</a>
${hasRecordings ? html`<a href="/recordings">Recordings</a>` : ''}
<a href="/help" data-key="?">Help</a>
</nav>
</header>
${top ?? ''}
<main id="main" tabindex="-1">${main}</main>
<footer>
<p>Everything here is made up or was read from the catalogue's files; nothing can be bought. <a href="/help">Rules and keys</a></p>
<button type="button" id="keys" class="quiet" aria-pressed="true" hidden>Single keys are on</button>
</footer>
</body>
</html>`;
}
