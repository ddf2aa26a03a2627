/**
 * What each port remembers of the flows it takes part in, as far as it changes a verdict: who opened a flow, and whether it still counts
 * (docs/design/0005, 0007). A list that is searched from the front; times and states by RFC 5382 (TCP), RFC 4787 (UDP) and RFC 5508 (ICMP) with
 * the switch's own limits. Called by test/model/reference.
 */
import {
  DATAGRAM_FLOW_IDLE_SEC_MAX,
  FLOW_HALF_OPEN_IDLE_SEC_MAX,
  ICMP_FLOW_IDLE_SEC_MAX,
  TCP_CLOSING_IDLE_SEC_MAX,
  TCP_ESTABLISHED_IDLE_SEC_MAX,
  TCP_RESET_IDLE_SEC_MAX,
  TCP_TIME_WAIT_IDLE_SEC_MAX,
} from '../../dataplane/limits.ts';
import { hasPorts, isIcmp, type PacketSpec, PROTOCOL } from './frame.ts';

type State = 'half-open' | 'syn-answered' | 'established' | 'closing' | 'time-wait' | 'reset';

export interface Flow {
  readonly portId: string;
  /** True: the port sent the first packet. */
  readonly isOpenedByPort: boolean;
  /** Names what the opener sends. */
  readonly key: string;
  readonly protocol: number;
  state: State;
  /** CLOSING: the side that has sent FIN. */
  hasOpenerClosed: boolean;
  lastSec: number;
}

const SYN = 0x02;
const FIN = 0x01;
const RST = 0x04;
const ACK = 0x10;

export class History {
  #flows: Flow[] = [];

  /** The flow a packet belongs to that `portId` sends or receives, and whether it answers it. */
  find(
    portId: string,
    packet: PacketSpec,
    isSent: boolean,
  ): { readonly flow: Flow; readonly isReply: boolean } | undefined {
    for (const flow of this.#flows) {
      if (flow.portId !== portId) continue;
      const isFromOpener = flow.isOpenedByPort === isSent;
      if (flow.key !== (isFromOpener ? keyOf(packet) : reverseKeyOf(packet))) continue;
      const hasEnded = flow.state === 'time-wait' || flow.state === 'reset';
      if (!isFromOpener && hasEnded && (flagsOf(packet) & (SYN | ACK)) === SYN) {
        // The other side begins anew: that is a request of its own.
        this.#flows = this.#flows.filter((other) => other !== flow);
        return undefined;
      }
      return { flow, isReply: !isFromOpener };
    }
    return undefined;
  }

  /** The packet has passed the port's own layers. */
  ensure(portId: string, packet: PacketSpec, isSent: boolean, nowSec: number): void {
    if (this.find(portId, packet, isSent) !== undefined) return;
    this.#flows.push({
      portId,
      isOpenedByPort: isSent,
      key: keyOf(packet),
      protocol: packet.segment.protocol,
      state: 'half-open',
      hasOpenerClosed: false,
      lastSec: nowSec,
    });
  }

  /** The packet has gone all its way. */
  touch(portId: string, packet: PacketSpec, isSent: boolean, nowSec: number): void {
    const found = this.find(portId, packet, isSent);
    if (found === undefined) return;
    advance(found.flow, flagsOf(packet), found.isReply);
    found.flow.lastSec = nowSec;
  }

  /** Forgets what has been idle for too long. */
  expire(nowSec: number): void {
    this.#flows = this.#flows.filter((flow) => nowSec - flow.lastSec <= idleSecMax(flow));
  }

  /** The port is gone. */
  forget(portId: string): void {
    this.#flows = this.#flows.filter((flow) => flow.portId !== portId);
  }
}

function advance(flow: Flow, flags: number, isReply: boolean): void {
  if ((flags & RST) !== 0) {
    flow.state = 'reset';
    return;
  }
  const hasFin = (flags & FIN) !== 0;
  const close = () => {
    flow.state = 'closing';
    flow.hasOpenerClosed = !isReply;
  };
  switch (flow.state) {
    case 'half-open':
      if (!isReply) return;
      if (hasFin) close();
      else flow.state = (flags & SYN) === 0 ? 'established' : 'syn-answered';
      return;
    case 'syn-answered':
      if (isReply ? hasFin : (flags & ACK) !== 0 && hasFin) close();
      else if (!isReply && (flags & ACK) !== 0) flow.state = 'established';
      return;
    case 'established':
      if (hasFin) close();
      return;
    case 'closing':
      if (hasFin && flow.hasOpenerClosed === isReply) flow.state = 'time-wait';
      return;
    case 'time-wait':
    case 'reset':
      if (!isReply && (flags & (SYN | ACK)) === SYN) flow.state = 'half-open';
  }
}

function idleSecMax({ state, protocol }: Flow): number {
  switch (state) {
    case 'half-open':
    case 'syn-answered':
      return FLOW_HALF_OPEN_IDLE_SEC_MAX;
    case 'established':
      if (protocol === PROTOCOL.TCP) return TCP_ESTABLISHED_IDLE_SEC_MAX;
      return isIcmp(protocol) ? ICMP_FLOW_IDLE_SEC_MAX : DATAGRAM_FLOW_IDLE_SEC_MAX;
    case 'closing':
      return TCP_CLOSING_IDLE_SEC_MAX;
    case 'time-wait':
      return TCP_TIME_WAIT_IDLE_SEC_MAX;
    case 'reset':
      return TCP_RESET_IDLE_SEC_MAX;
  }
}

function flagsOf({ segment }: PacketSpec): number {
  return segment.protocol === PROTOCOL.TCP ? segment.flags : 0;
}

function keyOf({ src, dst, segment }: PacketSpec): string {
  const { protocol, srcPort, dstPort, type, identifier } = segment;
  const inner = hasPorts(protocol)
    ? `${srcPort} ${dstPort}`
    : isIcmp(protocol)
      ? `${type} ${identifier}`
      : '';
  return `${protocol} ${src} ${dst} ${inner}`;
}

/** Key of the packet that this one answers. */
function reverseKeyOf(packet: PacketSpec): string {
  const { src, dst, segment } = packet;
  const { srcPort, dstPort } = segment;
  const type = ECHO_COUNTERPART[segment.type] ?? -1;
  return keyOf({
    ...packet,
    src: dst,
    dst: src,
    segment: { ...segment, srcPort: dstPort, dstPort: srcPort, type },
  });
}

const ECHO_COUNTERPART: Readonly<Record<number, number>> = { 8: 0, 0: 8, 128: 129, 129: 128 };
