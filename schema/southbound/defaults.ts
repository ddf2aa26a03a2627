/**
 * The fields of goal-state messages as they are when nobody asks for more: for whoever makes a message by hand (tests, benches) and does
 * not care about all of it. `{ ...PORT_DEFAULTS, id, mac }`. The compiler does not use it: it must decide about every field.
 */
import type {
  Backend,
  BgpPeer,
  BgpRouter,
  HostSettings,
  IpConfiguration,
  LoadBalancingRule,
  Mapping,
  Port,
  VirtualNetwork,
  VirtualSubnet,
} from './messages.ts';
import { LoadDistribution } from './messages.ts';

export const HOST_DEFAULTS: Omit<HostSettings, 'providerAddress'> = {
  providerPrefixLen: 24,
  providerGateway: new Uint8Array(),
  vxlanPort: 4789,
  providerMtu: 1500,
  dnsForwarders: [],
  metering: false,
  edges: [],
  muxes: [],
  natExemptions: [],
};

export const VIRTUAL_NETWORK_DEFAULTS: Omit<VirtualNetwork, 'id' | 'resourceRef' | 'addressSpace'> =
  { dnsServers: [], dnsDomain: '', peerings: [], unbilledPrefixes: [] };

export const VIRTUAL_SUBNET_DEFAULTS: Pick<VirtualSubnet, 'accessControlListId' | 'routeTableId'> =
  {
    accessControlListId: '',
    routeTableId: '',
  };

export const PORT_DEFAULTS: Omit<
  Port,
  'id' | 'resourceRef' | 'vnetId' | 'subnetId' | 'mac' | 'ipConfigurations'
> = {
  dnsServers: [],
  hostName: '',
  mtu: 1450,
  macSpoofing: false,
  ipForwarding: false,
  arpGuardOff: false,
  dhcpGuardOff: false,
  flowsMax: 0,
  broadcastPerSecMax: 0,
  mirrorIds: [],
  tagLists: [],
};

export const IP_CONFIGURATION_DEFAULTS: Pick<IpConfiguration, 'accessControlListId' | 'learned'> = {
  accessControlListId: '',
  learned: false,
};

export const LOAD_BALANCING_RULE_DEFAULTS: Omit<
  LoadBalancingRule,
  'id' | 'protocol' | 'port' | 'poolId' | 'backendPort'
> = {
  resourceRef: '',
  floatingIp: false,
  distribution: LoadDistribution.LOAD_DISTRIBUTION_FIVE_TUPLE,
  idleTimeoutSec: 240,
  tcpReset: false,
  healthId: '',
};

export const BACKEND_DEFAULTS: Pick<Backend, 'resourceRef' | 'weight' | 'draining'> = {
  resourceRef: '',
  weight: 1,
  draining: false,
};

export const MAPPING_DEFAULTS: Pick<Mapping, 'dnsName'> = { dnsName: '' };

export const BGP_ROUTER_DEFAULTS: Pick<
  BgpRouter,
  'enabled' | 'bmpStations' | 'bmpStatisticsSec' | 'mrtUpdates' | 'mrtDumpMinutes'
> = { enabled: true, bmpStations: [], bmpStatisticsSec: 0, mrtUpdates: false, mrtDumpMinutes: 0 };

/** A neighbour of whom nothing is believed, and who is told nothing (RFC 8212). */
export const BGP_PEER_DEFAULTS: Omit<
  BgpPeer,
  'id' | 'resourceRef' | 'routerId' | 'address' | 'asNumber'
> = {
  ...{ importMapId: '', exportMapId: '', acceptAllIn: false, acceptAllOut: false, holdTimeSec: 0 },
  ...{ md5Key: '', ttlSecurityHops: 0, prefixesMax: 0, prefixRestartSec: 0, passive: false },
  ...{ bfd: false, bfdIntervalMs: 0, bfdMultiplier: 0, gracefulRestartSec: 0, families: [] },
};
