/**
 * Who may send to a subnet through a tunnel, as far as this host can tell: the last word on a packet's source, after the sender's host has
 * checked it. A host that is broken, or behind the times, must not bring packets of one network into another.
 *
 * Plausible is a source that is mapped in the subnet's own network, or in one that is peered with it and has access; one whose packets the
 * subnet's routes would send to an appliance, which is where they come from then; any, if a peering
 * allows forwarded traffic, or if the receiver forwards for others itself. An edge router brings what comes from outside: any source that is
 * not of the network's own address space, or of a peered one's. Called by realiser.
 */
import { type IpPrefixWords, type IpWords, prefixHasWords } from '../../base/ip-words.ts';
import { Drop } from '../../packet/drop.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import type { Group } from '../engine/group.ts';
import type { Packet } from '../engine/packet.ts';
import { ALLOW, deny, type Rule } from '../engine/rule.ts';
import type { Internet } from '../layers/internet.ts';
import { PROBE_SOURCES } from '../layers/services.ts';
import { ruleOf } from '../load-balancing/frontends.ts';
import type { Network, Subnet } from './network-state.ts';

export function plausibleSources(
  subnet: Subnet,
  networkAt: (id: string) => Network | undefined,
  internet: Pick<Internet, 'isEdge'>,
): Group {
  const { network } = subnet;
  return {
    name: 'sources',
    find(packet) {
      const { key } = packet;
      if (isPlatform(key)) return IMPLAUSIBLE;
      if (internet.isEdge(packet.outerSource)) {
        return isInside(network, key) ? IMPLAUSIBLE : FROM_INTERNET;
      }
      if (network.groups.isMux(packet.outerSource)) {
        return isInside(network, key) ? IMPLAUSIBLE : FROM_MUX;
      }
      const floating = answeringAs(network, key);
      if (floating !== undefined) return floating;
      const mapping = mappingOf(network, key);
      if (mapping !== undefined) return whileMapped('mapped in the network', mapping);
      if (subnet.destinations.isForwarded(packet)) return TO_APPLIANCE;
      if (subnet.routes.leadsToAppliance(key.src0, key.src1, key.src2, key.src3)) {
        return FROM_APPLIANCE;
      }
      return peerRule(network, packet, networkAt) ?? IMPLAUSIBLE;
    },
    rules: () => [TO_APPLIANCE, FROM_APPLIANCE, FORWARDED, FROM_INTERNET, FROM_MUX, IMPLAUSIBLE],
  };
}

/** Does it come as from a host's health probe, which never leaves its host? Access control would let it in by that. */
function isPlatform({ src0, src1, src2, src3 }: FlowKey): boolean {
  return PROBE_SOURCES.some(
    ([w0, w1, w2, w3]) => w3 === src3 && w2 === src2 && w1 === src1 && w0 === src0,
  );
}

/** Is the source of the network's own address space, or of a peered one? */
function isInside({ prefixes, peerings }: Network, key: FlowKey): boolean {
  const source: IpWords = [key.src0, key.src1, key.src2, key.src3];
  const has = (space: readonly IpPrefixWords[]) =>
    space.some((prefix) => prefixHasWords(prefix, source));
  return has(prefixes) || peerings.some((peering) => has(peering.prefixes));
}

function peerRule(
  network: Network,
  { key }: Packet,
  networkAt: (id: string) => Network | undefined,
): Rule | undefined {
  for (const own of network.peerings) {
    const remote = networkAt(own.remoteId);
    const back = remote?.peerings.find(({ remoteId }) => remoteId === network.id);
    if (back?.allowForwarded === true || own.allowForwarded) return FORWARDED;
    if (back?.allowAccess !== true && !own.allowAccess) continue;
    const mapping = remote === undefined ? undefined : mappingOf(remote, key);
    if (mapping !== undefined) return whileMapped('mapped in a peered network', mapping);
  }
  return undefined;
}

/** An internal virtual address, of the network or of a peered one, that its backends answer as. */
function answeringAs({ groups }: Network, key: FlowKey): Rule | undefined {
  for (const frontends of groups.frontends.values()) {
    const frontend = frontends.at(key.src0, key.src1, key.src2, key.src3);
    if (frontend?.isInternal !== true) continue;
    const served = ruleOf(frontend, key.protocol, key.srcPort);
    if (served?.isFloating !== true) continue;
    const { resourceRef } = served;
    return { ...rule('answers as a virtual address', ALLOW), resourceRef, cell: frontend.cell };
  }
  return undefined;
}

function mappingOf(network: Network, key: FlowKey): Rule | undefined {
  return network.groups.mappings.ruleFor(key.src0, key.src1, key.src2, key.src3);
}

/** For as long as the address is where it is: the mapping's epoch cell ends the flow with it. */
function whileMapped(id: string, { resourceRef, cell }: Rule): Rule {
  return { ...rule(id, ALLOW), resourceRef, ...(cell !== undefined && { cell }) };
}

function rule(id: string, action: Rule['action']): Rule {
  return { id, resourceRef: '', priority: 0, predicates: [], action };
}

const TO_APPLIANCE = rule('to a port that forwards for others', ALLOW);
const FROM_APPLIANCE = rule('routed to an appliance', ALLOW);
const FORWARDED = rule('a peering allows forwarded traffic', ALLOW);
const FROM_INTERNET = rule('from the Internet by an edge router', ALLOW);
const FROM_MUX = rule('from outside by a mux', ALLOW);
const IMPLAUSIBLE = rule('implausible source', deny(Drop.InnerSourceImplausible));
