/**
 * Which ports of public virtual addresses the backends here may leave by, and how many of them have flows: read from the leases and the flow
 * table, of which a bounded part is read, since forwarding waits meanwhile. Called by answers.
 */
import { equalIpWords, formatIpWords } from '../../base/ip-words.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import type { Answer, Question } from '../../schema/southbound/diagnostics/methods.ts';
import type { FlowView } from '../engine/flow-view.ts';
import { SNAT_FLOWS_READ_MAX, SNAT_LEASES_LISTED_MAX } from '../limits.ts';
import { hasPort, type Lease, type NamedLease } from '../load-balancing/leases.ts';
import type { TracerParts } from './trace-walk.ts';

type Row = Answer<'snat'>['leases'][number];

interface Usage {
  readonly tcp: Set<number>;
  readonly udp: Set<number>;
  flows: number;
}

export function answerSnat(
  { tables, flows }: Pick<TracerParts, 'tables' | 'flows'>,
  { vipId, portId }: Question<'snat'>,
): Answer<'snat'> {
  const chosen = [...tables.leases()].filter(
    (named) =>
      (vipId === undefined || named.vipId === vipId) &&
      (portId === undefined || named.portId === portId),
  );
  const listed = chosen.slice(0, SNAT_LEASES_LISTED_MAX);
  const usage = new Map<Lease, Usage>();
  let left = SNAT_FLOWS_READ_MAX;
  for (const [id, leases] of byPort(listed)) {
    const index = tables.ports.get(id)?.index;
    if (index === undefined) continue;
    for (const view of flows.views(index)) {
      if (left === 0) break;
      left -= 1;
      const lease = leases.find((own) => isBy(own, view));
      if (lease !== undefined) count(usage, lease, view);
    }
  }
  const leases = listed.map((named) => rowOf(named, usage.get(named.lease)));
  return { leases, total: chosen.length, isPartial: left === 0 };
}

function byPort(all: readonly NamedLease[]): ReadonlyMap<string, readonly Lease[]> {
  const ports = new Map<string, Lease[]>();
  for (const { portId, lease } of all) ports.set(portId, [...(ports.get(portId) ?? []), lease]);
  return ports;
}

/** Answers of a flow that has left by a lease come to one of its ports. */
function isBy(lease: Lease, { isReply, dst, dstPort }: FlowView): boolean {
  return isReply && equalIpWords(lease.publicAddress, dst) && hasPort(lease, dstPort);
}

function count(usage: Map<Lease, Usage>, lease: Lease, { protocol, dstPort }: FlowView): void {
  const used = usage.get(lease) ?? { tcp: new Set(), udp: new Set(), flows: 0 };
  usage.set(lease, used);
  used.flows += 1;
  (protocol === IpProtocol.TCP ? used.tcp : used.udp).add(dstPort);
}

function rowOf({ vipId, portId, lease }: NamedLease, used: Usage | undefined): Row {
  const { resourceRef, publicAddress, address, protocol, ports, portCount } = lease;
  return {
    vipId,
    ruleRef: resourceRef,
    publicAddress: formatIpWords(publicAddress),
    portId,
    address: formatIpWords(address),
    protocol: nameOf(protocol),
    ports: ports.map(({ from, to }) => ({ from, to })),
    portCount,
    tcpPortsInUse: used?.tcp.size ?? 0,
    udpPortsInUse: used?.udp.size ?? 0,
    flows: used?.flows ?? 0,
    opened: lease.counter.decisions,
    exhausted: lease.exhausted.decisions,
  };
}

function nameOf(protocol: number): Row['protocol'] {
  if (protocol === IpProtocol.TCP) return 'Tcp';
  return protocol === IpProtocol.UDP ? 'Udp' : 'All';
}
