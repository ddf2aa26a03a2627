/** What there is to see of a neighbour, for people and for MS-NCNBI bgpPeers (§3.1.5.17.2.2). Called by running-speaker.ts. */
import { defined } from '../../base/assert.ts';
import { formatIpWords } from '../../base/ip-words.ts';
import type { Bfd, BfdStatus } from '../bfd/bfd.ts';
import { Afi } from '../message/capability.ts';
import { MessageType } from '../message/framing.ts';
import { type FailureWords, failureWords } from '../session/failure.ts';
import type { State } from '../session/state.ts';
import type { MessageCounter } from '../session/statistics.ts';
import type { Neighbour } from './neighbour.ts';
import type { RouteCounts } from './route-counts.ts';

export interface NeighbourStatus {
  readonly address: string;
  readonly asn: number;
  readonly isDynamic: boolean;
  readonly state: State['kind'];
  readonly bgpIdentifier: string | undefined;
  /** Why it is or was not up. */
  readonly failure: (FailureWords & { readonly atWall: number }) | undefined;
  readonly families: readonly {
    readonly afi: number;
    readonly received: number;
    readonly announced: number;
    /** It has told everything since the session is up (End-of-RIB). */
    readonly isComplete: boolean;
  }[];
  /** Undefined: the path is not watched, or not yet. */
  readonly bfd: BfdStatus | undefined;
  /** Octets in the buffers of its session, both ways; bounded, whatever it sends or does not read. */
  readonly heldBytes: number;
  readonly malformedUpdateCount: number;
  readonly complaints: readonly string[];
  readonly statistics: NeighbourStatistics;
}

/** In the shape of MS-NCNBI bgpPeers (§3.1.5.17.2.2). */
export interface NeighbourStatistics {
  readonly tcpConnectionEstablished: number | undefined;
  readonly tcpConnectionClosed: number | undefined;
  readonly openMessageStats: MessageCounter;
  readonly notificationMessageStats: MessageCounter;
  readonly keepAliveMessageStats: MessageCounter;
  readonly routeRefreshMessageStats: MessageCounter;
  readonly updateMessageStats: MessageCounter;
  readonly ipv4Route: RouteCounts;
  readonly ipv6Route: RouteCounts;
  readonly lastUpdated: number;
}

export function statusOf(
  neighbour: Neighbour,
  isDynamic: boolean,
  wallNow: number,
  bfd: Bfd | undefined,
): NeighbourStatus {
  const { session, localAsn } = neighbour;
  const { state, failure, failedAtWall } = session.status;
  const isKnown = neighbour.bgpIdentifier !== 0;
  return {
    address: neighbour.checked.options.address,
    asn: neighbour.asn,
    isDynamic,
    state,
    bgpIdentifier: isKnown ? formatIpWords([0, 0, 0xffff, neighbour.bgpIdentifier]) : undefined,
    failure:
      failure === undefined
        ? undefined
        : {
            ...failureWords(failure, neighbour.checked.security, localAsn),
            atWall: failedAtWall ?? 0,
          },
    families: neighbour.checked.families.map(({ afi }) => ({
      afi,
      received: neighbour.pathCount(afi),
      announced: neighbour.announcedCount(afi),
      isComplete: neighbour.isComplete(afi),
    })),
    bfd: bfd?.status(neighbour.checked.options.address),
    heldBytes: session.machine.heldBytes,
    malformedUpdateCount: neighbour.malformedUpdateCount,
    complaints: [...neighbour.complaints],
    statistics: statisticsOf(neighbour, wallNow),
  };
}

function statisticsOf(
  { session, routeCounts }: Neighbour,
  lastUpdated: number,
): NeighbourStatistics {
  const { messages, tcpConnectionEstablished, tcpConnectionClosed } = session.statistics;
  return {
    tcpConnectionEstablished,
    tcpConnectionClosed,
    openMessageStats: { ...messages[MessageType.Open] },
    notificationMessageStats: { ...messages[MessageType.Notification] },
    keepAliveMessageStats: { ...messages[MessageType.Keepalive] },
    routeRefreshMessageStats: { ...messages[MessageType.RouteRefresh] },
    updateMessageStats: { ...messages[MessageType.Update] },
    ipv4Route: { ...defined(routeCounts[Afi.Ipv4], 'IPv4 counts') },
    ipv6Route: { ...defined(routeCounts[Afi.Ipv6], 'IPv6 counts') },
    lastUpdated,
  };
}
