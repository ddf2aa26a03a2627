/**
 * bgpRouters and bgpPeers of an edge router — MS-NCNBI §3.1.5.17.2. An edge speaks BGP as one router. How its sessions are is asked of the
 * edge itself when somebody looks (observed-peers.ts).
 */
import { formatExtAsNumber, parseAsNumber } from '../../../base/as-number.ts';
import { ipFamily, parseIp, parseIpPrefix } from '../../../base/ip.ts';
import {
  BgpPeerSchema,
  BgpRouterSchema,
  MD5_KEY_BYTES_MAX,
} from '../../../schema/northbound/bgp.ts';
import { EdgeRouterSchema } from '../../../schema/northbound/edge-routers.ts';
import type { Resource } from '../../model/desired-state.ts';
import { refKey } from '../../model/resource-ref.ts';
import type { JsonObject } from '../../store/store.ts';
import { addressFaults } from '../address-rules.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { BGP_NETWORKS_MAX, BGP_PEERS_MAX, BMP_STATIONS_MAX } from '../limits.ts';
import { childrenIn, typed } from '../resource-node.ts';
import type { Properties, ReadContext, ResourceNode, ResourceType } from '../resource-type.ts';

const bgpPeers: ResourceType = {
  collection: 'bgpPeers',
  section: '3.1.5.17.2.2',
  summary: 'A BGP neighbour of an edge router, or a prefix of them.',
  schema: BgpPeerSchema,
  references: [
    { property: 'policyMapIn', backReference: 'bgpPeersWithPolicyMapIn', inUse: 'ResourceInUse' },
    { property: 'policyMapOut', backReference: 'bgpPeersWithPolicyMapOut', inUse: 'ResourceInUse' },
  ],
  normalise: normalisePeer,
  validate: validatePeer,
  derive: derivePeer,
};

export const bgpRouters: ResourceType = {
  collection: 'bgpRouters',
  section: '3.1.5.17.2',
  summary: 'The BGP speaker of an edge router.',
  schema: BgpRouterSchema,
  children: [bgpPeers],
  normalise: normaliseRouter,
  validate: validateRouter,
  derive: deriveRouter,
};

function normaliseRouter(properties: Properties): Properties {
  properties['isEnabled'] ??= true;
  const number = parseAsNumber(String(properties['extAsNumber'] ?? ''));
  if (number !== undefined) properties['extAsNumber'] = formatExtAsNumber(number);
  return properties;
}

function validateRouter(node: ResourceNode): readonly FaultDetail[] {
  const { extAsNumber, routerId, networks = [] } = typed(BgpRouterSchema, node);
  const faults: FaultDetail[] = [];
  if (parseAsNumber(extAsNumber) === undefined) {
    const message = `'${extAsNumber}' is no AS number; write 0.64512 or 64512`;
    faults.push(detail('InvalidParameterValue', message, 'extAsNumber'));
  }
  const id = routerId === undefined ? undefined : parseIp(routerId);
  if (routerId !== undefined && (id === undefined || ipFamily(id) !== 4 || id === 0n)) {
    const message = `'${routerId}' is no BGP identifier: an IPv4 address other than 0.0.0.0`;
    faults.push(detail('InvalidIPAddress', message, 'routerId'));
  }
  if (networks.length > BGP_NETWORKS_MAX) {
    const message = `at most ${BGP_NETWORKS_MAX} networks are allowed`;
    faults.push(detail('InvalidParameterValue', message, 'networks'));
  }
  for (const text of networks) {
    if (parseIpPrefix(text) !== undefined) continue;
    faults.push(
      detail('InvalidIPPrefix', `'${text}' is not a prefix without host bits`, 'networks'),
    );
  }
  return [
    ...faults,
    ...siblingFaults(node),
    ...twinFaults(node),
    ...identifierFaults(node),
    ...stationFaults(node),
  ];
}

