/**
 * What a speaker and its neighbours are made from, checked once: an operator's mistake is a fault with a remedy, not a session that never comes
 * up. RFC 4271 §4.2, RFC 5492 for what an OPEN offers.
 */
import { SdnError } from '../../base/errors.ts';
import {
  type IpPrefixWords,
  type IpWords,
  ipAddressBytes,
  ipWordsToBytes,
  parseIpPrefixWords,
  parseIpWords,
} from '../../base/ip-words.ts';
import { parseIpv4 } from '../../base/ipv4.ts';
import type { BfdOptions } from '../bfd/bfd.ts';
import {
  ADD_PATHS_MAX,
  BFD_INTERVAL_MS_MAX,
  BFD_INTERVAL_MS_MIN,
  HOLD_TIME,
  LONG_LIVED_STALE_SEC_MAX,
  PREFIXES_PER_PEER_MAX,
} from '../limits.ts';
import { AddPathMode, Afi, type Capability, type Family, Safi } from '../message/capability.ts';
import type { OpenRepr } from '../message/open.ts';
import type { Policy } from '../policy/policy.ts';
import { MD5_KEY_BYTES_MAX, type PeerSecurity, TTL_MAX } from '../session/peer-security.ts';

export type FamilyName = 'ipv4-unicast' | 'ipv6-unicast';

export const FAMILIES: Readonly<Record<FamilyName, Family>> = {
  'ipv4-unicast': { afi: Afi.Ipv4, safi: Safi.Unicast },
  'ipv6-unicast': { afi: Afi.Ipv6, safi: Safi.Unicast },
};

/** What a neighbour may do, whether it is configured by address or allowed by prefix. */
export interface PeerOptions {
  /** Undefined: any AS, for dynamic neighbours. */
  readonly asn?: number;
  readonly description?: string;
  /** 0 (no keepalives) or at least 3. */
  readonly holdTimeSec?: number;
  /**
   * A session that is given something to send and whose peer takes nothing for so long ends (RFC 9687): 1 … 65535, more than the hold time.
   * Default: eight minutes or twice the hold time, whichever is longer.
   */
  readonly sendHoldTimeSec?: number;
  /** Never connect, only answer. */
  readonly isPassive?: boolean;
  readonly families?: readonly FamilyName[];
  /**
   * RFC 8212: without a policy an external neighbour gives and gets nothing; an internal one everything. 'accept-all' is a policy.
   */
  readonly importPolicy?: Policy | 'accept-all';
  readonly exportPolicy?: Policy | 'accept-all';
  /** Prefixes of one family it may announce; the session ends when there are more. */
  readonly prefixesMax?: number;
  /** Pause after that; undefined: down until it is restarted by hand. */
  readonly prefixRestartSec?: number;
  /** Toward internal neighbours too, this speaker is the next hop. */
  readonly nextHopSelf?: boolean;
  /** Own addresses to give as next hop where the session's own address is of the other family. */
  readonly nextHopIpv4?: string;
  /** An IPv4-mapped one, ::ffff:a.b.c.d, says: IPv6 by way of that IPv4 address. */
  readonly nextHopIpv6?: string;
  /** RFC 4456: an internal neighbour that routes are reflected to. */
  readonly isReflectorClient?: boolean;
  /** Role of this side (RFC 9234 §4.1), external neighbours only. */
  readonly role?: number;
  readonly isRoleRequired?: boolean;
  /** How long the neighbour keeps our routes while we restart (RFC 4724); 0 … 4095, undefined: not at all. */
  readonly gracefulRestartSec?: number;
  /**
   * After that, each side's routes live on at the other for at most so long, as a last resort (RFC 9494); 1 … 2^24 − 1, with gracefulRestartSec
   * only.
   */
  readonly longLivedStaleSec?: number;
  /** Take several paths of one prefix from it (RFC 7911). */
  readonly addPathReceive?: boolean;
  /** Tell it up to so many paths of each prefix, the best ones (RFC 7911); 2 … ADD_PATHS_MAX. */
  readonly addPathSend?: number;
  /** Every segment is signed with this key (RFC 2385), 1 to 80 bytes as UTF-8; unsigned ones are not heard. */
  readonly md5Key?: string;
  /** The path to it is watched once its session is up (RFC 5880, single hop), and the session ends when the path is down; the link's own speaker only. */
  readonly bfd?: BfdOptions;
  /** It is at most so many hops away (RFC 5082); 1: on this link. Both sides must want it. */
  readonly ttlSecurityHops?: number;
}

export interface NeighbourOptions extends PeerOptions {
  readonly address: string;
  readonly port?: number;
  readonly localAddress?: string;
}

/** Whoever connects from the prefix is a neighbour while it is connected. */
export interface DynamicNeighbourOptions extends PeerOptions {
  readonly prefix: string;
  readonly countMax?: number;
}

