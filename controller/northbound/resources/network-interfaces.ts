/**
 * networkInterfaces — MS-NCNBI §3.1.5.11. The MAC address of a Dynamic interface comes from the macPools when it is created and stays for
 * its life; what a client says about it then is not taken notice of. ipConfigurations are in ip-configurations.ts.
 */
import { isMulticastMac, type Mac, parseMac, VIRTUAL_ROUTER_MAC } from '../../../base/mac.ts';
import {
  IpConfigurationSchema,
  NetworkInterfaceSchema,
} from '../../../schema/northbound/network-interfaces.ts';
import { MAC_SPACE } from '../../allocation/claims.ts';
import { interfaceCounters } from '../../diagnostics/interface-counters.ts';
import type { Resource } from '../../model/desired-state.ts';
import type { JsonObject } from '../../store/store.ts';
import { addressFaults } from '../address-rules.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { DNS_SERVERS_MAX, IP_CONFIGURATIONS_MAX } from '../limits.ts';
import { childrenIn, typed } from '../resource-node.ts';
import type {
  AllocateContext,
  ObserveContext,
  Properties,
  ReadContext,
  ResourceNode,
  ResourceType,
  WriteContext,
} from '../resource-type.ts';
import { carriedListFaults } from './access-control-lists.ts';
import { familyFaults } from './dual-stack.ts';
import { ipConfigurations } from './ip-configurations.ts';
import { sharedConfigurationFaults } from './learned-ip-configurations.ts';
import { macPoolRanges } from './mac-pools.ts';
import { interfaceQosFaults } from './virtual-switch-manager.ts';

export const networkInterfaces: ResourceType = {
  collection: 'networkInterfaces',
  section: '3.1.5.11',
  summary: "A VM's network card: a MAC address and the addresses it has in subnets.",
  schema: NetworkInterfaceSchema,
  children: [ipConfigurations],
  references: [
    {
      property: 'securityTags',
      backReference: 'networkInterfaces',
      inUse: 'InUseSecurityTagCannotBeDeleted',
    },
  ],
  immutable: [
    { property: 'privateMacAllocationMethod', code: 'PrivateMacAllocationMethodCannotBeUpdated' },
    { property: 'isPrimary', code: 'PrimaryNicPropertyCannotBeUpdated', absent: true },
    {
      property: 'isHostVirtualNetworkInterface',
      code: 'IsHostVirtualNetworkInterfaceCannotBeUpdated',
      absent: false,
    },
  ],
  normalise,
  validate,
  allocate: allocateMac,
  derive,
  observe,
};

function normalise(properties: Properties): Properties {
  const text = properties['privateMacAddress'];
  const mac = typeof text === 'string' ? parseMac(text) : undefined;
  if (mac !== undefined) properties['privateMacAddress'] = formatMacBare(mac);
  return properties;
}

/** `001DD8070001`, as MS-NCNBI writes it on network interfaces (§3.1.5.11.1.2). */
function formatMacBare(mac: Mac): string {
  return mac.toString(16).padStart(12, '0').toUpperCase();
}

function validate(node: ResourceNode, context: WriteContext): readonly FaultDetail[] {
  return [
    ...macFaults(node),
    ...dnsFaults(node),
    ...interfaceQosFaults(node, context),
    ...carriedListFaults(node, context),
    ...configurationFaults(node),
    ...sharedConfigurationFaults(node, childrenIn(node, ipConfigurations.collection)),
    ...familyFaults(node, childrenIn(node, ipConfigurations.collection), context),
  ];
}

function macFaults(node: ResourceNode): FaultDetail[] {
  const { privateMacAllocationMethod, privateMacAddress } = typed(NetworkInterfaceSchema, node);
  if (privateMacAllocationMethod === 'Dynamic') return [];
  if (privateMacAddress === undefined) {
    const message = 'privateMacAddress is required when privateMacAllocationMethod is Static';
    return [detail('PrivateMacAddressMissing', message, 'privateMacAddress')];
  }
  const mac = parseMac(privateMacAddress);
  const good = mac !== undefined && mac !== 0 && mac !== VIRTUAL_ROUTER_MAC && !isMulticastMac(mac);
  if (good) return [];
  const message = `'${privateMacAddress}' is not the MAC address of an interface`;
  return [detail('InvalidPrivateMacAddress', message, 'privateMacAddress')];
}

const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;

