/**
 * Namespace VMs: a network namespace whose only interface is a TAP of the host's switch, configured by DHCP like any guest. One
 * comes up in milliseconds and runs whatever command it is given. Each has a record in `DIR/vms`, so that another process can find
 * it, and its namespace bears the fabric's name, so that nothing survives the fabric.
 *
 * Called by sample-tenant.ts, the CLI (`weft vm`) and the test kit.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SdnError } from '../base/errors.ts';
import { type Argv, attempt, run } from './command.ts';
import { hostControl } from './host-control.ts';
import { DHCP_TIMEOUT } from './limits.ts';
import { ipBatch } from './links.ts';
import {
  createNamespace,
  deleteNamespace,
  inNamespace,
  namespaceName,
  namespacePath,
} from './namespaces.ts';
import { sourcePath } from './roles.ts';
import type { StateDirectory } from './state-directory.ts';

export interface VmRecord {
  readonly name: string;
  /** `qemu`: a guest whose TAP is in the namespace (guest-vm.ts). */
  readonly kind: 'namespace' | 'qemu';
  /** resourceRef of its networkInterface. */
  readonly nic: string;
  /** instanceId of it. */
  readonly portId: string;
  readonly host: string;
  readonly namespace: string;
  /** Interface inside the namespace. */
  readonly device: string;
  readonly mac: string;
  readonly address: string;
  readonly mtu: number;
}

export interface VmSpec {
  /** Unique in the fabric; names the namespace. */
  readonly name: string;
  readonly host: string;
  readonly nic: { readonly resourceRef: string; readonly instanceId: string };
  /** `none` leaves the interface up without an address; default `dhcp`. */
  readonly configure?: 'dhcp' | 'none';
}

/** Where a fabric's VMs live: its name and its state. */
export interface VmFabric {
  readonly name: string;
  readonly state: StateDirectory;
}

const DEVICE = 'eth0';

/** Makes the namespace, attaches a TAP in it to the host's switch and configures it. Undone wholly when a step fails. */
export async function createVm(fabric: VmFabric, spec: VmSpec): Promise<VmRecord> {
  const namespace = namespaceName(fabric.name, `vm-${spec.name}`);
  const control = hostControl(fabric.state.role(spec.host).controlSocket);
  const portId = spec.nic.instanceId;
  await deleteNamespace(namespace); // one that a crash left
  await createNamespace(namespace);
  try {
    const port = await control.attach({
      portId,
      device: 'tap',
      name: DEVICE,
      netns: namespacePath(namespace),
    });
    const record: VmRecord = {
      name: spec.name,
      kind: 'namespace',
      nic: spec.nic.resourceRef,
      portId,
      host: spec.host,
      namespace,
      device: DEVICE,
      mac: port.mac,
      address: port.address,
      mtu: port.mtu,
    };
    await configureVm(record, spec.configure ?? 'dhcp');
    writeVmRecord(fabric.state, record);
    return record;
  } catch (thrown) {
    await control.detach(portId).catch(() => undefined); // the first fault is the one to tell
    await deleteNamespace(namespace);
    throw thrown;
  }
}

/** Detaches the port and removes the namespace with all that runs in it. A VM that is not there is fine. */
export async function deleteVm(fabric: VmFabric, name: string): Promise<void> {
  const record = findVm(fabric.state, name);
  if (record !== undefined) {
    const control = hostControl(fabric.state.role(record.host).controlSocket);
    await control.detach(record.portId).catch((thrown: unknown) => {
      // A host that is down has no port to detach; it will not attach one whose namespace is gone.
      if (!(thrown instanceof SdnError) || thrown.code !== 'SDN_UNREACHABLE') throw thrown;
    });
  }
  await deleteNamespace(namespaceName(fabric.name, `vm-${name}`));
  rmSync(recordPath(fabric.state, name), { force: true });
  rmSync(vmDirectory(fabric.state, name), { recursive: true, force: true });
}

export function listVms(state: StateDirectory): readonly VmRecord[] {
  return recordNames(state).flatMap((name) => findVm(state, name) ?? []);
}

export function findVm(state: StateDirectory, name: string): VmRecord | undefined {
  try {
    return JSON.parse(readFileSync(recordPath(state, name), 'utf8')) as VmRecord;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined; // a crash cut it short: the VM never was
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
    throw thrown;
  }
}

/** Forgets all VMs: their namespaces went with the fabric. */
export function forgetVms(state: StateDirectory): void {
  rmSync(state.vms, { recursive: true, force: true });
}

/** The command that runs `argv` inside the VM. */
export function inVm(vm: VmRecord, argv: Argv): Argv {
  return inNamespace(vm.namespace, argv);
}

async function configureVm(vm: VmRecord, how: 'dhcp' | 'none'): Promise<void> {
  await ipBatch(vm.namespace, [
    `link set ${vm.device} address ${linuxMac(vm.mac)}`,
    `link set ${vm.device} up`,
  ]);
  if (how === 'dhcp') await acquireLease(vm);
}

/** One lease by busybox udhcpc; the address stays when the client ends. */
async function acquireLease(vm: VmRecord): Promise<void> {
  const client: Argv = [
    'busybox',
    'udhcpc',
    ...['-i', vm.device, '-s', sourcePath('fabric/dhcp-client.sh')],
    ...['-O', 'mtu', '-O', 'staticroutes', '-t', '10', '-T', '1', '-n', '-q', '-f'],
  ];
  const result = await attempt(inVm(vm, client), { timeout: DHCP_TIMEOUT });
  if (result.code !== 0)
    throw new SdnError(
      'SDN_DHCP_FAILED',
      `${vm.name}: no lease on ${vm.device}: ${lastLine(result.stderr) || `exit code ${result.code}`}`,
      { remedy: 'see the drops of its port: weft port list' },
    );
  const addresses = await run(['ip', '-n', vm.namespace, '-4', '-o', 'addr', 'show', vm.device]);
  if (!addresses.includes(` ${vm.address}/`))
    throw new SdnError(
      'SDN_DHCP_FAILED',
      `${vm.name}: the lease is not ${vm.address}: ${addresses.trim()}`,
    );
}

/** The northbound writes `00-1D-D8-…` or no separators at all, Linux wants colons. */
function linuxMac(text: string): string {
  const digits = text.replaceAll(/[:-]/g, '').toLowerCase();
  return (digits.match(/../g) ?? []).join(':');
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

/** Files of a VM that has any: console, log, sockets. */
export function vmDirectory(state: StateDirectory, name: string): string {
  return join(state.vms, name);
}

function recordPath(state: StateDirectory, name: string): string {
  return join(state.vms, `${name}.json`);
}

function recordNames(state: StateDirectory): readonly string[] {
  try {
    return readdirSync(state.vms)
      .filter((file) => file.endsWith('.json'))
      .map((file) => file.slice(0, -'.json'.length));
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return [];
    throw thrown;
  }
}

export function writeVmRecord(state: StateDirectory, record: VmRecord): void {
  mkdirSync(state.vms, { recursive: true, mode: 0o700 });
  writeFileSync(recordPath(state, record.name), `${JSON.stringify(record, undefined, 2)}\n`);
}
