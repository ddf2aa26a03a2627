/**
 * VMs that are real guests: as vm.ts, but with QEMU in the namespace and the switch on the other side of QEMU's TAP. The guest asks
 * DHCP for its address itself; that the answer is the address the controller allocated is checked before the VM counts as up.
 *
 * Called by the CLI (`weft vm run --qemu`) and the qemu integration test.
 */
import { mkdirSync } from 'node:fs';
import { type Clock, systemClock } from '../base/clock.ts';
import { SdnError } from '../base/errors.ts';
import { parseMac } from '../base/mac.ts';
import { hostControl } from './host-control.ts';
import { createNamespace, deleteNamespace, namespaceName, namespacePath } from './namespaces.ts';
import { createGuestTap, type GuestInterface, startGuest, stopGuest } from './qemu/guest.ts';
import { connectAgent, type GuestAgent } from './qemu/guest-agent.ts';
import { type GuestProgress, guestCacheDirectory, guestImage } from './qemu/guest-image.ts';
import { GUEST_ADDRESS_TIMEOUT } from './qemu/limits.ts';
import {
  nicsOf,
  type VmFabric,
  type VmInterface,
  type VmRecord,
  type VmSpec,
  vmDirectory,
  vmInterface,
  vmRecord,
  writeVmRecord,
} from './vm.ts';

/** Boots a guest on TAPs in a namespace of its own and attaches the switch to them. Undone wholly when a step fails. */
export async function createGuestVm(
  fabric: VmFabric,
  spec: Pick<VmSpec, 'name' | 'host' | 'nic' | 'furtherNics'>,
  progress: GuestProgress = () => undefined,
  clock: Clock = systemClock,
): Promise<VmRecord> {
  const image = await guestImage(guestCacheDirectory(), progress);
  const namespace = namespaceName(fabric.name, `vm-${spec.name}`);
  const control = hostControl(fabric.state.role(spec.host).controlSocket);
  const nics = nicsOf(spec);
  const directory = vmDirectory(fabric.state, spec.name);
  await deleteNamespace(namespace); // one that a crash left
  await createNamespace(namespace);
  try {
    const interfaces: VmInterface[] = [];
    for (const [index, { resourceRef, instanceId }] of nics.entries()) {
      const tap = `tap${index}`;
      await createGuestTap(namespace, tap);
      const place = { device: 'netdev', name: tap, netns: namespacePath(namespace) } as const;
      const port = await control.attach({ portId: instanceId, ...place });
      interfaces.push(vmInterface(resourceRef, tap, port));
    }
    const { name, host } = spec;
    const record = vmRecord({ name, kind: 'qemu', host, namespace }, interfaces);
    progress('booting the guest');
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const agent = await startGuest(
      { name, directory, netns: namespace, image, interfaces: interfaces.map(guestInterface) },
      clock,
    );
    try {
      progress('waiting for its address');
      await checkAddress(name, agent, record.address, clock);
    } finally {
      agent.close();
    }
    writeVmRecord(fabric.state, record);
    return record;
  } catch (thrown) {
    await stopGuest(directory, clock);
    for (const { instanceId } of nics) {
      await control.detach(instanceId).catch(() => undefined); // the first fault is the one to tell
    }
    await deleteNamespace(namespace);
    throw thrown;
  }
}

/** A line into the guest; the caller closes it. */
export function guestAgentOf(fabric: VmFabric, vm: VmRecord): Promise<GuestAgent> {
  return connectAgent(`${vmDirectory(fabric.state, vm.name)}/agent.sock`);
}

/** The guest's serial console, a unix socket that takes one client at a time. */
export function guestConsolePath(fabric: VmFabric, name: string): string {
  return `${vmDirectory(fabric.state, name)}/console.sock`;
}

function guestInterface({ device, mac }: VmInterface): GuestInterface {
  const parsed = parseMac(mac);
  if (parsed !== undefined) return { tap: device, mac: parsed };
  throw new SdnError('SDN_HOST_CONTROL', `the host gave the port no MAC: ${mac}`);
}

async function checkAddress(
  name: string,
  agent: GuestAgent,
  expected: string,
  clock: Clock,
): Promise<void> {
  const address = await agent.address(GUEST_ADDRESS_TIMEOUT, clock);
  if (address?.split('/')[0] === expected) return;
  throw new SdnError(
    'SDN_DHCP_FAILED',
    address === undefined
      ? `${name}: no lease within ${GUEST_ADDRESS_TIMEOUT / 1000} s`
      : `${name}: the lease is ${address}, not ${expected}`,
    { remedy: 'see the drops of its port: weft port list' },
  );
}