function stationFaults(node: ResourceNode): FaultDetail[] {
  const { bmpStations = [] } = typed(BgpRouterSchema, node);
  const faults = addressFaults(
    bmpStations.map(({ address }) => address),
    'bmpStations',
  );
  if (bmpStations.length > BMP_STATIONS_MAX) {
    const message = `at most ${BMP_STATIONS_MAX} bmpStations are allowed`;
    faults.push(detail('InvalidParameterValue', message, 'bmpStations'));
  }
  const places = bmpStations.map(({ address, port }) => `${address} port ${port}`);
  const twin = places.find((place, at) => places.indexOf(place) !== at);
  if (twin !== undefined) {
    faults.push(detail('InvalidParameterValue', `${twin} is named twice`, 'bmpStations'));
  }
  return faults;
}

function siblingFaults(node: ResourceNode): FaultDetail[] {
  const routers = node.parent === undefined ? [] : childrenIn(node.parent, 'bgpRouters');
  const other = routers.find(({ key }) => key !== node.key);
  if (other === undefined) return [];
  return [
    detail('OperationNotSupported', `${other.ref} is the edge's BGP router; it has one`, node.ref),
  ];
}

function twinFaults(node: ResourceNode): FaultDetail[] {
  const peers = childrenIn(node, 'bgpPeers');
  const faults: FaultDetail[] = [];
  if (peers.length > BGP_PEERS_MAX) {
    const message = `at most ${BGP_PEERS_MAX} bgpPeers are allowed`;
    faults.push(detail('InvalidParameterValue', message, node.ref));
  }
  const seen = new Map<string, string>();
  for (const peer of peers) {
    const { peerIpAddress, peerPrefix } = typed(BgpPeerSchema, peer);
    const where = peerIpAddress ?? peerPrefix ?? peer.ref;
    const twin = seen.get(where);
    if (twin !== undefined) {
      faults.push(
        detail('InvalidParameterValue', `${twin} is the peer ${where} already`, peer.ref),
      );
    }
    seen.set(where, peer.ref);
  }
  return faults;
}

/** A BGP identifier has four octets, which an IPv6 provider address cannot stand for. */
function identifierFaults(node: ResourceNode): FaultDetail[] {
  if (typed(BgpRouterSchema, node).routerId !== undefined || node.parent === undefined) return [];
  const provider = parseIp(typed(EdgeRouterSchema, node.parent).providerAddress ?? '');
  if (provider === undefined || ipFamily(provider) === 4) return [];
  const message = 'an edge with an IPv6 provider address needs a routerId';
  return [detail('RequiredParamMissing', message, 'routerId')];
}

function deriveRouter({ parent }: Resource): JsonObject {
  if (parent === undefined) return {};
  const { providerAddress, outsideInterfaces = [] } = typed(EdgeRouterSchema, parent);
  const outside = outsideInterfaces.flatMap(({ addresses }) =>
    addresses.map((text) => text.split('/')[0] ?? ''),
  );
  return {
    isGenerated: false,
    routerIP: [...(providerAddress === undefined ? [] : [providerAddress]), ...outside],
  };
}

function normalisePeer(properties: Properties): Properties {
  const given = properties['extAsNumber'] ?? properties['asNumber'];
  const number = parseAsNumber(String(given ?? ''));
  if (number !== undefined) {
    const asNumber = parseAsNumber(String(properties['asNumber'] ?? number));
    properties['extAsNumber'] = formatExtAsNumber(number);
    if (asNumber === number) properties['asNumber'] = String(number);
  }
  const family = String(properties['peerIpAddress'] ?? properties['peerPrefix'] ?? '');
  properties['addressFamilies'] ??= [family.includes(':') ? 'IPv6' : 'IPv4'];
  return properties;
}

