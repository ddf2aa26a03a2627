/**
 * Router Advertisements of the virtual router — RFC 4861 §6.2, DNS options RFC 8106. A guest learns from them that there is a default
 * router, which prefixes are on-link, the MTU and the resolvers; its addresses it gets from DHCPv6 alone (flags M and O, no
 * autonomous prefix), as in Azure: an address that goal state does not know would be dropped as spoofed.
 *
 * A solicitation is answered at once and to the asker alone; besides, the switch repeats the advertisement to each port before the
 * lifetimes in it end. Called by neighbor-responder (solicited), dataplane/switch (unsolicited).
 */
import { formatIpPrefixWords, type IpWords } from '../../base/ip-words.ts';
import { type Mac, VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import * as icmpv6 from '../../packet/icmpv6.ts';
import * as ndp from '../../packet/ndp.ts';
import { type Answer, emitIcmpv6 } from './answer.ts';
import { DNS_SERVERS_MAX, ROUTER_LIFETIME_SEC, TTL } from './limits.ts';
import { type Ipv6Settings, ROUTER_LINK_LOCAL } from './port-settings.ts';

/** Writes an advertisement for the port's guest. */
export function emitAdvertisement(
  view: DataView,
  settings: Ipv6Settings,
  to: { readonly dst: IpWords; readonly dstMac: Mac },
  answer: Answer,
): void {
  const { MANAGED, OTHER } = ndp.RouterFlag;
  const message = {
    hopLimit: TTL,
    flags: MANAGED | OTHER,
    lifetimeSec: ROUTER_LIFETIME_SEC,
    options: optionsOf(settings),
  };
  const addressing = { ...to, src: ROUTER_LINK_LOCAL, hopLimit: ndp.HOP_LIMIT };
  const type = icmpv6.Type.ROUTER_ADVERTISEMENT;
  emitIcmpv6(view, answer, addressing, { type, code: 0, ...ndp.advertisementParts(message) });
}

function optionsOf(settings: Ipv6Settings): ndp.NdOption[] {
  const { addresses, dnsServers, domainName, mtu } = settings;
  const prefixes = new Map(addresses.map(({ prefix }) => [formatIpPrefixWords(prefix), prefix]));
  const options = [
    ndp.linkLayerOption(ndp.OptionType.SOURCE_LINK_LAYER, VIRTUAL_ROUTER_MAC),
    ndp.mtuOption(mtu),
    ...[...prefixes.values()].map((prefix) =>
      ndp.prefixOption({
        prefix,
        flags: ndp.PrefixFlag.ON_LINK,
        validSec: ndp.PREFIX_LIFETIME_INFINITE,
        preferredSec: ndp.PREFIX_LIFETIME_INFINITE,
      }),
    ),
  ];
  if (dnsServers.length > 0) {
    options.push(ndp.rdnssOption(ROUTER_LIFETIME_SEC, dnsServers.slice(0, DNS_SERVERS_MAX)));
  }
  const search = domainName === '' ? undefined : ndp.dnsslOption(ROUTER_LIFETIME_SEC, [domainName]);
  if (search !== undefined) options.push(search);
  return options;
}
