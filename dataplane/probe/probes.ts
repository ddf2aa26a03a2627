/**
 * Probes of a switch (schema/southbound/diagnostics/probe): frames that it sends at a port as though the port's VM had sent them, and what
 * it sees of them and of their answers.
 *
 *   start → next (the forwarder takes the frame in at the port) → sent(drop) ──┬─ dropped: answered at once
 *                                                                            ├─ takes(): an answer for the VM, which it never gets
 *                                                                            └─ age(): nobody has answered in time
 *   watch → came / ended / takes: frames of somebody's probe at the receiver's port, counted → seen
 *
 * An answer is told from the VM's own traffic by addresses, ports or identifier, and what an echo request carried; a number that a flow of
 * the VM already has is refused. What comes late is kept from the VM for PROBE_LINGER_MS more; a connection that a SYN has opened is reset.
 * The forwarder asks only while `isActive`: without probes a frame pays one test. Nothing is allocated per frame.
 *
 * Called by switch/forwarder (frames), switch-core (questions) and forwarding-loop (time).
 */
import type { Clock } from '../../base/clock.ts';
import { SdnError } from '../../base/errors.ts';
import { formatIpWords } from '../../base/ip-words.ts';
import type { Rng } from '../../base/rng.ts';
import { DROP_NAMES, Drop } from '../../packet/drop.ts';
import { EtherType } from '../../packet/ethernet.ts';
import { type FlowKey, newFlowKey, parseFlow } from '../../packet/flow-key.ts';
import * as icmp from '../../packet/icmp.ts';
import * as icmpv6 from '../../packet/icmpv6.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as tcp from '../../packet/tcp.ts';
import type { Answer, Question } from '../../schema/southbound/diagnostics/methods.ts';
import type { DropView, ProbePacket } from '../../schema/southbound/diagnostics/probe.ts';
import { NO_FLOW } from '../engine/flow-entries.ts';
import { isQuotingError, outboundScope, reverseKey } from '../engine/flow-id.ts';
import type { FlowTable } from '../engine/flow-table.ts';
import { flowOfError } from '../engine/quoted-packet.ts';
import { dropWords } from '../explain/drop-words.ts';
import { senderOf } from '../explain/sender.ts';
import {
  PROBE_LINGER_MS,
  PROBE_WATCHES_MAX,
  PROBES_PER_SEC_MAX,
  PROBES_RUNNING_MAX,
} from '../limits.ts';
import type { ConfiguredPort } from '../switch/network-state.ts';
import type { SwitchTables } from '../switch/tables.ts';
import { type ProbeFrames, probeFrames, probeKey } from './probe-frame.ts';

export interface ProbesParts {
  readonly view: DataView;
  readonly tables: SwitchTables;
  readonly flows: FlowTable;
  readonly clock: Clock;
  readonly rng: Rng;
}

/** Questions of schema/southbound/diagnostics that make the switch send or note something. */
export type ProbeMethod = 'probe' | 'probeSeen' | 'probeWatch';

/** Told once, at the latest when the probe's time is over. */
export type ProbeDone = (answer: Answer<'probe'>) => void;

type Asked = { readonly [M in ProbeMethod]: (question: Question<M>, done: Done<M>) => void };
type Done<M extends ProbeMethod> = (answer: Answer<M>) => void;

interface Running {
  readonly port: number;
  readonly frames: ProbeFrames;
  /** Of a packet that answers it. */
  readonly answer: FlowKey;
  /** Undefined once it has been called. */
  done: ProbeDone | undefined;
  sentMs: number;
  /** When it is given up, and from then on when it is forgotten. */
  deadlineMs: number;
  answerDrop: Drop;
}

interface Watch {
  readonly port: number;
  readonly request: FlowKey;
  readonly answer: FlowKey;
  readonly deadlineMs: number;
  arrived: number;
  delivered: number;
  answered: number;
  drop: Drop;
  answerDrop: Drop;
}

/** A frame to be taken in at a port. */
interface Waiting {
  readonly port: number;
  readonly bytes: Uint8Array;
  /** Undefined: a reset, of which nothing is expected. */
  readonly of: Running | undefined;
}