function validatePeer(node: ResourceNode): readonly FaultDetail[] {
  const peer = typed(BgpPeerSchema, node);
  const faults = addressFaults(
    peer.peerIpAddress === undefined ? [] : [peer.peerIpAddress],
    'peerIpAddress',
  );
  if ((peer.peerIpAddress === undefined) === (peer.peerPrefix === undefined)) {
    const message = 'a peer has either a peerIpAddress or a peerPrefix';
    faults.push(detail('RequiredParamMissing', message, 'peerIpAddress'));
  }
  if (peer.peerPrefix !== undefined && parseIpPrefix(peer.peerPrefix) === undefined) {
    const message = `'${peer.peerPrefix}' is not a prefix without host bits`;
    faults.push(detail('InvalidIPPrefix', message, 'peerPrefix'));
  }
  if (peer.isPassive === false && peer.peerPrefix !== undefined) {
    const message = 'peers of a prefix connect by themselves';
    faults.push(detail('InvalidParameterValue', message, 'isPassive'));
  }
  return [
    ...faults,
    ...asFaults(peer),
    ...keyFaults(node),
    ...bfdFaults(peer),
    ...policyFaults(node, peer),
  ];
}

function derivePeer({ instanceId }: Resource, { peers }: ReadContext): JsonObject {
  const session = peers?.get(instanceId);
  if (session === undefined) return { isGenerated: false };
  const { state, failure, statistics, bfd } = session;
  const isUp = state === 'Established';
  return {
    isGenerated: false,
    connectionState: isUp ? 'Connected' : 'Disconnected',
    statistics,
    ...(bfd !== undefined && { bfd }),
    ...(!isUp && failure !== undefined && { connectionFailure: failure }),
  };
}

type Peer = ReturnType<typeof typed<typeof BgpPeerSchema>>;

function asFaults({ extAsNumber, asNumber, peerPrefix }: Peer): FaultDetail[] {
  if (extAsNumber === undefined) {
    if (peerPrefix !== undefined && asNumber === undefined) return [];
    const message = "a peer has an AS number: extAsNumber '0.64512', or asNumber '64512'";
    return [detail('RequiredParamMissing', message, 'extAsNumber')];
  }
  const number = parseAsNumber(extAsNumber);
  if (number === undefined) {
    const message = `'${extAsNumber}' is no AS number; write 0.64512 or 64512`;
    return [detail('InvalidParameterValue', message, 'extAsNumber')];
  }
  if (asNumber === undefined || parseAsNumber(asNumber) === number) return [];
  const message = `asNumber ${asNumber} and extAsNumber ${extAsNumber} are not the same`;
  return [detail('InvalidParameterValue', message, 'asNumber')];
}

/** Times of what is not there would be kept in vain. */
function bfdFaults(peer: Peer): FaultDetail[] {
  if (peer.isBfdEnabled === true) return [];
  return (['bfdIntervalInMilliseconds', 'bfdMultiplier'] as const).flatMap((name) =>
    peer[name] === undefined
      ? []
      : [detail('InvalidParameterValue', `${name} needs isBfdEnabled`, name)],
  );
}

function keyFaults({ internal }: ResourceNode): FaultDetail[] {
  const key = internal?.['md5Key'];
  if (typeof key !== 'string' || new TextEncoder().encode(key).length <= MD5_KEY_BYTES_MAX)
    return [];
  return [
    detail('InvalidParameterValue', `a key has at most ${MD5_KEY_BYTES_MAX} bytes`, 'md5Key'),
  ];
}

function policyFaults(node: ResourceNode, peer: Peer): FaultDetail[] {
  const edge = node.parent?.parent;
  const own = `${refKey(edge?.ref ?? '')}/policymaps/`;
  return (
    [
      ['policyMapIn', peer.policyMapIn, peer.acceptAllRoutesIn],
      ['policyMapOut', peer.policyMapOut, peer.acceptAllRoutesOut],
    ] as const
  ).flatMap(([name, map, all]) => {
    if (map === undefined) return [];
    const faults: FaultDetail[] = [];
    if (!refKey(map.resourceRef).startsWith(own)) {
      const message = `${map.resourceRef} is not a policy map of ${edge?.ref ?? 'the edge'}`;
      faults.push(detail('InvalidResourceReference', message, name));
    }
    if (all === true) {
      const message = `${name} decides; ${name.replace('policyMap', 'acceptAllRoutes')} would say otherwise`;
      faults.push(detail('InvalidParameterValue', message, name));
    }
    return faults;
  });
}
