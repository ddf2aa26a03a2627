/**
 * edgeRouters with natPools and portForwards: the way in and out, Weft's own. MS-NCNBI leaves the edge to the data centre's routers and has
 * BGP below virtualGateways only (§3.1.5.17); bgpRouters and policyMaps of an edge have that shape (bgp.ts).
 */
import Type from 'typebox';
import { ReadOnlyConfigurationState } from './configuration-state.ts';
import { IpText, ReadOnly, Reference, Words } from './property-types.ts';

/** RFC 6335 §6: below are the system ports, which nothing is translated to. */
export const NAT_PORT_FIRST = 1_024;
export const PORT_MAX = 65_535;
export const NAT_PORTS_PER_BLOCK = 512;
export const NAT_BLOCKS_PER_ADDRESS_MAX = 8;
/** Linux IFNAMSIZ less its end. */
export const INTERFACE_NAME_LENGTH_MAX = 15;
/** RFC 8200 §5. */
export const OUTSIDE_MTU_MIN = 1_280;

export const OutsideInterfaceSchema = Type.Object({
  name: Type.String({ maxLength: INTERFACE_NAME_LENGTH_MAX, description: 'in the edge’s host' }),
  addresses: Type.Array(Type.String(), { description: 'with their prefix length: 192.0.2.2/24' }),
  mtu: Type.Optional(
    Type.Integer({ minimum: OUTSIDE_MTU_MIN, maximum: 65_535, description: 'default 1500' }),
  ),
  gateways: Type.Optional(
    Type.Array(IpText, {
      description: 'static default next hops, one of each family at most, beside what BGP learns',
    }),
  ),
});

export const EdgeRouterSchema = Type.Object({
  providerAddress: Type.Optional({
    ...IpText,
    description:
      'in a subnet of a network with networkVirtualizationEnabled; default: one of its pools',
  }),
  isProviderGateway: Type.Optional(
    Type.Boolean({
      description:
        'answers for the provider subnet’s default gateway, of which there is one; default false',
    }),
  ),
  outsideInterfaces: Type.Optional(Type.Array(OutsideInterfaceSchema)),
  configurationState: ReadOnlyConfigurationState,
});

const Port = (description: string) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum: PORT_MAX, description }));

export const NatPoolSchema = Type.Object({
  startIpAddress: Type.String({ ...IpText, description: 'in a logical subnet marked isPublic' }),
  endIpAddress: IpText,
  portFirst: Port(`default ${NAT_PORT_FIRST}`),
  portLast: Port(`default ${PORT_MAX}`),
  portsPerBlock: Port(`what an inside address gets at a time; default ${NAT_PORTS_PER_BLOCK}`),
  blocksPerAddressMax: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_024,
      description: `of one inside address; default ${NAT_BLOCKS_PER_ADDRESS_MAX}`,
    }),
  ),
  isInfrastructure: Type.Optional(
    Type.Boolean({ description: 'for the provider network’s own addresses too; default false' }),
  ),
});

export const PortForwardSchema = Type.Object({
  protocol: Words(['TCP', 'UDP']),
  frontendIPAddress: Type.String({ ...IpText, description: 'an address of one of the natPools' }),
  frontendPort: Type.Integer({ minimum: 1, maximum: PORT_MAX }),
  ipConfiguration: Type.Optional(
    Reference(['networkInterfaces/ipConfigurations'], 'in a virtual network'),
  ),
  privateIPAddress: Type.Optional({
    ...IpText,
    description: 'instead of ipConfiguration: an address of the provider network',
  }),
  backendPort: Port('default: frontendPort'),
  address: ReadOnly(Type.String(), 'where it leads'),
});
