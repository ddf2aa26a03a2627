/**
 * Tells frames of probes and of their answers from a VM's own traffic: by addresses, ports or identifier, and what an echo request carried. What it
 * reads is the frame at hand; nothing is allocated per frame. Called by probes and probe-watches.
 */
import { formatIpWords } from '../../base/ip-words.ts';
import { Drop } from '../../packet/drop.ts';
import { EtherType } from '../../packet/ethernet.ts';
import { type FlowKey, newFlowKey, parseFlow } from '../../packet/flow-key.ts';
import * as icmp from '../../packet/icmp.ts';
import * as icmpv6 from '../../packet/icmpv6.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as tcp from '../../packet/tcp.ts';
import type { Answer } from '../../schema/southbound/diagnostics/methods.ts';
import { isQuotingError, reverseKey } from '../engine/flow-id.ts';
import { flowOfError } from '../engine/quoted-packet.ts';

/** What an answer says of its probe. */
export type Told =
  | Omit<Extract<Answer<'probe'>, { kind: 'answered' }>, 'rttMs'>
  | Omit<Extract<Answer<'probe'>, { kind: 'error' }>, 'rttMs'>;

export class ProbePackets {
  readonly #view: DataView;
  readonly #key = newFlowKey();
  /** Of the flow that an ICMP error is about. */
  readonly #about = newFlowKey();

  constructor(view: DataView) {
    this.#view = view;
  }

  /** Makes [at, end) the frame at hand. False: it is of no flow, and so of no probe. */
  read(at: number, end: number): boolean {
    const key = this.#key;
    if (parseFlow(this.#view, at, end, key) !== Drop.None) return false;
    return !isQuotingError(key) || flowOfError(this.#view, key, this.#about) === Drop.None;
  }

  isRequest(request: FlowKey): boolean {
    return isSame(this.#key, request);
  }

  /** Also an ICMP error about the request. */
  isAnswer(answer: FlowKey): boolean {
    return isSame(isQuotingError(this.#key) ? this.#about : this.#key, answer);
  }

  /** An echo reply repeats what its request carried; other answers carry nothing of the probe's. */
  repeats(payload: Uint8Array): boolean {
    const view = this.#view;
    const { l4At, l3End } = this.#key;
    if (isQuotingError(this.#key)) return true;
    const at = l4At + icmp.HEADER_LEN;
    if (payload.length > 0 && l3End - at < payload.length) return false;
    for (let index = 0; index < payload.length; index += 1) {
      if (view.getUint8(at + index) !== payload[index]) return false;
    }
    return true;
  }

  /** What the answer at hand says; undefined: nothing yet, it is a segment of the connection that the probe has begun. */
  told(): Told | undefined {
    const { protocol, tcpFlags } = this.#key;
    if (isQuotingError(this.#key)) return this.#error();
    if (protocol !== IpProtocol.TCP) return { kind: 'answered', by: 'echoReply' };
    if ((tcpFlags & tcp.Flag.RST) !== 0) return { kind: 'answered', by: 'reset' };
    if ((tcpFlags & tcp.Flag.SYN) !== 0) return { kind: 'answered', by: 'synAck' };
    return undefined;
  }

  #error(): Extract<Told, { kind: 'error' }> {
    const view = this.#view;
    const { dstPort, l4At, etherType, src0, src1, src2, src3 } = this.#key;
    const [icmpType, icmpCode] = [dstPort >>> 8, dstPort & 0xff];
    const from = formatIpWords([src0, src1, src2, src3]);
    const base = { kind: 'error' as const, from, icmpType, icmpCode };
    if (etherType === EtherType.IPV6) {
      return icmpType === icmpv6.Type.PACKET_TOO_BIG
        ? { ...base, mtu: icmpv6.mtu(view, l4At) }
        : base;
    }
    const isTooBig =
      icmpType === icmp.Type.DESTINATION_UNREACHABLE &&
      icmpCode === icmp.Unreachable.FRAGMENTATION_NEEDED;
    return isTooBig ? { ...base, mtu: icmp.nextHopMtu(view, l4At) } : base;
  }
}

/** Key of a packet that answers the request. */
export function answerTo(request: FlowKey): FlowKey {
  const answer = newFlowKey();
  reverseKey(request, answer);
  return answer;
}

/** Offsets, flags and fragments aside. */
export function isSame(a: FlowKey, b: FlowKey): boolean {
  return (
    a.dst3 === b.dst3 &&
    a.src3 === b.src3 &&
    a.srcPort === b.srcPort &&
    a.dstPort === b.dstPort &&
    a.protocol === b.protocol &&
    a.etherType === b.etherType &&
    a.dst2 === b.dst2 &&
    a.dst1 === b.dst1 &&
    a.dst0 === b.dst0 &&
    a.src2 === b.src2 &&
    a.src1 === b.src1 &&
    a.src0 === b.src0
  );
}
