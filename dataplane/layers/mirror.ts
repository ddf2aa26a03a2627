/**
 * Port mirror: copies of what a port sends and receives go to a collector (MS-NCNBI §3.1.5.16, serviceInsertions). Decided once per flow
 * and direction: one group per mirror, whose rule marks the packet; the copying itself is switch/mirror-copies' business. The layer sees
 * packets as the VM sends them and as they are delivered to it, so that is what a mirror's rules are about. It stops no packet.
 *
 * Copied is what is forwarded, ICMP errors and fragments with the flow they belong to. What the switch answers itself (ARP, ND, DHCP),
 * what servers of the platform answer, and what is dropped is not; packet captures show that.
 */
import { type Group, orderedGroup } from '../engine/group.ts';
import type { Predicate } from '../engine/predicate.ts';
import { ALLOW, type Rule } from '../engine/rule.ts';
import type { LayerDefinition } from './layer-definition.ts';
import type { PortMirror } from './port-policy.ts';

export const mirror: LayerDefinition = {
  name: 'mirror',
  purpose: 'Copies of packets go to the collectors of port mirrors.',
  outbound:
    'Each mirror of the port or its subnets: one of its rules, or all if it has none, marks the packet; what goes on is copied as the ' +
    'VM has sent it. Packets that the switch answers itself are not copied.',
  inbound: 'As outbound; what is delivered is copied as the VM receives it.',
  drops: [],
  build: (port) => ({
    name: mirror.name,
    isStateful: false,
    outbound: port.mirrors.map((own) => liveGroup(own, 'sent')),
    inbound: port.mirrors.map((own) => liveGroup(own, 'received')),
  }),
};

/** Conditions under which a packet is copied: any of `rules`, each a list of predicates. */
export interface MirrorSettings {
  readonly resourceRef: string;
  /** Empty: everything. */
  readonly rules: readonly (readonly Predicate[])[];
  /** Bit of the mirror. */
  readonly bit: number;
}

/** The groups that mark packets for one mirror. */
export function mirrorGroups({ resourceRef, rules, bit }: MirrorSettings): PortMirror {
  const groupOf = (header: Rule['action']): Group => {
    const named = { resourceRef, priority: 0 };
    if (rules.length === 0) {
      const everything = { ...named, id: 'everything', predicates: [], action: header };
      return orderedGroup(GROUP, [], everything);
    }
    const copied = rules.map((predicates, index) => ({
      ...named,
      id: `rule ${index + 1}`,
      predicates,
      action: header,
    }));
    return orderedGroup(GROUP, copied, { ...NOT_COPIED, resourceRef });
  };
  return {
    sent: groupOf({ kind: 'allow', header: { mirror: { sent: bit } } }),
    received: groupOf({ kind: 'allow', header: { mirror: { received: bit } } }),
  };
}

const GROUP = 'port mirror';

const NOT_COPIED: Rule = {
  id: 'not copied',
  resourceRef: '',
  priority: 65_536,
  predicates: [],
  action: ALLOW,
};

/** What stands for a mirror that has not arrived, or is no more. */
export const NO_MIRROR: PortMirror = {
  sent: orderedGroup(GROUP, [], NOT_COPIED),
  received: orderedGroup(GROUP, [], NOT_COPIED),
};

/** A mirror is asked for its group each time, since it is replaced as a whole while ports hold on to it. */
function liveGroup(own: PortMirror, direction: 'sent' | 'received'): Group {
  return {
    name: GROUP,
    find: (packet) => own[direction].find(packet),
    rules: () => own[direction].rules(),
  };
}
