/** Sessions of a BGP speaker: a table, why one is not up and what to do about it, and what BFD says. Called by `weft bgp` and `weft mux`. */
import type { BgpPeerRow } from '../schema/southbound/diagnostics/bgp.ts';
import { lastName } from './fields.ts';
import { type Column, formatTable } from './table.ts';

type NameOf = (peer: BgpPeerRow) => string;

const columns = (nameOf: NameOf): readonly Column<BgpPeerRow>[] => [
  { heading: 'PEER', value: nameOf },
  { heading: 'ADDRESS', value: ({ address }) => address },
  {
    heading: 'AS',
    align: 'right',
    value: ({ asNumber }) => (asNumber === 0 ? '' : String(asNumber)),
  },
  { heading: 'STATE', value: ({ state }) => state },
  { heading: 'SINCE', value: since },
  { heading: 'BFD', value: ({ bfd }) => bfd?.state ?? '' },
  { heading: 'RECEIVED', align: 'right', value: ({ families }) => sum(families, 'received') },
  { heading: 'ADVERTISED', align: 'right', value: ({ families }) => sum(families, 'advertised') },
];

function since({ state, statistics }: BgpPeerRow): string {
  const { tcpConnectionEstablished, tcpConnectionClosed } = statistics;
  return (state === 'Established' ? tcpConnectionEstablished : tcpConnectionClosed) ?? '';
}

function sum(families: BgpPeerRow['families'], name: 'received' | 'advertised'): string {
  return String(families.reduce((total, each) => total + each[name], 0));
}

export function isEstablished({ state }: BgpPeerRow): boolean {
  return state === 'Established';
}

const ownName: NameOf = ({ resourceRef }) => lastName(resourceRef);

/** `nameOf`: what people call a peer (default: the last part of its resourceRef). */
export function formatPeers(peers: readonly BgpPeerRow[], nameOf: NameOf = ownName): string {
  if (peers.length === 0) return 'No peers.\n';
  const why = peers.flatMap((peer) =>
    peer.failure === undefined || isEstablished(peer)
      ? []
      : [
          `${peer.address}: ${peer.failure.message} (${peer.failure.at})\n  ${peer.failure.remedy}\n`,
        ],
  );
  const paths = peers.flatMap(({ address, bfd }) =>
    bfd === undefined ? [] : [`${address}: ${bfdText(bfd)}\n`],
  );
  return [formatTable(columns(nameOf), peers), why.join(''), paths.join('')]
    .filter((part) => part !== '')
    .join('\n');
}

function bfdText(bfd: NonNullable<BgpPeerRow['bfd']>): string {
  const { state, diagnostic, peerState, peerDiagnostic } = bfd;
  const times = `sends every ${bfd.sendIntervalInMilliseconds} ms, down after ${bfd.detectionTimeInMilliseconds} ms of silence`;
  if (state === 'Up') return `BFD is up: ${times}`;
  return `BFD is ${state} (${diagnostic}), the peer says ${peerState} (${peerDiagnostic}); ${bfd.receivedCount} packets heard`;
}
