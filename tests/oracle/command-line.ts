import { type ParseArgsConfig, parseArgs } from 'node:util';
import { nameHint } from '../../lib/util/nearest-name.ts';
import { OracleTrouble } from './trouble.ts';

type Options = NonNullable<ParseArgsConfig['options']>;
type Parsed<T extends Options> = ReturnType<typeof parseArgs<{ args: string[]; options: T; allowPositionals: true }>>;

/** Values and positionals of a command line. Throws OracleTrouble, for an unknown option with the nearest name. */
export function parseCommandLine<const T extends Options>(args: readonly string[], options: T): Parsed<T> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    const message = error instanceof Error ? error.message.replace(/\. .*/s, '') : String(error);
    const unknown = /Unknown option '(--?[^']+)'/.exec(message)?.[1];
    const known = Object.keys(options).map((name) => `--${name}`);
    throw new OracleTrouble(message, unknown === undefined ? '--help lists the options' : nameHint(unknown, known, 'options'), error);
  }
}

/** An option's value as an integer below 2^31. Throws OracleTrouble. */
export function integerOption(name: string, text: string, least = 0): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value < 2 ** 31) return value;
  throw new OracleTrouble(`expected ${name} to be an integer from ${least} to ${2 ** 31 - 1}, got ${JSON.stringify(text)}`);
}
