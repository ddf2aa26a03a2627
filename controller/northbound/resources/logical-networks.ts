/**
 * logicalNetworks with subnets, ipPools and routes — MS-NCNBI §3.1.5.8. A network with `networkVirtualizationEnabled` gives each server its
 * provider address, from its pools.
 */
import {
  formatIp,
  type Ip,
  type IpPrefix,
  ipPrefixHas,
  parseIp,
  parseIpPrefix,
} from '../../../base/ip.ts';
import {
  IpPoolSchema,
  LogicalNetworkSchema,
  LogicalRouteSchema,
  LogicalSubnetSchema,
} from '../../../schema/northbound/logical-networks.ts';
import type { AllocationDraft } from '../../allocation/allocations.ts';
import { addressSpaceOf } from '../../allocation/claims.ts';
import { sizeOfRange } from '../../allocation/number-table.ts';
import type { Resource } from '../../model/desired-state.ts';
import type { JsonObject } from '../../store/store.ts';
import {
  addressFaults,
  dynamicRange,
  type IpRange,
  overlapFaults,
  rangeOf,
  readPrefix,
} from '../address-rules.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { childrenIn, typed } from '../resource-node.ts';
import type {
  CompanionContext,
  DocumentChange,
  ReadContext,
  ResourceNode,
  ResourceType,
  WriteContext,
} from '../resource-type.ts';

const ipPools: ResourceType = {
  collection: 'ipPools',
  section: '3.1.5.8.2.2',
  summary: 'A range of addresses that the controller may give out.',
  schema: IpPoolSchema,
  validate: validatePool,
  guardRemoval: (node, context) => poolInUse(node, context),
  derive: derivePool,
};

const routes: ResourceType = {
  collection: 'routes',
  section: '3.1.5.8.2.3',
  summary: 'A route that hosts on the logical subnet would use; not built: refused.',
  schema: LogicalRouteSchema,
  validate: refuseRoute,
};

const subnets: ResourceType = {
  collection: 'subnets',
  section: '3.1.5.8.2',
  summary: 'A subnet of a logical network, with its VLAN.',
  schema: LogicalSubnetSchema,
  children: [ipPools, routes],
  validate: validateSubnet,
  guardRemoval: subnetInUse,
};

export const logicalNetworks: ResourceType = {
  collection: 'logicalNetworks',
  section: '3.1.5.8',
  summary: 'A partition of the physical network.',
  schema: LogicalNetworkSchema,
  children: [subnets],
  validate: validateNetwork,
  companions: equipServers,
};

/** Pools of a stored logical subnet, in order of their names. */
export function poolRangesOf(subnet: Resource, { desired }: ReadContext): IpRange[] {
  const stored = desired.byRef(subnet.ref) ?? subnet;
  return stored.children
    .filter(({ type }) => type === 'logicalnetworks/subnets/ippools')
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .flatMap((pool) => poolRange(pool) ?? []);
}

export function gatewaysOf(holder: { readonly properties: JsonObject }): ReadonlySet<Ip> {
  const { defaultGateways = [] } = typed(LogicalSubnetSchema, holder);
  return new Set(defaultGateways.flatMap((text) => parseIp(text) ?? []));
}

function validateNetwork(node: ResourceNode, context: WriteContext): readonly FaultDetail[] {
  const named = childrenIn(node, subnets.collection).flatMap((subnet) => {
    const prefix = prefixOf(subnet);
    return prefix === undefined ? [] : [{ prefix, name: subnet.ref }];
  });
  return [...overlapFaults(named, 'InvalidSubnet'), ...virtualizationFaults(node, context)];
}

/** Servers that came before there was an address for them get one as soon as this network has it. */
function equipServers(root: ResourceNode, { desired, draft }: CompanionContext): DocumentChange[] {
  if (typed(LogicalNetworkSchema, root).networkVirtualizationEnabled !== true) return [];
  return [...desired.list('servers').values()].flatMap((server) => {
    const { internal, ...visible } = server.body;
    const known = typeof internal === 'object' && internal !== null && !Array.isArray(internal);
    if (known && 'providerAddress' in internal) return [];
    const given = childrenIn(root, subnets.collection)
      .map((subnet) => takeFromPools(subnet, server.key, draft))
      .find((taken) => taken !== undefined);
    if (given === undefined) return [];
    return [{ key: server.treeKey, value: { ...visible, internal: given } }];
  });
}

