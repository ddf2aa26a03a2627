/**
 * A neighbour as monitoring stations know it (RFC 7854 §4.2), while its session is up, and its routes as Route Monitoring: those of the table for a
 * dump, or those that one UPDATE left. Called by monitor.ts and table-dump.ts; made by the speaker's neighbours.
 */
import { Afi, type Family } from '../message/capability.ts';
import { emitPrefix, type PrefixBatch, prefixLen } from '../message/nlri.ts';
import type { FamilyRoutes, UpdateRepr } from '../message/update.ts';
import type { AttributeTable } from '../rib/attribute-table.ts';
import { type Nlri, UpdatePacker } from '../rib/packing.ts';
import type { RouteTable } from '../rib/route-table.ts';
import { type BmpPeer, type PeerStatistics, routeMonitoring, type SessionEnds } from './message.ts';

export interface MonitoredPeer extends BmpPeer, SessionEnds {
  /** In the tables. */
  readonly number: number;
  readonly upAtMs: number;
  readonly fourOctetAs: boolean;
  readonly messageBytesMax: number;
  readonly families: readonly (Family & { readonly addPathReceive: boolean })[];
  statistics(): PeerStatistics;
}

const PATH_ID_LEN = 4;
const LENGTH_AT = 16;

/** Rows of a table as they came from one peer. */
export function routesOfRows(
  peer: MonitoredPeer,
  table: RouteTable,
  attributes: AttributeTable,
  rows: {
    readonly announced: ReadonlyMap<number, readonly number[]>;
    readonly withdrawn: readonly number[];
  },
): Uint8Array[] {
  const nlri = rowNlri(table, hasPathIds(peer, table.prefixes.afi));
  return pack(peer, nlri, attributes, rows.announced, rows.withdrawn);
}

/** What an UPDATE with faults has come to (RFC 7606): never what it said. */
export function routesOfUpdate(
  peer: MonitoredPeer,
  update: UpdateRepr,
  attributes: AttributeTable,
): Uint8Array[] {
  return update.routes.flatMap((routes) => routesOfFamily(peer, routes, update, attributes));
}

function routesOfFamily(
  peer: MonitoredPeer,
  { afi, announced, withdrawn, nextHop }: FamilyRoutes,
  update: UpdateRepr,
  attributes: AttributeTable,
): Uint8Array[] {
  const addPath = hasPathIds(peer, afi);
  const gone = pack(peer, batchNlri(afi, withdrawn, addPath), attributes, NONE, places(withdrawn));
  if (announced.count === 0) return gone;
  const kept = nextHop === undefined ? update.attributes : { ...update.attributes, nextHop };
  const set = attributes.retain(kept);
  const nlri = batchNlri(afi, announced, addPath);
  const told = pack(peer, nlri, attributes, new Map([[set, places(announced)]]), []);
  attributes.release(set);
  return [...gone, ...told];
}

function pack(
  peer: MonitoredPeer,
  nlri: Nlri,
  attributes: AttributeTable,
  announced: ReadonlyMap<number, readonly number[]>,
  withdrawn: readonly number[],
): Uint8Array[] {
  const { messageBytesMax } = peer;
  const packer = new UpdatePacker(nlri, attributes, { fourOctetAs: true, messageBytesMax });
  const { bytes } = packer.pack(announced, withdrawn);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const messages: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + view.getUint16(at + LENGTH_AT);
    // When each of them came is not kept: 0 says so (§4.2).
    messages.push(routeMonitoring(peer, 0, bytes.subarray(at, end), false));
    at = end;
  }
  return messages;
}

function hasPathIds({ families }: MonitoredPeer, afi: number): boolean {
  return families.some((family) => family.afi === afi && family.addPathReceive);
}

/** Numbered by the rows of the table. */
function rowNlri(table: RouteTable, addPath: boolean): Nlri {
  const { prefixes } = table;
  const idLen = addPath ? PATH_ID_LEN : 0;
  return {
    afi: prefixes.afi,
    wireLenMax: idLen + prefixes.wireLenMax,
    wireLen: (row) => idLen + prefixes.wireLen(table.prefixOf(row)),
    emit: (row, bytes, at) => {
      if (addPath) viewOf(bytes).setUint32(at, table.pathIdOf(row));
      return prefixes.emit(table.prefixOf(row), bytes, at + idLen);
    },
  };
}

/** Numbered by their places in the batch. */
function batchNlri(afi: number, batch: PrefixBatch, addPath: boolean): Nlri {
  return {
    afi,
    wireLenMax: (addPath ? PATH_ID_LEN : 0) + (afi === Afi.Ipv4 ? 5 : 17),
    wireLen: (index) => prefixLen(batch, index, addPath),
    emit: (index, bytes, at) => emitPrefix(batch, index, addPath, viewOf(bytes), at),
  };
}

function places({ count }: PrefixBatch): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

const NONE: ReadonlyMap<number, readonly number[]> = new Map();
