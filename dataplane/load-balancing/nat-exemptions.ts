/**
 * Addresses that outbound translation leaves alone, as sources and as destinations: outboundNatIPExemptions of the loadBalancerManager (MS-NCNBI
 * §3.1.5.6). An edge router knows them too, and so lets nothing of a virtual network out by another shared address instead. Called by switch/realiser
 * (sets) and outbound (asks, for the first packet of a flow).
 */
import { type IpPrefixWords, type IpWords, prefixHasWords } from '../../base/ip-words.ts';

export class NatExemptions {
  #all: readonly IpPrefixWords[] = [];

  /** Replaces them. */
  set(prefixes: readonly IpPrefixWords[]): void {
    this.#all = prefixes;
  }

  has(address: IpWords): boolean {
    return this.#all.some((prefix) => prefixHasWords(prefix, address));
  }
}
