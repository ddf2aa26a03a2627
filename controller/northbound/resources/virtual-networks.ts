/**
 * virtualNetworks and subnets — MS-NCNBI §3.1.5.18; peerings are in virtual-network-peerings.ts. A subnet's `virtualSubnetId`, its VXLAN network identifier, is given when it is
 * created and kept for its life; freed identifiers rest as long as possible, because a host may not have heard yet.
 */
import { type IpPrefix, parseIpPrefix } from '../../../base/ip.ts';
import { LogicalNetworkSchema } from '../../../schema/northbound/logical-networks.ts';
import {
  VirtualNetworkSchema,
  VirtualSubnetSchema,
} from '../../../schema/northbound/virtual-networks.ts';
import { parseAddressRanges } from '../../model/address-ranges.ts';
import {
  addressFaults,
  type NamedPrefix,
  outsideFault,
  overlapFaults,
  readPrefix,
  restrictedFault,
  virtualSubnetSizeFault,
} from '../address-rules.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { ADDRESS_PREFIXES_MAX, DNS_SERVERS_MAX } from '../limits.ts';
import { childrenIn, typed } from '../resource-node.ts';
import type {
  AllocateContext,
  ResourceNode,
  ResourceType,
  WriteContext,
} from '../resource-type.ts';
import { pairingFaults } from './dual-stack.ts';
import { reachableSpaces } from './reachable-spaces.ts';
import { unreachableAppliances } from './route-tables.ts';
import { takeVirtualSubnetId } from './virtual-network-manager.ts';
import {
  acknowledgePeers,
  peeringListFaults,
  virtualNetworkPeerings,
} from './virtual-network-peerings.ts';

const subnets: ResourceType = {
  collection: 'subnets',
  section: '3.1.5.18.2',
  summary: 'A subnet of a virtual network: an address prefix and a VXLAN network identifier.',
  schema: VirtualSubnetSchema,
  references: [
    {
      property: 'accessControlList',
      backReference: 'subnets',
      inUse: 'InUseAccessControlListCannotBeDeleted',
    },
    { property: 'routeTable', backReference: 'subnets', inUse: 'InUseRouteTableCannotBeDeleted' },
    { property: 'dualStackSubnet', inUse: 'InUseSubnetCannotBeDeleted' },
    {
      property: 'serviceInsertion',
      backReference: 'subnets',
      inUse: 'InUseServiceInsertionCannotBeDeleted',
    },
  ],
  validate: validateSubnet,
  allocate: allocateVni,
  derive: ({ properties, instanceId }, { realised }) => {
    const egress = realised.egressOf(instanceId);
    return {
      virtualSubnetId: properties['virtualSubnetId'] ?? null,
      billedEgressBytes: egress?.billedBytes ?? 0,
      unbilledEgressBytes: egress?.unbilledBytes ?? 0,
    };
  },
};

export const virtualNetworks: ResourceType = {
  collection: 'virtualNetworks',
  section: '3.1.5.18',
  summary: 'A tenant network: an address space of its own, divided into subnets.',
  schema: VirtualNetworkSchema,
  children: [subnets, virtualNetworkPeerings],
  references: [
    {
      property: 'logicalNetwork',
      backReference: 'virtualNetworks',
      inUse: 'ResourceInUse',
      dangling: 'InvalidLogicalNetworkReference',
    },
  ],
  validate: validateNetwork,
  companions: acknowledgePeers,
};

function validateNetwork(node: ResourceNode, context: WriteContext): readonly FaultDetail[] {
  const { addressSpace, dhcpOptions } = typed(VirtualNetworkSchema, node);
  const dnsServers = dhcpOptions?.dnsServers ?? [];
  const spaces = prefixesOf(addressSpace.addressPrefixes);
  return [
    ...addressSpaceFaults(addressSpace.addressPrefixes),
    ...addressFaults(dnsServers, 'dhcpOptions.dnsServers'),
    ...(dnsServers.length > DNS_SERVERS_MAX
      ? [detail('DnsServerCountLimitReached', `at most ${DNS_SERVERS_MAX} DNS servers are allowed`)]
      : []),
    ...unbilledFaults(node),
    ...logicalNetworkFaults(node, context),
    ...subnetSpaceFaults(node, spaces),
    ...pairingFaults(childrenIn(node, subnets.collection), context),
    ...peeringListFaults(node, context),
  ];
}

