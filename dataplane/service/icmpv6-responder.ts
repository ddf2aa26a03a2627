/**
 * ICMPv6 in the virtual router's name — RFC 4443: echo replies for its addresses (§4.2), and the two errors that routing causes: packet
 * too big with the next hop's MTU (§3.2, RFC 8201), and hop limit exceeded (§3.3).
 *
 * Errors are never sent about ICMPv6 errors and redirects, later fragments, or packets from or to an address that names no single
 * node (§2.4 e): the builders then leave the answer empty. Rate limiting (§2.4 f) is the caller's. Called by dataplane/switch.
 */
import type { IpWords } from '../../base/ip-words.ts';
import { copyBytes } from '../../packet/bytes.ts';
import { Drop } from '../../packet/drop.ts';
import * as ethernet from '../../packet/ethernet.ts';
import { type FlowKey, Fragment } from '../../packet/flow-key.ts';
import * as icmpv6 from '../../packet/icmpv6.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import { type Answer, emitIcmpv6, IPV6_TRANSPORT_AT } from './answer.ts';
import { ICMPV6_ERROR_BYTES_MAX } from './limits.ts';

export interface Ipv6Frame {
  readonly at: number;
  readonly key: FlowKey;
}

/** Answers an echo request to an address of the switch's own. Fragments would need reassembly: ServiceUnsupported. */
export function answerEchoV6(view: DataView, frame: Ipv6Frame, answer: Answer): Drop {
  const { key } = frame;
  answer.end = answer.at;
  const isWhole = key.protocol === IpProtocol.ICMPV6 && key.fragment === Fragment.NONE;
  if (!isWhole || icmpv6.type(view, key.l4At) !== icmpv6.Type.ECHO_REQUEST) {
    return Drop.ServiceUnsupported;
  }
  if (answer.at + IPV6_TRANSPORT_AT + key.l3End - key.l4At > answer.limit) return Drop.FrameTooBig;
  const request = icmpv6.parse(view, key.l4At, key.l3End);
  const addressing = { dstMac: ethernet.src(view, frame.at), src: dstOf(key), dst: srcOf(key) };
  emitIcmpv6(view, answer, addressing, { ...request, type: icmpv6.Type.ECHO_REPLY });
  return Drop.None;
}

/** Tells the sender that its packet's hop limit ended at `router`. */
export function emitHopLimitExceeded(
  view: DataView,
  frame: Ipv6Frame,
  router: IpWords,
  answer: Answer,
): void {
  const error = { type: icmpv6.Type.TIME_EXCEEDED, code: icmpv6.TimeExceeded.HOP_LIMIT, rest: 0 };
  emitError(view, frame, router, error, answer);
}

/** Tells the sender that its packet is longer than `mtu`, the next hop's, in bytes. */
export function emitPacketTooBig(
  view: DataView,
  frame: Ipv6Frame,
  next: { readonly router: IpWords; readonly mtu: number },
  answer: Answer,
): void {
  const error = { type: icmpv6.Type.PACKET_TOO_BIG, code: 0, rest: next.mtu };
  emitError(view, frame, next.router, error, answer);
}

function emitError(
  view: DataView,
  frame: Ipv6Frame,
  router: IpWords,
  error: { readonly type: number; readonly code: number; readonly rest: number },
  answer: Answer,
): void {
  answer.end = answer.at;
  if (!mayReport(view, frame)) return;
  const { key } = frame;
  const room = ICMPV6_ERROR_BYTES_MAX - ipv6.HEADER_LEN - icmpv6.HEADER_LEN;
  const body = copyBytes(view, key.l3At, Math.min(key.l3End, key.l3At + room));
  const addressing = { dstMac: ethernet.src(view, frame.at), src: router, dst: srcOf(key) };
  emitIcmpv6(view, answer, addressing, { ...error, body });
}

function mayReport(view: DataView, frame: Ipv6Frame): boolean {
  const { key } = frame;
  if (key.etherType !== ethernet.EtherType.IPV6 || key.fragment === Fragment.LATER) return false;
  if (ethernet.isToGroup(view, frame.at) || key.dst0 >>> 24 === 0xff) return false;
  const isNobody = (key.src0 | key.src1 | key.src2 | key.src3) === 0;
  if (isNobody || key.src0 >>> 24 === 0xff) return false;
  if (key.protocol !== IpProtocol.ICMPV6) return true;
  const type = icmpv6.type(view, key.l4At);
  return !icmpv6.isError(type) && type !== icmpv6.Type.REDIRECT;
}

function srcOf(key: FlowKey): IpWords {
  return [key.src0, key.src1, key.src2, key.src3];
}

function dstOf(key: FlowKey): IpWords {
  return [key.dst0, key.dst1, key.dst2, key.dst3];
}