export class Probes {
  /** The forwarder has to tell of its frames. */
  isActive = false;
  readonly #parts: ProbesParts;
  #running: Running[] = [];
  #watches: Watch[] = [];
  #waiting: Waiting[] = [];
  readonly #key = newFlowKey();
  readonly #about = newFlowKey();
  // The frame at hand is a request or an answer that somebody watches, or the answer to a probe of this host.
  #watch: Watch | undefined;
  #isAnswer = false;
  #probe: Running | undefined;
  #second = -1;
  #startedInSecond = 0;

  constructor(parts: ProbesParts) {
    this.#parts = parts;
  }

  /** Answers at once, or a probe later. Throws an SdnError where the question makes no sense here. */
  ask<M extends ProbeMethod>(method: M, question: Question<M>, done: Done<M>): void {
    this.#asked[method](question, done);
  }

  readonly #asked: Asked = {
    probe: (question, done) => this.start(question, done),
    probeSeen: (question, done) => done(this.seen(question)),
    probeWatch: (question, done) => done(this.watch(question)),
  };

  /** Sends a probe. Throws an SdnError where that is not possible. */
  start({ portId, packet, timeoutMs }: Question<'probe'>, done: ProbeDone): void {
    const { index, configured } = this.#portAt(portId);
    this.#checkRate();
    const { rng, flows, clock } = this.#parts;
    const frames = probeFrames(checked(packet), senderOf(configured), rng);
    const scope = outboundScope(index);
    const isTaken =
      flows.find(flows.hash(scope, frames.key), scope, frames.key) !== NO_FLOW ||
      this.#running.some((other) => other.port === index && isSame(other.frames.key, frames.key));
    if (isTaken) {
      throw new SdnError('SDN_PROBE_ID_TAKEN', `the port has a flow that looks like the probe`, {
        remedy: 'ask again: another number is chosen',
      });
    }
    this.#startedInSecond += 1;
    const running: Running = {
      port: index,
      frames,
      answer: answerTo(frames.key),
      done,
      sentMs: clock.now(),
      deadlineMs: clock.now() + timeoutMs,
      answerDrop: Drop.None,
    };
    this.#running.push(running);
    this.#waiting.push({ port: index, bytes: frames.request, of: running });
    this.isActive = true;
  }

  /** Notes from now on what comes of a probe at its receiver's port. */
  watch({ portId, packet, forMs }: Question<'probeWatch'>): Answer<'probeWatch'> {
    const { index } = this.#portAt(portId);
    if (this.#watches.length >= PROBE_WATCHES_MAX) {
      throw new SdnError('SDN_PROBES_MAX', `${PROBE_WATCHES_MAX} probes are watched already`, {
        remedy: 'wait for other connectivity checks to end',
      });
    }
    const request = probeKey(checked(packet));
    this.#watches.push({
      port: index,
      request,
      answer: answerTo(request),
      deadlineMs: this.#parts.clock.now() + forMs,
      ...{ arrived: 0, delivered: 0, answered: 0, drop: Drop.None, answerDrop: Drop.None },
    });
    this.isActive = true;
    return {};
  }

  /** What has been noted; the watch is over. */
  seen({ portId, packet }: Question<'probeSeen'>): Answer<'probeSeen'> {
    const { index } = this.#portAt(portId);
    const request = probeKey(checked(packet));
    const found = this.#watches.find(
      (watch) => watch.port === index && isSame(watch.request, request),
    );
    if (found === undefined) {
      throw new SdnError('SDN_PROBE_UNWATCHED', 'the probe is not watched here, or no longer', {
        remedy: 'ask for the watch before the probe is sent',
      });
    }
    this.#watches = this.#watches.filter((watch) => watch !== found);
    this.#update();
    const { arrived, delivered, answered, drop, answerDrop } = found;
    return {
      ...{ arrived, delivered, answered },
      ...(drop !== Drop.None && { drop: viewOf(drop) }),
      ...(answerDrop !== Drop.None && { answerDrop: viewOf(answerDrop) }),
    };
  }

  /** The next frame to be taken in, if there is one; `sent` is told what has become of it. */
  next(): { readonly port: number; readonly bytes: Uint8Array } | undefined {
    const first = this.#waiting[0];
    if (first?.of !== undefined) first.of.sentMs = this.#parts.clock.now();
    return first;
  }

  sent(drop: Drop): void {
    const of = this.#waiting.shift()?.of;
    if (of !== undefined && drop !== Drop.None) {
      this.#settle(of, { kind: 'dropped', drop: viewOf(drop) });
    }
  }

  /** A frame has come in at `port`; on the uplink it begins behind the VXLAN header. */
  came(port: number, isTunnelled: boolean, at: number, end: number): void {
    this.#watch = undefined;
    this.#probe = undefined;
    if (!this.#read(at, end)) return;
    for (const watch of this.#watches) {
      if (port !== watch.port && this.#isRequestOf(watch.request)) this.#note(watch, false);
      if (port === watch.port && this.#isAnswerTo(watch.answer)) this.#note(watch, true);
    }
    if (!isTunnelled) return;
    for (const running of this.#running) {
      if (this.#isAnswerTo(running.answer)) this.#probe = running;
    }
  }

  /** The frame that came last has been dealt with. */
  ended(drop: Drop): void {
    if (drop === Drop.None) return;
    if (this.#probe !== undefined) this.#probe.answerDrop = drop;
    if (this.#watch === undefined) return;
    if (this.#isAnswer) this.#watch.answerDrop = drop;
    else this.#watch.drop = drop;
  }

  /** A frame is about to be written to a port's device. True: it answers a probe of that port, and the VM does not get it. */
  takes(port: number, at: number, end: number): boolean {
    if (!this.#isOfConcern(port) || !this.#read(at, end)) return false;
    for (const watch of this.#watches) {
      if (port === watch.port && this.#isRequestOf(watch.request)) watch.delivered += 1;
    }
    for (const running of this.#running) {
      if (port !== running.port || !this.#isAnswerTo(running.answer)) continue;
      if (!this.#repeats(running.frames.payload)) continue;
      this.#take(running);
      return true;
    }
    return false;
  }

  /** Gives up and forgets what is due. */
  age(nowMs: number): void {
    for (const running of this.#running) {
      if (running.done === undefined || nowMs < running.deadlineMs) continue;
      const { answerDrop, sentMs } = running;
      this.#reset(running);
      this.#settle(running, {
        kind: 'silent',
        waitedMs: nowMs - sentMs,
        ...(answerDrop !== Drop.None && { answerDrop: viewOf(answerDrop) }),
      });
    }
    const isDue = ({ deadlineMs }: Running | Watch) => nowMs >= deadlineMs;
    this.#running = this.#running.filter((each) => each.done !== undefined || !isDue(each));
    this.#watches = this.#watches.filter((watch) => !isDue(watch));
    this.#update();
  }

  /** The port's number may be another's from now on. */
  forget(port: number): void {
    this.#waiting = this.#waiting.filter((waiting) => waiting.port !== port);
    for (const running of this.#running) {
      if (running.port !== port) continue;
      this.#settle(running, { kind: 'dropped', drop: viewOf(Drop.PortDetached) });
    }
    this.#running = this.#running.filter((running) => running.port !== port);
    this.#watches = this.#watches.filter((watch) => watch.port !== port);
    this.#update();
  }

  /** How long nothing is due, ms, at most `max`. */
  idleMs(nowMs: number, max: number): number {
    if (this.#waiting.length > 0) return 0;
    let idle = max;
    for (const { deadlineMs } of this.#running) idle = Math.min(idle, deadlineMs - nowMs);
    return Math.max(0, Math.ceil(idle));
  }

  #portAt(portId: string): { readonly index: number; readonly configured: ConfiguredPort } {
    const record = this.#parts.tables.ports.get(portId);
    if (record?.isAttached === true && record.configured !== undefined) {
      return { index: record.index, configured: record.configured };
    }
    throw new SdnError('SDN_SWITCH_PORT_UNKNOWN', `the switch has no VM at port ${portId}`, {
      remedy: 'See the state of the interface: weft nic show.',
    });
  }

  #checkRate(): void {
    const second = Math.floor(this.#parts.clock.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#startedInSecond = 0;
    }
    const running = this.#running.filter(({ done }) => done !== undefined).length;
    if (running >= PROBES_RUNNING_MAX) {
      throw new SdnError('SDN_PROBES_MAX', `${PROBES_RUNNING_MAX} probes of this host run`, {
        remedy: 'wait for other connectivity checks to end',
      });
    }
    if (this.#startedInSecond >= PROBES_PER_SEC_MAX) {
      const text = `this host has sent ${PROBES_PER_SEC_MAX} probes within the second`;
      throw new SdnError('SDN_PROBE_RATE', text, { remedy: 'ask again, more slowly' });
    }
  }

  #isOfConcern(port: number): boolean {
    for (const running of this.#running) if (running.port === port) return true;
    for (const watch of this.#watches) if (watch.port === port) return true;
    return false;
  }

  /** Reads a frame's key, and for an ICMP error that of the flow it is about. False: it has none. */
  #read(at: number, end: number): boolean {
    const { view } = this.#parts;
    const key = this.#key;
    if (parseFlow(view, at, end, key) !== Drop.None) return false;
    return !isQuotingError(key) || flowOfError(view, key, this.#about) === Drop.None;
  }

  #isRequestOf(request: FlowKey): boolean {
    return isSame(this.#key, request);
  }

  #isAnswerTo(answer: FlowKey): boolean {
    return isSame(isQuotingError(this.#key) ? this.#about : this.#key, answer);
  }

  /** An echo reply repeats what its request carried; other answers carry nothing of the probe's. */
  #repeats(payload: Uint8Array): boolean {
    const { view } = this.#parts;
    const { l4At, l3End } = this.#key;
    if (isQuotingError(this.#key)) return true;
    const at = l4At + icmp.HEADER_LEN;
    if (payload.length > 0 && l3End - at < payload.length) return false;
    for (let index = 0; index < payload.length; index += 1) {
      if (view.getUint8(at + index) !== payload[index]) return false;
    }
    return true;
  }

  #note(watch: Watch, isAnswer: boolean): void {
    this.#watch = watch;
    this.#isAnswer = isAnswer;
    if (isAnswer) watch.answered += 1;
    else watch.arrived += 1;
  }

  /** The frame at hand answers the probe. */
  #take(running: Running): void {
    const key = this.#key;
    const rttMs = Math.round((this.#parts.clock.now() - running.sentMs) * 1000) / 1000;
    if (isQuotingError(key)) {
      this.#settle(running, { kind: 'error', ...this.#error(), rttMs });
      return;
    }
    if (key.protocol !== IpProtocol.TCP) {
      this.#settle(running, { kind: 'answered', by: 'echoReply', rttMs });
      return;
    }
    if ((key.tcpFlags & tcp.Flag.RST) !== 0) {
      this.#settle(running, { kind: 'answered', by: 'reset', rttMs });
    } else if ((key.tcpFlags & tcp.Flag.SYN) !== 0) {
      this.#reset(running);
      this.#settle(running, { kind: 'answered', by: 'synAck', rttMs });
    }
  }

  #error(): Pick<
    Extract<Answer<'probe'>, { kind: 'error' }>,
    'from' | 'icmpType' | 'icmpCode' | 'mtu'
  > {
    const { view } = this.#parts;
    const { dstPort, l4At, etherType, src0, src1, src2, src3 } = this.#key;
    const [icmpType, icmpCode] = [dstPort >>> 8, dstPort & 0xff];
    const from = formatIpWords([src0, src1, src2, src3]);
    const base = { from, icmpType, icmpCode };
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

  #reset({ port, frames }: Running): void {
    const { reset } = frames;
    if (reset !== undefined) this.#waiting.push({ port, bytes: reset, of: undefined });
  }

  /** Once; a late answer is only taken. */
  #settle(running: Running, answer: Answer<'probe'>): void {
    const { done } = running;
    if (done === undefined) return;
    running.done = undefined;
    running.deadlineMs = this.#parts.clock.now() + PROBE_LINGER_MS;
    done(answer);
  }

  #update(): void {
    this.isActive = this.#running.length + this.#watches.length + this.#waiting.length > 0;
  }
}

function checked(packet: ProbePacket): ProbePacket {
  if (packet.protocol === IpProtocol.TCP && packet.destinationPort === undefined) {
    throw new SdnError('SDN_QUESTION_INVALID', 'TCP needs a destination port');
  }
  return packet;
}

function answerTo(request: FlowKey): FlowKey {
  const answer = newFlowKey();
  reverseKey(request, answer);
  return answer;
}

function isSame(a: FlowKey, b: FlowKey): boolean {
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

function viewOf(drop: Drop): DropView {
  return { reason: DROP_NAMES[drop] ?? `${drop}`, ...dropWords(drop) };
}
