/**
 * Identity associations of DHCPv6 — RFC 8415 §12, §21.4 … §21.6, §21.21: what a client asks addresses and prefixes by. The addresses belong
 * to the NIC and are all given in the first IA_NA of a message; further ones, temporary addresses (IA_TA) and prefixes (IA_PD) are
 * refused with a status of their own. Called by dhcpv6-server.
 */
import {
  equalIpWords,
  type IpWords,
  ipWordsFromBytes,
  ipWordsToBytes,
  prefixHasWords,
} from '../../base/ip-words.ts';
import * as dhcpv6 from '../../packet/dhcpv6.ts';
import { IA_ADDRESSES_MAX, IAS_MAX, LEASE_TIME_SEC } from './limits.ts';
import type { Ipv6Settings } from './port-settings.ts';

const { IA_NA, IA_TA, IA_PD, IA_ADDRESS } = dhcpv6.OptionCode;

export interface Association {
  readonly code: number;
  /** The IAID, 4 bytes. */
  readonly id: Uint8Array;
  /** Addresses the client names in it; none of an IA_PD. */
  readonly addresses: readonly IpWords[];
}

const FIXED_LEN: Readonly<Record<number, number>> = { [IA_NA]: 12, [IA_TA]: 4, [IA_PD]: 12 };

/** The associations of a message, IAS_MAX at most; undefined when one is malformed. */
export function associationsOf(options: readonly dhcpv6.Option[]): Association[] | undefined {
  const found: Association[] = [];
  for (const { code, data } of options) {
    const fixed = FIXED_LEN[code];
    if (fixed === undefined || found.length === IAS_MAX) continue;
    const inner = data.length < fixed ? undefined : dhcpv6.parseOptions(data.slice(fixed));
    if (inner === undefined) return undefined;
    const addresses: IpWords[] = [];
    for (const option of inner) {
      if (option.code !== IA_ADDRESS) continue;
      const address =
        option.data.length < 24 ? undefined : ipWordsFromBytes(option.data.slice(0, 16));
      if (address === undefined) return undefined;
      addresses.push(address);
    }
    found.push({ code, id: data.slice(0, 4), addresses });
  }
  return found;
}

/** What the client gets: the port's addresses in the first IA_NA, those it names but does not have with lifetime 0, refusals. */
export function grant(
  associations: readonly Association[],
  settings: Ipv6Settings,
): dhcpv6.Option[] {
  const first = associations.find(({ code }) => code === IA_NA);
  return associations.map((association) => {
    if (association.code === IA_PD) {
      return refused(association, dhcpv6.Status.NO_PREFIX, 'no prefixes are delegated here');
    }
    if (association !== first) {
      const text = 'the addresses of this network interface are all in its first IA_NA';
      return refused(association, dhcpv6.Status.NO_ADDRESSES, text);
    }
    const own = settings.addresses.slice(0, IA_ADDRESSES_MAX).map(({ address }) => address);
    const foreign = association.addresses.filter((address) => !hasAddress(settings, address));
    return {
      code: IA_NA,
      data: Uint8Array.of(
        ...association.id,
        ...uint32(LEASE_TIME_SEC / 2),
        ...uint32(Math.floor((LEASE_TIME_SEC * 4) / 5)),
        ...dhcpv6.optionsBytes([
          ...own.map((address) => addressOption(address, LEASE_TIME_SEC)),
          ...foreign.slice(0, IA_ADDRESSES_MAX).map((address) => addressOption(address, 0)),
        ]),
      ),
    };
  });
}

/** The association with a status instead of addresses. */
export function refused(association: Association, status: number, text: string): dhcpv6.Option {
  const { code, id } = association;
  const times = code === IA_TA ? [] : new Array<number>(8).fill(0);
  const inner = dhcpv6.optionsBytes([dhcpv6.statusOption(status, text)]);
  return { code, data: Uint8Array.of(...id, ...times, ...inner) };
}

export function hasAddress(settings: Ipv6Settings, address: IpWords): boolean {
  return settings.addresses.some((own) => equalIpWords(own.address, address));
}

/** In one of the port's subnets? */
export function isOnLink(settings: Ipv6Settings, address: IpWords): boolean {
  return settings.addresses.some(({ prefix }) => prefixHasWords(prefix, address));
}

function addressOption(address: IpWords, lifetimeSec: number): dhcpv6.Option {
  const lifetime = uint32(lifetimeSec);
  return {
    code: IA_ADDRESS,
    data: Uint8Array.of(...ipWordsToBytes(address), ...lifetime, ...lifetime),
  };
}

function uint32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}
