/**
 * The command line as a whole: global options, command groups in the order of `weft --help`, and one way in for the process and
 * for the tests. Called by main.
 */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addAclCommands } from './commands/acl.ts';
import { addBgpCommands } from './commands/bgp.ts';
import { addCaptureCommand } from './commands/capture.ts';
import { addCheckCommand } from './commands/check.ts';
import { addCompletionCommand } from './commands/completion.ts';
import { addDropsCommand } from './commands/drops.ts';
import { addEdgeCommands } from './commands/edge.ts';
import { addFabricCommands } from './commands/fabric.ts';
import { addFlowLogCommand } from './commands/flow-log.ts';
import { addFlowsCommand } from './commands/flows.ts';
import { addInsideCommand } from './commands/inside.ts';
import { addLoadBalancerCommands } from './commands/lb/lb.ts';
import { addLearnedIpCommands } from './commands/learned-ip.ts';
import { addMirrorCommands } from './commands/mirror.ts';
import { addMuxCommands } from './commands/mux.ts';
import { addNicCommands } from './commands/nic.ts';
import { addPeeringCommands } from './commands/peering.ts';
import { addPortCommands } from './commands/port.ts';
import { addPublicIpCommands } from './commands/public-ip.ts';
import { addPuzzleCommands } from './commands/puzzle.ts';
import { addResourceCommands } from './commands/resource.ts';
import { addRevisionsCommands } from './commands/revisions.ts';
import { addRouteTableCommands } from './commands/route-table.ts';
import { addRouteQuestions } from './commands/routes.ts';
import { addRuleQuestions } from './commands/rules.ts';
import { addSecurityTagCommands } from './commands/security-tag.ts';
import { addSubnetCommands } from './commands/subnet.ts';
import { addSwitchManagerCommands } from './commands/switch-manager.ts';
import { addTraceCommand } from './commands/trace.ts';
import { addVerifyCommand } from './commands/verify.ts';
import { addVmCommands } from './commands/vm.ts';
import { addVnetCommands } from './commands/vnet.ts';
import { reportFault } from './fault-report.ts';
import { textAt } from './fields.ts';
import { openSession, type Session } from './session.ts';
import type { Shell } from './shell.ts';

/** The commands, and the session their actions will run in. */
export function buildProgram(shell: Shell): { program: Command; session: Session } {
  const program = new Command('weft');
  const session = openSession(program, shell);
  program
    .description('The network of an Azure-consistent private cloud.')
    .version(version())
    .option('--state <directory>', 'state directory of the fabric (default: $WEFT_STATE)')
    .option('--url <url>', 'the controller, https://HOST:PORT (default: $WEFT_NC_URL)')
    .option('--json', 'JSON for programs instead of text for people')
    .configureOutput({
      writeOut: (text) => shell.stdout.write(text),
      writeErr: (text) => shell.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'weft: ')),
    })
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError(
      '      `weft --help` lists the commands, `weft COMMAND --help` the options.',
    )
    .exitOverride();
  program.commandsGroup('Fabric:');
  addFabricCommands(program, session);
  addInsideCommand(program, session);
  program.commandsGroup('Networks:');
  addVnetCommands(program, session);
  addSubnetCommands(program, session);
  addNicCommands(program, session);
  addPublicIpCommands(program, session);
  addLoadBalancerCommands(program, session);
  addLearnedIpCommands(program, session);
  program.commandsGroup('Policy:');
  addAclCommands(program, session);
  addSecurityTagCommands(program, session);
  addRouteTableCommands(program, session);
  addPeeringCommands(program, session);
  addMirrorCommands(program, session);
  addSwitchManagerCommands(program, session);
  program.commandsGroup('Edge:');
  addEdgeCommands(program, session);
  addBgpCommands(program, session);
  addMuxCommands(program, session);
  program.commandsGroup('Machines:');
  addVmCommands(program, session);
  addPortCommands(program, session);
  program.commandsGroup('Why does it not work:');
  addCheckCommand(program, session);
  addTraceCommand(program, session);
  addDropsCommand(program, session);
  addRuleQuestions(program, session);
  addVerifyCommand(program, session);
  addRouteQuestions(program, session);
  addFlowsCommand(program, session);
  addFlowLogCommand(program, session);
  addCaptureCommand(program, session);
  program.commandsGroup('Learning:');
  addPuzzleCommands(program, session);
  program.commandsGroup('History:');
  addRevisionsCommands(program, session);
  program.commandsGroup('Any resource:');
  addResourceCommands(program, session);
  program.commandsGroup('Shell:');
  addCompletionCommand(program, session);
  return { program, session };
}

/** Runs one command line and resolves with the process's exit code. */
export async function runCommandLine(shell: Shell): Promise<number> {
  const { program, session } = buildProgram(shell);
  try {
    await program.parseAsync([...shell.args], { from: 'user' });
    return session.exitCode;
  } catch (thrown) {
    return reportFault(thrown, session);
  } finally {
    session.close();
  }
}

/** Of the package this file belongs to. */
function version(): string {
  return textAt(
    JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')),
    'version',
  );
}
