/**
 * A role's answers to questions about its BGP (schema/southbound/diagnostics/bgp.ts), read from the speaker that decides. Pure, but for the
 * speaker it looks at; rejects with an SdnError that says what is wrong with the question. Called by the agents of edge and mux.
 */
import { assertNever } from '../../base/assert.ts';
import { SdnError } from '../../base/errors.ts';
import { formatIpWords, ipWordsFromBytes } from '../../base/ip-words.ts';
import type {
  BgpAnswer,
  BgpAttributes,
  BgpMethod,
  BgpPeerRow,
  BgpQuestion,
  MrtFiles,
} from '../../schema/southbound/diagnostics/bgp.ts';
import { QUESTION_SHAPES } from '../../schema/southbound/diagnostics/question-shapes.ts';
import { shapeFault } from '../../schema/southbound/diagnostics/shape.ts';
import type { BfdStatus } from '../bfd/bfd.ts';
import { diagnosticWords } from '../bfd/packet.ts';
import type { StationStatus } from '../bmp/station.ts';
import * as asPath from '../message/as-path.ts';
import { Afi } from '../message/capability.ts';
import { Origin, type PathAttributes, WellKnownCommunity } from '../message/path-attributes.ts';
import type { Match } from '../policy/policy.ts';
import type { MessageCounter } from '../session/statistics.ts';
import type { Speaker } from '../speaker/contract.ts';
import type { RouteCounts } from '../speaker/route-counts.ts';
import type { TracedRule } from '../speaker/route-views.ts';
import type { NeighbourStatistics, NeighbourStatus } from '../speaker/status.ts';
import type { BgpControl } from './bgp-control.ts';

/** The speaker and what the controller calls its parts. */
export interface AnsweringSpeaker {
  readonly speaker: Speaker;
  readonly asNumber: number;
  /** As an IPv4 address. */
  readonly routerId: string;
  /** Files that are being written; absent: none ever. */
  readonly mrt?: { readonly updates?: MrtFiles; readonly tables?: MrtFiles };
  /** The bgpPeers resource that a neighbour with this address is of. */
  peerAt(address: string): { readonly id: string; readonly resourceRef: string } | undefined;
}

/** Undefined: there is no BGP router, or it is not enabled. */
export function answeringSpeakerOf(bgp: BgpControl): AnsweringSpeaker | undefined {
  const { speaker, router } = bgp;
  const id = router === undefined ? undefined : ipWordsFromBytes(router.routerId);
  if (speaker === undefined || router === undefined || id === undefined) return undefined;
  const routerId = formatIpWords(id);
  const { asNumber } = router;
  return { speaker, asNumber, routerId, peerAt: (at) => bgp.peerAt(at), mrt: bgp.mrt };
}

/** Whether it is a question of these. */
export function isBgpMethod(method: string): method is BgpMethod {
  return Object.hasOwn(ANSWERS, method);
}

/** `bgp` undefined: there is no BGP router, or it is not enabled. */
export function answerBgp<M extends BgpMethod>(
  bgp: AnsweringSpeaker | undefined,
  method: M,
  question: unknown,
): BgpAnswer<M> {
  const wrong = shapeFault(QUESTION_SHAPES[method], question);
  if (wrong !== undefined) throw new SdnError('SDN_QUESTION_INVALID', `'${method}': ${wrong}`);
  return ANSWERS[method](bgp, question as BgpQuestion<M>);
}

type Answers = {
  readonly [M in BgpMethod]: (
    bgp: AnsweringSpeaker | undefined,
    question: BgpQuestion<M>,
  ) => BgpAnswer<M>;
};

