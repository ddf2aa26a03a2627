/**
 * The tables as TABLE_DUMP_V2 (RFC 6396 §4.3): every path of every neighbour with its attributes as received, before import policy. Records are
 * made one by one as they are asked for, so a dump of a million prefixes holds up nothing and takes no memory; it shows each prefix as it is
 * at that moment.
 *
 * The originated time of a path is that of its neighbour's connection: when each came is not kept. Own routes are not in it: there is no peer they are
 * from. Called by running-speaker.ts.
 */

import { encodeAttributes } from '../message/attribute-encoder.ts';
import { Afi } from '../message/capability.ts';
import type { PathAttributes } from '../message/path-attributes.ts';
import type { AttributeTable } from '../rib/attribute-table.ts';
import type { RouteTable } from '../rib/route-table.ts';
import { type MrtPeer, peerIndexRecord, type RibEntry, ribRecord } from './record.ts';

export interface DumpedPeer extends MrtPeer {
  /** In the tables. */
  readonly number: number;
  readonly connectedAtMs: number;
}

export interface DumpOptions {
  readonly bgpIdentifier: number;
  readonly wallMs: number;
  readonly peers: readonly DumpedPeer[];
  readonly tables: readonly RouteTable[];
  readonly attributes: AttributeTable;
}

const FOUR_OCTET = { fourOctetAs: true } as const;

export function* tableDump(options: DumpOptions): Iterable<Uint8Array> {
  const { bgpIdentifier, wallMs, peers, tables } = options;
  yield peerIndexRecord(bgpIdentifier, peers, wallMs);
  const indexOf = new Map(peers.map(({ number }, index) => [number, index]));
  let sequence = 0;
  for (const table of tables) {
    const isIpv6 = table.prefixes.afi === Afi.Ipv6;
    const nlri = new Uint8Array(table.prefixes.wireLenMax);
    for (let prefix = 0; prefix < table.prefixes.idEnd; prefix++) {
      const entries = entriesOf(options, table, prefix, indexOf);
      if (entries.length === 0) continue;
      const end = table.prefixes.emit(prefix, nlri, 0);
      yield ribRecord({ isIpv6, sequence, wallMs }, nlri.slice(0, end), entries);
      sequence += 1;
    }
  }
}

function entriesOf(
  { peers, attributes: sets }: DumpOptions,
  table: RouteTable,
  prefix: number,
  indexOf: ReadonlyMap<number, number>,
): RibEntry[] {
  const paths = table.paths(prefix).filter(({ peer }) => indexOf.has(peer));
  const hasPathIds = paths.some(({ pathId }) => pathId !== 0);
  return paths.map(({ peer, pathId, received }) => {
    const peerIndex = indexOf.get(peer) ?? 0;
    return {
      peerIndex,
      pathId: hasPathIds ? pathId : undefined,
      originatedAtMs: peers[peerIndex]?.connectedAtMs ?? 0,
      attributes: encoded(sets.get(received).attributes),
    };
  });
}

/** An IPv4 next hop is NEXT_HOP; another is an MP_REACH_NLRI of its length and itself (§4.3.4). */
function encoded(attributes: PathAttributes): Uint8Array {
  const { nextHop } = attributes;
  if (nextHop.length === 4) return encodeAttributes(attributes, FOUR_OCTET);
  return encodeAttributes(attributes, FOUR_OCTET, Uint8Array.of(nextHop.length, ...nextHop));
}
