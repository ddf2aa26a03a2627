/**
 * loadBalancerManager/config, a singleton: which pools the addresses of the outside come from — MS-NCNBI §3.1.5.6, §6.6. It does not
 * exist until a client writes it. `loadBalancerMuxMode` L2Forwarding asks muxes to answer ARP for their addresses, which is refused.
 */
import Type from 'typebox';
import { Coded, IpText, PrefixText, Reference, Words } from './property-types.ts';

export const LoadBalancerManagerSchema = Type.Object({
  loadBalancerManagerIPAddress: Type.String({
    ...IpText,
    description: 'taken in its pool; nobody answers there',
  }),
  outboundNatIPExemptions: Type.Array(PrefixText, {
    description: 'sources and destinations whose packets are not translated',
  }),
  vipIpPools: Type.Optional(
    Type.Array(Reference(['logicalNetworks/subnets/ipPools']), {
      description: 'where public addresses and those of load balancers come from',
    }),
  ),
  loadBalancerMuxMode: Type.Optional(
    Coded(Words(['BgpPeering', 'L2Forwarding'], 'default BgpPeering'), {
      bad: 'LoadBalancerMuxModeNotSupported',
    }),
  ),
});
