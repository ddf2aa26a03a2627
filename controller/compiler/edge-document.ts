/**
 * Reads what edge routers are made of (edgeRouters with their children, publicIPAddresses), as document.ts reads the others: a child that
 * cannot be read is left out, so that it cannot take its edge away.
 */
import { parseAsNumber } from '../../base/as-number.ts';
import { type IpPrefix, ipBytes, ipFamily, parseIp } from '../../base/ip.ts';
import { PeerFamily } from '../../schema/southbound/messages.ts';
import type { JsonObject, JsonValue } from '../store/store.ts';
import {
  address,
  addresses,
  addressPrefix,
  children,
  list,
  object,
  reference,
  text,
} from './json-fields.ts';

export interface EdgeRouter {
  readonly kind: 'edge-router';
  /** Lower-cased resourceId. */
  readonly id: string;
  readonly instanceId: string;
  readonly resourceRef: string;
  readonly providerAddress: Uint8Array | undefined;
  readonly providerSubnet: string | undefined;
  readonly isProviderGateway: boolean;
  readonly outside: readonly OutsideInterface[];
  readonly bgpRouters: readonly BgpRouter[];
  readonly policyMaps: readonly PolicyMap[];
  readonly natPools: readonly NatPool[];
  readonly portForwards: readonly PortForward[];
}

/** A child that goal state tells of by itself. */
interface Child {
  readonly instanceId: string;
  readonly resourceRef: string;
}

export interface OutsideInterface {
  readonly name: string;
  readonly addresses: readonly { readonly address: Uint8Array; readonly prefixLen: number }[];
  readonly mtu: number;
  readonly gateways: readonly Uint8Array[];
}

export interface BgpRouter extends Child {
  readonly asNumber: number;
  readonly routerId: Uint8Array | undefined;
  readonly enabled: boolean;
  /** Undefined: what is marked public. */
  readonly networks: readonly IpPrefix[] | undefined;
  readonly bmpStations: readonly { readonly address: Uint8Array; readonly port: number }[];
  /** 0: the speaker's own. */
  readonly bmpStatisticsSec: number;
  readonly mrtUpdates: boolean;
  /** 0: never. */
  readonly mrtDumpMinutes: number;
  readonly peers: readonly BgpPeer[];
}

export interface BgpPeer extends Child {
  readonly range: IpPrefix | undefined;
  readonly address: Uint8Array | undefined;
  /** 0: any. */
  readonly asNumber: number;
  readonly importMap: string | undefined;
  readonly exportMap: string | undefined;
  readonly acceptAllIn: boolean;
  readonly acceptAllOut: boolean;
  /** Here and below, 0: none, or the speaker's own. */
  readonly holdTimeSec: number;
  readonly md5Key: string;
  readonly ttlSecurityHops: number;
  readonly prefixesMax: number;
  readonly prefixRestartSec: number;
  readonly passive: boolean;
  readonly bfd: boolean;
  readonly bfdIntervalMs: number;
  readonly bfdMultiplier: number;
  readonly gracefulRestartSec: number;
  readonly families: readonly PeerFamily[];
}

export interface PolicyMap extends Child {
  readonly ref: string;
  readonly entries: JsonValue;
}

export interface NatPool extends Child {
  readonly addresses: readonly Uint8Array[];
  readonly portFirst: number;
  readonly portLast: number;
  readonly portsPerBlock: number;
  readonly blocksPerAddressMax: number;
  readonly infrastructure: boolean;
}

export interface PortForward extends Child {
  readonly protocol: number;
  readonly address: Uint8Array;
  readonly port: number;
  /** Of an ipConfiguration. */
  readonly to: string | undefined;
  /** In the provider network, where there is no `to`. */
  readonly privateAddress: Uint8Array | undefined;
  readonly privatePort: number;
}

