/**
 * learnedIpAddresses — MS-NCNBI §3.1.5.32: an address that the ipConfigurations which refer to it share. It is taken in its subnet like any
 * other address; which of the interfaces has it, their VMs say (controller/southbound/learned-addresses.ts). Address and subnet stay
 * for the resource's life.
 */
import { formatIp, ipFamily, parseIp } from '../../../base/ip.ts';
import { LearnedIpAddressSchema } from '../../../schema/northbound/learned-ip-addresses.ts';
import { refKey } from '../../model/resource-ref.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { typed } from '../resource-node.ts';
import type {
  AllocateContext,
  ResourceNode,
  ResourceType,
  WriteContext,
} from '../resource-type.ts';
import { addressRulesOf, takeLowest, unusableAddress } from './subnet-addresses.ts';

export const learnedIpAddresses: ResourceType = {
  collection: 'learnedIpAddresses',
  section: '3.1.5.32',
  summary: 'An address that interfaces share and that one of them has at a time.',
  schema: LearnedIpAddressSchema,
  references: [
    {
      property: 'virtualSubnet',
      backReference: 'learnedIpAddresses',
      inUse: 'LearnedIpSubnetInUse',
      dangling: 'LearnedIpAddressSubnetMissing',
    },
  ],
  normalise(properties) {
    if (properties['ipAddress'] === '') delete properties['ipAddress'];
    return properties;
  },
  validate,
  allocate,
};

function validate(node: ResourceNode, { previous }: WriteContext): readonly FaultDetail[] {
  const { ipAddress, virtualSubnet } = typed(LearnedIpAddressSchema, node);
  const address = ipAddress === undefined ? undefined : parseIp(ipAddress);
  if (ipAddress !== undefined && (address === undefined || ipFamily(address) !== 4)) {
    const message = `'${ipAddress}' is no IPv4 address`;
    return [detail('LearnedIpInvalidIpAddress', message, 'ipAddress')];
  }
  if (previous === undefined) return [];
  const was = typed(LearnedIpAddressSchema, previous);
  const isMoved =
    refKey(was.virtualSubnet.resourceRef) !== refKey(virtualSubnet.resourceRef) ||
    (ipAddress !== undefined && ipAddress !== was.ipAddress);
  if (!isMoved) return [];
  const message = `address and subnet of ${node.ref} cannot change once it is created`;
  return [detail('LearnedIpConfigModified', message, node.ref)];
}

function allocate(node: ResourceNode, context: AllocateContext): readonly FaultDetail[] {
  const { draft, desired, previous } = context;
  const { ipAddress, virtualSubnet } = typed(LearnedIpAddressSchema, node);
  const subnet = desired.byRef(virtualSubnet.resourceRef);
  if (subnet === undefined) return [];
  const rules = addressRulesOf(subnet, context);
  if (rules.prefix?.family !== 4) {
    const message = `${subnet.ref} is an IPv6 subnet; a learned address is IPv4`;
    return [detail('LearnedIpInvalidIpAddress', message, subnet.ref)];
  }
  const kept = previous && typed(LearnedIpAddressSchema, previous).ipAddress;
  const text = ipAddress ?? kept;
  if (text === undefined) {
    const given = takeLowest(node.key, rules, draft);
    if (given === undefined) {
      return [detail('SubnetIsFull', `${subnet.ref} has no free address`, subnet.ref)];
    }
    node.properties['ipAddress'] = formatIp(given);
    return [];
  }
  const address = parseIp(text);
  if (address === undefined) return [];
  const unusable = unusableAddress(address, rules);
  if (unusable !== undefined) {
    const code =
      unusable === 'outside' ? 'LearnedIpNotPartofSubnet' : 'PrivateIPAddressInReservedRange';
    return [detail(code, `${text} is ${unusable} ${subnet.ref}`, 'ipAddress')];
  }
  const owner = draft.take(rules.space, address, node.key);
  if (owner !== undefined) {
    return [detail('PrivateIPAddressInUse', `${text} is in use by ${owner}`, 'ipAddress')];
  }
  node.properties['ipAddress'] = text;
  return [];
}
