/**
 * ipConfigurations of networkInterfaces — MS-NCNBI §3.1.5.11.2. In a virtual subnet every address but the platform's may be given; in a
 * logical one those of its ipPools. A Dynamic address is chosen at the first PUT and stays while the subnet does.
 */
import {
  formatIp,
  type Ip,
  type IpPrefix,
  ipPrefixHas,
  ipPrefixLast,
  parseIp,
  parseIpPrefix,
} from '../../../base/ip.ts';
import { LogicalSubnetSchema } from '../../../schema/northbound/logical-networks.ts';
import { IpConfigurationSchema } from '../../../schema/northbound/network-interfaces.ts';
import { addressSpaceOf } from '../../allocation/claims.ts';
import type { Resource } from '../../model/desired-state.ts';
import { refKey, typeKeyOf } from '../../model/resource-ref.ts';
import { dynamicRange, type IpRange, usableRange } from '../address-rules.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { typed } from '../resource-node.ts';
import type {
  AllocateContext,
  Properties,
  ReadContext,
  ResourceNode,
  ResourceType,
} from '../resource-type.ts';
import { tagsOnLogicalNetworkFault, usesAddressTags } from './access-control-lists.ts';
import { gatewaysOf, poolRangesOf } from './logical-networks.ts';
import { publicAddressFaults } from './public-ip-addresses.ts';

export const ipConfigurations: ResourceType = {
  collection: 'ipConfigurations',
  section: '3.1.5.11.2',
  summary: 'An address of a network interface in a subnet.',
  schema: IpConfigurationSchema,
  references: [
    { property: 'subnet', backReference: 'ipConfigurations', inUse: 'InUseSubnetCannotBeDeleted' },
    {
      property: 'accessControlList',
      backReference: 'ipConfigurations',
      inUse: 'InUseAccessControlListCannotBeDeleted',
    },
    { property: 'publicIPAddress', backReference: 'ipConfiguration', inUse: 'ResourceInUse' },
    {
      property: 'serviceInsertion',
      backReference: 'ipConfiguration',
      inUse: 'InUseServiceInsertionCannotBeDeleted',
    },
    { property: 'loadBalancerInboundNatRules', inUse: 'ResourceInUse' },
    {
      property: 'loadBalancerBackendAddressPools',
      backReference: 'backendIPConfigurations',
      inUse: 'InUseBackendAddressPoolCannotBeDeleted',
    },
  ],
  immutable: [
    { property: 'privateIPAllocationMethod', code: 'PrivateIpAllocationMethodCannotBeUpdated' },
  ],
  normalise,
  validate: (node, context) => [
    ...validate(node),
    ...listFaults(node, context),
    ...publicAddressFaults(node, context),
  ],
  allocate,
};

const VIRTUAL_SUBNET = 'virtualnetworks/subnets';

/** Absent, the method follows from whether there is an address. */
function normalise(properties: Properties): Properties {
  const method = properties['privateIPAddress'] === undefined ? 'Dynamic' : 'Static';
  properties['privateIPAllocationMethod'] ??= method;
  return properties;
}

function validate(node: ResourceNode): readonly FaultDetail[] {
  const { subnet, privateIPAddress, privateIPAllocationMethod, serviceInsertion } = typed(
    IpConfigurationSchema,
    node,
  );
  if (subnet === undefined) {
    return [detail('SubnetIsRequired', `${node.ref} refers to no subnet`, node.ref)];
  }
  if (serviceInsertion !== undefined && typeKeyOf(subnet.resourceRef) !== VIRTUAL_SUBNET) {
    const message = 'a serviceInsertion applies in virtual subnets only';
    return [detail('VirtualSubnetIsRequiredForServiceInsertion', message, node.ref)];
  }
  switch (privateIPAllocationMethod ?? 'Dynamic') {
    case 'Unmanaged': {
      const message = 'the controller gives every address';
      return [detail('UnmanagedAllocationMethodNotSupported', message, node.ref)];
    }
    case 'Learned': {
      const message = 'addresses are not learned';
      return [detail('LearnedIpConfigurationNotSupported', message, node.ref)];
    }
    case 'Static':
      return staticFaults(node, privateIPAddress);
    case 'Dynamic':
      return [];
  }
}

/** In a logical network there is nothing for a list's tags to stand for. */
function listFaults(node: ResourceNode, { desired }: ReadContext): FaultDetail[] {
  const { subnet, accessControlList } = typed(IpConfigurationSchema, node);
  const list = desired.byRef(accessControlList?.resourceRef ?? '');
  const isLogical = typeKeyOf(subnet?.resourceRef ?? '') === 'logicalnetworks/subnets';
  if (!isLogical || list === undefined || !usesAddressTags(list.children)) return [];
  return [tagsOnLogicalNetworkFault(list.ref, node.ref)];
}

