/**
 * MRT records — RFC 6396: what other people's tools (bgpdump, bgpreader, …) read. Written, not read: this speaker loads no tables from files.
 *
 *   +--------------------------------+
 *   |   Timestamp (4, seconds)       |
 *   +---------------+----------------+
 *   |   Type (2)    |  Subtype (2)   |
 *   +---------------+----------------+
 *   |   Length (4)                   |   then, in the _ET types, microseconds (4), which the length counts
 *   +--------------------------------+
 *
 * BGP4MP_ET with four-octet AS numbers: messages as they came, and sessions that come up and go down (§4.4); with path identifiers RFC 8050
 * §4. TABLE_DUMP_V2: peers, and for each prefix what every peer has said of it (§4.3). Called by table-dump.ts and update-log.ts.
 */
import { join, uint16, uint32 } from '../../base/octets.ts';

const Type = { TableDumpV2: 13, Bgp4mpEt: 17 } as const;
const Bgp4mp = { StateChangeAs4: 5, MessageAs4: 4, MessageAs4AddPath: 9 } as const;
const TableDump = {
  PeerIndexTable: 1,
  RibIpv4: 2,
  RibIpv6: 4,
  RibIpv4AddPath: 8,
  RibIpv6AddPath: 10,
};

/** RFC 6396 §4.4.1. */
export const BgpState = {
  Idle: 1,
  Connect: 2,
  Active: 3,
  OpenSent: 4,
  OpenConfirm: 5,
  Established: 6,
} as const;

export interface MrtPeer {
  readonly asn: number;
  /** 4 or 16 bytes, network order; that of the local side is of the same family. */
  readonly address: Uint8Array;
  readonly bgpIdentifier: number;
}

/** Both ends of a session. */
export interface MrtSession {
  readonly peerAsn: number;
  readonly localAsn: number;
  readonly peerAddress: Uint8Array;
  readonly localAddress: Uint8Array;
}

export interface RibEntry {
  /** In the peer index table. */
  readonly peerIndex: number;
  /** Undefined: no entry of the record has one. */
  readonly pathId: number | undefined;
  /** Wall clock, milliseconds. */
  readonly originatedAtMs: number;
  /** All attributes, AS numbers of four octets; of MP_REACH_NLRI only the next hop (§4.3.4). */
  readonly attributes: Uint8Array;
}

/** A message as it came, header included. */
export function messageRecord(
  session: MrtSession,
  message: Uint8Array,
  { wallMs, hasPathIds }: { readonly wallMs: number; readonly hasPathIds: boolean },
): Uint8Array {
  const subtype = hasPathIds ? Bgp4mp.MessageAs4AddPath : Bgp4mp.MessageAs4;
  return extendedRecord(wallMs, subtype, [sessionHeader(session), message]);
}

export function stateRecord(
  session: MrtSession,
  change: { readonly from: number; readonly to: number; readonly wallMs: number },
): Uint8Array {
  const states = Uint8Array.of(0, change.from, 0, change.to);
  return extendedRecord(change.wallMs, Bgp4mp.StateChangeAs4, [sessionHeader(session), states]);
}

/** §4.3.1: who is meant by the indexes of the records that follow. */
export function peerIndexRecord(
  collectorIdentifier: number,
  peers: readonly MrtPeer[],
  wallMs: number,
): Uint8Array {
  const entries = peers.map(({ asn, address, bgpIdentifier }) => {
    const isIpv6 = address.length === 16;
    // Bit 0: the address is IPv6; bit 1: the AS number has four octets.
    return join([Uint8Array.of(isIpv6 ? 3 : 2), uint32(bgpIdentifier), address, uint32(asn)]);
  });
  const head = join([uint32(collectorIdentifier), uint16(0), uint16(peers.length)]);
  return record(wallMs, Type.TableDumpV2, TableDump.PeerIndexTable, [head, ...entries]);
}

/** §4.3.2. `prefix`: length in bits, then as many octets as it needs. */
export function ribRecord(
  family: { readonly isIpv6: boolean; readonly sequence: number; readonly wallMs: number },
  prefix: Uint8Array,
  entries: readonly RibEntry[],
): Uint8Array {
  const hasPathIds = entries.some(({ pathId }) => pathId !== undefined);
  const plain = family.isIpv6 ? TableDump.RibIpv6 : TableDump.RibIpv4;
  const addPath = family.isIpv6 ? TableDump.RibIpv6AddPath : TableDump.RibIpv4AddPath;
  const bodies = entries.map(({ peerIndex, originatedAtMs, pathId = 0, attributes }) =>
    join([
      uint16(peerIndex),
      uint32(Math.floor(originatedAtMs / 1_000)),
      ...(hasPathIds ? [uint32(pathId)] : []),
      uint16(attributes.length),
      attributes,
    ]),
  );
  const head = join([uint32(family.sequence), prefix, uint16(entries.length)]);
  const subtype = hasPathIds ? addPath : plain;
  return record(family.wallMs, Type.TableDumpV2, subtype, [head, ...bodies]);
}

/** §4.4.2: AS numbers, interface index (unknown: 0), address family, addresses. */
function sessionHeader({ peerAsn, localAsn, peerAddress, localAddress }: MrtSession): Uint8Array {
  const afi = peerAddress.length === 16 ? 2 : 1;
  const numbers = [uint32(peerAsn), uint32(localAsn), uint16(0), uint16(afi)];
  return join([...numbers, peerAddress, localAddress]);
}

function extendedRecord(wallMs: number, subtype: number, parts: readonly Uint8Array[]): Uint8Array {
  const micros = Math.floor((wallMs % 1_000) * 1_000);
  return record(wallMs, Type.Bgp4mpEt, subtype, [uint32(micros), ...parts]);
}

function record(
  wallMs: number,
  type: number,
  subtype: number,
  parts: readonly Uint8Array[],
): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const seconds = uint32(Math.floor(wallMs / 1_000));
  return join([seconds, uint16(type), uint16(subtype), uint32(length), ...parts]);
}
