/** What is refused of load balancers, muxes and their backends, each with its code — MS-NCNBI §3.1.5.35. */
import { nicProperties } from './controller-fixture.ts';
import {
  BALANCING_GROUND,
  balancer,
  LB,
  natRule,
  outboundRule,
  part,
  rule,
  VIP,
} from './load-balancers-fixture.ts';
import { VIP_SUBNET } from './public-addresses-fixture.ts';
import { type Refusal, testRefusals } from './refusals-fixture.ts';

const NIC = '/networkInterfaces/nic';
const INNER = '/loadBalancers/inner';
const HTTP = `${LB}/loadBalancingRules/http`;
const WEB = '/virtualNetworks/blue/subnets/web';
const reference = (resourceRef: string) => ({ resourceRef });
const child = (resourceId: string, properties: object = {}) => ({ resourceId, properties });

type Ground = NonNullable<Refusal['given']>;
const made: Ground = [...BALANCING_GROUND, [LB, balancer()]];
/** Without a rule, a NAT rule or an outbound rule of its own. */
const bare = (properties: object = {}) =>
  balancer({ loadBalancingRules: [], inboundNatRules: [], outboundNatRules: [], ...properties });
const internal = (properties: object = {}) => ({
  frontendIPConfigurations: [child('vip', { subnet: reference(WEB) })],
  backendAddressPools: [child('all')],
  ...properties,
});
const innerRule = (properties: object) => ({
  ...rule(properties),
  frontendIPConfigurations: [reference(`${INNER}/frontendIPConfigurations/vip`)],
  backendAddressPool: reference(`${INNER}/backendAddressPools/all`),
});
const haPorts = (properties: object = {}) => ({
  protocol: 'All',
  frontendPort: 0,
  backendPort: 0,
  ...properties,
});
const backend = (...pools: readonly string[]) =>
  nicProperties({ loadBalancerBackendAddressPools: pools.map(reference) });
const POOL = `${LB}/backendAddressPools/all`;
const INNER_POOL = `${INNER}/backendAddressPools/all`;

const red: Ground[number] = [
  '/virtualNetworks/red',
  {
    addressSpace: { addressPrefixes: ['10.9.0.0/16', '2001:db8:9::/48'] },
    logicalNetwork: reference('/logicalNetworks/provider'),
    subnets: [
      child('web', { addressPrefix: '10.9.0.0/24' }),
      child('six', { addressPrefix: '2001:db8:9::/64' }),
    ],
  },
];
const redBackend = (subnet = '/virtualNetworks/red/subnets/web') =>
  nicProperties({ loadBalancerBackendAddressPools: [reference(POOL)] }, subnet);

const frontends: readonly (readonly [what: string, properties: object, code: string])[] = [
  ['a frontend that is nowhere', {}, 'FrontendIPConfigHasNoSubnetOrPublicIP'],
  [
    'a frontend with a subnet and a public address',
    { subnet: reference(WEB), publicIPAddress: reference('/publicIPAddresses/web') },
    'FrontendIPConfigHasBothSubnetAndPublicIP',
  ],
  [
    'a private address beside a public one',
    { publicIPAddress: reference('/publicIPAddresses/web'), privateIPAddress: '10.1.1.9' },
    'FrontendPrivateIPAddressIsNotNull',
  ],
  [
    'a Static public address',
    {
      publicIPAddress: reference('/publicIPAddresses/web'),
      privateIPAllocationMethod: 'Static',
    },
    'FrontendPrivateIPAllocationMethodIsNotDynamic',
  ],
  [
    'a Dynamic address in a logical subnet',
    { subnet: reference(VIP_SUBNET) },
    'FrontendPrivateIpAllocationMethodIsNotStatic',
  ],
  [
    'a Static address that is not named',
    { subnet: reference(WEB), privateIPAllocationMethod: 'Static' },
    'PrivateIPAddressMissing',
  ],
  [
    'what is no address',
    { subnet: reference(WEB), privateIPAddress: '10.1.1' },
    'InvalidPrivateIPAddressFormat',
  ],
  [
    'an address of another subnet',
    { subnet: reference(WEB), privateIPAddress: '10.1.2.9' },
    'PrivateIPAddressNotInSubnet',
  ],
  [
    'the address of the virtual router',
    { subnet: reference(WEB), privateIPAddress: '10.1.1.1' },
    'PrivateIPAddressInReservedRange',
  ],
  [
    'an address outside the VIP pools',
    { subnet: reference(VIP_SUBNET), privateIPAddress: '203.0.113.99' },
    'FrontEndIpNotInVipPool',
  ],
  [
    'a public address that is not there',
    { publicIPAddress: reference('/publicIPAddresses/none') },
    'InvalidResourceReference',
  ],
];

