import { readFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { parseConfig, unknownOption } from '../config.ts';
import { AStarPOError } from '../errors.ts';
import type { JsonObject, JsonValue } from '../util/json.ts';

/** `learningRate` → `--learning-rate`. */
export function flagName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** What the JSON schema of one option says; the only thing that flags are made from. */
interface OptionSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: JsonValue;
  readonly enum?: readonly string[];
  /** Of a list. */
  readonly items?: OptionSchema;
}

function optionSchemas(schema: z.ZodObject): Map<string, OptionSchema> {
  const { properties } = z.toJSONSchema(schema, { io: 'input' }) as { properties?: Record<string, OptionSchema> };
  return new Map(Object.entries(properties ?? {}));
}

/** Adds one flag per key of the schema, --config and --dry-run; `run` gets the checked values. `positional`: a key given without its flag, a list if its schema is one; `dryRun`: what --dry-run does instead. */
export function addCommand<S extends z.ZodObject>(
  parent: Command,
  name: string,
  description: string,
  schema: S,
  run: (config: z.output<S>) => Promise<void>,
  settings: { readonly positional?: string; readonly dryRun?: (config: z.output<S>) => Promise<void> } = {},
): Command {
  const options = optionSchemas(schema);
  const command = new Command(name).description(description).enablePositionalOptions();
  const { positional } = settings;
  for (const [key, option] of options) if (key !== positional) for (const flag of flagsOf(key, option)) command.addOption(flag);
  const several = positional !== undefined && options.get(positional)?.type === 'array';
  if (positional !== undefined) command.argument(`<${positional}${several ? '...' : ''}>`, options.get(positional)?.description);
  command.addOption(new Option('--config <file>', 'read options from a JSON file; flags win over it'));
  command.addOption(new Option('--dry-run', 'print the resolved config and stop'));
  command.action(async () => {
    // What was written, without the defaults that the parser makes up for --no-… flags.
    const written = Object.entries(command.opts()).filter(([key]) => command.getOptionValueSource(key) === 'cli');
    const { config: file, dryRun, ...flags } = Object.fromEntries(written);
    const given = positional === undefined ? flags : { ...flags, [positional]: several ? command.args : command.args[0] };
    const config = await resolveConfig(schema, given, typeof file === 'string' ? file : undefined);
    if (dryRun !== true) await run(config);
    else if (settings.dryRun !== undefined) await settings.dryRun(config);
    else process.stdout.write(`${JSON.stringify(config, null, 2)}\n`);
  });
  parent.addCommand(command);
  return command;
}

/** Longest list of choices that stands behind its flag; past it they stand in the text, which wraps where the column of flags leaves room. */
const shortChoices = 16;

function flagsOf(key: string, option: OptionSchema): Option[] {
  const flag = flagName(key);
  const choices = option.enum?.join('|') ?? '';
  const named = choices.length > shortChoices;
  const shown = option.default === undefined ? '' : ` (default: ${JSON.stringify(option.default)})`;
  const description = option.description ?? '';
  const told = named ? description.replace(/(?= \(default)|$/, ` (${option.enum?.join(', ')})`) : description;
  const help = `${told}${option.type === 'boolean' ? '' : shown}`;
  if (option.type === 'boolean') {
    const positive = new Option(flag, option.default === true ? `${help} (default)` : help);
    return option.default === true ? [positive, new Option(flag.replace('--', '--no-'), `not: ${option.description ?? key}`)] : [positive];
  }
  if (option.type === 'array') {
    const append = (text: string, before: readonly JsonValue[] = []) => [...before, fromText(text, option.items ?? {})];
    return [new Option(`${flag} <values...>`, help).argParser(append)];
  }
  const metavar = named ? 'name' : choices !== '' ? choices : option.type === 'string' ? 'text' : 'number';
  return [new Option(`${flag} <${metavar}>`, help).argParser((text: string) => fromText(text, option))];
}

/** Numbers are read here, everything else is left to the schema, so that a config file and flags fail with the same words. */
function fromText(text: string, option: OptionSchema): JsonValue {
  if (option.type !== 'number' && option.type !== 'integer') return text;
  const value = Number(text);
  return text.trim() === '' || Number.isNaN(value) ? text : value;
}

/** Defaults, then the file, then the flags. Throws ASTARPO_UNKNOWN_OPTION, ASTARPO_OPTION or ASTARPO_IO. */
export async function resolveConfig<S extends z.ZodObject>(
  schema: S,
  flags: Record<string, unknown>,
  file: string | undefined,
): Promise<z.output<S>> {
  const fromFile = file === undefined ? {} : await readConfigFile(file);
  const known = Object.keys(schema.shape);
  for (const key of Object.keys(fromFile)) if (!known.includes(key)) throw unknownOption(key, known);
  return parseConfig(schema, { ...fromFile, ...flags }, flagName);
}

async function readConfigFile(file: string): Promise<JsonObject> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new AStarPOError('ASTARPO_IO', `cannot read the config file ${file}`, { cause, hint: 'check the path after --config' });
  });
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (cause) {
    throw new AStarPOError('ASTARPO_OPTION', `${file} is not JSON: ${(cause as Error).message}`, {
      cause,
      hint: '--dry-run prints a config that can be saved and edited',
    });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AStarPOError('ASTARPO_OPTION', `expected an object of options in ${file}`, {
      hint: '--dry-run prints a config that can be saved and edited',
    });
  }
  return value as JsonObject;
}
