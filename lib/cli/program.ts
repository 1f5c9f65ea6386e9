import { Command, CommanderError } from 'commander';
import { packageVersion } from '../util/package-version.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { envCommand } from './env.ts';
import { evalCommand } from './eval.ts';
import { describeFailure, fromParser } from './failure.ts';
import { inspectCommand } from './inspect.ts';
import { libtorchCommand } from './libtorch.ts';
import { modelCommand } from './model.ts';
import { sftCommand } from './sft.ts';
import { trainCommand } from './train.ts';
import { vstarCommand } from './vstar.ts';
import { webshopCommand } from './webshop.ts';

/** The whole command line; one function per sub-command adds its part. */
export function createProgram(): Command {
  const program = new Command('astar-po');
  program.description('Post-train language-model agents with A*-PO').version(packageVersion()).enablePositionalOptions();
  for (const add of [
    demoCommand,
    modelCommand,
    sftCommand,
    vstarCommand,
    trainCommand,
    evalCommand,
    inspectCommand,
    webshopCommand,
    envCommand,
    doctorCommand,
    libtorchCommand,
  ])
    add(program);
  quiet(program);
  return program;
}

/** Parses and runs; returns the exit status: 0 done, 1 failed, 130 interrupted. Failures are printed as code, message and hint. */
export async function runCommandLine(args: readonly string[], report: (text: string) => void = printError): Promise<number> {
  const program = createProgram();
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      report(describeFailure(error));
      return 1;
    }
    // --help and --version arrive here too, with status 0.
    if (error.exitCode === 0) return 0;
    // A bare command group prints its help and fails.
    if (error.code === 'commander.help') return 1;
    const command = commandOf(program, args);
    const flags = command.options.flatMap((option) => (option.long === undefined ? [] : [option.long]));
    report(
      describeFailure(
        fromParser(
          error,
          flags,
          command.commands.map((sub) => sub.name()),
          command.args[0],
        ),
      ),
    );
    return 1;
  }
  return typeof process.exitCode === 'number' ? process.exitCode : 0;
}

function printError(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** The deepest sub-command that the arguments name. */
function commandOf(program: Command, args: readonly string[]): Command {
  let command = program;
  for (const arg of args) {
    const next = command.commands.find((sub) => sub.name() === arg);
    if (next === undefined) break;
    command = next;
  }
  return command;
}

/** Errors come as exceptions, so that they can be worded here; help goes to the terminal as usual. */
function quiet(command: Command): void {
  command.exitOverride();
  command.configureOutput({ outputError: () => undefined });
  for (const sub of command.commands) quiet(sub);
}