export interface PublicIpAddress {
  readonly kind: 'public-ip-address';
  readonly id: string;
  readonly instanceId: string;
  readonly resourceRef: string;
  readonly address: Uint8Array;
  readonly idleTimeoutSec: number;
}

const OUTSIDE_MTU = 1_500;
const PROTOCOLS: Readonly<Record<string, number>> = { tcp: 6, udp: 17 };
/** What one pool may have; more is no pool of ours. */
const POOL_ADDRESSES_MAX = 4_096n;

export function readPublicIpAddress(id: string, value: JsonObject): PublicIpAddress | undefined {
  const named = child(value);
  const properties = object(value['properties']);
  const bytes = address(properties['ipAddress']);
  if (named === undefined || bytes === undefined) return undefined;
  const idleTimeoutSec = 60 * count(properties['idleTimeoutInMinutes']);
  return { kind: 'public-ip-address', id, ...named, address: bytes, idleTimeoutSec };
}

export function readEdgeRouter(id: string, value: JsonObject): EdgeRouter | undefined {
  const named = child(value);
  if (named === undefined) return undefined;
  const properties = object(value['properties']);
  const policyMaps = children(value, 'policyMaps').flatMap((each) => readPolicyMap(each) ?? []);
  return {
    kind: 'edge-router',
    id,
    ...named,
    providerAddress: address(properties['providerAddress']),
    providerSubnet: text(object(value['internal'])['providerSubnetRef'])?.toLowerCase(),
    isProviderGateway: properties['isProviderGateway'] === true,
    outside: list(properties['outsideInterfaces']).flatMap(
      (each) => readOutside(object(each)) ?? [],
    ),
    bgpRouters: children(value, 'bgpRouters').flatMap((each) => readRouter(each) ?? []),
    policyMaps,
    natPools: children(value, 'natPools').flatMap((each) => readPool(each) ?? []),
    portForwards: children(value, 'portForwards').flatMap((each) => readForward(each) ?? []),
  };
}

/** instanceIds of everything below the edge that can have a state of its own. */
export function partsOfEdge(edge: EdgeRouter): readonly Child[] {
  return [
    ...edge.bgpRouters.flatMap((router) => [router, ...router.peers]),
    ...edge.policyMaps,
    ...edge.natPools,
    ...edge.portForwards,
  ];
}

function readOutside(value: JsonObject): OutsideInterface | undefined {
  const name = text(value['name']);
  if (name === undefined) return undefined;
  return {
    name,
    addresses: list(value['addresses']).flatMap((each) => {
      const [host, length] = (text(each) ?? '').split('/');
      const bytes = address(host);
      const prefixLen = Number(length);
      return bytes === undefined || !Number.isInteger(prefixLen)
        ? []
        : [{ address: bytes, prefixLen }];
    }),
    mtu: count(value['mtu']) || OUTSIDE_MTU,
    gateways: addresses(value['gateways']),
  };
}

function readRouter(value: JsonObject): BgpRouter | undefined {
  const named = child(value);
  const properties = object(value['properties']);
  const asNumber = parseAsNumber(text(properties['extAsNumber']) ?? '');
  if (named === undefined || asNumber === undefined) return undefined;
  const networks = properties['networks'];
  const mrt = object(properties['mrtExport']);
  return {
    ...named,
    asNumber,
    routerId: address(properties['routerId']),
    enabled: properties['isEnabled'] !== false,
    networks:
      networks === undefined
        ? undefined
        : list(networks).flatMap((each) => addressPrefix(each) ?? []),
    bmpStations: list(properties['bmpStations']).flatMap((each) => {
      const station = object(each);
      const bytes = address(station['address']);
      return bytes === undefined ? [] : [{ address: bytes, port: count(station['port']) }];
    }),
    bmpStatisticsSec: count(properties['bmpStatisticsIntervalInSeconds']),
    mrtUpdates: mrt['isUpdateLogEnabled'] === true,
    mrtDumpMinutes: count(mrt['tableDumpIntervalInMinutes']),
    peers: children(value, 'bgpPeers').flatMap((each) => readPeer(each) ?? []),
  };
}

