/**
 * How a fault reaches the user: one line with what went wrong, one with what to do about it, and an exit code.
 *
 *   0 done    1 refused, or something is broken    2 the command line itself is wrong    3 the network drops the packet asked about
 *
 * `vm run` and `vm exec` pass on the exit code of the command they ran. Called by program.
 */
import { CommanderError } from 'commander';
import { AssertionError } from '../base/assert.ts';
import { messageOf, SdnError } from '../base/errors.ts';
import { NorthboundFault } from '../fabric/northbound-client.ts';
import { remedyFor } from './remedies.ts';
import type { Session } from './session.ts';
import { printable } from './table.ts';

export const ExitCode = { Done: 0, Refused: 1, Usage: 2, Denied: 3 } as const;

/** A mistake in the arguments that the option parser cannot see. */
export class UsageFault extends SdnError {
  override readonly name = 'UsageFault';
  constructor(message: string, remedy?: string) {
    super('SDN_CLI_USAGE', message, remedy === undefined ? {} : { remedy });
  }
}

/** Prints the fault on standard error and returns the exit code it stands for. */
export function reportFault(thrown: unknown, session: Session): number {
  // The parser has printed its own message, or the help that was asked for.
  if (thrown instanceof CommanderError) {
    return thrown.exitCode === 0 ? ExitCode.Done : ExitCode.Usage;
  }
  const { stderr } = session.shell;
  const fault = describe(thrown);
  if (session.json) stderr.write(`${JSON.stringify({ error: fault })}\n`);
  else {
    stderr.write(`weft: ${printable(fault.message)}\n`);
    if (fault.remedy !== undefined) stderr.write(`      ${printable(fault.remedy)}\n`);
  }
  // Our own bug: the stack is what a report needs.
  if (thrown instanceof AssertionError || !(thrown instanceof Error)) {
    stderr.write(`${thrown instanceof Error ? (thrown.stack ?? '') : ''}\n`);
  }
  return thrown instanceof UsageFault ? ExitCode.Usage : ExitCode.Refused;
}

interface FaultReport {
  readonly code: string;
  readonly message: string;
  readonly target?: string;
  readonly remedy?: string;
}

function describe(thrown: unknown): FaultReport {
  if (thrown instanceof NorthboundFault) {
    const remedy = thrown.remedy ?? remedyFor(thrown.northboundCode, thrown.message);
    return {
      code: thrown.northboundCode,
      message: thrown.message,
      ...(thrown.target !== undefined && { target: thrown.target }),
      ...(remedy !== undefined && { remedy }),
    };
  }
  if (thrown instanceof SdnError) {
    return {
      code: thrown.code,
      message: thrown.message,
      ...(thrown.remedy !== undefined && { remedy: thrown.remedy }),
    };
  }
  return { code: 'SDN_UNEXPECTED', message: messageOf(thrown) };
}