function addressSpaceFaults(texts: readonly string[]): FaultDetail[] {
  const target = 'addressSpace.addressPrefixes';
  if (texts.length > ADDRESS_PREFIXES_MAX) {
    return [detail('InvalidParameterValue', `at most ${ADDRESS_PREFIXES_MAX} prefixes`, target)];
  }
  const faults = texts.flatMap((text) => {
    const { prefix, faults } = readPrefix(text, target);
    return prefix === undefined ? faults : restrictedFault(prefix, target);
  });
  const named = prefixesOf(texts).map((prefix) => ({ prefix, name: target }));
  return [...faults, ...overlapFaults(named, 'InvalidParameterValue')];
}

function unbilledFaults(node: ResourceNode): FaultDetail[] {
  const { unbilledAddressRanges = '' } = typed(VirtualNetworkSchema, node);
  if (parseAddressRanges(unbilledAddressRanges) !== undefined) return [];
  const message = `'${unbilledAddressRanges}' is not a list of prefixes, addresses or ranges a-b`;
  return [detail('InvalidUnbilledAddressRange', message, 'unbilledAddressRanges')];
}

function logicalNetworkFaults(node: ResourceNode, context: WriteContext): FaultDetail[] {
  const { logicalNetwork } = typed(VirtualNetworkSchema, node);
  const target = context.desired.byRef(logicalNetwork.resourceRef);
  if (target === undefined) return [];
  if (typed(LogicalNetworkSchema, target).networkVirtualizationEnabled === true) return [];
  const message = `${target.ref} does not have networkVirtualizationEnabled`;
  return [detail('InvalidLogicalNetworkReference', message, target.ref)];
}

function subnetSpaceFaults(node: ResourceNode, spaces: readonly IpPrefix[]): FaultDetail[] {
  const named: NamedPrefix[] = childrenIn(node, subnets.collection).flatMap((subnet) => {
    const prefix = parseIpPrefix(typed(VirtualSubnetSchema, subnet).addressPrefix);
    return prefix === undefined ? [] : [{ prefix, name: subnet.ref }];
  });
  return [
    ...named.flatMap(({ prefix, name }) => outsideFault(prefix, spaces, name)),
    ...overlapFaults(named, 'InvalidSubnet'),
  ];
}

function validateSubnet(node: ResourceNode, context: WriteContext): readonly FaultDetail[] {
  const { addressPrefix } = typed(VirtualSubnetSchema, node);
  const { prefix, faults } = readPrefix(addressPrefix, node.ref);
  if (prefix === undefined) return faults;
  return [
    ...virtualSubnetSizeFault(prefix, node.ref),
    ...movedInUse(node, context),
    ...routeFaults(node, context),
  ];
}

function routeFaults(node: ResourceNode, { desired, root }: WriteContext): FaultDetail[] {
  const { routeTable } = typed(VirtualSubnetSchema, node);
  const table = desired.byRef(routeTable?.resourceRef ?? '');
  if (table === undefined) return [];
  return unreachableAppliances(table.children, reachableSpaces(root, desired), node.ref);
}

/** The prefix under addresses that are given out stays. */
function movedInUse(node: ResourceNode, { previous, desired }: WriteContext): FaultDetail[] {
  if (previous === undefined) return [];
  const was = typed(VirtualSubnetSchema, previous).addressPrefix;
  const will = typed(VirtualSubnetSchema, node).addressPrefix;
  const user = [...desired.referrers(node.ref)].find(
    ({ property }) => property !== 'dualStackSubnet',
  );
  if (was === will || user === undefined) return [];
  const message = `addressPrefix of ${node.ref} cannot change while ${user.from.ref} uses it`;
  return [detail('InUseSubnetCannotBeUpdated', message, node.ref)];
}

function allocateVni(node: ResourceNode, context: AllocateContext): readonly FaultDetail[] {
  const kept = context.previous?.properties['virtualSubnetId'];
  const taken = takeVirtualSubnetId(node, kept, context);
  if (typeof taken !== 'number') return [taken];
  node.properties['virtualSubnetId'] = taken;
  return [];
}

function prefixesOf(texts: readonly string[]): IpPrefix[] {
  return texts.flatMap((text) => parseIpPrefix(text) ?? []);
}
