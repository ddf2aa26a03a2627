/**
 * Neighbor Discovery messages and options — RFC 4861 §4; RDNSS and DNSSL RFC 8106 §5. They are ICMPv6 messages (icmpv6.ts); offsets
 * are from the ICMPv6 header:
 *
 *   Router Solicitation (133)      8 options …
 *   Router Advertisement (134)     4 hop limit | 5 flags | 6 router lifetime | 8 reachable time | 12 retrans timer | 16 options …
 *   Neighbor Solicitation (135)    4 reserved | 8 target address 16 | 24 options …
 *   Neighbor Advertisement (136)   4 flags    | 8 target address 16 | 24 options …
 *   Redirect (137)                 8 target 16 | 24 destination 16 | 40 options …
 *   option                         type 1 | length 1, in 8 bytes, 0 is malformed | data
 *
 * `check` proves length and options. Options this module has no name for survive as bytes. Called by dataplane/service, dump.
 */
import { type IpPrefixWords, type IpWords, ipWordsToBytes } from '../base/ip-words.ts';
import type { Mac } from '../base/mac.ts';
import { copyBytes, writeBytes } from './bytes.ts';
import { encodeDomainName } from './domain-name.ts';
import { Drop } from './drop.ts';
import { readMac } from './ethernet.ts';
import { Type } from './icmpv6.ts';

/** What every message must arrive with: it has not been forwarded (RFC 4861 §6.1, §7.1). */
export const HOP_LIMIT = 255;
export const PREFIX_LIFETIME_INFINITE = 0xffff_ffff;

/** Flags of a neighbor advertisement, in the word after the checksum. */
export const AdvertisementFlag = {
  ROUTER: 0x8000_0000,
  SOLICITED: 0x4000_0000,
  OVERRIDE: 0x2000_0000,
} as const;

/** Flags of a router advertisement. */
export const RouterFlag = { MANAGED: 0x80, OTHER: 0x40 } as const;

/** Flags of a prefix information option. */
export const PrefixFlag = { ON_LINK: 0x80, AUTONOMOUS: 0x40 } as const;

export const OptionType = {
  SOURCE_LINK_LAYER: 1,
  TARGET_LINK_LAYER: 2,
  PREFIX_INFORMATION: 3,
  REDIRECTED_HEADER: 4,
  MTU: 5,
  RDNSS: 25,
  DNSSL: 31,
} as const;

const TARGET = 8;
const LENGTH_UNIT = 8;
const OPTION_LEN_MAX = 255 * LENGTH_UNIT;

const OPTIONS_AT: Readonly<Record<number, number>> = {
  [Type.ROUTER_SOLICITATION]: 8,
  [Type.ROUTER_ADVERTISEMENT]: 16,
  [Type.NEIGHBOR_SOLICITATION]: 24,
  [Type.NEIGHBOR_ADVERTISEMENT]: 24,
  [Type.REDIRECT]: 40,
};

/** Bytes before the options of a message of this ICMPv6 type; 0: no message of Neighbor Discovery. */
export function fixedLen(type: number): number {
  return OPTIONS_AT[type] ?? 0;
}

/** Must pass before any other accessor is used on the message at [at, end), whose type is one of Neighbor Discovery's. */
export function check(view: DataView, at: number, end: number): Drop {
  if (end - at < 1) return Drop.IcmpTruncated;
  const fixed = fixedLen(view.getUint8(at));
  if (fixed === 0 || end - at < fixed) return Drop.IcmpTruncated;
  for (let offset = at + fixed; offset < end; ) {
    if (offset + 2 > end) return Drop.NdpBadOption;
    const bytes = view.getUint8(offset + 1) * LENGTH_UNIT;
    if (bytes === 0 || offset + bytes > end) return Drop.NdpBadOption;
    offset += bytes;
  }
  return Drop.None;
}

/** Word `index` (0 … 3) of the target address of a neighbor message or redirect. */
export function targetWord(view: DataView, at: number, index: number): number {
  return view.getUint32(at + TARGET + index * 4);
}

/** Value of a link-layer address option; undefined without one. */
export function linkLayerAddress(
  view: DataView,
  at: number,
  end: number,
  option: number,
): Mac | undefined {
  const first = at + fixedLen(view.getUint8(at));
  for (let offset = first; offset < end; offset += view.getUint8(offset + 1) * LENGTH_UNIT) {
    if (view.getUint8(offset) === option) return readMac(view, offset + 2);
  }
  return undefined;
}

