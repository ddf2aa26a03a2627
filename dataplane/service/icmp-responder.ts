/**
 * ICMP in the virtual router's name — RFC 792, RFC 1812 §4.3: echo replies for addresses that the switch itself stands for, and the two
 * errors that routing causes: time exceeded, and fragmentation needed with the next hop's MTU (RFC 1191 §4).
 *
 * Errors are never sent about ICMP errors, later fragments, or packets from or to an address that names no single host
 * (RFC 1122 §3.2.2): the builders then leave the answer empty. Rate limiting (RFC 1812 §4.3.2.8) is the caller's.
 * Called by dataplane/switch.
 */
import type { Ipv4 } from '../../base/ipv4.ts';
import { copyBytes } from '../../packet/bytes.ts';
import { replace16 } from '../../packet/checksum.ts';
import { Drop } from '../../packet/drop.ts';
import * as ethernet from '../../packet/ethernet.ts';
import { type FlowKey, Fragment } from '../../packet/flow-key.ts';
import * as icmp from '../../packet/icmp.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import { type Answer, emitHeaders, TRANSPORT_AT } from './answer.ts';
import { ICMP_ERROR_BYTES_MAX } from './limits.ts';

export interface Ipv4Frame {
  readonly at: number;
  readonly key: FlowKey;
}

/**
 * Answers an echo request to an address of the switch's own. The data is sent back as it came and the checksum only adjusted for the
 * type (RFC 1624), so that damage on the way stays visible to the sender. Fragments would need reassembly: ServiceUnsupported; a request longer
 * than the answer's area is FrameTooBig.
 */
export function answerEcho(view: DataView, frame: Ipv4Frame, answer: Answer): Drop {
  const { key } = frame;
  answer.end = answer.at;
  if (key.etherType !== ethernet.EtherType.IPV4) return Drop.ServiceUnsupported;
  if (key.protocol !== IpProtocol.ICMP || key.fragment !== Fragment.NONE) {
    return Drop.ServiceUnsupported;
  }
  const request = key.l4At;
  if (icmp.type(view, request) !== icmp.Type.ECHO_REQUEST) return Drop.ServiceUnsupported;
  const payloadLen = key.l3End - request;
  if (answer.at + TRANSPORT_AT + payloadLen > answer.limit) return Drop.FrameTooBig;
  const addressing = { dstMac: ethernet.src(view, frame.at), src: key.dst3, dst: key.src3 };
  emitHeaders(view, answer, addressing, { protocol: IpProtocol.ICMP, payloadLen });
  const reply = answer.at + TRANSPORT_AT;
  copyWithin(view, request, key.l3End, reply);
  const before = view.getUint16(reply);
  const after = (icmp.Type.ECHO_REPLY << 8) | (before & 0xff);
  view.setUint16(reply, after);
  // Zero and all ones are the same number (RFC 1624 §3), but where everything else is zero, only all ones is valid.
  view.setUint16(reply + 2, replace16(view.getUint16(reply + 2), before, after) || 0xffff);
  return Drop.None;
}

/** Tells the sender that its packet's time to live ended at `router`. */
export function emitTimeExceeded(
  view: DataView,
  frame: Ipv4Frame,
  router: Ipv4,
  answer: Answer,
): void {
  const error = { type: icmp.Type.TIME_EXCEEDED, code: icmp.TimeExceeded.TTL, rest: 0 };
  emitError(view, frame, router, error, answer);
}

/** Tells the sender that its packet, which must not be fragmented, is longer than `mtu`, the next hop's, in bytes. */
export function emitFragmentationNeeded(
  view: DataView,
  frame: Ipv4Frame,
  next: { readonly router: Ipv4; readonly mtu: number },
  answer: Answer,
): void {
  const error = {
    type: icmp.Type.DESTINATION_UNREACHABLE,
    code: icmp.Unreachable.FRAGMENTATION_NEEDED,
    rest: next.mtu & 0xffff,
  };
  emitError(view, frame, next.router, error, answer);
}

/** Tells the sender that `router` does not offer what its packet asked for; `code` of icmp.Unreachable. */
export function emitUnreachable(
  view: DataView,
  frame: Ipv4Frame,
  reason: { readonly router: Ipv4; readonly code: number },
  answer: Answer,
): void {
  const error = { type: icmp.Type.DESTINATION_UNREACHABLE, code: reason.code, rest: 0 };
  emitError(view, frame, reason.router, error, answer);
}

/** May an error be sent about this packet? RFC 1122 §3.2.2. */
export function mayReport(view: DataView, frame: Ipv4Frame): boolean {
  const { key } = frame;
  if (key.etherType !== ethernet.EtherType.IPV4 || key.fragment === Fragment.LATER) return false;
  if (ethernet.isToGroup(view, frame.at)) return false;
  if (!isHost(key.src3) || !isHost(key.dst3)) return false;
  return key.protocol !== IpProtocol.ICMP || !icmp.isError(icmp.type(view, key.l4At));
}

function isHost(address: Ipv4): boolean {
  const first = address >>> 24;
  return first !== 0 && first !== 127 && first < 224;
}

function emitError(
  view: DataView,
  frame: Ipv4Frame,
  router: Ipv4,
  error: { readonly type: number; readonly code: number; readonly rest: number },
  answer: Answer,
): void {
  answer.end = answer.at;
  if (!mayReport(view, frame)) return;
  const { key } = frame;
  const room = ICMP_ERROR_BYTES_MAX - ipv4.HEADER_LEN - icmp.HEADER_LEN;
  const data = copyBytes(view, key.l3At, Math.min(key.l3End, key.l3At + room));
  const message = { ...error, data };
  const addressing = { dstMac: ethernet.src(view, frame.at), src: router, dst: key.src3 };
  const payloadLen = icmp.reprLen(message);
  emitHeaders(view, answer, addressing, { protocol: IpProtocol.ICMP, payloadLen });
  icmp.emit(message, view, answer.at + TRANSPORT_AT);
}

/** Copies [from, end) to `to` within the ring. */
function copyWithin(view: DataView, from: number, end: number, to: number): void {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  bytes.copyWithin(to, from, end);
}
