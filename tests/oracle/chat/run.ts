/** npm run test:chat: compares this library with transformers' chat templates for any folder with a tokenizer; see arguments.ts. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { chatOptions } from '../../../lib/cli/chat-options.ts';
import { describeFailure } from '../../../lib/cli/failure.ts';
import { isAStarPOError } from '../../../lib/errors.ts';
import { ChatTemplate } from '../../../lib/model/chat/chat-template.ts';
import { today } from '../../../lib/model/chat/options.ts';
import { readChatFiles } from '../../../lib/model/chat/template-files.ts';
import { TemplateFormat } from '../../../lib/model/chat/template-format.ts';
import { Tokenizer } from '../../../lib/model/tokenizer.ts';
import { oraclePython } from '../environment.ts';
import { OracleProcess } from '../process.ts';
import { OracleTrouble, RefusedByTransformers, type Status, status } from '../trouble.ts';
import { type ChatArguments, help, readChatArguments } from './arguments.ts';
import { type ChatSide, compareChats } from './compare.ts';

const print = (text: string) => process.stdout.write(`${text}\n`);

async function main(): Promise<Status> {
  const args = readChatArguments(process.argv.slice(2));
  if (args === undefined) {
    print(help);
    return status.withinLimits;
  }
  const oracle = await OracleProcess.start(await oraclePython(print), () => {}, 'chat_server.py');
  try {
    const statuses: Status[] = [];
    for (const folder of args.models) statuses.push(await compareFolder(oracle, folder, args));
    return statuses.find((each) => each === status.pastLimits) ?? statuses.find((each) => each === status.refused) ?? status.withinLimits;
  } finally {
    await oracle.stop();
  }
}

async function compareFolder(oracle: OracleProcess, folder: string, args: ChatArguments): Promise<Status> {
  const refused = (by: string, error: Error) => {
    print(`${folder}: REFUSED by ${by}\n  ${describeFailure(error)}`);
    return status.refused;
  };
  const template = args.template === undefined ? undefined : readFileSync(args.template, 'utf8');
  try {
    await oracle.request('load', { folder: resolve(folder), template: template ?? null });
  } catch (error) {
    if (error instanceof RefusedByTransformers) return refused('transformers', error);
    throw error;
  }
  let side: ChatSide;
  try {
    side = await loadSide(folder, template, args.variables);
  } catch (error) {
    if (isAStarPOError(error)) return refused('this library', error);
    throw error;
  }
  const {
    rendered,
    refused: notRendered,
    hostile,
    grown,
    writtenAnew,
    reason,
    difference,
  } = await compareChats(side, oracle, args.count, args.seed);
  if (difference !== undefined) {
    const show = (value: unknown) => (typeof value === 'string' ? JSON.stringify(value) : JSON.stringify(value, null, 0));
    print(`${folder}: DIFFERENT in ${difference.what}`);
    print(`  of     ${show(difference.of)}\n  here   ${show(difference.here)}\n  there  ${show(difference.there)}`);
    return status.pastLimits;
  }
  print(
    `${folder}: ${rendered} conversations alike in text and ids, ${hostile} with names of special tokens as text, ${notRendered} refused by both`,
  );
  print(`  ${grown} grown turn by turn read like the whole${writtenAnew === 0 ? '' : `, ${writtenAnew} cannot grow: ${reason}`}`);
  return status.withinLimits;
}

async function loadSide(folder: string, given: string | undefined, texts: readonly string[]): Promise<ChatSide> {
  const tokenizer = await Tokenizer.load(folder);
  const files = await readChatFiles(folder, tokenizer.config);
  const source = given ?? files.template;
  if (source === undefined)
    throw new OracleTrouble(`expected a chat template in ${folder}, got none`, 'give one with --chat-template FILE');
  const variables = chatOptions(texts.length === 0 ? {} : { chatVariable: texts })?.variables ?? {};
  const template = new ChatTemplate(source, { specialTokens: files.specialTokens, date: today() });
  return {
    ...{ tokenizer, template, variables },
    format: new TemplateFormat(tokenizer, template, { variables, earlierTurns: 'keep' }),
    checked: new TemplateFormat(tokenizer, template, { variables }),
  };
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof OracleTrouble) && !isAStarPOError(error) && (error as NodeJS.ErrnoException).code === undefined) throw error;
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = status.trouble;
}
