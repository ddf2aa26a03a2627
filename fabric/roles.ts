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
}): RoleSpec {
  const { state, namespace, listenFd } = options;
  const command: Argv = [
    process.execPath,
    programPath('controller/main.js'),
    ...['--state', state.root],
    ...credentials(state, CONTROLLER),
    ...['--listen-fd', String(LISTEN_FD), '--listen-unix', state.northboundSocket],
    ...['--southbound', `unix:${state.southboundSocket}`],
  ];
  const log = state.role(CONTROLLER).log;
  return { role: CONTROLLER, name: CONTROLLER, namespace, command, log, inheritFd: listenFd };
}

export function hostRole(options: {
  readonly state: StateDirectory;
  readonly name: string;
  readonly namespace: string;
  readonly offload: boolean;
}): RoleSpec {
  const { state, name, namespace, offload } = options;
  const paths = state.role(name);
  const command: Argv = [
    process.execPath,
    programPath('dataplane/main.js'),
    ...['--id', name],
    ...['--state', paths.directory],
    ...['--controller', `unix:${state.southboundSocket}`],
    ...credentials(state, name),
    ...['--uplink', UPLINK],
    ...['--control', paths.controlSocket],
    `--offload=${offload ? 'on' : 'off'}`,
  ];
  return { role: 'host', name, namespace, command, log: paths.log };
}

export function edgeRole(options: {
  readonly state: StateDirectory;
  readonly name: string;
  readonly namespace: string;
  readonly offload: boolean;
}): RoleSpec {
  const { state, name, namespace, offload } = options;
  const paths = state.role(name);
  const command: Argv = [
    process.execPath,
    programPath('bgp/edge/main.js'),
    ...['--id', name],
    ...['--state', paths.directory],
    ...['--controller', `unix:${state.southboundSocket}`],
    ...credentials(state, name),
    ...['--uplink', UPLINK],
    ...['--control', paths.controlSocket],
    `--offload=${offload ? 'on' : 'off'}`,
  ];
  return { role: 'edge', name, namespace, command, log: paths.log };
}

function credentials(state: StateDirectory, name: string): readonly string[] {
  const { certificate, key } = state.role(name);
  return ['--ca', state.caCertificate, '--cert', certificate, '--key', key];
}