/** `owner`'s provider address from the first pool of `subnet` with room, as it is kept beside a server's properties. */
function takeFromPools(
  subnet: ResourceNode,
  owner: string,
  draft: AllocationDraft,
): JsonObject | undefined {
  const gateways = gatewaysOf(subnet);
  for (const pool of childrenIn(subnet, ipPools.collection)) {
    const range = poolRange(pool);
    const space = addressSpaceOf(subnet.ref);
    const address =
      range && draft.takeLowest(space, dynamicRange(range), owner, (ip) => gateways.has(ip));
    if (address === undefined) continue;
    return { providerAddress: formatIp(address), providerSubnetRef: subnet.ref };
  }
  return undefined;
}

/** What virtual networks and servers stand on is not taken from under them. */
function virtualizationFaults(
  node: ResourceNode,
  { previous, desired, allocations }: WriteContext,
) {
  if (previous === undefined) return [];
  const was = typed(LogicalNetworkSchema, previous).networkVirtualizationEnabled === true;
  const will = typed(LogicalNetworkSchema, node).networkVirtualizationEnabled === true;
  if (!was || will) return [];
  const [user] = desired.referrers(node.ref);
  const held = childrenIn(previous, subnets.collection).some(
    (subnet) => allocations.table(addressSpaceOf(subnet.ref)).size > 0,
  );
  if (user === undefined && !held) return [];
  const who = user?.from.ref ?? 'servers with provider addresses';
  const message = `networkVirtualizationEnabled stays while ${node.ref} is in use by ${who}`;
  return [detail('ResourceInUse', message, node.ref)];
}

function validateSubnet(node: ResourceNode, context: WriteContext): readonly FaultDetail[] {
  const { addressPrefix, dnsServers, defaultGateways } = typed(LogicalSubnetSchema, node);
  const faults = [
    ...addressFaults(dnsServers, `${node.ref} dnsServers`),
    ...addressFaults(defaultGateways, `${node.ref} defaultGateways`),
  ];
  if (addressPrefix === undefined) return faults;
  const { prefix, faults: prefixFaults } = readPrefix(addressPrefix, node.ref);
  if (prefix === undefined) return [...faults, ...prefixFaults];
  return [
    ...faults,
    ...outsideAddresses(defaultGateways ?? [], prefix, node.ref),
    ...movedInUse(node, context),
    ...publicInUse(node, context),
    ...poolOverlaps(node),
  ];
}

function outsideAddresses(texts: readonly string[], prefix: IpPrefix, target: string) {
  return texts.flatMap((text) => {
    const address = parseIp(text);
    if (address === undefined || ipPrefixHas(prefix, address)) return [];
    return [detail('InvalidIPAddress', `gateway ${text} is not in the subnet`, target)];
  });
}

function movedInUse(node: ResourceNode, context: WriteContext): FaultDetail[] {
  const { previous, allocations } = context;
  if (previous === undefined) return [];
  const was = typed(LogicalSubnetSchema, previous).addressPrefix;
  const will = typed(LogicalSubnetSchema, node).addressPrefix;
  if (was === will || allocations.table(addressSpaceOf(node.ref)).size === 0) return [];
  const message = `addressPrefix of ${node.ref} cannot change while addresses in it are given out`;
  return [detail('InUseSubnetCannotBeUpdated', message, node.ref)];
}

/** Public addresses and those of load balancers stand on what their subnet is. */
function publicInUse(
  node: ResourceNode,
  { previous, desired, allocations }: WriteContext,
): FaultDetail[] {
  if (previous === undefined) return [];
  const [was, will] = [previous, node].map((one) => typed(LogicalSubnetSchema, one));
  const faults: FaultDetail[] = [];
  const isHeld = allocations.table(addressSpaceOf(node.ref)).size > 0;
  if (was?.isPublic === true && will?.isPublic !== true && isHeld) {
    const message = `${node.ref} stays public while addresses in it are given out`;
    faults.push(detail('InUseSubnetCannotBeUpdated', message, node.ref));
  }
  const vipPool = childrenIn(node, ipPools.collection).find(({ ref }) =>
    [...desired.referrers(ref)].some(({ property }) => property === 'vipIpPools'),
  );
  if (was?.vlanId !== will?.vlanId && vipPool !== undefined) {
    const message = `vlanId stays while ${vipPool.ref} is a pool of the loadBalancerManager`;
    faults.push(detail('CannotUpdateVLanId', message, node.ref));
  }
  return faults;
}

