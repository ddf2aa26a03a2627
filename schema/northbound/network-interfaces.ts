/**
 * networkInterfaces (a VM's network card) and their ipConfigurations — MS-NCNBI §3.1.5.11, §6.11. The spec's property table
 * marks `ipConfigurations` and `subnet` read-only where its own PUT examples carry them; the examples are followed.
 *
 * portSettings: guards are on unless `Disabled`.
 */
import Type from 'typebox';
import { ReadOnlyConfigurationState } from './configuration-state.ts';
import { CounterSchema } from './counters.ts';
import {
  BackReferences,
  IpText,
  Kept,
  NotBuilt,
  ReadOnly,
  Reference,
  Words,
} from './property-types.ts';
import { BANDWIDTH_MBPS_MAX } from './virtual-switch-manager.ts';

const ENABLED_DISABLED = ['Enabled', 'Disabled'] as const;

const U32_MAX = 0xffff_ffff;

/** Mbit/s, or a weight where the reservation mode is Weight; 0: none. */
const Bandwidth = Type.Optional(Type.Integer({ minimum: 0, maximum: BANDWIDTH_MBPS_MAX }));

/** As on a machine without them. */
const HARDWARE = 'a hint for hardware queues, which a software switch does not have';

/** Needs the qosSettings of virtualSwitchManager. */
const PortQosSettingsSchema = Type.Object({
  outboundReservedValue: Bandwidth,
  outboundMaximumMbps: Bandwidth,
  inboundMaximumMbps: Bandwidth,
  enableHardwareLimits: Kept(Type.Boolean(), 'limits are kept in software'),
});

export const PortSettingsSchema = Type.Object({
  macSpoofing: Type.Optional({
    ...Words(ENABLED_DISABLED, 'Enabled: the VM may send from MAC addresses not its own'),
    'x-aliases': ['macSpoofingEnabled'],
  }),
  arpGuard: Type.Optional({ ...Words(ENABLED_DISABLED), 'x-aliases': ['arpGuardEnabled'] }),
  arpFilter: Kept(Type.String(), 'ignored by the specification, too'),
  dhcpGuard: Type.Optional({ ...Words(ENABLED_DISABLED), 'x-aliases': ['dhcpGuardEnabled'] }),
  stormLimit: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: U32_MAX,
      'x-blank': true,
      description: 'broadcasts and multicasts per second from the VM; 0: the switch’s own limit',
    }),
  ),
  portFlowLimit: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: U32_MAX,
      'x-blank': true,
      description: 'flows at once; 0: the switch’s own limit',
    }),
  ),
  vmqWeight: Kept(Type.Integer({ minimum: 0, maximum: 100 }), HARDWARE),
  iovWeight: Kept(Type.Integer({ minimum: 0, maximum: 100 }), HARDWARE),
  iovInterruptModeration: Kept(
    Words(['Default', 'Adaptive', 'Off', 'Low', 'Medium', 'High']),
    HARDWARE,
  ),
  iovQueuePairsRequested: Kept(Type.Integer({ minimum: 0, maximum: U32_MAX }), HARDWARE),
  qosSettings: Type.Optional(PortQosSettingsSchema),
});

export const NetworkInterfaceSchema = Type.Object({
  privateMacAllocationMethod: Words(['Static', 'Dynamic']),
  privateMacAddress: Type.Optional(
    Type.String({ description: 'read in any notation, kept as AABBCCDDEEFF' }),
  ),
  dnsSettings: Type.Optional(Type.Object({ dnsServers: Type.Optional(Type.Array(IpText)) })),
  internalDnsNameLabel: Type.Optional(Type.String({ maxLength: 63 })),
  isPrimary: Type.Optional(
    Type.Boolean({ description: 'only a primary one has DNS settings; default true' }),
  ),
  isHostVirtualNetworkInterface: Kept(
    Type.Boolean(),
    'says that it is its host’s own, which is then in a logical network',
  ),
  isMultitenantStack: NotBuilt(Type.Boolean(), false),
  portSettings: Type.Optional(PortSettingsSchema),
  securityTags: Type.Optional(Type.Array(Reference(['securityTags']))),
  server: ReadOnly(Reference(['servers']), 'the host it is attached to'),
  serviceInsertionElements: BackReferences,
  counters: ReadOnly(
    Type.Array(CounterSchema),
    'packets and drops, in and out as the VM sees them, since it was attached; from v2 on, where one interface is read and its host answers',
  ),
  configurationState: ReadOnlyConfigurationState,
});

export const IpConfigurationSchema = Type.Object({
  privateIPAddress: Type.Optional(IpText),
  privateIPAllocationMethod: Type.Optional(Words(['Static', 'Dynamic', 'Unmanaged', 'Learned'])),
  subnet: Type.Optional(
    Reference(
      ['virtualNetworks/subnets', 'logicalNetworks/subnets'],
      'in a logical one the address is taken, and no switch forwards for it',
    ),
  ),
  learnedIp: Type.Optional(
    Reference(['learnedIpAddresses'], 'of a Learned one: the address that it shares with others'),
  ),
  isPrimary: Type.Optional(Type.Boolean()),
  accessControlList: Type.Optional(Reference(['accessControlLists'])),
  publicIPAddress: Type.Optional(Reference(['publicIPAddresses'])),
  serviceInsertion: Type.Optional(Reference(['serviceInsertions'])),
  loadBalancerInboundNatRules: Type.Optional(
    Type.Array(Reference(['loadBalancers/inboundNatRules'])),
  ),
  loadBalancerBackendAddressPools: Type.Optional(
    Type.Array(Reference(['loadBalancers/backendAddressPools']), {
      'x-aliases': ['loadBalancerBackendAddressPool'],
    }),
  ),
});
