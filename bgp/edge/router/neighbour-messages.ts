/**
 * What neighbours say to each other: ARP (RFC 826) and Neighbour Discovery (RFC 4861 §7.2). Reads who is where from any message that says so, and
 * writes requests and answers. The kernel answers for the addresses that it has; the router answers for public addresses that lie in the
 * network of a link, since nobody else there does (proxy, RFC 4861 §7.2.8). Pure but for the bytes; called by router.ts.
 */
import { type IpWords, ipv4Words, ipWordsToBytes, isIpv4Words } from '../../../base/ip-words.ts';
import { ipv6MulticastMac, type Mac } from '../../../base/mac.ts';
import * as arp from '../../../packet/arp.ts';
import { pseudoIpv6 } from '../../../packet/checksum.ts';
import { Drop } from '../../../packet/drop.ts';
import * as ethernet from '../../../packet/ethernet.ts';
import type { FlowKey } from '../../../packet/flow-key.ts';
import * as icmpv6 from '../../../packet/icmpv6.ts';
import { IpProtocol } from '../../../packet/ip-protocol.ts';
import * as ipv6 from '../../../packet/ipv6.ts';
import * as ndp from '../../../packet/ndp.ts';

/** Who says that it is where, and whom it asks for. */
export interface Heard {
  readonly drop: Drop;
  /** Undefined: it does not say. */
  readonly sender: { readonly words: IpWords; readonly mac: Mac } | undefined;
  /** Undefined: it asks for nobody. */
  readonly target: IpWords | undefined;
}

/** Bytes that a message takes at most, Ethernet header included. */
export const MESSAGE_BYTES_MAX: number =
  ethernet.HEADER_LEN + ipv6.HEADER_LEN + icmpv6.HEADER_LEN + 24;

/** ff02::1:ff00:0/104, the group of everybody whose address ends alike (RFC 4291 §2.7.1). */
const SOLICITED_NODE: readonly [number, number, number] = [0xff02_0000, 0, 1];
const SOLICITED_NODE_LAST = 0xff00_0000;
const SOLICITED_NODE_MASK = 0x00ff_ffff;

export function hearArp(view: DataView, at: number, end: number): Heard {
  const drop = arp.check(view, at, end);
  if (drop !== Drop.None) return { drop, sender: undefined, target: undefined };
  const address = arp.senderAddress(view, at);
  const mac = arp.senderMac(view, at);
  const isRequest = arp.opcode(view, at) === arp.Opcode.REQUEST;
  return {
    drop,
    sender: address === 0 ? undefined : { words: ipv4Words(address), mac },
    target: isRequest ? ipv4Words(arp.targetAddress(view, at)) : undefined,
  };
}

export function isNeighbourMessage(key: FlowKey): boolean {
  const type = key.dstPort >>> 8;
  return (
    key.protocol === IpProtocol.ICMPV6 &&
    (type === icmpv6.Type.NEIGHBOR_SOLICITATION || type === icmpv6.Type.NEIGHBOR_ADVERTISEMENT)
  );
}

/** `key` is that of a frame for which isNeighbourMessage holds. */
export function hearNdp(view: DataView, key: FlowKey): Heard {
  const nothing = { sender: undefined, target: undefined };
  if (key.ttl !== ndp.HOP_LIMIT) return { drop: Drop.SpoofedNdp, ...nothing };
  const drop = ndp.check(view, key.l4At, key.l3End);
  if (drop !== Drop.None) return { drop, ...nothing };
  const pseudo = pseudoIpv6(view, key.l3At, IpProtocol.ICMPV6, key.l3End - key.l4At);
  if (!icmpv6.hasValidChecksum(view, key.l4At, key.l3End, pseudo)) {
    return { drop: Drop.IcmpBadChecksum, ...nothing };
  }
  const word = (index: number) => ndp.targetWord(view, key.l4At, index);
  const target: IpWords = [word(0), word(1), word(2), word(3)];
  const isAnswer = key.dstPort >>> 8 === icmpv6.Type.NEIGHBOR_ADVERTISEMENT;
  const { SOURCE_LINK_LAYER, TARGET_LINK_LAYER } = ndp.OptionType;
  const option = isAnswer ? TARGET_LINK_LAYER : SOURCE_LINK_LAYER;
  const mac = ndp.linkLayerAddress(view, key.l4At, key.l3End, option);
  const words: IpWords = isAnswer ? target : [key.src0, key.src1, key.src2, key.src3];
  const isUnspecified = words.every((part) => part === 0);
  return {
    drop,
    sender: mac === undefined || isUnspecified ? undefined : { words, mac },
    target: isAnswer ? undefined : target,
  };
}

