/**
 * networkInterfaces (a VM's network card) and their ipConfigurations — MS-NCNBI §3.1.5.11, §6.11. The spec's property table
 * marks `ipConfigurations` and `subnet` read-only where its own PUT examples carry them; the examples are followed.
 *
 * portSettings: the switch answers ARP and DHCP itself and never floods them, so `arpGuard` and `dhcpGuard` hold whatever they
 * say; the vmq and iov settings are hints for hardware queues, of which a software switch has none; `arpFilter` is unused by the
 * specification's own words. All of these are kept for the client. Limits of packets, flows and bandwidth are not built.
 */
import Type from 'typebox';
import { ReadOnlyConfigurationState } from './configuration-state.ts';
import { IpText, NotBuilt, ReadOnly, Reference, Words } from './property-types.ts';

const ENABLED_DISABLED = ['Enabled', 'Disabled'] as const;

export const PortSettingsSchema = Type.Object({
  macSpoofing: Type.Optional({
    ...Words(ENABLED_DISABLED, 'Enabled: the VM may send from MAC addresses not its own'),
    'x-aliases': ['macSpoofingEnabled'],
  }),
  arpGuard: Type.Optional({ ...Words(ENABLED_DISABLED), 'x-aliases': ['arpGuardEnabled'] }),
  arpFilter: Type.Optional(Type.String()),
  dhcpGuard: Type.Optional({ ...Words(ENABLED_DISABLED), 'x-aliases': ['dhcpGuardEnabled'] }),
  stormLimit: NotBuilt(Type.Integer(), 0),
  portFlowLimit: NotBuilt(Type.Integer(), 0, ''),
  vmqWeight: Type.Optional(Type.Integer({ minimum: 0, maximum: 100 })),
  iovWeight: Type.Optional(Type.Integer({ minimum: 0, maximum: 100 })),
  iovInterruptModeration: Type.Optional(
    Words(['Default', 'Adaptive', 'Off', 'Low', 'Medium', 'High']),
  ),
  iovQueuePairsRequested: Type.Optional(Type.Integer({ minimum: 0, maximum: 4_294_967_295 })),
  qosSettings: NotBuilt(Type.Object({}), {}),
});

export const NetworkInterfaceSchema = Type.Object({
  privateMacAllocationMethod: Words(['Static', 'Dynamic']),
  privateMacAddress: Type.Optional(
    Type.String({ description: 'read in any notation, kept as AABBCCDDEEFF' }),
  ),
  dnsSettings: Type.Optional(Type.Object({ dnsServers: Type.Optional(Type.Array(IpText)) })),
  internalDnsNameLabel: Type.Optional(Type.String({ maxLength: 63 })),
  isPrimary: Type.Optional(Type.Boolean()),
  isHostVirtualNetworkInterface: Type.Optional(Type.Boolean()),
  isMultitenantStack: NotBuilt(Type.Boolean(), false),
  portSettings: Type.Optional(PortSettingsSchema),
  securityTags: Type.Optional(Type.Array(Reference(['securityTags']))),
  server: ReadOnly(Reference(['servers']), 'the host it is attached to'),
  serviceInsertionElements: ReadOnly(Type.Array(Reference(['serviceInsertions']))),
  counters: ReadOnly(Type.Array(Type.Unknown())),
  configurationState: ReadOnlyConfigurationState,
});

export const IpConfigurationSchema = Type.Object({
  privateIPAddress: Type.Optional(IpText),
  privateIPAllocationMethod: Type.Optional(Words(['Static', 'Dynamic', 'Unmanaged', 'Learned'])),
  subnet: Type.Optional(Reference(['virtualNetworks/subnets', 'logicalNetworks/subnets'])),
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
