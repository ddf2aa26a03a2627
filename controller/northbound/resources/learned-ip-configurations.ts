/**
 * ipConfigurations whose privateIPAllocationMethod is Learned — MS-NCNBI §3.1.5.11.2, §3.1.5.35: a share in a learnedIpAddress, beside the
 * interface's own addresses. One at most on an interface; never the primary one; nothing outside leads to it. Called by the descriptors
 * of ipConfigurations and networkInterfaces.
 */
import { LearnedIpAddressSchema } from '../../../schema/northbound/learned-ip-addresses.ts';
import { IpConfigurationSchema } from '../../../schema/northbound/network-interfaces.ts';
import { refKey } from '../../model/resource-ref.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { typed } from '../resource-node.ts';
import type { ReadContext, ResourceNode, WriteContext } from '../resource-type.ts';

export function learnedFaults(node: ResourceNode, context: WriteContext): readonly FaultDetail[] {
  const { privateIPAllocationMethod, learnedIp, subnet } = typed(IpConfigurationSchema, node);
  if (privateIPAllocationMethod !== 'Learned') {
    if (learnedIp === undefined) return [];
    const message = 'learnedIp goes with the privateIPAllocationMethod Learned';
    return [detail('LearnedIpConfigInvalidConfiguration', message, node.ref)];
  }
  if (learnedIp === undefined) {
    const message = `${node.ref} is Learned and names no learnedIp`;
    return [detail('LearnedIpConfigInvalidConfiguration', message, node.ref)];
  }
  if (subnet === undefined) {
    const message = `${node.ref} is Learned and names no subnet`;
    return [detail('LearnedIpAddressSubnetMissing', message, node.ref)];
  }
  return [...shareFaults(node, context), ...roleFaults(node)];
}

/** Does the configuration agree with what it shares, and with what it was? */
function shareFaults(
  node: ResourceNode,
  { desired, previous }: WriteContext,
): readonly FaultDetail[] {
  const { learnedIp, subnet, privateIPAddress } = typed(IpConfigurationSchema, node);
  const shared = desired.byRef(learnedIp?.resourceRef ?? '');
  if (shared === undefined) return [];
  const { ipAddress, virtualSubnet } = typed(LearnedIpAddressSchema, shared);
  if (refKey(virtualSubnet.resourceRef) !== refKey(subnet?.resourceRef ?? '')) {
    const message = `${shared.ref} is not part of ${subnet?.resourceRef}`;
    return [detail('LearnedIpNotPartofSubnet', message, node.ref)];
  }
  if (privateIPAddress !== undefined && privateIPAddress !== ipAddress) {
    const message = `the address of ${shared.ref} is ${ipAddress}, not ${privateIPAddress}`;
    return [detail('LearnedIpConfigInvalidConfiguration', message, node.ref)];
  }
  const was = previous && typed(IpConfigurationSchema, previous).learnedIp;
  if (was === undefined || refKey(was.resourceRef) === shared.key) return [];
  const message = `learnedIp of ${node.ref} cannot change once it is created`;
  return [detail('LearnedIpConfigModified', message, node.ref)];
}

function roleFaults(node: ResourceNode): readonly FaultDetail[] {
  const own = typed(IpConfigurationSchema, node);
  if (own.isPrimary === true) {
    const message = `${node.ref} is Learned and cannot be primary`;
    return [detail('LearnedIpConfigCannotBePrimary', message, node.ref)];
  }
  const pools = own.loadBalancerBackendAddressPools ?? [];
  const rules = own.loadBalancerInboundNatRules ?? [];
  if (own.publicIPAddress === undefined && pools.length + rules.length === 0) return [];
  const message = `${node.ref} is Learned: it is not load balanced and has no public address`;
  return [detail('LearnedIpConfigCannotBeLoadbalancedOrHavePublicIP', message, node.ref)];
}

/** What is wrong with the learned ones among the configurations of an interface. */
export function sharedConfigurationFaults(
  networkInterface: ResourceNode,
  configurations: readonly ResourceNode[],
): readonly FaultDetail[] {
  const learned = configurations.filter(
    (one) => typed(IpConfigurationSchema, one).privateIPAllocationMethod === 'Learned',
  );
  if (learned.length === 0) return [];
  if (learned.length > 1) {
    const message = `${networkInterface.ref} has ${learned.length} Learned ipConfigurations`;
    return [detail('SingleLearnedIpPerNic', message, networkInterface.ref)];
  }
  if (configurations.length > learned.length) return [];
  const message = `${networkInterface.ref} has no ipConfiguration of its own to be primary`;
  return [detail('LearnedIpConfigMissingPrimary', message, networkInterface.ref)];
}

/** The address it shares is shown as its own. */
export function showLearned(node: ResourceNode, { desired }: ReadContext): readonly FaultDetail[] {
  const { learnedIp } = typed(IpConfigurationSchema, node);
  const shared = desired.byRef(learnedIp?.resourceRef ?? '');
  const address = shared && typed(LearnedIpAddressSchema, shared).ipAddress;
  if (address === undefined) {
    const message = `${learnedIp?.resourceRef ?? 'the learnedIp'} has no address`;
    return [detail('LearnedIpConfigPrivateIpNotSet', message, node.ref)];
  }
  node.properties['privateIPAddress'] = address;
  return [];
}
