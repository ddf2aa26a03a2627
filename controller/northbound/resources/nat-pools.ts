/**
 * natPools and portForwards of an edge router: addresses of the outside that many share by ports, and single ports of them that lead inside.
 * Weft's own. The addresses of a pool lie in logical subnets marked isPublic and are nobody else's.
 */
import {
  formatIp,
  type Ip,
  ipFamily,
  ipPrefixHas,
  parseIp,
  parseIpPrefix,
} from '../../../base/ip.ts';
import {
  NAT_BLOCKS_PER_ADDRESS_MAX,
  NAT_PORT_FIRST,
  NAT_PORTS_PER_BLOCK,
  NatPoolSchema,
  PORT_MAX,
  PortForwardSchema,
} from '../../../schema/northbound/edge-routers.ts';
import { LogicalSubnetSchema } from '../../../schema/northbound/logical-networks.ts';
import { IpConfigurationSchema } from '../../../schema/northbound/network-interfaces.ts';
import { addressSpaceOf } from '../../allocation/claims.ts';
import type { Resource } from '../../model/desired-state.ts';
import { typeKeyOf } from '../../model/resource-ref.ts';
import type { JsonObject } from '../../store/store.ts';
import { addressFaults, type IpRange, rangeOf } from '../address-rules.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { NAT_POOL_ADDRESSES_MAX, NAT_POOLS_MAX, PORT_FORWARDS_MAX } from '../limits.ts';
import { childrenIn, typed } from '../resource-node.ts';
import type {
  AllocateContext,
  Properties,
  ReadContext,
  ResourceNode,
  ResourceType,
  WriteContext,
} from '../resource-type.ts';
import { reservedIn } from './vip-pools.ts';

export const natPools: ResourceType = {
  collection: 'natPools',
  summary: 'Addresses of the outside that those without a public address share by ports.',
  schema: NatPoolSchema,
  normalise: normalisePool,
  validate: validatePool,
  allocate: allocatePool,
};

export const portForwards: ResourceType = {
  collection: 'portForwards',
  summary: 'A port of a shared address that leads to a port inside.',
  schema: PortForwardSchema,
  references: [{ property: 'ipConfiguration', inUse: 'ResourceInUse' }],
  normalise: normaliseForward,
  validate: validateForward,
  derive: deriveForward,
};

function normalisePool(properties: Properties): Properties {
  properties['portFirst'] ??= NAT_PORT_FIRST;
  properties['portLast'] ??= PORT_MAX;
  properties['portsPerBlock'] ??= NAT_PORTS_PER_BLOCK;
  properties['blocksPerAddressMax'] ??= NAT_BLOCKS_PER_ADDRESS_MAX;
  properties['isInfrastructure'] ??= false;
  return properties;
}

function rangeOfPool(holder: { readonly properties: JsonObject }): IpRange | undefined {
  const { startIpAddress, endIpAddress } = typed(NatPoolSchema, holder);
  return rangeOf(startIpAddress, endIpAddress);
}

function validatePool(node: ResourceNode, { desired }: WriteContext): readonly FaultDetail[] {
  const range = rangeOfPool(node);
  if (range === undefined || ipFamily(range.first) !== 4) {
    const message = 'startIpAddress and endIpAddress are IPv4 addresses, ascending';
    return [detail('InvalidIPAddress', message, node.ref)];
  }
  const faults: FaultDetail[] = [];
  const count = range.last - range.first + 1n;
  if (count > BigInt(NAT_POOL_ADDRESSES_MAX)) {
    const message = `a pool has at most ${NAT_POOL_ADDRESSES_MAX} addresses, not ${count}`;
    faults.push(detail('InvalidParameterValue', message, node.ref));
  }
  if (publicSubnet(range, { desired }) === undefined) {
    const message = `${formatIp(range.first)} to ${formatIp(range.last)} are not in one logical subnet marked isPublic`;
    faults.push(detail('FrontEndIpNotInVipPool', message, node.ref));
  }
  const pools = node.parent === undefined ? [] : childrenIn(node.parent, natPools.collection);
  if (pools.length > NAT_POOLS_MAX) {
    const message = `at most ${NAT_POOLS_MAX} natPools are allowed`;
    faults.push(detail('InvalidParameterValue', message, node.ref));
  }
  return [...faults, ...portFaults(node)];
}

function portFaults(node: ResourceNode): FaultDetail[] {
  const pool = typed(NatPoolSchema, node);
  const { portFirst = NAT_PORT_FIRST, portLast = PORT_MAX } = pool;
  const { portsPerBlock = NAT_PORTS_PER_BLOCK } = pool;
  if (portFirst > portLast) {
    return [
      detail(
        'PortValueIsOutOfRange',
        `portFirst ${portFirst} is above portLast ${portLast}`,
        node.ref,
      ),
    ];
  }
  if (portsPerBlock <= portLast - portFirst + 1) return [];
  const message = `a block of ${portsPerBlock} ports does not fit into ${portFirst} to ${portLast}`;
  return [detail('PortValueIsOutOfRange', message, node.ref)];
}

