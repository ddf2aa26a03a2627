/**
 * The router's links: the interfaces whose frames it takes, and which of their addresses are its own. The kernel has the same addresses, speaks
 * BGP with them and answers for them; what is for them never reaches the router (link-filters.ts). Called by router-state.ts.
 */
import { formatIpWords, type IpWords, isIpv4Words } from '../../../base/ip-words.ts';
import type { Mac } from '../../../base/mac.ts';

export interface LinkAddress {
  readonly words: IpWords;
  /** 0 … 128; of IPv4 96 … 128. */
  readonly len: number;
}

export interface LinkSettings {
  readonly name: string;
  /** The provider network, or the outside. */
  readonly kind: 'provider' | 'outside';
  readonly mac: Mac;
  /** Bytes of the largest IP packet. */
  readonly mtu: number;
  readonly addresses: readonly LinkAddress[];
}

/** Number of the tunnels' link; links of interfaces follow. */
export const OVERLAY_LINK = 0;

export interface Link extends LinkSettings {
  readonly number: number;
  /** Of the frame I/O. */
  readonly device: number;
}

/** An address of the router's own on the link, of the family of `like`; undefined: it has none there. */
export function ownAddress(
  { addresses }: Pick<LinkSettings, 'addresses'>,
  isIpv4: boolean,
): IpWords | undefined {
  return addresses.find(({ words }) => isIpv4Words(words) === isIpv4)?.words;
}

export function describeLink({ name, addresses }: LinkSettings): string {
  return `${name} ${addresses.map(({ words }) => formatIpWords(words)).join(', ')}`;
}
