/** Sets of packets in words (schema/northbound/what-if). Called by flow-changes. */
import type { HeaderBox, NumberRange } from '../../base/header-box.ts';
import type { HeaderBoxes } from '../../base/header-space.ts';
import {
  type Family,
  formatIp,
  formatIpRange,
  type IpRange,
  prefixesOfRange,
} from '../../base/ip-range.ts';
import type { PacketSet, PacketSets } from '../../schema/northbound/what-if.ts';
import { WHAT_IF_PREFIXES_MAX } from './limits.ts';

const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  1: 'ICMP',
  6: 'TCP',
  17: 'UDP',
  58: 'ICMPv6',
};

export function packetSets({ boxes, omitted }: HeaderBoxes): PacketSets {
  return { packets: boxes.map(packetSet), omitted };
}

function packetSet(box: HeaderBox): PacketSet {
  const { family, protocols, sources, sourcePorts, destinations, destinationPorts } = box;
  return {
    family: family === 4 ? 'IPv4' : 'IPv6',
    ...(protocols && { protocols: protocols.flatMap(protocolText) }),
    ...(sources && { sources: addressTexts(family, sources) }),
    ...(sourcePorts && { sourcePorts: sourcePorts.map(numberText) }),
    ...(destinations && { destinations: addressTexts(family, destinations) }),
    ...(destinationPorts && { destinationPorts: destinationPorts.map(numberText) }),
  };
}

/** A range of a few prefixes as those, else as `first-last`; a single address without a length. */
export function addressTexts(family: Family, ranges: readonly IpRange[]): string[] {
  return ranges.flatMap((range) => {
    if (range.from === range.to) return [formatIp(family, range.from)];
    const prefixes = prefixesOfRange(family, range);
    if (prefixes.length > WHAT_IF_PREFIXES_MAX) return [formatIpRange(family, range)];
    return prefixes.map(({ address, len }) => `${formatIp(family, address)}/${len}`);
  });
}

function protocolText({ from, to }: NumberRange): string[] {
  const name = PROTOCOL_NAMES[from];
  return [from === to && name !== undefined ? name : numberText({ from, to })];
}

function numberText({ from, to }: NumberRange): string {
  return from === to ? String(from) : `${from}-${to}`;
}