const rules: readonly (readonly [what: string, properties: object, code: string])[] = [
  ['a rule without a pool', { backendAddressPool: null }, 'BackendPoolReferenceNotProvided'],
  [
    'a rule without frontends',
    { frontendIPConfigurations: [] },
    'FrontendIpConfigReferenceNotProvided',
  ],
  ['a port beyond the last', { frontendPort: 65_536 }, 'PortValueIsOutOfRange'],
  ['a backend port of 0', { backendPort: 0 }, 'PortValueIsOutOfRange'],
  ['all protocols on one port', { protocol: 'All' }, 'InvalidAnyPortAnyProtocolInboundRule'],
  ['all ports of Tcp', { frontendPort: 0, backendPort: 0 }, 'InvalidAnyPortAnyProtocolInboundRule'],
  ['GRE', { protocol: 'GRE' }, 'OperationNotSupported'],
  ['a protocol that is none', { protocol: 'Icmp' }, 'InvalidParameterValue'],
  ['floating IP with two ports', { enableFloatingIP: true }, 'BackendAndFrontendPortsAreDifferent'],
  ['three minutes of idling', { idleTimeoutInMinutes: 3 }, 'RuleIdleTimeoutIsOutOfRange'],
  ['31 minutes of idling', { idleTimeoutInMinutes: 31 }, 'RuleIdleTimeoutIsOutOfRange'],
  [
    'a pool of another load balancer',
    { backendAddressPool: reference(INNER_POOL) },
    'InvalidResourceReference',
  ],
  ['a probe that is not there', { probe: part('probes', 'none') }, 'InvalidResourceReference'],
];

const probes: readonly (readonly [what: string, properties: object, code: string])[] = [
  ['a probe by Udp', { protocol: 'Udp' }, 'InvalidProtocolForProbe'],
  ['a probe by nothing', { protocol: null }, 'InvalidProtocolForProbe'],
  ['a path by Tcp', { requestPath: '/' }, 'ProbeRequestPathIsNotNull'],
  ['Http without a path', { protocol: 'Http' }, 'ProbeRequestPathIsRequired'],
  [
    'a path with a line break',
    { protocol: 'Http', requestPath: '/\r\nHost: x' },
    'InvalidParameterValue',
  ],
  ['a probe without a port', { port: null }, 'PortValueIsOutOfRange'],
  ['a probe every four seconds', { intervalInSeconds: 4 }, 'ProbeIntervalIsOutOfRange'],
  ['no probe at all', { numberOfProbes: 0 }, 'NumberOfProbesIsOutOfRange'],
];

