/** The flow table in words, for `weft flows` and the host's control API. Called by switch-core. */
import { formatIpWords } from '../../base/ip-words.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import { INBOUND_SCOPE } from '../engine/flow-id.ts';
import { FLOW_STATE_NAMES } from '../engine/flow-state.ts';
import type { FlowTable } from '../engine/flow-table.ts';
import type { FlowView } from '../engine/flow-view.ts';
import { NO_PORT } from '../engine/header-action.ts';
import { NO_TRANSPOSITION, type Transpositions } from '../engine/transposition.ts';
import type { TunnelPeers } from '../port/tunnel-peers.ts';
import type { PortRegistry } from './port-registry.ts';
import type { FlowEntry } from './switch-handle.ts';

export interface FlowQuery {
  readonly portId?: string;
  readonly limit: number;
}

export interface ListingParts {
  readonly flows: FlowTable;
  readonly transpositions: Transpositions;
  readonly ports: PortRegistry;
  readonly peers: TunnelPeers;
  readonly nowSec: number;
}

/** Flows of one port, or of all, at most `limit`. */
export function listFlows(parts: ListingParts, query: FlowQuery): FlowEntry[] {
  const owner = query.portId === undefined ? undefined : parts.ports.get(query.portId)?.index;
  if (query.portId !== undefined && owner === undefined) return [];
  const found: FlowEntry[] = [];
  for (const view of parts.flows.views(owner)) {
    if (found.length >= query.limit) break;
    found.push(describe(parts, view));
  }
  return found;
}

function describe(parts: ListingParts, view: FlowView): FlowEntry {
  return {
    portId: parts.ports.at(view.owner)?.id ?? '',
    direction: view.scope < INBOUND_SCOPE ? 'outbound' : 'inbound',
    protocol: PROTOCOL_NAMES[view.protocol] ?? `${view.protocol}`,
    src: formatIpWords(view.src),
    srcPort: view.srcPort,
    dst: formatIpWords(view.dst),
    dstPort: view.dstPort,
    packets: view.packets,
    bytes: view.bytes,
    idleMs: Math.max(0, parts.nowSec - view.lastUsedSec) * 1000,
    state: view.protocol === IpProtocol.TCP ? (FLOW_STATE_NAMES[view.state] ?? '') : '',
    action: actionOf(parts, view),
  };
}

const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  [IpProtocol.TCP]: 'tcp',
  [IpProtocol.UDP]: 'udp',
  [IpProtocol.ICMP]: 'icmp',
  [IpProtocol.ICMPV6]: 'icmpv6',
};

function actionOf(parts: ListingParts, view: FlowView): string {
  const id = view.transposition;
  if (id === NO_TRANSPOSITION) {
    // What a port of this host sends is delivered by the sender's entry.
    return view.packets === 0 ? 'no packet yet' : `deliver to ${portName(parts, view.owner)}`;
  }
  const port = parts.transpositions.port(id);
  if (port !== NO_PORT) return `deliver to ${portName(parts, port)}`;
  const peer = parts.transpositions.peer(id);
  const address = parts.peers.addressOf(peer);
  const target = address === undefined ? `peer ${peer}` : formatIpWords(address);
  return `encapsulate VNI ${parts.transpositions.vni(id)} to ${target}`;
}

/** The interface, as a trace names it; the port's own identifier where goal state says nothing of it. */
function portName({ ports }: ListingParts, index: number): string {
  const record = ports.at(index);
  return record?.configured?.policy.resourceRef ?? `port ${record?.id ?? index}`;
}
