/**
 * loadBalancerMuxes — MS-NCNBI §3.1.5.7, §6.7 — and the virtualServers that they run on, §3.1.5.21. A mux is known by its resourceId, which is
 * also the common name of its certificate. `routerIPAddress` is the peer's address, as in the examples, whatever the prose calls it.
 */
import Type from 'typebox';
import { HOLD_TIME_SEC_MAX } from './bgp.ts';
import { ReadOnlyConfigurationState } from './configuration-state.ts';
import { CounterSchema } from './counters.ts';
import { IpText, Kept, LooseText, NotBuilt, ReadOnly, Reference, Words } from './property-types.ts';
import { ConnectionSchema } from './servers.ts';

const OWN = "; Weft's own";

const AsNumber = Type.Optional(Type.Integer({ description: '0: the other one counts' }));

export const PeerRouterConfigurationSchema = Type.Object({
  routerName: Type.String(),
  routerIPAddress: Type.Optional(IpText),
  peerASN: AsNumber,
  peerASN4: AsNumber,
  id: Kept(Type.String(), 'a peer is known by its address'),
  localIPAddress: NotBuilt(Type.String(), ''),
  holdTimeInSeconds: Type.Optional(
    Type.Integer({
      minimum: 3,
      maximum: HOLD_TIME_SEC_MAX,
      description: `proposed; the smaller side’s counts; default 90${OWN}`,
    }),
  ),
  isBfdEnabled: Type.Optional(
    Type.Boolean({ description: `the session’s loss is noticed by BFD; default false${OWN}` }),
  ),
});

export const LoadBalancerMuxSchema = Type.Object({
  connections: Kept(
    Type.Array(ConnectionSchema),
    'muxes connect to the controller, never the other way round',
  ),
  certificate: Kept(Type.String(), 'a mux shows one of the built-in authority, in its name'),
  routerConfiguration: Type.Object({
    localASN: AsNumber,
    localASN4: AsNumber,
    peerRouterConfigurations: Type.Array(PeerRouterConfigurationSchema),
  }),
  virtualServer: Reference(['virtualServers']),
  providerAddress: Type.Optional({
    ...IpText,
    description: `in a subnet of a network with networkVirtualizationEnabled; default: one of its pools${OWN}`,
  }),
  networkInterfaces: NotBuilt(
    Type.Object({
      externalNetworkInterface: Type.Optional(Type.Unknown()),
      internalNetworkInterface: Type.Optional(Type.Unknown()),
    }),
    {},
  ),
  configurationState: ReadOnlyConfigurationState,
  counters: ReadOnly(Type.Array(CounterSchema), 'from v2 on, where one mux is read and it answers'),
  activityState: ReadOnly(
    Words(['NA', 'Active', 'Standby']),
    'Active: it is connected and has a BGP session',
  ),
});

export const VirtualServerSchema = Type.Object({
  connections: Kept(Type.Array(ConnectionSchema), 'a record of the machine'),
  certificate: Kept(Type.String(), 'a record of the machine'),
  vmGuid: Kept(LooseText, 'a record of the machine'),
  loadBalancerMuxes: ReadOnly(Reference(['loadBalancerMuxes'])),
  gateway: ReadOnly(Reference(['gateways'])),
  server: ReadOnly(Reference(['servers'])),
});
