import { integerOption, parseCommandLine } from '../command-line.ts';
import { OracleTrouble } from '../trouble.ts';

export const help = `npm run test:tokenizer -- --tokenizer FILE… [options]

Compares this library with the Rust tokenizers library for any tokenizer.json: ids of hostile texts, with special tokens, without and
with those that begin and end a text; texts of these ids and of random ones, whole and token by token.

  --tokenizer FILE…  tokenizer.json files, or folders with one
  --random N         N more, put together of parts that nobody combined; --seed decides which
  --count N          texts; default 5000
  --seed S           of texts and ids, 0 to 2^31 - 1; default 1
  --long N           characters of each run of one character; default 100000, 0 leaves them out
  --golden FILE      records hashes of what the Rust library gives there, for one tokenizer or for random ones

Exit status: 0 all alike, 1 a difference (the first is shown, as short as it could be made), 2 a tokenizer is refused here or there,
3 nothing could be compared. The first run makes a Python environment in the user's cache folder; ASTARPO_ORACLE_PYTHON names another
Python with the same packages.
`;

export interface TokenizerArguments {
  readonly tokenizers: readonly string[];
  readonly random: number;
  readonly count: number;
  readonly seed: number;
  readonly long: number;
  readonly golden: string | undefined;
}

const options = {
  tokenizer: { type: 'string', multiple: true, default: [] as string[] },
  random: { type: 'string', default: '0' },
  count: { type: 'string', default: '5000' },
  seed: { type: 'string', default: '1' },
  long: { type: 'string', default: '100000' },
  golden: { type: 'string' },
  help: { type: 'boolean', default: false, short: 'h' },
} as const;

/** undefined: help was asked for. Throws OracleTrouble. */
export function readTokenizerArguments(args: readonly string[]): TokenizerArguments | undefined {
  const { values, positionals } = parseCommandLine(args, options);
  if (values.help) return undefined;
  const tokenizers = [...values.tokenizer, ...positionals];
  const random = integerOption('--random', values.random);
  if (tokenizers.length === 0 && random === 0)
    throw new OracleTrouble('expected --tokenizer FILE…, got no tokenizer', '--help lists the options');
  if (values.golden !== undefined && tokenizers.length + Math.min(random, 1) > 1) {
    throw new OracleTrouble(`expected one tokenizer, or random ones alone, beside --golden; got ${tokenizers.length} and ${random}`);
  }
  return {
    tokenizers,
    random,
    count: integerOption('--count', values.count),
    seed: integerOption('--seed', values.seed),
    long: integerOption('--long', values.long),
    golden: values.golden,
  };
}
