/**
 * servers (hosts that run the switch) and their physical networkInterfaces — MS-NCNBI §3.1.5.15, §6.13. A host is known by its
 * resourceId, which is also the common name of its certificate.
 */
import Type from 'typebox';
import { ReadOnlyConfigurationState } from './configuration-state.ts';
import { BackReferences, Kept, LooseText, ReadOnly, Reference, Words } from './property-types.ts';

const INVENTORY = 'a record of the machine';

export const ConnectionSchema = Type.Object({
  managementAddresses: Type.Optional(Type.Array(Type.String())),
  credential: Type.Optional(Reference(['credentials'])),
  credentialType: Type.Optional(Type.String()),
  protocol: Type.Optional(Type.String()),
  port: Type.Optional(LooseText),
});

export const ServerSchema = Type.Object({
  connections: Kept(
    Type.Array(ConnectionSchema),
    'hosts connect to the controller, never the other way round',
  ),
  certificate: Kept(Type.String(), 'a host shows one of the built-in authority, in its name'),
  rackSlot: Kept(LooseText, INVENTORY),
  os: Kept(Type.String(), INVENTORY),
  model: Kept(Type.String(), INVENTORY),
  vendor: Kept(Type.String(), INVENTORY),
  serial: Kept(LooseText, INVENTORY),
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
  interfaceName: Kept(Type.String(), INVENTORY),
  interfaceIndex: Kept(LooseText, INVENTORY),
  interfaceSpeed: Type.Optional(
    Type.String({ 'x-loose': true, description: 'Mbit/s; what bandwidth reservations divide' }),
  ),
  adminStatus: Kept(Type.String(), INVENTORY),
  operationalStatus: Kept(Type.String(), INVENTORY),
  mac: Kept(Type.String(), INVENTORY),
  vlanIds: Kept(Type.Array(LooseText), INVENTORY),
  isBMC: Kept(Type.Boolean(), INVENTORY),
  ipConfiguration: Kept(
    Type.Array(
      Type.Object({
        ipAddress: Type.Optional(Type.String()),
        networkPrefix: Type.Optional(LooseText),
        defaultGateway: Type.Optional(Type.String()),
        isDhcpEnabled: Type.Optional(Type.Boolean()),
      }),
    ),
    INVENTORY,
  ),
  logicalSubnets: Type.Optional(Type.Array(Reference(['logicalNetworks/subnets']))),
});
