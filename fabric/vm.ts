/**
 * Namespace VMs: a network namespace whose interfaces are TAPs of the host's switch, configured by DHCP like any guest. One comes up in
 * milliseconds and runs whatever command it is given. Each has a record in `DIR/vms`, so that another process can find it, and its
 * namespace bears the fabric's name, so that nothing survives the fabric.
 *
 * Called by sample-tenant.ts, the CLI (`weft vm`) and the test kit.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defined } from '../base/assert.ts';
import { SdnError } from '../base/errors.ts';
import { type Argv, attempt, run } from './command.ts';
import { type AttachedPort, hostControl } from './host-control.ts';
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

/** A network interface in a VM. */
export interface VmInterface {
  /** resourceRef of its networkInterface. */
  readonly nic: string;
  /** instanceId of it. */
  readonly portId: string;
  /** Interface inside the namespace. */
  readonly device: string;
  readonly mac: string;
  readonly address: string;
  readonly mtu: number;
}

/** A VM is known by its first interface. */
export interface VmRecord extends VmInterface {
  readonly name: string;
  /** `qemu`: a guest whose TAPs are in the namespace (guest-vm.ts). */
  readonly kind: 'namespace' | 'qemu';
  readonly host: string;
  readonly namespace: string;
  /** Its interfaces beyond the first. */
  readonly further: readonly VmInterface[];
}

type Nic = { readonly resourceRef: string; readonly instanceId: string };

export interface VmSpec {
  /** Unique in the fabric; names the namespace. */
  readonly name: string;
  readonly host: string;
  readonly nic: Nic;
  /** Of its interfaces beyond the first, in order. */
  readonly furtherNics?: readonly Nic[];
  /** `none` leaves the interface up without an address; default `dhcp`. */
  readonly configure?: 'dhcp' | 'none';
}

/** Where a fabric's VMs live: its name and its state. */
export interface VmFabric {
  readonly name: string;
  readonly state: StateDirectory;
}

/** Where a VM has several interfaces, each has a routing table of its own, numbered from here. */
const INTERFACE_TABLES = 100;

/** Makes the namespace, attaches TAPs in it to the host's switch and configures them. Undone wholly when a step fails. */
export async function createVm(fabric: VmFabric, spec: VmSpec): Promise<VmRecord> {
  const namespace = namespaceName(fabric.name, `vm-${spec.name}`);
  const control = hostControl(fabric.state.role(spec.host).controlSocket);
  await deleteNamespace(namespace); // one that a crash left
  await createNamespace(namespace);
  const nics = nicsOf(spec);
  try {
    const interfaces: VmInterface[] = [];
    for (const [index, { resourceRef, instanceId }] of nics.entries()) {
      const place = {
        device: 'tap',
        name: `eth${index}`,
        netns: namespacePath(namespace),
      } as const;
      const port = await control.attach({ portId: instanceId, ...place });
      interfaces.push(vmInterface(resourceRef, place.name, port));
    }
    const { name, host } = spec;
    const record = vmRecord({ name, kind: 'namespace', host, namespace }, interfaces);
    for (const [index, each] of interfaces.entries()) {
      await configureInterface(record, each, {
        how: spec.configure ?? 'dhcp',
        tables: tablesOf(index, interfaces.length),
      });
    }
    writeVmRecord(fabric.state, record);
    return record;
  } catch (thrown) {
    for (const { instanceId } of nics) {
      await control.detach(instanceId).catch(() => undefined); // the first fault is the one to tell
    }
    await deleteNamespace(namespace);
    throw thrown;
  }
}

/** The first one first. */
export function nicsOf({ nic, furtherNics = [] }: Pick<VmSpec, 'nic' | 'furtherNics'>): Nic[] {
  return [nic, ...furtherNics];
}

export function vmInterface(
  nic: string,
  device: string,
  { portId, mac, address, mtu }: AttachedPort,
): VmInterface {
  return { nic, portId, device, mac, address, mtu };
}

/** `interfaces`: at least one. */
export function vmRecord(
  vm: Pick<VmRecord, 'name' | 'kind' | 'host' | 'namespace'>,
  [first, ...further]: readonly VmInterface[],
): VmRecord {
  return { ...vm, ...defined(first, `interface of ${vm.name}`), further };
}

/** The first one first. */
export function vmInterfaces(vm: VmRecord): readonly VmInterface[] {
  const { nic, portId, device, mac, address, mtu } = vm;
  return [{ nic, portId, device, mac, address, mtu }, ...vm.further];
}

/** Detaches its ports and removes the namespace with all that runs in it. A VM that is not there is fine. */
export async function deleteVm(fabric: VmFabric, name: string): Promise<void> {
  const record = findVm(fabric.state, name);
  if (record !== undefined) {
    const control = hostControl(fabric.state.role(record.host).controlSocket);
    for (const { portId } of vmInterfaces(record)) {
      await control.detach(portId).catch((thrown: unknown) => {
        // A host that is down has no port to detach; it will not attach one whose namespace is gone.
        if (!(thrown instanceof SdnError) || thrown.code !== 'SDN_UNREACHABLE') throw thrown;
      });
    }
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
export function inVm(vm: Pick<VmRecord, 'namespace'>, argv: Argv): Argv {
  return inNamespace(vm.namespace, argv);
}

/**
 * Routing tables that have an interface's routes. The switch takes from an interface its own addresses only, so what has an interface's address as
 * source must leave by it; everything else leaves by the first.
 */
function tablesOf(index: number, count: number): readonly string[] {
  const main = index === 0 ? ['main'] : [];
  return count === 1 ? main : [...main, `${INTERFACE_TABLES + index}`];
}

async function configureInterface(
  vm: VmRecord,
  { device, mac, address }: VmInterface,
  options: { readonly how: 'dhcp' | 'none'; readonly tables: readonly string[] },
): Promise<void> {
  await ipBatch(vm.namespace, [
    `link set ${device} address ${linuxMac(mac)}`,
    `link set ${device} up`,
  ]);
  if (options.how === 'dhcp') await acquireLease(vm, { device, address }, options.tables);
}

/** One lease by busybox udhcpc; the address stays when the client ends. */
async function acquireLease(
  vm: VmRecord,
  { device, address }: Pick<VmInterface, 'device' | 'address'>,
  tables: readonly string[],
): Promise<void> {
  const client: Argv = [
    'env',
    `TABLES=${tables.join(' ')}`,
    ...['busybox', 'udhcpc'],
    ...['-i', device, '-s', sourcePath('fabric/dhcp-client.sh')],
    ...['-O', 'mtu', '-O', 'staticroutes', '-t', '10', '-T', '1', '-n', '-q', '-f'],
  ];
  const result = await attempt(inVm(vm, client), { timeout: DHCP_TIMEOUT });
  if (result.code !== 0)
    throw new SdnError(
      'SDN_DHCP_FAILED',
      `${vm.name}: no lease on ${device}: ${lastLine(result.stderr) || `exit code ${result.code}`}`,
      { remedy: 'see the drops of its port: weft port list' },
    );
  const addresses = await run(['ip', '-n', vm.namespace, '-4', '-o', 'addr', 'show', device]);
  if (!addresses.includes(` ${address}/`))
    throw new SdnError(
      'SDN_DHCP_FAILED',
      `${vm.name}: the lease is not ${address}: ${addresses.trim()}`,
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
