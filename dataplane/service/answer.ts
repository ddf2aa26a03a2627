/**
 * Answer — where a local service writes the frame it answers with, and the Ethernet and IPv4 headers all of them share. Services are
 * functions of a request and a port's settings; they send nothing. Drop.None with `end` > `at`: send [at, end) back to the
 * port, with a cleared virtio_net_hdr. Drop.None with `end` = `at`: the request is dealt with, nothing to send.
 *
 * Called by every service here; made once by dataplane/switch over its scratch area.
 */
import type { Ipv4 } from '../../base/ipv4.ts';
import { type Mac, VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import * as ethernet from '../../packet/ethernet.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import { TTL } from './limits.ts';

export interface Answer {
  /** First byte of the frame. */
  readonly at: number;
  /** Offset after the area: at least ANSWER_BYTES_MIN from `at`. */
  readonly limit: number;
  /** Offset after the last byte written. */
  end: number;
}

export const IPV4_AT: number = ethernet.HEADER_LEN;
export const TRANSPORT_AT: number = ethernet.HEADER_LEN + ipv4.HEADER_LEN;
const NO_OPTIONS = new Uint8Array();

export interface Addressing {
  readonly dstMac: Mac;
  readonly src: Ipv4;
  readonly dst: Ipv4;
}

/** Writes both headers before a transport message of `payloadLen` bytes that starts at answer.at + TRANSPORT_AT, and sets `end`. */
export function emitHeaders(
  view: DataView,
  answer: Answer,
  addressing: Addressing,
  payload: { readonly protocol: number; readonly payloadLen: number },
): void {
  const { dstMac, src, dst } = addressing;
  const header = { dst: dstMac, src: VIRTUAL_ROUTER_MAC, etherType: ethernet.EtherType.IPV4 };
  ethernet.emit(header, view, answer.at);
  const packet = {
    tos: 0,
    identification: 0,
    reservedFlag: false,
    // With DF set the identification field means nothing (RFC 6864 §4.1).
    dontFragment: true,
    moreFragments: false,
    fragmentOffset: 0,
    ttl: TTL,
    src,
    dst,
    options: NO_OPTIONS,
    ...payload,
  };
  ipv4.emit(packet, view, answer.at + IPV4_AT);
  answer.end = answer.at + TRANSPORT_AT + payload.payloadLen;
}
