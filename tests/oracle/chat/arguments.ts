import { integerOption, parseCommandLine } from '../command-line.ts';
import { OracleTrouble } from '../trouble.ts';

export const help = `npm run test:chat -- --model FOLDER… [options]

Compares this library with transformers' apply_chat_template for any folder with a tokenizer: text and ids of random conversations, with
a system message or without, tools, calls, thinking, and names of special tokens in what users and tools say; and whether the ids of a
conversation that grows turn by turn read like the rendering of the whole.

  --model FOLDER…              folders with tokenizer.json and, unless --chat-template is given, a chat template
  --chat-template FILE         a Jinja template in place of the folder's own
  --chat-variable NAME=VALUE…  what the template may read besides, such as enable_thinking=false
  --count N                    conversations; default 200
  --seed S                     of the conversations, 0 to 2^31 - 1; default 1

Exit status: 0 all alike, 1 a difference (the first is shown), 2 a folder or template is refused here or there, 3 nothing could be
compared. The first run makes a Python environment in the user's cache folder; ASTARPO_ORACLE_PYTHON names another Python with the same
packages.
`;

export interface ChatArguments {
  readonly models: readonly string[];
  readonly template: string | undefined;
  readonly variables: readonly string[];
  readonly count: number;
  readonly seed: number;
}

const options = {
  model: { type: 'string', multiple: true, default: [] as string[] },
  'chat-template': { type: 'string' },
  'chat-variable': { type: 'string', multiple: true, default: [] as string[] },
  count: { type: 'string', default: '200' },
  seed: { type: 'string', default: '1' },
  help: { type: 'boolean', default: false, short: 'h' },
} as const;

/** undefined: help was asked for. Throws OracleTrouble. */
export function readChatArguments(args: readonly string[]): ChatArguments | undefined {
  const { values, positionals } = parseCommandLine(args, options);
  if (values.help) return undefined;
  // Further values of a list come without their flag.
  const models = [...values.model, ...positionals.filter((text) => !text.includes('='))];
  const variables = [...values['chat-variable'], ...positionals.filter((text) => text.includes('='))];
  if (models.length === 0) throw new OracleTrouble('expected --model FOLDER…, got no folder', '--help lists the options');
  return {
    models,
    template: values['chat-template'],
    variables,
    count: integerOption('--count', values.count),
    seed: integerOption('--seed', values.seed),
  };
}
