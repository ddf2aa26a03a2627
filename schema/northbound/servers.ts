/**
 * servers (hosts that run the switch) and their physical networkInterfaces — MS-NCNBI §3.1.5.15, §6.13. A host is known by its
 * resourceId, which is also the common name of its certificate; `connections` is kept for clients and never dialled, because
 * hosts connect to the controller.
 */
import Type from 'typebox';
import { ReadOnlyConfigurationState } from './configuration-state.ts';
import { BackReferences, LooseText, ReadOnly, Reference, Words } from './property-types.ts';

export const ConnectionSchema = Type.Object({
  managementAddresses: Type.Optional(Type.Array(Type.String())),
  credential: Type.Optional(Reference(['credentials'])),
  credentialType: Type.Optional(Type.String()),
  protocol: Type.Optional(Type.String()),
  port: Type.Optional(LooseText),
});

export const ServerSchema = Type.Object({
  connections: Type.Optional(Type.Array(ConnectionSchema)),
  certificate: Type.Optional(Type.String()),
  rackSlot: Type.Optional(LooseText),
  os: Type.Optional(Type.String()),
  model: Type.Optional(Type.String()),
  vendor: Type.Optional(Type.String()),
  serial: Type.Optional(LooseText),
  auditingEnabled: Type.Optional(
    Type.Array(Words(['Disabled', 'Firewall']), {
      description:
        'Firewall: log what filters decide, see auditingSettings; Disabled beside it wins',
    }),
  ),
  providerAddress: ReadOnly(
    Type.String(),
    "outer address of the server's VXLAN packets; Weft's own",
  ),
  virtualNetworkInterfaces: BackReferences,
  virtualServers: BackReferences,
  configurationState: ReadOnlyConfigurationState,
});

export const ServerNetworkInterfaceSchema = Type.Object({
  interfaceName: Type.Optional(Type.String()),
  interfaceIndex: Type.Optional(LooseText),
  interfaceSpeed: Type.Optional(
    Type.String({ 'x-loose': true, description: 'Mbit/s; what bandwidth reservations divide' }),
  ),
  adminStatus: Type.Optional(Type.String()),
  operationalStatus: Type.Optional(Type.String()),
  mac: Type.Optional(Type.String()),
  vlanIds: Type.Optional(Type.Array(LooseText)),
  isBMC: Type.Optional(Type.Boolean()),
  ipConfiguration: Type.Optional(
    Type.Array(
      Type.Object({
        ipAddress: Type.Optional(Type.String()),
        networkPrefix: Type.Optional(LooseText),
        defaultGateway: Type.Optional(Type.String()),
        isDhcpEnabled: Type.Optional(Type.Boolean()),
      }),
    ),
  ),
  logicalSubnets: Type.Optional(Type.Array(Reference(['logicalNetworks/subnets']))),
});