function poolOverlaps(node: ResourceNode): FaultDetail[] {
  const ranges = childrenIn(node, ipPools.collection)
    .flatMap((pool) => {
      const range = poolRange(pool);
      return range === undefined ? [] : [{ range, ref: pool.ref }];
    })
    .sort((a, b) => (a.range.first < b.range.first ? -1 : 1));
  return ranges.flatMap(({ range, ref }, index) => {
    const before = ranges[index - 1];
    if (before === undefined || before.range.last < range.first) return [];
    return [detail('InvalidParameterValue', `${before.ref} and ${ref} overlap`, ref)];
  });
}

function subnetInUse(node: ResourceNode, { allocations }: WriteContext): FaultDetail | undefined {
  const table = allocations.table(addressSpaceOf(node.ref));
  const owner = table.anyOwner();
  if (owner === undefined) return undefined;
  const message = `${node.ref} is in use: ${owner} has an address in it`;
  return detail('InUseSubnetCannotBeDeleted', message, node.ref);
}

function validatePool(node: ResourceNode, context: WriteContext): readonly FaultDetail[] {
  const range = poolRange(node);
  if (range === undefined) {
    const message = 'startIpAddress and endIpAddress are addresses of one family, ascending';
    return [detail('InvalidIPAddress', message, node.ref)];
  }
  const prefix = node.parent === undefined ? undefined : prefixOf(node.parent);
  if (prefix === undefined) {
    return [detail('InvalidSubnet', 'a subnet with pools has an addressPrefix', node.ref)];
  }
  if (!ipPrefixHas(prefix, range.first) || !ipPrefixHas(prefix, range.last)) {
    return [detail('InvalidParameterValue', 'the pool is not within its subnet', node.ref)];
  }
  return shrunkInUse(node, range, context);
}

/** A pool may change as long as every address given out from it stays in it. */
function shrunkInUse(node: ResourceNode, range: IpRange, context: WriteContext): FaultDetail[] {
  const was = context.previous === undefined ? undefined : poolRange(context.previous);
  if (was === undefined || (was.first >= range.first && was.last <= range.last)) return [];
  const table = context.allocations.table(addressSpaceOf(node.parent?.ref ?? ''));
  const owner =
    table.anyOwnerIn({ first: was.first, last: lower(was.last, range.first - 1n) }) ??
    table.anyOwnerIn({ first: higher(was.first, range.last + 1n), last: was.last });
  if (owner === undefined) return [];
  const message = `an address that would leave the pool is in use by ${owner}`;
  return [detail('InUseIpPoolCannotBeDeleted', message, node.ref)];
}

function lower(a: Ip, b: Ip): Ip {
  return a < b ? a : b;
}

function higher(a: Ip, b: Ip): Ip {
  return a > b ? a : b;
}

function poolInUse(node: ResourceNode, { allocations }: WriteContext): FaultDetail | undefined {
  const range = poolRange(node);
  const table = allocations.table(addressSpaceOf(node.parent?.ref ?? ''));
  const owner = range && table.anyOwnerIn(range);
  if (owner === undefined) return undefined;
  const message = `an address of ${node.ref} is in use by ${owner}`;
  return detail('InUseIpPoolCannotBeDeleted', message, node.ref);
}

function derivePool(resource: Resource, { allocations }: ReadContext): JsonObject {
  const range = poolRange(resource);
  if (range === undefined) return {};
  const table = allocations.table(addressSpaceOf(resource.parent?.ref ?? ''));
  return {
    usage: {
      numberOfIPAddresses: Math.min(sizeOfRange(range), Number.MAX_SAFE_INTEGER),
      numberOfIPAddressesAllocated: table.countIn(range),
      numberOfIPAddressesInTransition: 0,
    },
  };
}

/** A server's own network decides where packets between provider addresses go; nothing here could put a route into it. */
function refuseRoute({ ref }: ResourceNode): readonly FaultDetail[] {
  const message = 'routes of logical subnets are not offered; defaultGateways are';
  return [detail('OperationNotSupported', message, ref)];
}

function prefixOf(holder: { readonly properties: JsonObject }): IpPrefix | undefined {
  return parseIpPrefix(typed(LogicalSubnetSchema, holder).addressPrefix ?? '');
}

function poolRange(holder: { readonly properties: JsonObject }): IpRange | undefined {
  const { startIpAddress, endIpAddress } = typed(IpPoolSchema, holder);
  return rangeOf(startIpAddress, endIpAddress);
}
