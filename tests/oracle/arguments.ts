import { resolve } from 'node:path';
import { integerOption, parseCommandLine } from './command-line.ts';
import { OracleTrouble } from './trouble.ts';

export const help = `npm run test:oracle -- --config FILE… [options]

Compares this library with transformers on random weights of any Hugging Face config.json: logits in fp32 and bf16, gradients, greedy
continuations, a saved model; prints the errors and their limits.

  --config FILE…     configurations, or folders with a config.json
  --random N         N more, drawn for all families; --seed decides which
  --layers N         at most the first N layers, for models that do not fit into memory
  --lengths A,B,…    tokens of each packed sequence; default: from 1 to 200, past a sliding window
  --attention NAME   implementation in transformers: sdpa (default there and here) or eager
  --lora             also a low-rank adapter against PEFT
  --seed S           of weights and tokens, 0 to 2^31 - 1; default 1
  --scratch FOLDER   new or empty: where the models go, and stay; default: a temporary folder
  --json FILE        also writes the results there

Exit status: 0 all within the limits, 1 past a limit, 2 a configuration is refused, 3 nothing could be compared (arguments, Python,
memory, a file that cannot be read). The first run makes a Python environment in the user's cache folder; ASTARPO_ORACLE_PYTHON
names another Python with the same packages.
`;

export interface OracleArguments {
  readonly configs: readonly string[];
  readonly random: number;
  readonly layers: number | undefined;
  readonly lengths: readonly number[] | undefined;
  readonly attention: 'sdpa' | 'eager';
  readonly seed: number;
  readonly lora: boolean;
  readonly scratch: string | undefined;
  readonly json: string | undefined;
}

const options = {
  config: { type: 'string', multiple: true, default: [] as string[] },
  random: { type: 'string', default: '0' },
  layers: { type: 'string' },
  lengths: { type: 'string' },
  attention: { type: 'string', default: 'sdpa' },
  seed: { type: 'string', default: '1' },
  lora: { type: 'boolean', default: false },
  scratch: { type: 'string' },
  json: { type: 'string' },
  help: { type: 'boolean', default: false, short: 'h' },
} as const;

/** undefined: help was asked for. Throws OracleTrouble. */
export function readArguments(args: readonly string[]): OracleArguments | undefined {
  const { values, positionals } = parseCommandLine(args, options);
  if (values.help) return undefined;
  // npm starts scripts in the package's folder, wherever it was called.
  const path = (name: string) => resolve(process.env.INIT_CWD ?? '.', name);
  const configs = [...values.config, ...positionals].map(path);
  const random = integerOption('--random', values.random);
  if (configs.length === 0 && random === 0)
    throw new OracleTrouble('expected --config FILE…, got no configuration', '--help lists the options');
  if (values.attention !== 'sdpa' && values.attention !== 'eager') {
    throw new OracleTrouble(`expected --attention to be sdpa or eager, got ${values.attention}`);
  }
  return {
    configs,
    random,
    layers: values.layers === undefined ? undefined : integerOption('--layers', values.layers, 1),
    lengths: values.lengths?.split(',').map((text) => integerOption('--lengths', text, 1)),
    attention: values.attention,
    seed: integerOption('--seed', values.seed),
    lora: values.lora,
    scratch: values.scratch === undefined ? undefined : path(values.scratch),
    json: values.json === undefined ? undefined : path(values.json),
  };
}