function dnsFaults(node: ResourceNode): FaultDetail[] {
  const { dnsSettings, internalDnsNameLabel, isPrimary } = typed(NetworkInterfaceSchema, node);
  const servers = dnsSettings?.dnsServers ?? [];
  const faults = addressFaults(servers, 'dnsSettings.dnsServers');
  if (servers.length > DNS_SERVERS_MAX) {
    const message = `at most ${DNS_SERVERS_MAX} DNS servers are allowed`;
    faults.push(detail('DnsServerCountLimitReached', message, 'dnsSettings.dnsServers'));
  }
  if (internalDnsNameLabel !== undefined && !DNS_LABEL.test(internalDnsNameLabel)) {
    const message = `'${internalDnsNameLabel}' is not a DNS label (RFC 1123 §2.1)`;
    faults.push(detail('InvalidDomainNameLabel', message, 'internalDnsNameLabel'));
  }
  if (isPrimary === false && (servers.length > 0 || internalDnsNameLabel !== undefined)) {
    const message = 'only a primary interface has DNS settings';
    faults.push(detail('OnlyPrimaryNetworkInterfaceCanHaveDnsSettings', message, node.ref));
  }
  return faults;
}

/** How the configurations agree with each other and with the interface. */
function configurationFaults(node: ResourceNode): FaultDetail[] {
  const configurations = childrenIn(node, ipConfigurations.collection);
  const each = configurations.map((child) => typed(IpConfigurationSchema, child));
  const faults: FaultDetail[] = [];
  if (configurations.length > IP_CONFIGURATIONS_MAX) {
    const message = `at most ${IP_CONFIGURATIONS_MAX} ipConfigurations are allowed`;
    faults.push(detail('InvalidParameterValue', message, node.ref));
  }
  if (each.filter(({ isPrimary }) => isPrimary === true).length > 1) {
    const message = 'one ipConfiguration at most is primary';
    faults.push(detail('InvalidParameterValue', message, node.ref));
  }
  const networks = new Set(each.flatMap(({ subnet }) => networkOf(subnet?.resourceRef)));
  const virtual = [...networks].filter((network) => network.startsWith('/virtualnetworks/'));
  if (virtual.length > 1) {
    const message = `an interface is in one virtual network, not ${virtual.join(' and ')}`;
    faults.push(detail('VirtualNetworkMismatch', message, node.ref));
  } else if (virtual.length === 1 && networks.size > 1) {
    const message = 'an interface is in a virtual network or in a logical one, not in both';
    faults.push(detail('NetworkMismatch', message, node.ref));
  }
  const { isHostVirtualNetworkInterface } = typed(NetworkInterfaceSchema, node);
  if (isHostVirtualNetworkInterface === true && virtual.length > 0) {
    const message = 'an interface of a host cannot be in a virtual network';
    faults.push(
      detail('HostVirtualNetworkInterfaceCannotConnectToVirtualNetwork', message, node.ref),
    );
  }
  return faults;
}

function networkOf(subnetRef: string | undefined): string[] {
  return subnetRef === undefined ? [] : [subnetRef.toLowerCase().split('/').slice(0, 3).join('/')];
}

function allocateMac(node: ResourceNode, context: AllocateContext): readonly FaultDetail[] {
  const { privateMacAllocationMethod } = typed(NetworkInterfaceSchema, node);
  if (privateMacAllocationMethod === 'Static') return takeStaticMac(node, context);
  const kept = context.previous?.properties['privateMacAddress'];
  const mac = typeof kept === 'string' ? parseMac(kept) : undefined;
  if (mac !== undefined && context.draft.take(MAC_SPACE, mac, node.key) === undefined) {
    node.properties['privateMacAddress'] = formatMacBare(mac);
    return [];
  }
  for (const range of macPoolRanges(context)) {
    const given = context.draft.takeNext(MAC_SPACE, range, node.key);
    if (given === undefined) continue;
    node.properties['privateMacAddress'] = formatMacBare(given);
    return [];
  }
  const message = 'no macPool has a free address; create one, or state the address';
  return [detail('PrivateMacAddressMissing', message, 'privateMacAddress')];
}

function takeStaticMac(node: ResourceNode, context: AllocateContext): readonly FaultDetail[] {
  const mac = parseMac(typed(NetworkInterfaceSchema, node).privateMacAddress ?? '');
  const owner = mac === undefined ? undefined : context.draft.take(MAC_SPACE, mac, node.key);
  if (owner === undefined) return [];
  const message = `the address is in use by ${owner}`;
  return [detail('InvalidPrivateMacAddress', message, 'privateMacAddress')];
}

function derive({ instanceId }: Resource, { realised }: ReadContext): JsonObject {
  const server = realised.serverOf(instanceId);
  return server === undefined ? {} : { server: { resourceRef: `/servers/${server}` } };
}

/** `counters` came with v2 of the interface. */
async function observe({ instanceId }: Resource, context: ObserveContext): Promise<JsonObject> {
  if (context.version === 'v1') return {};
  const host = context.realised.serverOf(instanceId);
  const counters = await interfaceCounters(context, host, instanceId);
  return counters === undefined ? {} : { counters: counters.map((counter) => ({ ...counter })) };
}
