/**
 * Answers echo requests to virtual addresses — RFC 792, RFC 4443 §4.2 — in the name of the address, as Azure's public load balancer does: a ping
 * says that the address is announced and that somebody is behind it, not who. No backend sees the request. Limited, and only whole datagrams:
 * a mux reassembles nothing. The request itself becomes the answer. Called by forwarder.ts.
 */
import type { Frame } from '../../../dataplane/engine/transposition.ts';
import type { TransmitQueue } from '../../../dataplane/port/transmit-queue.ts';
import { replace16 } from '../../../packet/checksum.ts';
import { Drop } from '../../../packet/drop.ts';
import * as ethernet from '../../../packet/ethernet.ts';
import { type FlowKey, Fragment } from '../../../packet/flow-key.ts';
import * as icmp from '../../../packet/icmp.ts';
import * as icmpv6 from '../../../packet/icmpv6.ts';
import { IpProtocol } from '../../../packet/ip-protocol.ts';
import * as ipv4 from '../../../packet/ipv4.ts';
import * as ipv6 from '../../../packet/ipv6.ts';
import * as vnetHeader from '../../../packet/vnet-header.ts';
import { ECHO_ANSWERS_PER_SEC_MAX } from '../../limits.ts';
import { UPLINK } from './links.ts';

const TTL = 64;
/** Offset of the checksum in ICMP of both versions. */
const CHECKSUM = 2;
const IPV6_SRC = 8;
const IPV6_DST = 24;

export class EchoResponder {
  readonly #queue: TransmitQueue;
  #sec = -1;
  #answered = 0;

  constructor(queue: TransmitQueue) {
    this.#queue = queue;
  }

  /** `key` is the parse result of an echo request whose checksum is right. */
  answer(frame: Frame, key: FlowKey, nowSec: number): Drop {
    if (key.fragment !== Fragment.NONE) return Drop.VirtualPortUnknown;
    if (nowSec !== this.#sec) {
      this.#sec = nowSec;
      this.#answered = 0;
    }
    if (this.#answered >= ECHO_ANSWERS_PER_SEC_MAX) return Drop.RateLimited;
    this.#answered += 1;
    turn(frame, key);
    // Its checksum is complete, whatever the request's was.
    vnetHeader.clear(frame.view, frame.vnetAt);
    return this.#queue.emit(UPLINK, frame.at, key.l3End, frame.vnetAt);
  }
}

export function isEchoRequest(key: FlowKey): boolean {
  const type = key.dstPort >>> 8;
  return key.protocol === IpProtocol.ICMP
    ? type === icmp.Type.ECHO_REQUEST
    : key.protocol === IpProtocol.ICMPV6 && type === icmpv6.Type.ECHO_REQUEST;
}

function turn({ view, at }: Frame, key: FlowKey): void {
  const from = ethernet.src(view, at);
  ethernet.setSrc(view, at, ethernet.dst(view, at));
  ethernet.setDst(view, at, from);
  const { l3At, l4At } = key;
  const isIpv4 = key.etherType === ethernet.EtherType.IPV4;
  if (isIpv4) {
    ipv4.setSrc(view, l3At, key.dst3);
    ipv4.setDst(view, l3At, key.src3);
    ipv4.setTtl(view, l3At, TTL);
    ipv4.fillChecksum(view, l3At);
  } else {
    setAddress(view, l3At + IPV6_SRC, key.dst0, key.dst1, key.dst2, key.dst3);
    setAddress(view, l3At + IPV6_DST, key.src0, key.src1, key.src2, key.src3);
    ipv6.setHopLimit(view, l3At, TTL);
  }
  // The pseudo-header of ICMPv6 has both addresses: changing places changes no sum.
  const before = view.getUint16(l4At);
  const after = (isIpv4 ? icmp.Type.ECHO_REPLY : icmpv6.Type.ECHO_REPLY) << 8;
  view.setUint16(l4At, after);
  const checksum = view.getUint16(l4At + CHECKSUM);
  view.setUint16(l4At + CHECKSUM, replace16(checksum, before, after));
}

function setAddress(
  view: DataView,
  at: number,
  w0: number,
  w1: number,
  w2: number,
  w3: number,
): void {
  view.setUint32(at, w0);
  view.setUint32(at + 4, w1);
  view.setUint32(at + 8, w2);
  view.setUint32(at + 12, w3);
}
