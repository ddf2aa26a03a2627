/**
 * The command line of every role as the one-machine fabric runs it. The same programs start one by one on real machines; here they
 * reach each other over unix sockets, which cross namespaces, and the provider network.
 *
 * Called by deploy.ts and the test kit.
 */
import { fileURLToPath } from 'node:url';
import type { Argv } from './command.ts';
import { UPLINK } from './links.ts';
import type { StateDirectory } from './state-directory.ts';
import type { RoleSpec } from './supervisor.ts';

/** Descriptor under which the controller finds its inherited listening socket. */
const LISTEN_FD = 3;

export const CONTROLLER = 'controller';

/** Path of a compiled program of this installation, e.g. `controller/main.js`. */
export function programPath(name: string): string {
  return fileURLToPath(new URL(`../${name}`, import.meta.url));
}

/** Path of a file of the source tree beside dist/. */
export function sourcePath(name: string): string {
  return fileURLToPath(new URL(`../../${name}`, import.meta.url));
}

export function controllerRole(options: {
  readonly state: StateDirectory;
  readonly namespace: string;
  readonly listenFd: number;
  readonly hasten: number;
}): RoleSpec {
  const { state, namespace, listenFd, hasten } = options;
  const command: Argv = [
    process.execPath,
    programPath('controller/main.js'),
    ...['--state', state.root],
    ...credentials(state, CONTROLLER),
    ...['--listen-fd', String(LISTEN_FD), '--listen-unix', state.northboundSocket],
    ...['--southbound', `unix:${state.southboundSocket}`],
    ...(hasten === 1 ? [] : ['--hasten', String(hasten)]),
  ];
  const log = state.role(CONTROLLER).log;
  return { role: CONTROLLER, name: CONTROLLER, namespace, command, log, inheritFd: listenFd };
}

interface AgentRoleOptions {
  readonly state: StateDirectory;
  readonly name: string;
  readonly namespace: string;
  readonly offload: boolean;
}

export function hostRole(options: AgentRoleOptions): RoleSpec {
  return agentRole('host', 'dataplane/main.js', options);
}

export function edgeRole(options: AgentRoleOptions): RoleSpec {
  return agentRole('edge', 'bgp/edge/main.js', options);
}

export function muxRole(options: AgentRoleOptions): RoleSpec {
  return agentRole('mux', 'slb/main.js', options);
}

/** A role that has its goal state from the controller (agent/role-arguments.ts). */
function agentRole(
  role: string,
  program: string,
  { state, name, namespace, offload }: AgentRoleOptions,
): RoleSpec {
  const paths = state.role(name);
  const command: Argv = [
    process.execPath,
    programPath(program),
    ...['--id', name],
    ...['--state', paths.directory],
    ...['--controller', `unix:${state.southboundSocket}`],
    ...credentials(state, name),
    ...['--uplink', UPLINK],
    ...['--control', paths.controlSocket],
    `--offload=${offload ? 'on' : 'off'}`,
  ];
  return { role, name, namespace, command, log: paths.log };
}

function credentials(state: StateDirectory, name: string): readonly string[] {
  const { certificate, key } = state.role(name);
  return ['--ca', state.caCertificate, '--cert', certificate, '--key', key];
}