function staticFaults(node: ResourceNode, address: string | undefined): FaultDetail[] {
  if (address === undefined) {
    const message = 'privateIPAddress is required when privateIPAllocationMethod is Static';
    return [detail('PrivateIPAddressMissing', message, node.ref)];
  }
  if (parseIp(address) !== undefined) return [];
  return [detail('InvalidPrivateIPAddressFormat', `'${address}' is no IP address`, node.ref)];
}

function allocate(node: ResourceNode, context: AllocateContext): readonly FaultDetail[] {
  const { subnet, privateIPAllocationMethod } = typed(IpConfigurationSchema, node);
  const target = context.desired.byRef(subnet?.resourceRef ?? '');
  if (target === undefined) return [];
  const rules = addressRulesOf(target, context);
  return privateIPAllocationMethod === 'Static'
    ? takeStatic(node, rules, context)
    : takeDynamic(node, rules, context);
}

interface AddressRules {
  readonly subnet: Resource;
  readonly space: string;
  readonly prefix: IpPrefix | undefined;
  /** From which a Dynamic address comes, in this order. */
  readonly ranges: readonly IpRange[];
  readonly isReserved: (address: Ip) => boolean;
}

function addressRulesOf(subnet: Resource, context: ReadContext): AddressRules {
  const space = addressSpaceOf(subnet.ref);
  const { addressPrefix } = typed(LogicalSubnetSchema, subnet);
  const prefix = parseIpPrefix(addressPrefix ?? '');
  if (subnet.type === VIRTUAL_SUBNET && prefix !== undefined) {
    const range = usableRange(prefix);
    const isReserved = (address: Ip) => address < range.first || address > range.last;
    return { subnet, space, prefix, ranges: [range], isReserved };
  }
  const gateways = gatewaysOf(subnet);
  const isReserved = (address: Ip) =>
    gateways.has(address) ||
    (prefix !== undefined && (address === prefix.first || isBroadcast(address, prefix)));
  return { subnet, space, prefix, ranges: poolRangesOf(subnet, context), isReserved };
}

function isBroadcast(address: Ip, prefix: IpPrefix): boolean {
  return prefix.family === 4 && address === ipPrefixLast(prefix);
}

function takeStatic(
  node: ResourceNode,
  { subnet, space, prefix, isReserved }: AddressRules,
  { draft }: AllocateContext,
): readonly FaultDetail[] {
  const text = typed(IpConfigurationSchema, node).privateIPAddress ?? '';
  const address = parseIp(text);
  if (address === undefined) return [];
  if (prefix === undefined || !ipPrefixHas(prefix, address)) {
    return [detail('PrivateIPAddressNotInSubnet', `${text} is not in ${subnet.ref}`, node.ref)];
  }
  if (isReserved(address)) {
    const message = `${text} is one of the reserved addresses of ${subnet.ref}`;
    return [detail('PrivateIPAddressInReservedRange', message, node.ref)];
  }
  const owner = draft.take(space, address, node.key);
  if (owner === undefined) return [];
  return [detail('PrivateIPAddressInUse', `${text} is in use by ${owner}`, node.ref)];
}

function takeDynamic(
  node: ResourceNode,
  { subnet, space, ranges, isReserved }: AddressRules,
  { draft, previous }: AllocateContext,
): readonly FaultDetail[] {
  const kept = keptAddress(previous, subnet);
  if (kept !== undefined && !isReserved(kept) && draft.take(space, kept, node.key) === undefined) {
    node.properties['privateIPAddress'] = formatIp(kept);
    return [];
  }
  for (const range of ranges) {
    const given = draft.takeLowest(space, dynamicRange(range), node.key, isReserved);
    if (given === undefined) continue;
    node.properties['privateIPAddress'] = formatIp(given);
    return [];
  }
  return [detail('SubnetIsFull', `${subnet.ref} has no free address`, subnet.ref)];
}

function keptAddress(previous: ResourceNode | undefined, subnet: Resource): Ip | undefined {
  if (previous === undefined) return undefined;
  const before = typed(IpConfigurationSchema, previous);
  const sameSubnet = refKey(before.subnet?.resourceRef ?? '') === subnet.key;
  return sameSubnet ? parseIp(before.privateIPAddress ?? '') : undefined;
}
