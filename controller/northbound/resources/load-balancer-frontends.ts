/**
 * frontendIPConfigurations of loadBalancers — MS-NCNBI §3.1.5.5.3. Public ones have the address of a publicIPAddress, which is theirs alone, or
 * one of a vipIpPool in a logical subnet, which the client chooses. Internal ones have an address of a virtual subnet like an interface does; one
 * that is chosen by the controller is Weft's own, as in Azure.
 */
import { parseIp } from '../../../base/ip.ts';
import { FrontendIpConfigurationSchema } from '../../../schema/northbound/load-balancers.ts';
import { LogicalSubnetSchema } from '../../../schema/northbound/logical-networks.ts';
import { frontendCounters } from '../../diagnostics/balancing-counters.ts';
import type { Resource } from '../../model/desired-state.ts';
import { refKey } from '../../model/resource-ref.ts';
import type { JsonObject } from '../../store/store.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { typed } from '../resource-node.ts';
import type {
  AllocateContext,
  ObserveContext,
  Properties,
  ReadContext,
  ResourceNode,
  ResourceType,
  WriteContext,
} from '../resource-type.ts';
import { internalNetworkOf } from './load-balanced.ts';
import { takePrivateAddress } from './private-address.ts';
import { otherUser } from './public-ip-addresses.ts';
import { vipPools } from './vip-pools.ts';

export const frontendIpConfigurations: ResourceType = {
  collection: 'frontendIPConfigurations',
  section: '3.1.5.5.3',
  summary: 'An address of a load balancer that clients talk to.',
  schema: FrontendIpConfigurationSchema,
  references: [
    { property: 'publicIPAddress', inUse: 'ResourceInUse' },
    { property: 'subnet', inUse: 'InUseSubnetCannotBeDeleted' },
  ],
  normalise,
  validate,
  allocate,
  observe,
};

/** `counters` came with v2 of the interface. */
async function observe({ ref }: Resource, context: ObserveContext): Promise<JsonObject> {
  if (context.version === 'v1') return {};
  const muxes = [...context.desired.list('loadBalancerMuxes').values()];
  const ids = muxes.map(({ resourceId }) => resourceId);
  const counters = await frontendCounters(context, ids, ref);
  return counters === undefined ? {} : { counters: counters.map((counter) => ({ ...counter })) };
}

function normalise(properties: Properties): Properties {
  const method = properties['privateIPAddress'] === undefined ? 'Dynamic' : 'Static';
  properties['privateIPAllocationMethod'] ??= method;
  return properties;
}

function validate(node: ResourceNode, context: WriteContext): readonly FaultDetail[] {
  const { publicIPAddress, subnet } = typed(FrontendIpConfigurationSchema, node);
  if (publicIPAddress !== undefined && subnet !== undefined) {
    const message = `${node.ref} has a subnet and a publicIPAddress: it is one or the other`;
    return [detail('FrontendIPConfigHasBothSubnetAndPublicIP', message, node.ref)];
  }
  if (publicIPAddress === undefined && subnet === undefined) {
    const message = `${node.ref} has neither a subnet nor a publicIPAddress`;
    return [detail('FrontendIPConfigHasNoSubnetOrPublicIP', message, node.ref)];
  }
  const addressed = publicIPAddress === undefined ? subnetFaults : publicFaults;
  return [...sideFaults(node, context), ...addressed(node, context)];
}

function sideFaults(node: ResourceNode, { previous }: WriteContext): FaultDetail[] {
  if (previous === undefined) return [];
  const was = internalNetworkOf(previous) !== undefined;
  if (was === (internalNetworkOf(node) !== undefined)) return [];
  const message = `${node.ref} is ${was ? 'internal' : 'public'} and stays so; make another one`;
  return [detail('IpConfigCannotChangeFromInternalToPublicViceVersa', message, node.ref)];
}

function publicFaults(node: ResourceNode, { desired, root }: WriteContext): FaultDetail[] {
  const frontend = typed(FrontendIpConfigurationSchema, node);
  const ref = frontend.publicIPAddress?.resourceRef ?? '';
  if (frontend.privateIPAddress !== undefined) {
    const message = 'a frontend with a publicIPAddress has no privateIPAddress';
    return [detail('FrontendPrivateIPAddressIsNotNull', message, node.ref)];
  }
  if (frontend.privateIPAllocationMethod === 'Static') {
    const message = 'privateIPAllocationMethod is Dynamic with a publicIPAddress';
    return [detail('FrontendPrivateIPAllocationMethodIsNotDynamic', message, node.ref)];
  }
  const user = otherUser(node, refKey(ref), root, desired);
  if (user === undefined) return [];
  return [detail('PublicIPAddressInUse', `${ref} is in use by ${user}`, node.ref)];
}

function subnetFaults(node: ResourceNode, context: WriteContext): FaultDetail[] {
  const { privateIPAllocationMethod, privateIPAddress, subnet } = typed(
    FrontendIpConfigurationSchema,
    node,
  );
  const isLogical = internalNetworkOf(node) === undefined;
  if (privateIPAllocationMethod === 'Dynamic') {
    if (!isLogical) return [];
    const message = 'in a logical subnet the privateIPAllocationMethod is Static';
    return [detail('FrontendPrivateIpAllocationMethodIsNotStatic', message, node.ref)];
  }
  if (privateIPAddress === undefined) {
    const message = 'privateIPAddress is required when privateIPAllocationMethod is Static';
    return [detail('PrivateIPAddressMissing', message, node.ref)];
  }
  if (parseIp(privateIPAddress) === undefined) {
    const message = `'${privateIPAddress}' is no IP address`;
    return [detail('InvalidPrivateIPAddressFormat', message, node.ref)];
  }
  return isLogical ? poolFaults(node, privateIPAddress, subnet?.resourceRef ?? '', context) : [];
}

function poolFaults(
  node: ResourceNode,
  text: string,
  subnetRef: string,
  { desired }: ReadContext,
): FaultDetail[] {
  const subnet = desired.byRef(subnetRef);
  if (subnet !== undefined && typed(LogicalSubnetSchema, subnet).addressPrefix === undefined) {
    const message = `${subnet.ref} has no addressPrefix`;
    return [detail('FrontendIpConfigSubnetNoAddrPrefix', message, node.ref)];
  }
  const address = parseIp(text);
  const isPooled = (vipPools(desired) ?? []).some(
    (pool) =>
      pool.subnet.key === subnet?.key &&
      address !== undefined &&
      address >= pool.range.first &&
      address <= pool.range.last,
  );
  if (isPooled) return [];
  const message = `${text} is in no vipIpPool of loadBalancerManager/config in ${subnetRef}`;
  return [detail('FrontEndIpNotInVipPool', message, node.ref)];
}

function allocate(node: ResourceNode, context: AllocateContext): readonly FaultDetail[] {
  const { subnet } = typed(FrontendIpConfigurationSchema, node);
  const target = context.desired.byRef(subnet?.resourceRef ?? '');
  return target === undefined ? [] : takePrivateAddress(node, target, context);
}