/** The logical subnet marked isPublic that has all of the range. */
function publicSubnet(
  range: IpRange,
  { desired }: Pick<ReadContext, 'desired'>,
): Resource | undefined {
  return [...desired.list('logicalNetworks').values()]
    .flatMap(({ children }) => children)
    .find((subnet) => {
      const { isPublic, addressPrefix = '' } = typed(LogicalSubnetSchema, subnet);
      const prefix = isPublic === true ? parseIpPrefix(addressPrefix) : undefined;
      return (
        prefix !== undefined && ipPrefixHas(prefix, range.first) && ipPrefixHas(prefix, range.last)
      );
    });
}

function allocatePool(node: ResourceNode, context: AllocateContext): readonly FaultDetail[] {
  const range = rangeOfPool(node);
  const subnet = range && publicSubnet(range, context);
  if (range === undefined || subnet === undefined) return [];
  const isReserved = reservedIn(subnet);
  for (let address = range.first; address <= range.last; address++) {
    const owner = isReserved(address)
      ? `${subnet.ref} itself`
      : context.draft.take(addressSpaceOf(subnet.ref), address, node.key);
    if (owner === undefined) continue;
    const message = `${formatIp(address)} is in use by ${owner}`;
    return [detail('PublicIPAddressInUse', message, node.ref)];
  }
  node.internal = { ...node.internal, addressSubnetRef: subnet.ref };
  return [];
}

function normaliseForward(properties: Properties): Properties {
  properties['backendPort'] ??= properties['frontendPort'] ?? 0;
  return properties;
}

function validateForward(node: ResourceNode, context: WriteContext): readonly FaultDetail[] {
  const { ipConfiguration, privateIPAddress, frontendIPAddress } = typed(PortForwardSchema, node);
  const faults = addressFaults(
    privateIPAddress === undefined ? [] : [privateIPAddress],
    'privateIPAddress',
  );
  const address = parseIp(frontendIPAddress);
  const siblings =
    node.parent === undefined ? [] : childrenIn(node.parent, portForwards.collection);
  if (siblings.length > PORT_FORWARDS_MAX) {
    const message = `at most ${PORT_FORWARDS_MAX} portForwards are allowed`;
    faults.push(detail('InvalidParameterValue', message, node.ref));
  }
  if (address === undefined || !isShared(address, node)) {
    const message = `${frontendIPAddress} is in none of the edge's natPools`;
    faults.push(detail('FrontEndIpNotInVipPool', message, 'frontendIPAddress'));
  }
  if ((ipConfiguration === undefined) === (privateIPAddress === undefined)) {
    const message = 'a port leads to either an ipConfiguration or a privateIPAddress';
    faults.push(detail('RequiredParamMissing', message, 'ipConfiguration'));
  }
  const inside = insideOf(node, context);
  if (inside !== undefined && ipFamily(inside) !== 4) {
    faults.push(detail('InvalidIPAddress', 'a shared port leads to an IPv4 address', node.ref));
  }
  return [...faults, ...placeFaults(node, context), ...twinFaults(node, siblings)];
}

function isShared(address: Ip, node: ResourceNode): boolean {
  const pools = node.parent === undefined ? [] : childrenIn(node.parent, natPools.collection);
  return pools.some((pool) => {
    const range = rangeOfPool(pool);
    return range !== undefined && address >= range.first && address <= range.last;
  });
}

function placeFaults(node: ResourceNode, { desired }: ReadContext): FaultDetail[] {
  const { ipConfiguration } = typed(PortForwardSchema, node);
  const target = desired.byRef(ipConfiguration?.resourceRef ?? '');
  if (target === undefined) return [];
  const { subnet } = typed(IpConfigurationSchema, target);
  if (typeKeyOf(subnet?.resourceRef ?? '') === 'virtualnetworks/subnets') return [];
  const message = `${target.ref} is in no virtual network; say its address as privateIPAddress`;
  return [detail('OperationNotSupported', message, 'ipConfiguration')];
}

function twinFaults(node: ResourceNode, siblings: readonly ResourceNode[]): FaultDetail[] {
  const own = frontendOf(node);
  const twin = siblings.find((other) => other.key < node.key && frontendOf(other) === own);
  if (twin === undefined) return [];
  return [detail('RulesUseSameFrontendPort', `${twin.ref} has ${own} already`, node.ref)];
}

function frontendOf(holder: { readonly properties: JsonObject }): string {
  const { protocol, frontendIPAddress, frontendPort } = typed(PortForwardSchema, holder);
  return `${protocol} ${frontendIPAddress} port ${frontendPort}`;
}

function insideOf(
  holder: { readonly properties: JsonObject },
  { desired }: ReadContext,
): Ip | undefined {
  const { ipConfiguration, privateIPAddress } = typed(PortForwardSchema, holder);
  const target = desired.byRef(ipConfiguration?.resourceRef ?? '');
  const text =
    target === undefined ? privateIPAddress : typed(IpConfigurationSchema, target).privateIPAddress;
  return parseIp(text ?? '');
}

function deriveForward(resource: Resource, context: ReadContext): JsonObject {
  const address = insideOf(resource, context);
  return address === undefined ? {} : { address: formatIp(address) };
}