export interface CheckedNeighbour {
  readonly options: NeighbourOptions;
  readonly words: IpWords;
  readonly families: readonly Family[];
  readonly prefixesMax: number;
  readonly nextHops: {
    readonly ipv4: Uint8Array | undefined;
    readonly ipv6: Uint8Array | undefined;
  };
  readonly security: PeerSecurity;
}

export function checkNeighbour(options: NeighbourOptions): CheckedNeighbour {
  const words = addressOf(options.address);
  const { asn, holdTimeSec = 0, gracefulRestartSec = 0, families = ['ipv4-unicast'] } = options;
  if (asn !== undefined) checkAsn(asn);
  if (!isHoldTime(holdTimeSec)) {
    throw fault(`hold time ${holdTimeSec} s`, 'Use 0 or 3 … 65535 seconds.');
  }
  checkSendHoldTime(options);
  if (!(gracefulRestartSec >= 0 && gracefulRestartSec <= 4_095)) {
    throw fault(`restart time ${gracefulRestartSec} s`, 'Use 0 … 4095 seconds.');
  }
  const { longLivedStaleSec = 1 } = options;
  const isLongLived = Number.isInteger(longLivedStaleSec) && longLivedStaleSec >= 1;
  if (!isLongLived || longLivedStaleSec > LONG_LIVED_STALE_SEC_MAX) {
    const range = `1 … ${LONG_LIVED_STALE_SEC_MAX} seconds`;
    throw fault(`long-lived stale time ${longLivedStaleSec} s`, `Use ${range}.`);
  }
  if (options.longLivedStaleSec !== undefined && options.gracefulRestartSec === undefined) {
    throw fault('long-lived stale time alone', 'Give a gracefulRestartSec too.');
  }
  const { addPathSend = 2 } = options;
  if (!(Number.isInteger(addPathSend) && addPathSend >= 2 && addPathSend <= ADD_PATHS_MAX)) {
    throw fault(`${addPathSend} paths of a prefix`, `Use 2 … ${ADD_PATHS_MAX}, or leave it out.`);
  }
  checkBfd(options.bfd ?? {});
  if (families.length === 0) throw fault('neighbour without family', 'Name at least one.');
  if (options.localAddress !== undefined) addressOf(options.localAddress);
  return {
    options,
    words,
    families: families.map((name) => FAMILIES[name]),
    prefixesMax: options.prefixesMax ?? PREFIXES_PER_PEER_MAX,
    nextHops: {
      ipv4: options.nextHopIpv4 === undefined ? undefined : bytesOfAddress(options.nextHopIpv4),
      ipv6:
        options.nextHopIpv6 === undefined
          ? undefined
          : ipWordsToBytes(addressOf(options.nextHopIpv6)),
    },
    security: securityOf(options),
  };
}

/** RFC 9687: a peer that is alive must have had the time to read. */
function checkSendHoldTime({ sendHoldTimeSec, holdTimeSec = HOLD_TIME / 1000 }: PeerOptions): void {
  if (sendHoldTimeSec === undefined) return;
  const isTime = Number.isInteger(sendHoldTimeSec) && sendHoldTimeSec >= 1;
  if (isTime && sendHoldTimeSec <= 0xffff && sendHoldTimeSec > holdTimeSec) return;
  const what = `send hold time ${sendHoldTimeSec} s beside the hold time ${holdTimeSec} s`;
  throw fault(what, 'Use 1 … 65535 seconds, more than the hold time.');
}

function checkBfd({ intervalMs = BFD_INTERVAL_MS_MAX, multiplier = 3 }: BfdOptions): void {
  if (!(intervalMs >= BFD_INTERVAL_MS_MIN && intervalMs <= BFD_INTERVAL_MS_MAX)) {
    const range = `${BFD_INTERVAL_MS_MIN} … ${BFD_INTERVAL_MS_MAX} milliseconds`;
    throw fault(`BFD interval of ${intervalMs} ms`, `Use ${range}.`);
  }
  if (!(Number.isInteger(multiplier) && multiplier >= 1 && multiplier <= 255)) {
    throw fault(`BFD multiplier ${multiplier}`, 'Use 1 … 255.');
  }
}

/** What connections of this peer, or of these peers, must prove. */
export function securityOf({ md5Key, ttlSecurityHops }: PeerOptions): PeerSecurity {
  const key = md5Key === undefined ? undefined : new TextEncoder().encode(md5Key);
  if (key !== undefined && (key.length < 1 || key.length > MD5_KEY_BYTES_MAX)) {
    throw fault(`MD5 key of ${key.length} bytes`, `Use 1 to ${MD5_KEY_BYTES_MAX} bytes.`);
  }
  const hops = ttlSecurityHops ?? 1;
  if (!(Number.isInteger(hops) && hops >= 1 && hops < TTL_MAX)) {
    throw fault(`TTL security of ${hops} hops`, `Use 1 to ${TTL_MAX - 1} hops.`);
  }
  return {
    ...(key !== undefined && { md5Key: key }),
    ...(ttlSecurityHops !== undefined && { hopsMax: ttlSecurityHops }),
  };
}

