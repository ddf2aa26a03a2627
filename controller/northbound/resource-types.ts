/** Every resource type of the northbound. A new one is a file in resources/ and a line here. */
import type { ResourceType } from './resource-type.ts';
import { accessControlLists } from './resources/access-control-lists.ts';
import { auditingSettings } from './resources/auditing-settings.ts';
import { backendSettings } from './resources/backend-settings.ts';
import { credentials } from './resources/credentials.ts';
import { edgeRouters } from './resources/edge-routers.ts';
import { learnedIpAddresses } from './resources/learned-ip-addresses.ts';
import { loadBalancerManager } from './resources/load-balancer-manager.ts';
import { loadBalancerMuxes, virtualServers } from './resources/load-balancer-muxes.ts';
import { loadBalancers } from './resources/load-balancers.ts';
import { logicalNetworks } from './resources/logical-networks.ts';
import { macPools } from './resources/mac-pools.ts';
import { networkInterfaces } from './resources/network-interfaces.ts';
import { publicIpAddresses } from './resources/public-ip-addresses.ts';
import { routeTables } from './resources/route-tables.ts';
import { securityTags } from './resources/security-tags.ts';
import { servers } from './resources/servers.ts';
import { serviceInsertions } from './resources/service-insertions.ts';
import { virtualNetworkManager } from './resources/virtual-network-manager.ts';
import { virtualNetworks } from './resources/virtual-networks.ts';
import { virtualSwitchManager } from './resources/virtual-switch-manager.ts';

export const RESOURCE_TYPES: readonly ResourceType[] = [
  accessControlLists,
  auditingSettings,
  backendSettings,
  credentials,
  edgeRouters,
  learnedIpAddresses,
  loadBalancerManager,
  loadBalancerMuxes,
  loadBalancers,
  logicalNetworks,
  macPools,
  networkInterfaces,
  publicIpAddresses,
  routeTables,
  securityTags,
  servers,
  serviceInsertions,
  virtualNetworkManager,
  virtualNetworks,
  virtualServers,
  virtualSwitchManager,
];