const ANSWERS: Answers = {
  bgpPeers: (bgp) => {
    if (bgp === undefined) {
      return { asNumber: 0, routerId: '', peers: [], routes: { prefixes: 0, paths: 0 } };
    }
    const { speaker, asNumber, routerId } = bgp;
    const { prefixes, paths } = speaker.counts;
    const peers = speaker.neighbours().map((status) => peerRow(status, bgp));
    return { asNumber, routerId, peers, routes: { prefixes, paths } };
  },
  bgpRoutes: (bgp, { limit }) =>
    page(limit, bgp?.speaker.routes() ?? [], ({ prefix, nextHops, neighbour, attributes }) => ({
      ...{ prefix, nextHops: [...nextHops] },
      ...(neighbour !== undefined && { neighbour }),
      attributes: attributesOf(attributes),
    })),
  bgpReceived: (bgp, { address, limit }) =>
    page(limit, speakerOf(bgp).received(address), ({ attributes, lostBy, ...route }) => ({
      ...route,
      attributes: attributesOf(attributes),
      ...(lostBy !== undefined && { lostBy }),
    })),
  bgpAdvertised: (bgp, { address, limit }) =>
    page(limit, speakerOf(bgp).advertised(address), ({ prefix, attributes }) => ({
      prefix,
      attributes: attributesOf(attributes),
    })),
  bgpExports: (bgp) => {
    const { speaker, mrt } = bgp ?? {};
    const { updates, tables } = mrt ?? {};
    return {
      stations: (speaker?.monitoringStations() ?? []).map(({ failure, ...station }) => ({
        ...station,
        ...(failure !== undefined && { failure: stationFailure(failure) }),
      })),
      ...(updates !== undefined && { updates }),
      ...(tables !== undefined && { tables }),
    };
  },
  bgpTrace: (bgp, { prefix }) => {
    const { paths, exports } = speakerOf(bgp).trace(prefix);
    return {
      prefix,
      paths: paths.map(({ neighbour, received, lostBy, ...path }) => ({
        ...(neighbour !== undefined && { neighbour }),
        received: attributesOf(received),
        ...judged(path, neighbour === undefined ? 'originated here' : undefined),
        ...{ isBest: path.isBest, isMultipath: path.isMultipath, isStale: path.isStale },
        ...(lostBy !== undefined && { lostBy }),
      })),
      exports: exports.map(({ neighbour, isTold, ...each }) => ({
        ...{ neighbour, isTold },
        ...judged(each, undefined),
      })),
    };
  },
};

function speakerOf(bgp: AnsweringSpeaker | undefined): Speaker {
  if (bgp !== undefined) return bgp.speaker;
  throw new SdnError('SDN_BGP_NOT_RUNNING', 'no BGP router is enabled here', {
    remedy:
      'Write one: PUT /edgeRouters/{id}/bgpRouters/{id} with extAsNumber; that of a mux is its loadBalancerMuxes resource.',
  });
}

/** At most `limit` rows of all there are. */
function page<T, R>(limit: number, all: Iterable<T>, row: (each: T) => R) {
  const routes: R[] = [];
  let total = 0;
  for (const each of all) {
    if (total < limit) routes.push(row(each));
    total += 1;
  }
  return { routes, total };
}

function peerRow(status: NeighbourStatus, bgp: AnsweringSpeaker): BgpPeerRow {
  const { address, asn, isDynamic, state, bgpIdentifier, failure, families } = status;
  const peer = bgp.peerAt(address);
  return {
    peerId: peer?.id ?? '',
    resourceRef: peer?.resourceRef ?? '',
    ...{ address, asNumber: asn, isDynamic, state },
    ...(bgpIdentifier !== undefined && { bgpIdentifier }),
    ...(failure !== undefined && {
      failure: { message: failure.message, remedy: failure.remedy, at: timeOf(failure.atWall) },
    }),
    families: families.map(({ afi, received, announced, isComplete }) => ({
      family: afi === Afi.Ipv4 ? 'IPv4' : 'IPv6',
      received,
      advertised: announced,
      isComplete,
    })),
    ...(status.bfd !== undefined && { bfd: bfdOf(status.bfd) }),
    malformedUpdateCount: status.malformedUpdateCount,
    complaints: [...status.complaints],
    statistics: statisticsOf(status.statistics),
  };
}

function bfdOf(bfd: BfdStatus): NonNullable<BgpPeerRow['bfd']> {
  const { state, peerState, sentCount, receivedCount } = bfd;
  return {
    ...{ state, peerState, sentCount, receivedCount },
    diagnostic: diagnosticWords(bfd.diagnostic),
    peerDiagnostic: diagnosticWords(bfd.peerDiagnostic),
    sendIntervalInMilliseconds: bfd.sendIntervalMs,
    detectionTimeInMilliseconds: bfd.detectionTimeMs,
  };
}

function stationFailure(failure: NonNullable<StationStatus['failure']>): string {
  switch (failure.kind) {
    case 'refused':
      return 'connection refused: nothing listens there';
    case 'timeout':
      return 'no answer from its address';
    case 'unreachable':
      return `it cannot be reached: ${failure.detail}`;
    case 'ended':
      return 'it has closed the connection';
    case 'overflow':
      return 'it does not read as fast as routes change';
    default:
      return assertNever(failure);
  }
}

function statisticsOf(statistics: NeighbourStatistics): BgpPeerRow['statistics'] {
  const { tcpConnectionEstablished: up, tcpConnectionClosed: down } = statistics;
  return {
    ...(up !== undefined && { tcpConnectionEstablished: timeOf(up) }),
    ...(down !== undefined && { tcpConnectionClosed: timeOf(down) }),
    openMessageStats: messageStats(statistics.openMessageStats),
    notificationMessageStats: messageStats(statistics.notificationMessageStats),
    keepAliveMessageStats: messageStats(statistics.keepAliveMessageStats),
    routeRefreshMessageStats: messageStats(statistics.routeRefreshMessageStats),
    updateMessageStats: messageStats(statistics.updateMessageStats),
    ipv4Route: routeStats(statistics.ipv4Route),
    ipv6Route: routeStats(statistics.ipv6Route),
    lastUpdated: timeOf(statistics.lastUpdated),
  };
}