const between: readonly Refusal[] = [
  {
    what: 'a load balancer before there is a manager',
    request: ['PUT', INNER, internal()],
    code: 'LbManagerResourceNotConfigured',
  },
  {
    what: 'a load balancer without frontends',
    given: BALANCING_GROUND,
    request: ['PUT', LB, bare({ frontendIPConfigurations: [] })],
    code: 'InvalidFrontendIPCount',
  },
  {
    what: 'a frontend in a logical subnet without a prefix',
    given: [
      ...BALANCING_GROUND,
      ['/logicalNetworks/flat', { subnets: [child('untagged', { vlanId: 5 })] }],
    ],
    request: [
      'PUT',
      LB,
      bare({
        frontendIPConfigurations: [
          child('vip', {
            subnet: reference('/logicalNetworks/flat/subnets/untagged'),
            privateIPAddress: '203.0.113.9',
          }),
        ],
      }),
    ],
    code: 'FrontendIpConfigSubnetNoAddrPrefix',
  },
  {
    what: 'public and internal frontends at once',
    given: made,
    request: ['PUT', `${LB}/frontendIPConfigurations/inner`, { subnet: reference(WEB) }],
    code: 'LoadBalancerHasBothPublicAndInternalFrontends',
  },
  {
    what: 'a public frontend turned into an internal one',
    given: [...BALANCING_GROUND, [LB, bare()]],
    request: ['PUT', VIP, { subnet: reference(WEB) }],
    code: 'IpConfigCannotChangeFromInternalToPublicViceVersa',
  },
  {
    what: 'a public address of another load balancer',
    given: made,
    request: [
      'PUT',
      '/loadBalancers/twin',
      {
        frontendIPConfigurations: [
          child('vip', { publicIPAddress: reference('/publicIPAddresses/web') }),
        ],
      },
    ],
    code: 'PublicIPAddressInUse',
  },
  {
    what: 'a public address of an interface',
    given: [
      ...BALANCING_GROUND,
      [NIC, nicProperties({ publicIPAddress: reference('/publicIPAddresses/web') })],
    ],
    request: ['PUT', LB, bare()],
    code: 'PublicIPAddressInUse',
  },
  {
    what: 'a load balancer’s public address for an interface',
    given: made,
    request: ['PUT', NIC, nicProperties({ publicIPAddress: reference('/publicIPAddresses/web') })],
    code: 'PublicIPAddressInUse',
  },
  {
    what: 'two rules for one frontend port',
    given: made,
    request: ['PUT', `${LB}/loadBalancingRules/more`, rule({ backendPort: 81 })],
    code: 'RulesUseSameFrontendPort',
  },
  {
    what: 'a NAT rule for the port of a rule',
    given: made,
    request: ['PUT', `${LB}/inboundNatRules/more`, natRule({ frontendPort: 80 })],
    code: 'RulesUseSameFrontendPort',
  },
  {
    what: 'two rules for one backend port',
    given: made,
    request: ['PUT', `${LB}/loadBalancingRules/more`, rule({ frontendPort: 81 })],
    code: 'RulesUseSameBackendPort',
  },
  {
    what: 'all ports beside one of them',
    given: made,
    request: ['PUT', `${LB}/loadBalancingRules/ha`, rule(haPorts())],
    code: 'AnyPortProtocolNotAllowedWithOtherInboundRules',
  },
  {
    what: 'all ports with an outbound rule',
    given: BALANCING_GROUND,
    request: [
      'PUT',
      LB,
      bare({
        loadBalancingRules: [child('ha', rule(haPorts()))],
        outboundNatRules: [child('out', outboundRule())],
      }),
    ],
    code: 'AnyPortProtocolNotAllowedWithOtherOutboundNatRules',
  },
  {
    what: 'rules of two kinds under one name',
    given: made,
    request: ['PUT', `${LB}/inboundNatRules/http`, natRule({ frontendPort: 23 })],
    code: 'RuleNameDuplicate',
  },
  {
    what: 'outbound connections from an internal address',
    given: [...BALANCING_GROUND, [INNER, internal()]],
    request: [
      'PUT',
      `${INNER}/outboundNatRules/out`,
      { ...innerRule({}), frontendPort: undefined, backendPort: undefined, protocol: 'All' },
    ],
    code: 'OutboundNatRulesAreNotSupported',
  },
  {
    what: 'an outbound rule for ESP',
    given: made,
    request: ['PUT', `${LB}/outboundNatRules/esp`, outboundRule({ protocol: 'ESP' })],
    code: 'InvalidOutboundNatProtocolType',
  },
  {
    what: 'backends that come by a load balancer’s own write',
    given: BALANCING_GROUND,
    request: ['PUT', LB, balancer({ updateBackendAddressPools: true })],
    code: 'OperationNotSupported',
  },
];

