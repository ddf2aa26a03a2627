/**
 * Where a fabric keeps its things: one directory, laid out as in docs/operations. Only paths and names here; nothing is opened.
 *
 *   DIR/fabric.json  fabric.sock  supervisor.log      the fabric as a whole
 *   DIR/pki/ca.{pem,key}  pki/<role>/{cert,key}.pem   certificates (identity/certificate-authority)
 *   DIR/controller/{db,southbound.sock,northbound.sock,role.log}
 *   DIR/<host>/{goal-state.bin,ports.json,control.sock,role.log}
 *   DIR/vms/<name>.json                               namespace VMs that run (vm.ts)
 *
 * Called by fabric, cli and the test kit.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { SOCKET_PATH_BYTES_MAX } from '../agent/limits.ts';
import { SdnError } from '../base/errors.ts';

export interface StateDirectory {
  readonly root: string;
  readonly fabricFile: string;
  readonly fabricSocket: string;
  readonly supervisorLog: string;
  readonly pki: string;
  readonly caCertificate: string;
  readonly vms: string;
  readonly southboundSocket: string;
  readonly northboundSocket: string;
  role(name: string): RolePaths;
}

export interface RolePaths {
  readonly directory: string;
  readonly log: string;
  readonly certificate: string;
  readonly key: string;
  /** Hosts only. */
  readonly controlSocket: string;
}

/** What fabric.json holds: enough to find, describe and remove the fabric after any crash. */
export interface FabricRecord {
  readonly name: string;
  readonly supervisorPid: number;
  readonly northbound: string;
  readonly hosts: readonly string[];
  /** Set when the fabric lives in a user namespace of its own (unprivileged.ts). */
  readonly unprivileged: boolean;
  readonly startedAt: string;
}

/** `$WEFT_STATE`, else `$XDG_STATE_HOME/weft`, else `~/.local/state/weft`. */
export function defaultStateDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const explicit = env['WEFT_STATE'];
  if (explicit !== undefined && explicit !== '') return resolve(explicit);
  const stateHome = env['XDG_STATE_HOME'];
  return join(
    stateHome === undefined || stateHome === '' ? join(homedir(), '.local', 'state') : stateHome,
    'weft',
  );
}

export function stateDirectory(path: string): StateDirectory {
  const root = resolve(path);
  const pki = join(root, 'pki');
  const role = (name: string): RolePaths => ({
    directory: join(root, name),
    log: join(root, name, 'role.log'),
    certificate: join(pki, name, 'cert.pem'),
    key: join(pki, name, 'key.pem'),
    controlSocket: join(root, name, 'control.sock'),
  });
  return {
    root,
    fabricFile: join(root, 'fabric.json'),
    fabricSocket: join(root, 'fabric.sock'),
    supervisorLog: join(root, 'supervisor.log'),
    pki,
    caCertificate: join(pki, 'ca.pem'),
    vms: join(root, 'vms'),
    southboundSocket: join(root, 'controller', 'southbound.sock'),
    northboundSocket: join(root, 'controller', 'northbound.sock'),
    role,
  };
}

/** Refuses a directory whose longest socket path the kernel would not bind. */
export function checkSocketPaths(state: StateDirectory, roles: readonly string[]): void {
  const sockets = [state.northboundSocket, ...roles.map((role) => state.role(role).controlSocket)];
  for (const path of sockets) {
    if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX)
      throw new SdnError(
        'SDN_STATE_PATH_TOO_LONG',
        `the socket path ${path} is longer than the ${SOCKET_PATH_BYTES_MAX} bytes the kernel allows`,
        { remedy: 'choose a shorter directory with --state' },
      );
  }
}

/**
 * The fabric's name, part of every namespace it makes: `local` for the default directory, else derived from the path, so that
 * fabrics with different state directories never meet.
 */
export function fabricName(root: string, env: NodeJS.ProcessEnv = process.env): string {
  const path = resolve(root);
  if (path === defaultStateDirectory({ ...env, WEFT_STATE: '' })) return 'local';
  return createHash('sha256').update(path).digest('hex').slice(0, 8);
}

/** undefined when there is none, or when a crash left half of one: then the namespaces are found by name. */
export function readFabricRecord(state: StateDirectory): FabricRecord | undefined {
  try {
    return parseFabricRecord(readFileSync(state.fabricFile, 'utf8'));
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
    throw thrown;
  }
}

function parseFabricRecord(text: string): FabricRecord | undefined {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) return undefined;
  const record = value as Partial<FabricRecord>;
  if (typeof record.name !== 'string' || typeof record.northbound !== 'string') return undefined;
  if (typeof record.supervisorPid !== 'number' || !Array.isArray(record.hosts)) return undefined;
  return {
    name: record.name,
    supervisorPid: record.supervisorPid,
    northbound: record.northbound,
    hosts: record.hosts.filter((host): host is string => typeof host === 'string'),
    unprivileged: record.unprivileged === true,
    startedAt: typeof record.startedAt === 'string' ? record.startedAt : '',
  };
}
