/**
 * ipConfigurations of networkInterfaces — MS-NCNBI §3.1.5.11.2. In a virtual subnet every address but the platform's may be given; in a
 * logical one those of its ipPools. A Dynamic address is chosen at the first PUT and stays while the subnet does; a Learned one is
 * shared (learned-ip-configurations.ts).
 */
import { parseIp } from '../../../base/ip.ts';
import { IpConfigurationSchema } from '../../../schema/northbound/network-interfaces.ts';
import { typeKeyOf } from '../../model/resource-ref.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { typed } from '../resource-node.ts';
import type {
  AllocateContext,
  Properties,
  ReadContext,
  ResourceNode,
  ResourceType,
  WriteContext,
} from '../resource-type.ts';
import { tagsOnLogicalNetworkFault, usesAddressTags } from './access-control-lists.ts';
import { learnedFaults, showLearned } from './learned-ip-configurations.ts';
import { loadBalancedFaults } from './load-balanced.ts';
import { takePrivateAddress } from './private-address.ts';
import { publicAddressFaults } from './public-ip-addresses.ts';
import { VIRTUAL_SUBNET } from './subnet-addresses.ts';

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
    {
      property: 'learnedIp',
      backReference: 'ipConfiguration',
      inUse: 'ResourceInUse',
      dangling: 'LearnedIpConfigInvalidConfiguration',
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
    ...validate(node, context),
    ...listFaults(node, context),
    ...publicAddressFaults(node, context),
    ...loadBalancedFaults(node, context),
  ],
  allocate,
};

/** Absent, the method follows from whether there is an address. */
function normalise(properties: Properties): Properties {
  const method = properties['privateIPAddress'] === undefined ? 'Dynamic' : 'Static';
  properties['privateIPAllocationMethod'] ??= method;
  return properties;
}

function validate(node: ResourceNode, context: WriteContext): readonly FaultDetail[] {
  const { subnet, privateIPAddress, privateIPAllocationMethod, serviceInsertion } = typed(
    IpConfigurationSchema,
    node,
  );
  const learned = learnedFaults(node, context);
  if (learned.length > 0) return learned;
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
    case 'Learned':
      return [];
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
  // Its address is that of the learnedIpAddress, which has taken it.
  if (privateIPAllocationMethod === 'Learned') return showLearned(node, context);
  return takePrivateAddress(node, target, context);
}