/** Asks for `target`; `mac`: from it alone. Returns the offset after the frame. */
export function emitRequest(
  view: DataView,
  own: { readonly mac: Mac; readonly words: IpWords },
  target: IpWords,
  mac: Mac | undefined,
  to: number,
): number {
  if (!isIpv4Words(target)) return emitSolicitation(view, own, target, mac, to);
  const dst = mac ?? ethernet.BROADCAST;
  const request = {
    opcode: arp.Opcode.REQUEST,
    senderMac: own.mac,
    senderAddress: own.words[3],
    targetMac: 0,
    targetAddress: target[3],
  };
  return emitArp(view, dst, own.mac, request, to);
}

/** Answers who has asked for `target` that it is at `own`. */
export function emitAnswer(
  view: DataView,
  own: Mac,
  target: IpWords,
  asker: { readonly words: IpWords; readonly mac: Mac },
  to: number,
): number {
  if (isIpv4Words(target)) {
    const answer = {
      opcode: arp.Opcode.REPLY,
      senderMac: own,
      senderAddress: target[3],
      targetMac: asker.mac,
      targetAddress: asker.words[3],
    };
    return emitArp(view, asker.mac, own, answer, to);
  }
  const { ROUTER, SOLICITED } = ndp.AdvertisementFlag;
  const option = ndp.linkLayerOption(ndp.OptionType.TARGET_LINK_LAYER, own);
  return emitNdp(
    view,
    { dst: asker.mac, src: own },
    { from: target, for: asker.words },
    {
      type: icmpv6.Type.NEIGHBOR_ADVERTISEMENT,
      // Without OVERRIDE: it is not the router's own (RFC 4861 §7.2.8).
      rest: (ROUTER | SOLICITED) >>> 0,
      body: Uint8Array.of(...ipWordsToBytes(target), ...ndp.optionsBytes([option])),
    },
    to,
  );
}

function emitArp(view: DataView, dst: Mac, src: Mac, packet: arp.Repr, to: number): number {
  ethernet.emit({ dst, src, etherType: ethernet.EtherType.ARP }, view, to);
  arp.emit(packet, view, to + ethernet.HEADER_LEN);
  return to + ethernet.HEADER_LEN + arp.PACKET_LEN;
}

function emitSolicitation(
  view: DataView,
  own: { readonly mac: Mac; readonly words: IpWords },
  target: IpWords,
  mac: Mac | undefined,
  to: number,
): number {
  const last = (SOLICITED_NODE_LAST | (target[3] & SOLICITED_NODE_MASK)) >>> 0;
  const group: IpWords = [...SOLICITED_NODE, last];
  const option = ndp.linkLayerOption(ndp.OptionType.SOURCE_LINK_LAYER, own.mac);
  return emitNdp(
    view,
    { dst: mac ?? ipv6MulticastMac(last), src: own.mac },
    { from: own.words, for: mac === undefined ? group : target },
    {
      type: icmpv6.Type.NEIGHBOR_SOLICITATION,
      rest: 0,
      body: Uint8Array.of(...ipWordsToBytes(target), ...ndp.optionsBytes([option])),
    },
    to,
  );
}

function emitNdp(
  view: DataView,
  link: { readonly dst: Mac; readonly src: Mac },
  addresses: { readonly from: IpWords; readonly for: IpWords },
  message: { readonly type: number; readonly rest: number; readonly body: Uint8Array },
  to: number,
): number {
  ethernet.emit({ ...link, etherType: ethernet.EtherType.IPV6 }, view, to);
  const repr = { ...message, code: 0, checksum: 0 };
  const payloadLen = icmpv6.reprLen(repr);
  const l3At = to + ethernet.HEADER_LEN;
  const packet = {
    trafficClass: 0,
    flowLabel: 0,
    payloadLen,
    nextHeader: IpProtocol.ICMPV6,
    hopLimit: ndp.HOP_LIMIT,
    src: ipWordsToBytes(addresses.from),
    dst: ipWordsToBytes(addresses.for),
  };
  ipv6.emit(packet, view, l3At);
  const at = l3At + ipv6.HEADER_LEN;
  icmpv6.emit(repr, view, at);
  const pseudo = pseudoIpv6(view, l3At, IpProtocol.ICMPV6, payloadLen);
  icmpv6.fillChecksum(view, at, at + payloadLen, pseudo);
  return at + payloadLen;
}
