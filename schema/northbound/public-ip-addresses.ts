/**
 * publicIPAddresses: addresses of the outside that lead to one inside — MS-NCNBI §3.1.5.14, §6.12. The example of §3.1.5.14.1.2.2 has an
 * idleTimeoutInMinutes of 1 where the table says 4 to 30; the table is followed, as its own error code does. `dnsSettings` is kept
 * for the client and checked; publishing the name is the task of whoever serves that zone, as §2.2.2 says of the record.
 */
import Type from 'typebox';
import { ReadOnlyVipConfigurationState } from './configuration-state.ts';
import { IpText, Kept, ReadOnly, Reference, Words } from './property-types.ts';

export const IDLE_TIMEOUT_MINUTES_MIN = 4;
export const IDLE_TIMEOUT_MINUTES_MAX = 30;

const ZONE = 'checked; whoever serves the zone publishes the name';

export const PublicIpAddressSchema = Type.Object({
  ipAddress: Type.Optional({ ...IpText, 'x-blank': true }),
  publicIPAllocationMethod: Type.Optional(
    Words(['Static', 'Dynamic'], 'Static: ipAddress is wanted; default: whether there is one'),
  ),
  publicIPAddressVersion: Type.Optional(Words(['IPv4', 'IPv6'], 'default IPv4')),
  idleTimeoutInMinutes: Kept(
    Type.Integer({ description: 'of TCP connections without traffic, 4 to 30; default 4' }),
    'an address of one interface is translated without any state that could be idle',
  ),
  dnsSettings: Type.Optional(
    Type.Object({
      domainNameLabel: Kept(Type.String(), ZONE),
      fqdn: Kept(Type.String(), ZONE),
      reverseFqdn: Kept(Type.String(), ZONE),
    }),
  ),
  ipConfiguration: ReadOnly(
    Reference(['networkInterfaces/ipConfigurations', 'loadBalancers/frontendIPConfigurations']),
    'the private address, or the load balancer, that it leads to',
  ),
  counters: ReadOnly(
    Type.Array(Type.Unknown()),
    'never there: an edge counts by its links (`weft edge counters`), not by addresses',
  ),
  configurationState: ReadOnlyVipConfigurationState,
});