function messageStats({ lastSent, lastReceived, sentCount, receivedCount }: MessageCounter) {
  return {
    ...(lastSent !== undefined && { lastSent: timeOf(lastSent) }),
    ...(lastReceived !== undefined && { lastReceived: timeOf(lastReceived) }),
    ...{ sentCount, receivedCount },
  };
}

function routeStats(counts: RouteCounts): BgpPeerRow['statistics']['ipv4Route'] {
  return {
    updateSentCount: counts.updateSentCount,
    updateReceivedCount: counts.updateReceivedCount,
    withdrawlSentCount: counts.withdrawalSentCount,
    withdrawlReceivedCount: counts.withdrawalReceivedCount,
  };
}

function timeOf(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

const ORIGINS: Readonly<Record<Origin, string>> = {
  [Origin.Igp]: 'IGP',
  [Origin.Egp]: 'EGP',
  [Origin.Incomplete]: 'incomplete',
};

function attributesOf(attributes: PathAttributes): BgpAttributes {
  const { multiExitDisc: med, localPref, communities = [], largeCommunities = [] } = attributes;
  return {
    asPath: asPath.format(attributes.asPath),
    origin: ORIGINS[attributes.origin],
    nextHop: addressText(attributes.nextHop),
    ...(med !== undefined && { med }),
    ...(localPref !== undefined && { localPref }),
    communities: [
      ...communities.map(communityText),
      ...largeCommunities.map((parts) => parts.join(':')),
    ],
  };
}

function addressText(bytes: Uint8Array): string {
  const words = ipWordsFromBytes(bytes.length === 32 ? bytes.slice(0, 16) : bytes);
  return words === undefined ? '' : formatIpWords(words);
}

const COMMUNITY_NAMES: ReadonlyMap<number, string> = new Map([
  [WellKnownCommunity.NoExport, 'no-export'],
  [WellKnownCommunity.NoAdvertise, 'no-advertise'],
  [WellKnownCommunity.NoExportSubconfed, 'local-as'],
  [WellKnownCommunity.GracefulShutdown, 'graceful-shutdown'],
  [WellKnownCommunity.Blackhole, 'blackhole'],
]);

function communityText(value: number): string {
  return COMMUNITY_NAMES.get(value) ?? `${value >>> 16}:${value & 0xffff}`;
}

interface JudgedRoute {
  readonly refusal: string | undefined;
  readonly rules: readonly TracedRule[];
  readonly otherwise: 'accept' | 'reject' | undefined;
  readonly result: PathAttributes | undefined;
}

/** `first`: what is to be said before anything else. */
function judged({ refusal, rules, otherwise, result }: JudgedRoute, first: string | undefined) {
  const decided = rules.length > 0 || otherwise !== undefined || refusal !== undefined;
  const steps = [
    ...(first === undefined ? [] : [first]),
    ...rules.map(ruleText),
    ...(otherwise === undefined ? [] : [`no rule decided: ${VERDICTS[otherwise]}`]),
    ...(refusal === undefined ? [] : [`kept back: ${refusal}`]),
    ...(decided || first !== undefined ? [] : ['no policy: accepted']),
  ];
  return { steps, ...(result !== undefined && { result: attributesOf(result) }) };
}

const VERDICTS = {
  accept: 'accepted',
  reject: 'refused',
  next: 'changed, and on to the next rule',
} as const;

function ruleText({ policy, rule, failed, action }: TracedRule): string {
  const name = `${policy} rule ${rule}`;
  return failed === undefined
    ? `${name} matches: ${VERDICTS[action]}`
    : `${name} does not match: ${MATCH_WORDS[failed.kind]}`;
}

const MATCH_WORDS: Readonly<Record<Match['kind'], string>> = {
  prefix: 'the prefix is none of its list',
  'not-prefix': 'the prefix is of its list of others',
  'next-hop': 'the next hop is another',
  'as-in-path': 'no AS of the path is in its ranges',
  'neighbour-as': 'the neighbouring AS is another',
  'origin-as': 'the originating AS is another',
  'as-path-length': 'the AS path has another length',
  community: 'it has none of the communities',
  'large-community': 'it has none of the communities',
  med: 'the MED is another',
  'local-preference': 'the local preference is another',
};
