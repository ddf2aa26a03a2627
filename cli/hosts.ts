/**
 * The hosts of the fabric on this machine, each behind its control socket, and what their ports are called: a switch knows a port by the
 * interface's instanceId, people know the interface's name. Called by commands/vm and port.
 */
import { SdnError } from '../base/errors.ts';
import { type HostControl, hostControl } from '../fabric/host-control.ts';
import type { Resource } from '../fabric/northbound-client.ts';
import { listVms } from '../fabric/vm.ts';
import { UsageFault } from './fault-report.ts';
import { type Json, lastName, textAt } from './fields.ts';
import type { Session } from './session.ts';

export interface Host {
  readonly name: string;
  readonly control: HostControl;
}

export interface HostPort {
  readonly host: string;
  /** As the host's control API lists it. */
  readonly port: Json;
}

/** The one named, or all. */
export function fabricHosts(session: Session, name?: string): readonly Host[] {
  const { hosts } = session.fabric();
  if (name !== undefined && !hosts.includes(name)) throw unknownHost(name, hosts);
  return (name === undefined ? hosts : [name]).map((host) => ({
    name: host,
    control: hostControl(session.state.role(host).controlSocket),
  }));
}

/** `ask` of every host; one that does not answer is noted, not fatal. */
export async function askHosts<T>(
  session: Session,
  hosts: readonly Host[],
  ask: (host: Host) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const answers = await Promise.all(
    hosts.map(async (host) => {
      try {
        return await ask(host);
      } catch (thrown) {
        if (!(thrown instanceof SdnError) || thrown.code !== 'SDN_UNREACHABLE') throw thrown;
        session.note(`${host.name} does not answer; see weft status`);
        return [];
      }
    }),
  );
  return answers.flat();
}

export function listPorts(session: Session, name?: string): Promise<readonly HostPort[]> {
  return askHosts(session, fabricHosts(session, name), async (host) =>
    (await host.control.ports()).map((port) => ({ host: host.name, port })),
  );
}

/** Name of the port's interface; its instanceId while the host has no goal state for it. */
export function portName(port: Json): string {
  return lastName(textAt(port, 'resourceRef')) || textAt(port, 'portId');
}

/** Where to attach an interface: the host that was named, else where it was before, else the emptiest. */
export function chooseHost(session: Session, nic: Resource, wanted: string | undefined): string {
  const { hosts } = session.fabric();
  if (wanted !== undefined) {
    if (hosts.includes(wanted)) return wanted;
    throw unknownHost(wanted, hosts);
  }
  const earlier = lastName(textAt(nic, 'properties', 'server', 'resourceRef'));
  if (hosts.includes(earlier)) return earlier;
  const vms = listVms(session.state);
  const load = (host: string): number => vms.filter((vm) => vm.host === host).length;
  return [...hosts].sort((a, b) => load(a) - load(b))[0] ?? '';
}

function unknownHost(name: string, hosts: readonly string[]): UsageFault {
  return new UsageFault(`there is no host ${name}`, `Hosts: ${hosts.join(', ')}`);
}
