/**
 * Metering: counts what a port sends and receives. Packets and bytes are counted per port and per flow by the forwarding loop itself; this
 * layer decides which counter of its sender a packet belongs to where goal state asks for metering (HostSettings.metering; MS-NCNBI
 * virtualNetworkManager.enableMetering): egress to the network itself, its peers, its unbilled prefixes and the platform is unbilled, all
 * else is billed. Decided once per flow, by the destination that the VM names; only what is forwarded is counted.
 */
import { type IpPrefixWords, ipv4Words } from '../../base/ip-words.ts';
import { type Group, orderedGroup, prefixGroup } from '../engine/group.ts';
import { ALLOW, type Rule } from '../engine/rule.ts';
import type { LayerDefinition } from './layer-definition.ts';
import { METADATA_ADDRESS, PLATFORM_ADDRESS } from './services.ts';

export const metering: LayerDefinition = {
  name: 'metering',
  purpose: 'Packets and bytes are counted, per port and per flow; egress as billed or unbilled.',
  outbound:
    'Counts every packet. Where metering is on, egress is unbilled if the destination lies in the address space, in that of a peer, in an ' +
    'unbilled prefix, or is the platform’s; else billed.',
  inbound: 'Counts every packet.',
  drops: [],
  build: (port) => {
    const group = orderedGroup('meter', [], { ...COUNT, resourceRef: port.resourceRef });
    return {
      name: metering.name,
      isStateful: false,
      outbound: [port.meter ?? group],
      inbound: [group],
    };
  },
};

const COUNT: Rule = { id: 'count', resourceRef: '', priority: 0, predicates: [], action: ALLOW };

const PLATFORM: readonly IpPrefixWords[] = [PLATFORM_ADDRESS, METADATA_ADDRESS].map((address) => ({
  words: ipv4Words(address),
  len: 128,
}));

/** The meter of a network: `unbilled` are its own, its peers' and the exempted prefixes. */
export function meterGroup(resourceRef: string, unbilled: readonly IpPrefixWords[]): Group {
  const rule = (meter: 'billed' | 'unbilled'): Rule => ({
    id: meter,
    resourceRef,
    priority: 0,
    predicates: [],
    action: { kind: 'allow', header: { meter } },
  });
  const group = prefixGroup('meter', 'dstAddress', rule('billed'));
  for (const prefix of [...unbilled, ...PLATFORM]) {
    group.set(prefix, {
      ...rule('unbilled'),
      predicates: [{ field: 'dstAddress', in: prefix }],
    });
  }
  return group;
}