const backends: readonly Refusal[] = [
  {
    what: 'backends of two networks',
    given: [...made, red, ['/networkInterfaces/first', backend(POOL)]],
    request: ['PUT', NIC, redBackend()],
    code: 'BackendIPConfigurationsDontUseSameVnet',
  },
  {
    what: 'a backend of another network than the frontend',
    given: [...made, red, [INNER, internal()]],
    request: [
      'PUT',
      NIC,
      nicProperties(
        { loadBalancerBackendAddressPools: [reference(INNER_POOL)] },
        '/virtualNetworks/red/subnets/web',
      ),
    ],
    code: 'FrontendIPConfigAndBackendIPConfigsAreInDifferentVnets',
  },
  {
    what: 'an IPv6 backend of an IPv4 frontend',
    given: [...made, red],
    request: ['PUT', NIC, redBackend('/virtualNetworks/red/subnets/six')],
    code: 'InvalidParameterValue',
  },
  {
    what: 'a backend in a logical network',
    given: made,
    request: [
      'PUT',
      NIC,
      nicProperties(
        { loadBalancerBackendAddressPools: [reference(POOL)] },
        '/logicalNetworks/provider/subnets/hosts',
      ),
    ],
    code: 'OperationNotSupported',
  },
  {
    what: 'a NAT rule for two interfaces',
    given: [
      ...made,
      [
        '/networkInterfaces/first',
        nicProperties({ loadBalancerInboundNatRules: [part('inboundNatRules', 'ssh')] }),
      ],
    ],
    request: [
      'PUT',
      NIC,
      nicProperties({ loadBalancerInboundNatRules: [part('inboundNatRules', 'ssh')] }),
    ],
    code: 'InboundNatRuleInUse',
  },
  {
    what: 'a NAT rule to a port that a rule brings traffic to',
    given: [
      ...BALANCING_GROUND,
      [LB, balancer({ inboundNatRules: [child('ssh', natRule({ backendPort: 8080 }))] })],
    ],
    request: [
      'PUT',
      NIC,
      nicProperties({
        loadBalancerBackendAddressPools: [reference(POOL)],
        loadBalancerInboundNatRules: [part('inboundNatRules', 'ssh')],
      }),
    ],
    code: 'RulesUseSameBackendPort',
  },
  {
    what: 'all ports without floating IP beside another rule',
    given: [
      ...made,
      [INNER, internal({ loadBalancingRules: [child('ha', innerRule(haPorts()))] })],
    ],
    request: ['PUT', NIC, backend(POOL, INNER_POOL)],
    code: 'IpConfigCannotHaveOtherLbRulesWithNonFloatingIpAnyPortRule',
  },
  {
    what: 'all ports with floating IP beside a rule without',
    given: [
      ...made,
      [
        INNER,
        internal({
          loadBalancingRules: [child('ha', innerRule(haPorts({ enableFloatingIP: true })))],
        }),
      ],
    ],
    request: ['PUT', NIC, backend(POOL, INNER_POOL)],
    code: 'IpConfigCannotHaveFloatingIpAnyPortLbRulesWithNonFloatingIpRules',
  },
  {
    what: 'a rule for all ports when the backends have others',
    given: [...made, [INNER, internal()], [NIC, backend(POOL, INNER_POOL)]],
    request: ['PUT', `${INNER}/loadBalancingRules/ha`, innerRule(haPorts())],
    code: 'IpConfigCannotHaveOtherLbRulesWithNonFloatingIpAnyPortRule',
  },
  {
    what: 'a pool that is not there',
    given: made,
    request: ['PUT', NIC, backend(`${LB}/backendAddressPools/none`)],
    code: 'InvalidResourceReference',
  },
];

