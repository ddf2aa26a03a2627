/**
 * What a tunnel may bring to a subnet besides what is for its own addresses: packets for virtual addresses. A mux brings those for public ones, the
 * sender's host those for internal ones that a backend sees itself (floating). Either has chosen the backend and written its MAC address, by which the port
 * is found; whether it is a backend of that address the nat layer of the port says. Called by realiser.
 */
import { formatMac } from '../../base/mac.ts';
import { Drop } from '../../packet/drop.ts';
import type { Group } from '../engine/group.ts';
import type { Packet } from '../engine/packet.ts';
import { deny, type Rule } from '../engine/rule.ts';
import { ruleOf } from '../load-balancing/frontends.ts';
import { type ForwardingPorts, NOT_FORWARDING } from './forwarding-ports.ts';
import type { Subnet } from './network-state.ts';

export function balancedDestinations(
  { destinations, network: { groups }, vni }: Subnet,
  forwarding: Pick<ForwardingPorts, 'find'>,
): Group {
  return {
    name: destinations.name,
    find: (packet) =>
      groups.isMux(packet.outerSource) || isFloating(packet)
        ? backendOf(packet, vni, forwarding)
        : destinations.find(packet),
    rules: () => [...destinations.rules(), NO_BACKEND],
  };

  /** Is it for an internal address that its backends see? */
  function isFloating({ key }: Packet): boolean {
    const frontend = groups.own.at(key.dst0, key.dst1, key.dst2, key.dst3);
    if (frontend?.isInternal !== true) return false;
    return ruleOf(frontend, key.protocol, key.dstPort)?.isFloating === true;
  }
}

const HIGH = 0x1_0000_0000;

function backendOf(
  { dstMac }: Packet,
  vni: number,
  forwarding: Pick<ForwardingPorts, 'find'>,
): Rule {
  const port = forwarding.find(vni, Math.floor(dstMac / HIGH), dstMac % HIGH);
  if (port === NOT_FORWARDING) return NO_BACKEND;
  return {
    id: `backend ${formatMac(dstMac)}`,
    resourceRef: '',
    priority: 0,
    predicates: [{ field: 'dstMac', is: dstMac }],
    action: { kind: 'allow', header: { outer: { kind: 'pop' } }, steering: { port } },
  };
}

const NO_BACKEND: Rule = {
  id: 'no backend here',
  resourceRef: '',
  priority: 0,
  predicates: [],
  action: deny(Drop.DestinationNotLocal),
};
