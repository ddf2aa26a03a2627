/**
 * loadBalancers and what they are made of — MS-NCNBI §3.1.5.5, §6.5. What the prose calls an array of references to one backendAddressPool is
 * one reference in every example and schema; those are followed. `numberOfProbes` is described there as a period in seconds, and is 1 in the
 * examples: a number of probes, as in Azure. Port 0 with the protocol All is every port of TCP and UDP (HA ports).
 */
import Type from 'typebox';
import { ReadOnlyVipConfigurationState } from './configuration-state.ts';
import { CounterSchema } from './counters.ts';
import {
  BackReferences,
  Coded,
  IpText,
  NotBuilt,
  ReadOnly,
  Reference,
  Words,
} from './property-types.ts';

export const RULE_IDLE_MINUTES_MIN = 4;
export const RULE_IDLE_MINUTES_MAX = 30;
/** Note 12 of the specification. */
export const PROBE_INTERVAL_SEC_MIN = 5;
export const PROBE_INTERVAL_SEC_MAX = 2_147_483_646;
export const PROBE_INTERVAL_SEC = 15;
/** As in Azure. */
export const NUMBER_OF_PROBES = 2;
export const REQUEST_PATH_LENGTH_MAX = 2_048;

export const RULE_PROTOCOLS = ['Tcp', 'Udp', 'GRE', 'ESP', 'All'] as const;
export const LOAD_DISTRIBUTIONS = ['Default', 'SourceIP', 'SourceIPProtocol'] as const;

export const LoadBalancerSchema = Type.Object({
  updateBackendAddressPools: NotBuilt(Type.Boolean(), false),
});

export const FrontendIpConfigurationSchema = Type.Object({
  publicIPAddress: Type.Optional(
    Reference(['publicIPAddresses'], 'the address is public; else it is one of `subnet`'),
  ),
  subnet: Type.Optional(
    Reference(
      ['virtualNetworks/subnets', 'logicalNetworks/subnets'],
      'virtual: the address is the network’s own, for its interfaces and those of peered networks; logical: it is in a vipIpPool',
    ),
  ),
  privateIPAddress: Type.Optional(IpText),
  privateIPAllocationMethod: Type.Optional(
    Words(
      ['Static', 'Dynamic'],
      'Static in a logical subnet; default: whether there is an address',
    ),
  ),
  inboundNatRules: BackReferences,
  loadBalancingRules: BackReferences,
  outboundNatRules: BackReferences,
  configurationState: ReadOnlyVipConfigurationState,
  counters: ReadOnly(
    Type.Array(CounterSchema),
    'of all muxes; from v2 on, where one frontend is read and a mux answers',
  ),
});

export const BackendAddressPoolSchema = Type.Object({
  backendIPConfigurations: BackReferences,
  loadBalancingRules: BackReferences,
  outboundNatRules: BackReferences,
});

const Frontends = Type.Optional(Type.Array(Reference(['loadBalancers/frontendIPConfigurations'])));
const Pool = Type.Optional(Reference(['loadBalancers/backendAddressPools']));

/** The ranges are checked by the resource's rules, which have codes of their own. */
const IdleTimeout = Type.Optional(
  Type.Integer({ description: 'of TCP connections without traffic, 4 to 30; default 4' }),
);
const TcpReset = Type.Optional(
  Type.Boolean({ description: 'both ends of a connection that idles too long are reset' }),
);
const FloatingIp = Type.Optional(
  Type.Boolean({ description: 'backends see the frontend’s address; the ports are the same' }),
);

export const LoadBalancingRuleSchema = Type.Object({
  frontendIPConfigurations: Frontends,
  backendAddressPool: Pool,
  protocol: Words(RULE_PROTOCOLS, 'GRE and ESP are not offered'),
  frontendPort: Type.Optional(Type.Integer()),
  backendPort: Type.Optional(Type.Integer({ description: 'default frontendPort' })),
  enableFloatingIP: FloatingIp,
  idleTimeoutInMinutes: IdleTimeout,
  enableTcpReset: TcpReset,
  loadDistribution: Type.Optional(Words(LOAD_DISTRIBUTIONS)),
  probe: Type.Optional(
    Reference(['loadBalancers/probes'], 'without one every backend is taken to be up'),
  ),
});

export const InboundNatRuleSchema = Type.Object({
  frontendIPConfigurations: Frontends,
  protocol: Words(RULE_PROTOCOLS, 'GRE and ESP are not offered'),
  frontendPort: Type.Optional(Type.Integer()),
  backendPort: Type.Optional(Type.Integer({ description: 'default frontendPort' })),
  enableFloatingIP: FloatingIp,
  idleTimeoutInMinutes: IdleTimeout,
  enableTcpReset: TcpReset,
  backendIPConfiguration: ReadOnly(
    Reference(['networkInterfaces/ipConfigurations']),
    'the one that names the rule in loadBalancerInboundNatRules',
  ),
  backendAddressPool: ReadOnly(Reference(['loadBalancers/backendAddressPools'])),
});

export const OutboundNatRuleSchema = Type.Object({
  frontendIPConfigurations: Frontends,
  backendAddressPool: Pool,
  protocol: Coded(Words(RULE_PROTOCOLS, 'GRE and ESP are not offered'), {
    bad: 'InvalidOutboundNatProtocolType',
  }),
  idleTimeoutInMinutes: IdleTimeout,
  enableTcpReset: TcpReset,
});

export const ProbeSchema = Type.Object({
  protocol: Coded(Words(['Tcp', 'Http', 'Https'], 'Https: Weft’s own; no certificate is checked'), {
    bad: 'InvalidProtocolForProbe',
    missing: 'InvalidProtocolForProbe',
  }),
  port: Type.Optional(Type.Integer({ description: '1 to 65535' })),
  requestPath: Type.Optional(Type.String({ 'x-blank': true, description: 'not with Tcp' })),
  intervalInSeconds: Type.Optional(Type.Integer({ description: 'at least 5; default 15' })),
  numberOfProbes: Type.Optional(
    Type.Integer({
      description: 'so many in a row change what is believed of a backend; default 2',
    }),
  ),
  loadBalancingRules: BackReferences,
});
