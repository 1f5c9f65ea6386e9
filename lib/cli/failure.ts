import type { CommanderError } from 'commander';
import pc from 'picocolors';
import { AStarPOError } from '../errors.ts';
import { nameHint, nearestName } from '../util/nearest-name.ts';

/** What a failed command prints: code, message, and what to do next. Errors that are not ours keep their stack: they are bugs. */
export function describeFailure(error: unknown): string {
  if (error instanceof AStarPOError) return `${pc.red(error.code)} ${error.message}${causeOf(error)}`;
  return `${pc.red('ASTARPO_INTERNAL')} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

function causeOf(error: AStarPOError): string {
  return error.cause instanceof Error && !error.message.includes(error.cause.message) ? `\n  cause: ${error.cause.message}` : '';
}

/** The flag that was probably meant, or where all of them are listed: some commands have forty. */
function flagHint(flag: string, known: readonly string[]): string {
  const nearest = nearestName(flag, [...known, '--help']);
  return nearest === undefined ? '--help lists the options' : `did you mean ${nearest}?`;
}

/** The same codes for what the argument parser rejects as for what the config rejects. */
export function fromParser(
  error: CommanderError,
  knownFlags: readonly string[],
  knownCommands: readonly string[],
  firstArgument: string | undefined,
): AStarPOError {
  const quoted = /'([^']+)'/.exec(error.message)?.[1] ?? '';
  // The parser's own guess stands on a second line.
  const message = error.message.replace(/^error: /, '').replace(/\n.*/s, '');
  if (error.code === 'commander.unknownOption') {
    return new AStarPOError('ASTARPO_UNKNOWN_OPTION', `unknown option ${quoted}`, { hint: flagHint(quoted, knownFlags) });
  }
  if (error.code === 'commander.unknownCommand' || (error.code === 'commander.excessArguments' && knownCommands.length > 0)) {
    const name = firstArgument ?? quoted;
    return new AStarPOError('ASTARPO_UNKNOWN_OPTION', `unknown command ${name}`, { hint: nameHint(name, knownCommands, 'commands') });
  }
  return new AStarPOError('ASTARPO_OPTION', message, { hint: '--help lists names, values and defaults' });
}