function readPeer(value: JsonObject): BgpPeer | undefined {
  const named = child(value);
  const properties = object(value['properties']);
  const range = addressPrefix(properties['peerPrefix']);
  const bytes = address(properties['peerIpAddress']);
  if (named === undefined || (range === undefined) === (bytes === undefined)) return undefined;
  return {
    ...named,
    range,
    address: bytes,
    asNumber: parseAsNumber(text(properties['extAsNumber']) ?? '') ?? 0,
    importMap: reference(properties['policyMapIn']),
    exportMap: reference(properties['policyMapOut']),
    acceptAllIn: properties['acceptAllRoutesIn'] === true,
    acceptAllOut: properties['acceptAllRoutesOut'] === true,
    holdTimeSec: count(properties['holdTimeInSeconds']),
    md5Key: text(object(value['internal'])['md5Key']) ?? '',
    ttlSecurityHops: count(properties['ttlSecurityHops']),
    prefixesMax: count(properties['maximumPrefixes']),
    prefixRestartSec: count(properties['maximumPrefixesRestartInSeconds']),
    passive: properties['isPassive'] === true,
    bfd: properties['isBfdEnabled'] === true,
    bfdIntervalMs: count(properties['bfdIntervalInMilliseconds']),
    bfdMultiplier: count(properties['bfdMultiplier']),
    gracefulRestartSec: count(properties['gracefulRestartInSeconds']),
    families: list(properties['addressFamilies']).map((family) =>
      family === 'IPv6' ? PeerFamily.PEER_IPV6_UNICAST : PeerFamily.PEER_IPV4_UNICAST,
    ),
  };
}

function readPolicyMap(value: JsonObject): PolicyMap | undefined {
  const named = child(value);
  if (named === undefined) return undefined;
  const entries = object(value['properties'])['policyMapEntryList'] ?? [];
  return { ...named, ref: named.resourceRef.toLowerCase(), entries };
}

function readPool(value: JsonObject): NatPool | undefined {
  const named = child(value);
  const properties = object(value['properties']);
  const [first, last] = ['startIpAddress', 'endIpAddress'].map((name) =>
    parseIp(text(properties[name]) ?? ''),
  );
  if (named === undefined || first === undefined || last === undefined) return undefined;
  const size = last - first + 1n;
  if (ipFamily(first) !== 4 || size < 1n || size > POOL_ADDRESSES_MAX) return undefined;
  return {
    ...named,
    addresses: Array.from({ length: Number(size) }, (_, at) => ipBytes(first + BigInt(at))),
    portFirst: count(properties['portFirst']),
    portLast: count(properties['portLast']),
    portsPerBlock: count(properties['portsPerBlock']),
    blocksPerAddressMax: count(properties['blocksPerAddressMax']),
    infrastructure: properties['isInfrastructure'] === true,
  };
}

function readForward(value: JsonObject): PortForward | undefined {
  const named = child(value);
  const properties = object(value['properties']);
  const bytes = address(properties['frontendIPAddress']);
  const protocol = PROTOCOLS[text(properties['protocol'])?.toLowerCase() ?? ''];
  if (named === undefined || bytes === undefined || protocol === undefined) return undefined;
  return {
    ...named,
    protocol,
    address: bytes,
    port: count(properties['frontendPort']),
    to: reference(properties['ipConfiguration']),
    privateAddress: address(properties['privateIPAddress']),
    privatePort: count(properties['backendPort']),
  };
}

function child(value: JsonObject): Child | undefined {
  const instanceId = text(value['instanceId']);
  const resourceRef = text(value['resourceRef']);
  if (instanceId === undefined || resourceRef === undefined) return undefined;
  return { instanceId, resourceRef };
}

/** 0 for what is no whole number. */
function count(value: JsonValue | undefined): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
}