export interface NdOption {
  readonly type: number;
  /** Without type and length, padding included: 6, 14, 22 … bytes. */
  readonly data: Uint8Array;
}

/** The options of a message that passed check. */
export function parseOptions(view: DataView, at: number, end: number): NdOption[] {
  const options: NdOption[] = [];
  for (let offset = at + fixedLen(view.getUint8(at)); offset < end; ) {
    const next = offset + view.getUint8(offset + 1) * LENGTH_UNIT;
    options.push({ type: view.getUint8(offset), data: copyBytes(view, offset + 2, next) });
    offset = next;
  }
  return options;
}

/** Bytes of options on the wire. */
export function optionsBytes(options: readonly NdOption[]): Uint8Array {
  const bytes = new Uint8Array(options.reduce((total, { data }) => total + 2 + data.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { type, data } of options) {
    view.setUint8(at, type);
    view.setUint8(at + 1, (2 + data.length) / LENGTH_UNIT);
    writeBytes(data, view, at + 2);
    at += 2 + data.length;
  }
  return bytes;
}

export function linkLayerOption(type: number, mac: Mac): NdOption {
  const data = new Uint8Array(6);
  const view = new DataView(data.buffer);
  view.setUint16(0, Math.floor(mac / 0x1_0000_0000));
  view.setUint32(2, mac % 0x1_0000_0000);
  return { type, data };
}

/** RFC 4861 §4.6.4; `mtu` in bytes. */
export function mtuOption(mtu: number): NdOption {
  const data = new Uint8Array(6);
  new DataView(data.buffer).setUint32(2, mtu);
  return { type: OptionType.MTU, data };
}

export interface PrefixInformation {
  readonly prefix: IpPrefixWords;
  /** Bits of PrefixFlag. */
  readonly flags: number;
  readonly validSec: number;
  readonly preferredSec: number;
}

/** RFC 4861 §4.6.2. */
export function prefixOption(information: PrefixInformation): NdOption {
  const data = new Uint8Array(30);
  const view = new DataView(data.buffer);
  view.setUint8(0, information.prefix.len);
  view.setUint8(1, information.flags);
  view.setUint32(2, information.validSec);
  view.setUint32(6, information.preferredSec);
  writeBytes(ipWordsToBytes(information.prefix.words), view, 14);
  return { type: OptionType.PREFIX_INFORMATION, data };
}

/** Recursive DNS servers, RFC 8106 §5.1; at most 127. */
export function rdnssOption(lifetimeSec: number, servers: readonly IpWords[]): NdOption {
  const data = new Uint8Array(6 + 16 * servers.length);
  const view = new DataView(data.buffer);
  view.setUint32(2, lifetimeSec);
  for (const [index, server] of servers.entries()) {
    writeBytes(ipWordsToBytes(server), view, 6 + 16 * index);
  }
  return { type: OptionType.RDNSS, data };
}

/** DNS search list, RFC 8106 §5.2; names that are none are left out, undefined when none is left. */
export function dnsslOption(lifetimeSec: number, domains: readonly string[]): NdOption | undefined {
  const names = domains.flatMap((domain) => [...(encodeDomainName(domain) ?? [])]);
  const bytes = Math.ceil((8 + names.length) / LENGTH_UNIT) * LENGTH_UNIT;
  if (names.length === 0 || bytes > OPTION_LEN_MAX) return undefined;
  const data = new Uint8Array(bytes - 2);
  new DataView(data.buffer).setUint32(2, lifetimeSec);
  data.set(names, 6);
  return { type: OptionType.DNSSL, data };
}

export interface RouterAdvertisement {
  readonly hopLimit: number;
  /** Bits of RouterFlag. */
  readonly flags: number;
  /** 0: no default router. */
  readonly lifetimeSec: number;
  readonly options: readonly NdOption[];
}

/** As rest of header and body of an ICMPv6 message; reachable time and retransmission timer are left to the guest. */
export function advertisementParts(message: RouterAdvertisement): {
  readonly rest: number;
  readonly body: Uint8Array;
} {
  const { hopLimit, flags, lifetimeSec, options } = message;
  const rest = ((hopLimit << 24) | (flags << 16) | lifetimeSec) >>> 0;
  return { rest, body: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, ...optionsBytes(options)) };
}