export function checkAsn(asn: number): void {
  if (!Number.isInteger(asn) || asn < 1 || asn > 0xffff_ffff || asn === 23_456) {
    throw fault(`AS number ${asn}`, 'Use 1 … 4294967295, but not 23456 (AS_TRANS).');
  }
}

export function routerIdOf(text: string): number {
  const id = parseIpv4(text);
  if (id === undefined || id === 0) {
    throw fault(`router identifier '${text}'`, 'Write it as an IPv4 address other than 0.0.0.0.');
  }
  return id;
}

export function addressOf(text: string): IpWords {
  const words = parseIpWords(text);
  if (words === undefined) throw fault(`address '${text}'`, 'Write an IPv4 or IPv6 address.');
  return words;
}

export function prefixOf(text: string): IpPrefixWords {
  const prefix = parseIpPrefixWords(text);
  if (prefix === undefined) {
    throw fault(`prefix '${text}'`, 'Write it as 10.1.0.0/16, without host bits.');
  }
  return prefix;
}

/** 4 bytes for IPv4, 16 for IPv6, network order. */
export function bytesOfAddress(text: string): Uint8Array {
  return ipAddressBytes(addressOf(text));
}

/** What this side offers a neighbour. */
export function openFor(
  neighbour: CheckedNeighbour,
  local: {
    readonly asn: number;
    readonly bgpIdentifier: number;
    readonly restarting: boolean;
    /** What the neighbour told before is still forwarded by. */
    readonly forwardingState: boolean;
  },
): OpenRepr {
  const { options, families } = neighbour;
  const capabilities: Capability[] = families.map((family) => ({
    kind: 'multiprotocol',
    ...family,
  }));
  capabilities.push(
    { kind: 'route-refresh' },
    { kind: 'enhanced-route-refresh' },
    { kind: 'extended-message' },
    { kind: 'four-octet-as', asn: local.asn },
  );
  if (families.some(({ afi }) => afi === Afi.Ipv4)) {
    const entry = { ...FAMILIES['ipv4-unicast'], nextHopAfi: Afi.Ipv6 };
    capabilities.push({ kind: 'extended-next-hop', entries: [entry] });
  }
  const mode =
    (options.addPathReceive === true ? AddPathMode.Receive : 0) |
    (options.addPathSend === undefined ? 0 : AddPathMode.Send);
  if (mode !== 0) {
    const entries = families.map((family) => ({ ...family, mode }));
    capabilities.push({ kind: 'add-path', families: entries });
  }
  if (options.role !== undefined && options.asn !== local.asn) {
    capabilities.push({ kind: 'role', role: options.role });
  }
  // Without a family it says: End-of-RIB is understood, and your restart is waited for (RFC 4724 §3). FRR answers no refresh without.
  const isKept = options.gracefulRestartSec !== undefined;
  capabilities.push({
    kind: 'graceful-restart',
    restarting: local.restarting && isKept,
    notification: true,
    restartTimeSec: options.gracefulRestartSec ?? 0,
    families: isKept
      ? families.map((family) => ({ ...family, forwardingState: local.forwardingState }))
      : [],
  });
  if (options.longLivedStaleSec !== undefined) {
    const staleTimeSec = options.longLivedStaleSec;
    capabilities.push({
      kind: 'long-lived-graceful-restart',
      families: families.map((family) => ({
        ...family,
        forwardingState: local.forwardingState,
        staleTimeSec,
      })),
    });
  }
  return {
    asn: local.asn,
    holdTimeSec: options.holdTimeSec ?? HOLD_TIME / 1000,
    bgpIdentifier: local.bgpIdentifier,
    capabilities,
  };
}

function isHoldTime(value: number): boolean {
  return Number.isInteger(value) && (value === 0 || (value >= 3 && value <= 0xffff));
}

function fault(what: string, remedy: string): SdnError {
  return new SdnError('SDN_BGP_CONFIG', `BGP cannot be configured with the ${what}`, { remedy });
}

/** Whether the session can stand: only what it was opened with matters. */
export function isSameSession(a: NeighbourOptions, b: NeighbourOptions): boolean {
  const essence = (options: NeighbourOptions): string =>
    JSON.stringify([
      options.asn,
      options.port,
      options.localAddress,
      options.holdTimeSec,
      options.sendHoldTimeSec,
      options.isPassive === true,
      options.families ?? ['ipv4-unicast'],
      options.md5Key,
      options.ttlSecurityHops,
      options.role,
      options.isRoleRequired === true,
      options.gracefulRestartSec,
      options.longLivedStaleSec,
      options.addPathReceive === true,
      options.addPathSend,
    ]);
  return essence(a) === essence(b);
}
