/** Own addresses on the role's links, as BGP needs them: where it listens, which next hops it can reach and which it gives. Called by bgp-control.ts. */
import {
  formatIpWords,
  type IpPrefixWords,
  type IpWords,
  ipWordsFromBytes,
  isIpv4Words,
  networkOf,
  prefixHasWords,
} from '../../base/ip-words.ts';

export class ConnectedLinks {
  /** Addresses of each link, with the lengths of their networks' prefixes. */
  #links: readonly (readonly IpPrefixWords[])[] = [];

  set(links: readonly (readonly IpPrefixWords[])[]): void {
    this.#links = links;
  }

  /** All of IPv4, and every IPv6 address of the links: the kernel binds a port for both families at once only where nobody has it in one. */
  get listenAddresses(): string[] {
    const ipv6 = this.#links.flatMap((link) =>
      link.filter(({ words }) => !isIpv4Words(words)).map(({ words }) => formatIpWords(words)),
    );
    return ['0.0.0.0', ...ipv6.sort()];
  }

  /**
   * Own addresses of the link that the peer is on, for routes of the other family than its session. `hasMapped`: where there is no IPv6 address, the IPv4
   * address, mapped, is the way for IPv6 too.
   */
  nextHopsToward(
    peer: IpWords,
    hasMapped: boolean,
  ): { nextHopIpv4?: string; nextHopIpv6?: string } {
    const link = this.#links.find((addresses) => isOn(addresses, peer));
    const own = (isIpv4: boolean) =>
      link?.find(({ words }) => isIpv4Words(words) === isIpv4)?.words;
    const ipv4 = own(true);
    const ipv6 = own(false) ?? (hasMapped ? ipv4 : undefined);
    return {
      ...(ipv4 !== undefined && { nextHopIpv4: formatIpWords(ipv4) }),
      ...(ipv6 !== undefined && { nextHopIpv6: formatIpWords(ipv6) }),
    };
  }

  /** Of reaching a next hop; undefined: it is on no link. */
  costOf(nextHop: Uint8Array): number | undefined {
    const words = ipWordsFromBytes(nextHop);
    if (words === undefined) return undefined;
    return this.#links.some((addresses) => isOn(addresses, words)) ? 0 : undefined;
  }
}

function isOn(addresses: readonly IpPrefixWords[], words: IpWords): boolean {
  return addresses.some((address) => prefixHasWords(networkOf(address), words));
}
