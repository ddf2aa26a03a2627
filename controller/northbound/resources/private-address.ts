/**
 * The address of an ipConfiguration or of a load balancer's frontend in a subnet: Static as asked for, Dynamic the lowest that is free, kept
 * while the subnet is the same. Both kinds of resource have the same properties for it (MS-NCNBI §3.1.5.11.2, §3.1.5.5.3).
 */
import { formatIp, type Ip, parseIp } from '../../../base/ip.ts';
import { IpConfigurationSchema } from '../../../schema/northbound/network-interfaces.ts';
import type { Resource } from '../../model/desired-state.ts';
import { refKey } from '../../model/resource-ref.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { typed } from '../resource-node.ts';
import type { AllocateContext, ResourceNode } from '../resource-type.ts';
import {
  type AddressRules,
  addressRulesOf,
  takeLowest,
  unusableAddress,
} from './subnet-addresses.ts';

export function takePrivateAddress(
  node: ResourceNode,
  subnet: Resource,
  context: AllocateContext,
): readonly FaultDetail[] {
  const rules = addressRulesOf(subnet, context);
  return node.properties['privateIPAllocationMethod'] === 'Static'
    ? takeStatic(node, rules, context)
    : takeDynamic(node, rules, context);
}

function takeStatic(
  node: ResourceNode,
  rules: AddressRules,
  { draft }: AllocateContext,
): readonly FaultDetail[] {
  const { subnet } = rules;
  const text = typed(IpConfigurationSchema, node).privateIPAddress ?? '';
  const address = parseIp(text);
  if (address === undefined) return [];
  const unusable = unusableAddress(address, rules);
  if (unusable === 'outside') {
    return [detail('PrivateIPAddressNotInSubnet', `${text} is not in ${subnet.ref}`, node.ref)];
  }
  if (unusable === 'reserved') {
    const message = `${text} is one of the reserved addresses of ${subnet.ref}`;
    return [detail('PrivateIPAddressInReservedRange', message, node.ref)];
  }
  const owner = draft.take(rules.space, address, node.key);
  if (owner === undefined) return [];
  return [detail('PrivateIPAddressInUse', `${text} is in use by ${owner}`, node.ref)];
}

function takeDynamic(
  node: ResourceNode,
  rules: AddressRules,
  { draft, previous }: AllocateContext,
): readonly FaultDetail[] {
  const { subnet, space, isReserved } = rules;
  const kept = keptAddress(previous, subnet);
  if (kept !== undefined && !isReserved(kept) && draft.take(space, kept, node.key) === undefined) {
    node.properties['privateIPAddress'] = formatIp(kept);
    return [];
  }
  const given = takeLowest(node.key, rules, draft);
  if (given === undefined) {
    return [detail('SubnetIsFull', `${subnet.ref} has no free address`, subnet.ref)];
  }
  node.properties['privateIPAddress'] = formatIp(given);
  return [];
}

function keptAddress(previous: ResourceNode | undefined, subnet: Resource): Ip | undefined {
  if (previous === undefined) return undefined;
  const before = typed(IpConfigurationSchema, previous);
  const sameSubnet = refKey(before.subnet?.resourceRef ?? '') === subnet.key;
  return sameSubnet ? parseIp(before.privateIPAddress ?? '') : undefined;
}
