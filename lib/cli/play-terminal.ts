import { createInterface } from 'node:readline';
import pc from 'picocolors';
import { visibleText } from '../report/visible.ts';
import { nearestName } from '../util/nearest-name.ts';
import type { Game } from '../webshop/play/game.ts';

/** Where a game is played: `process`, or streams. */
export interface Terminal {
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** How a game in a terminal ended: it was played to its end, left, or interrupted. */
export type GameEnd = 'played' | 'left' | 'interrupted';

const commands = {
  help: 'this list',
  hint: 'what the scripted shopper would do here',
  page: 'show the page again',
  task: 'show what is asked for',
  score: 'what has been earned so far',
  'say TEXT': 'say TEXT exactly as a model would',
  quit: 'leave; so do Ctrl-D and Ctrl-C',
} as const;

/** Shows pages, reads lines and plays them, until the game is over, the input ends or the player leaves. */
export async function playInTerminal(game: Game, { stdin, stdout }: Terminal): Promise<GameEnd> {
  const terminal = stdout.isTTY === true;
  const lines = createInterface({ input: stdin, ...(terminal ? { output: stdout } : {}), terminal });
  let end: GameEnd = 'left';
  // A terminal in raw mode reports Ctrl-C to readline, a pipe to the process.
  const interrupt = () => {
    end = 'interrupted';
    lines.close();
  };
  lines.on('SIGINT', interrupt);
  process.on('SIGINT', interrupt);
  const print = (text: string) => stdout.write(`${text}\n`);
  lines.setPrompt(pc.bold('> '));
  try {
    print(pc.dim('help lists what can be said; Ctrl-D leaves'));
    showPage(game, print);
    if (terminal) lines.prompt();
    for await (const line of lines) {
      const word = line.trim();
      if (word === 'quit') break;
      // Piped lines are not echoed by anything else.
      if (!terminal) print(`${pc.bold('>')} ${visibleText(line)}`);
      if (word !== '') await obey(game, line, word, print);
      if (game.over) {
        end = 'played';
        break;
      }
      if (terminal) lines.prompt();
    }
  } finally {
    process.off('SIGINT', interrupt);
    lines.close();
  }
  if (end !== 'played') print(`${terminal ? '\n' : ''}You left before the end.`);
  print(game.report().map(visibleText).join('\n'));
  return end;
}

async function obey(game: Game, line: string, word: string, print: (text: string) => void): Promise<void> {
  if (word === 'help') return showHelp(game, print);
  if (word === 'hint') return print(`${pc.cyan('hint')} ${visibleText(game.hint())}`);
  if (word === 'page') return showPage(game, print);
  if (word === 'task') return print(visibleText(game.task.instruction));
  if (word === 'score') return print(game.report().map(visibleText).join('\n'));
  const before = game.turns;
  if (word.startsWith('say ')) await game.say(word.slice('say '.length));
  else await game.play(line);
  if (!game.valid && !game.over) {
    const nearest = nearestName(word, ['help', 'hint', 'page', 'task', 'score', 'quit']);
    print(pc.yellow(`That did nothing.${nearest === undefined ? '' : ` Did you mean ${nearest}?`}`));
  }
  if (game.turns > before) showPage(game, print);
}

/** The page as an agent sees it, and what else can be done. */
function showPage(game: Game, print: (text: string) => void): void {
  print(game.observation.split('\n').map(visibleText).join('\n'));
  if (game.choices.length > 0) print(pc.dim(game.choices.map((action, i) => `${i + 1}) ${visibleText(action)}`).join('  ')));
}

function showHelp(game: Game, print: (text: string) => void): void {
  const shop = {
    'search WORDS': 'look for products',
    'click N, or N':
      game.choices.length > 0
        ? 'open what has this number on the page (click N) or in the list (N)'
        : 'open or choose what has this number',
    'buy N, buy': 'buy the N-th result as it is, or the open product',
    'next, back': 'turn the page, go back',
  };
  for (const [name, about] of Object.entries({ ...shop, ...commands })) print(`${pc.bold(name.padEnd(14))}  ${about}`);
}