const inUse: readonly Refusal[] = [
  ['a frontend that a rule names', VIP, 'InUseFrontendIpConfigurationCannotBeDeleted'],
  ['a pool that a rule names', POOL, 'InUseBackendAddressPoolCannotBeDeleted'],
  ['a probe that a rule names', `${LB}/probes/alive`, 'InUseProbeCannotBeDeleted'],
  ['a public address that a frontend has', '/publicIPAddresses/web', 'ResourceInUse'],
].map(([what = '', path = '', code = '']) => ({
  ...{ what: `deleting ${what}`, code, status: 409, given: made },
  request: ['DELETE', path] as const,
}));

const mux = (properties: object = {}, router: object = {}) => ({
  virtualServer: reference('/virtualServers/mux1'),
  routerConfiguration: { localASN4: 64650, peerRouterConfigurations: [], ...router },
  ...properties,
});
const peers = (...list: readonly object[]) => ({
  peerRouterConfigurations: list.map((one) => ({
    ...{ routerName: 'edge', routerIPAddress: '100.64.0.2', peerASN4: 64600 },
    ...one,
  })),
});
const MUX = '/loadBalancerMuxes/mux1';
const machine: Ground = [['/virtualServers/mux1', {}]];
const muxes: readonly Refusal[] = (
  [
    [
      'without a machine',
      { virtualServer: reference('/virtualServers/none') },
      {},
      'InvalidResourceReference',
    ],
    ['without an AS number', {}, { localASN4: 0 }, 'RequiredParamMissing'],
    ['whose router has no AS number', {}, peers({ peerASN4: 0 }), 'RequiredParamMissing'],
    ['whose router has no address', {}, peers({ routerIPAddress: null }), 'RequiredParamMissing'],
    ['whose router’s address is none', {}, peers({ routerIPAddress: 'x' }), 'InvalidIPAddress'],
    [
      'whose router has another family',
      { providerAddress: '100.64.0.7' },
      peers({ routerIPAddress: '2001:db8::2' }),
      'InvalidIPAddress',
    ],
    ['with one router twice', {}, peers({}, {}), 'InvalidParameterValue'],
    [
      'outside the provider network',
      { providerAddress: '192.0.2.1' },
      {},
      'PrivateIPAddressNotInSubnet',
    ],
    [
      'that answers ARP',
      { networkInterfaces: { internalNetworkInterface: reference('/networkInterfaces/x') } },
      {},
      'OperationNotSupported',
    ],
  ] as const
).map(([what, properties, router, code]) => ({
  ...{ what: `a mux ${what}`, code, given: machine },
  request: ['PUT', MUX, mux(properties, router)] as const,
}));

testRefusals([
  ...frontends.map(
    ([what, properties, code]): Refusal => ({
      ...{ what, code, given: BALANCING_GROUND },
      request: ['PUT', LB, bare({ frontendIPConfigurations: [child('vip', properties)] })],
    }),
  ),
  ...rules.map(
    ([what, properties, code]): Refusal => ({
      ...{ what, code, given: [...made, [INNER, internal()]] },
      request: ['PUT', HTTP, rule(properties)],
    }),
  ),
  ...probes.map(
    ([what, properties, code]): Refusal => ({
      ...{ what, code, given: made },
      request: ['PUT', `${LB}/probes/alive`, { protocol: 'Tcp', port: 8080, ...properties }],
    }),
  ),
  ...between,
  ...backends,
  ...inUse,
  ...muxes,
  {
    what: 'a second mux on one machine',
    given: [...machine, [MUX, mux()]],
    request: ['PUT', '/loadBalancerMuxes/twin', mux()],
    code: 'ResourceInUse',
    status: 409,
  },
]);
