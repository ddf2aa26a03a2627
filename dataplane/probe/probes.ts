/**
 * Probes of a switch (schema/southbound/diagnostics/probe): frames that it sends at a port as though the port's VM had sent them, and what
 * it sees of them and of their answers; and watches over those of other hosts (probe-watches.ts).
 *
 *   start → next (the forwarder takes the frame in at the port) → sent(drop) ──┬─ dropped: answered at once
 *                                                                            ├─ takes(): an answer for the VM, which it never gets
 *                                                                            └─ age(): nobody has answered in time
 *
 * A number that a flow of the VM already has is refused. What comes late is kept from the VM for PROBE_LINGER_MS more; a connection that a
 * SYN has opened is reset. The forwarder asks only while `isActive`: without probes a frame pays one test. Nothing is allocated per frame.
 *
 * Called by switch/forwarder and transmit-queue (frames), switch-core (questions) and forwarding-loop (time).
 */
import type { Clock } from '../../base/clock.ts';
import { SdnError } from '../../base/errors.ts';
import type { Rng } from '../../base/rng.ts';
import { Drop } from '../../packet/drop.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import type { Answer, Question } from '../../schema/southbound/diagnostics/methods.ts';
import type { ProbePacket } from '../../schema/southbound/diagnostics/probe.ts';
import { NO_FLOW } from '../engine/flow-entries.ts';
import { outboundScope } from '../engine/flow-id.ts';
import type { FlowTable } from '../engine/flow-table.ts';
import { senderOf } from '../explain/sender.ts';
import { PROBE_LINGER_MS, PROBES_PER_SEC_MAX, PROBES_RUNNING_MAX } from '../limits.ts';
import type { ConfiguredPort } from '../switch/network-state.ts';
import type { SwitchTables } from '../switch/tables.ts';
import { dropView } from './drop-view.ts';
import { type ProbeFrames, probeFrames } from './probe-frame.ts';
import { answerTo, isSame, ProbePackets } from './probe-packets.ts';
import { ProbeWatches } from './probe-watches.ts';

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
  #waiting: Waiting[] = [];
  readonly #packets: ProbePackets;
  readonly #watches: ProbeWatches;
  /** The frame at hand is an answer to this probe of the host's. */
  #probe: Running | undefined;
  #second = -1;
  #startedInSecond = 0;

  constructor(parts: ProbesParts) {
    this.#parts = parts;
    this.#packets = new ProbePackets(parts.view);
    this.#watches = new ProbeWatches(parts.clock, this.#packets);
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
    this.#watches.add(index, checked(packet), forMs);
    this.isActive = true;
    return {};
  }

  /** What has been noted; the watch is over. */
  seen({ portId, packet }: Question<'probeSeen'>): Answer<'probeSeen'> {
    const { index } = this.#portAt(portId);
    const seen = this.#watches.take(index, checked(packet));
    this.#update();
    return seen;
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
      this.#settle(of, { kind: 'dropped', drop: dropView(drop) });
    }
  }

  /** A frame has come in at `port`; on the uplink it begins behind the VXLAN header. */
  came(port: number, isTunnelled: boolean, at: number, end: number): void {
    this.#watches.begin();
    this.#probe = undefined;
    if (!this.#packets.read(at, end)) return;
    this.#watches.came(port);
    if (!isTunnelled) return;
    for (const running of this.#running) {
      if (this.#packets.isAnswer(running.answer)) this.#probe = running;
    }
  }

  /** The frame that came last has been dealt with. */
  ended(drop: Drop): void {
    if (drop === Drop.None) return;
    if (this.#probe !== undefined) this.#probe.answerDrop = drop;
    this.#watches.dropped(drop);
  }

  /** A frame is about to be written to a port's device. True: it answers a probe of that port, and the VM does not get it. */
  takes(port: number, at: number, end: number): boolean {
    const packets = this.#packets;
    if (!this.#isOfConcern(port) || !packets.read(at, end)) return false;
    this.#watches.delivered(port);
    for (const running of this.#running) {
      if (port !== running.port || !packets.isAnswer(running.answer)) continue;
      if (!packets.repeats(running.frames.payload)) continue;
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
        ...(answerDrop !== Drop.None && { answerDrop: dropView(answerDrop) }),
      });
    }
    this.#running = this.#running.filter(
      ({ done, deadlineMs }) => done !== undefined || nowMs < deadlineMs,
    );
    this.#watches.age(nowMs);
    this.#update();
  }

  /** The port's number may be another's from now on. */
  forget(port: number): void {
    this.#waiting = this.#waiting.filter((waiting) => waiting.port !== port);
    for (const running of this.#running) {
      if (running.port !== port) continue;
      this.#settle(running, { kind: 'dropped', drop: dropView(Drop.PortDetached) });
    }
    this.#running = this.#running.filter((running) => running.port !== port);
    this.#watches.forget(port);
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
    return this.#watches.isAt(port);
  }

  /** The frame at hand answers the probe. */
  #take(running: Running): void {
    const told = this.#packets.told();
    if (told === undefined) return;
    const rttMs = Math.round((this.#parts.clock.now() - running.sentMs) * 1000) / 1000;
    if (told.kind === 'answered' && told.by === 'synAck') this.#reset(running);
    this.#settle(running, { ...told, rttMs });
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
    this.isActive = this.#running.length + this.#watches.count + this.#waiting.length > 0;
  }
}

function checked(packet: ProbePacket): ProbePacket {
  if (packet.protocol === IpProtocol.TCP && packet.destinationPort === undefined) {
    throw new SdnError('SDN_QUESTION_INVALID', 'TCP needs a destination port');
  }
  return packet;
}
