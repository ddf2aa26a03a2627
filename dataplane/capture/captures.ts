/**
 * Packet captures of a switch: what passes it, and what it drops and why, recorded as pcapng. The forwarder tells of every frame it takes
 * in and sends out, but only while a capture runs (`isActive`); without one a capture costs a frame one test.
 *
 *   begin(frame as it came) → sent(frame as it leaves) … → finish(verdict)
 *
 * A frame is recorded on the interface where it came in, with its verdict as comment, and again on each where it goes out, as
 * `tcpdump -i any` shows it. A capture of one NIC also gets what other ports sent to its addresses and was dropped on the way: there the
 * answer to "why does nothing arrive?" is found. Frames on tunnels are the inner ones; the comment names VNI and far end. What a device's
 * queue loses afterwards is only counted (TransmitQueueFull, RateExceeded).
 *
 * Called by switch/forwarder (frames) and switch-core (requests).
 */
import type { Clock } from '../../base/clock.ts';
import { SdnError } from '../../base/errors.ts';
import { formatIpWords, type IpWords } from '../../base/ip-words.ts';
import * as arp from '../../packet/arp.ts';
import { DROP_NAMES, Drop } from '../../packet/drop.ts';
import { EtherType } from '../../packet/ethernet.ts';
import { type FlowKey, newFlowKey, parseFlow } from '../../packet/flow-key.ts';
import * as vxlan from '../../packet/vxlan.ts';
import {
  type CaptureRequest,
  type CaptureStatus,
  captureFilterFault,
} from '../../schema/southbound/diagnostics/capture.ts';
import { CAPTURE_BUFFER_BYTES, CAPTURES_MAX, FRAME_BYTES_MAX } from '../limits.ts';
import { type FrameIo, Rx, Tx } from '../port/frame-io.ts';
import { type PcapngPacket, Seen } from '../port/pcapng-file.ts';
import { Capture, type CaptureInterface } from './capture.ts';

/** What captures must know of the switch's ports. */
export interface CapturedPorts {
  readonly uplink: number;
  idOf(port: number): string | undefined;
  describe(port: number): CaptureInterface;
  /** Is the destination an address of the port `portId`, as a frame that `from` sends, or that a tunnel brings with `vni`, means it? */
  isDestination(portId: string, key: FlowKey, from: number, vni: number): boolean;
  peerAddress(peer: number): IpWords | undefined;
}

/** A piece of a capture's file, for whoever reads it bit by bit. */
export interface CaptureChunk {
  readonly bytes: Uint8Array;
  /** The file is whole. */
  readonly isLast: boolean;
  readonly status: CaptureStatus;
}

const NO_VNI = -1;
/** Where a capture stands with the frame at hand. */
const Interest = { NONE: 0, ALL: 1, IF_DROPPED: 2 } as const;

const encoder = new TextEncoder();
const FORWARDED = encoder.encode('forwarded');
const NO_COMMENT = new Uint8Array();
const NO_IDS: readonly string[] = [];

export class Captures {
  /** Some capture runs: the forwarder has to tell of its frames. */
  isActive = false;
  readonly #io: Pick<FrameIo, 'view' | 'bytes' | 'rx' | 'tx'>;
  readonly #clock: Clock;
  readonly #ports: CapturedPorts;
  #captures: Capture[] = [];
  /** By place in #captures. */
  #interests: number[] = [];
  #nextId = 1;
  readonly #key = newFlowKey();
  #isParsed = false;
  // The frame at hand, kept as it came since it is edited where it lies.
  readonly #kept = new Uint8Array(FRAME_BYTES_MAX);
  #isAtHand = false;
  #isKept = false;
  #port = 0;
  #vni = NO_VNI;
  #originalLen = 0;
  #cameAtMs = 0;
  #source: IpWords | undefined;
  /** Ports and transmit descriptors of frames sent on behalf of the frame at hand. */
  readonly #waiting: number[] = [];
  /** Wall clock less monotonic clock when the last capture began. */
  #wallOriginMs = 0;
  readonly #describe = (port: number): CaptureInterface => this.#ports.describe(port);

  constructor(
    io: Pick<FrameIo, 'view' | 'bytes' | 'rx' | 'tx'>,
    clock: Clock,
    ports: CapturedPorts,
  ) {
    this.#io = io;
    this.#clock = clock;
    this.#ports = ports;
  }

  /** Throws an SdnError for a request that makes no sense, and where too many run. */
  start(request: CaptureRequest): CaptureStatus {
    const fault = captureFilterFault(request.filter) ?? boundsFault(request);
    if (fault !== undefined) {
      throw new SdnError('SDN_CAPTURE_FILTER', fault, {
        remedy: 'an example: tcp and host 10.0.0.4 and port 443 and dropped',
      });
    }
    if (this.#captures.length >= CAPTURES_MAX) {
      throw new SdnError('SDN_CAPTURES_MAX', `${CAPTURES_MAX} captures are open already`, {
        remedy: 'stop one; one that nobody reads ends by itself',
      });
    }
    this.#wallOriginMs = this.#clock.wallNow() - this.#clock.now();
    const capture = new Capture(this.#nextId++, request, this.#clock.now());
    this.#captures.push(capture);
    this.#update();
    return capture.status();
  }

  list(): CaptureStatus[] {
    return this.#captures.map((capture) => capture.status());
  }

  /** What the capture has recorded since the last read, at most so many bytes; one that has ended is forgotten by being read to the end. */
  read(id: number, bytesMax: number = CAPTURE_BUFFER_BYTES): CaptureChunk {
    const capture = this.#find(id);
    const bytes = capture.take(this.#clock.now(), bytesMax);
    const isLast = !capture.isRunning && capture.isRead;
    if (isLast) this.#captures = this.#captures.filter((other) => other !== capture);
    return { bytes, isLast, status: capture.status() };
  }

  /** The capture records nothing more; what it has stays to be read. */
  stop(id: number): CaptureStatus {
    const capture = this.#find(id);
    capture.end('stopped', this.#wallMs());
    this.#update();
    return capture.status();
  }

  /** Ends what has run its time; once a second. */
  age(): void {
    if (this.#captures.length === 0) return;
    const now = this.#clock.now();
    const wall = this.#wallMs();
    this.#captures = this.#captures.filter((capture) => !capture.age(now, wall));
    this.#update();
  }

  /** A frame has come in; `rx` is its receive descriptor. */
  begin(port: number, rx: number): void {
    const words = this.#io.rx;
    const isTunnel = port === this.#ports.uplink;
    const start = words[rx + Rx.AT] ?? 0;
    const end = words[rx + Rx.END] ?? 0;
    const at = isTunnel ? Math.min(start + vxlan.HEADER_LEN, end) : start;
    this.#vni = isTunnel && at > start ? vxlan.vni(this.#io.view, start) : NO_VNI;
    this.#source = isTunnel ? sourceOf(words, rx) : undefined;
    this.#port = port;
    this.#isAtHand = true;
    this.#isKept = false;
    this.#parse(at, end);
    const seen = isTunnel ? Seen.INBOUND : Seen.OUTBOUND;
    let index = 0;
    for (const capture of this.#captures) {
      const interest = this.#interestOf(capture, seen);
      this.#interests[index++] = interest;
      if (interest !== Interest.NONE) this.#isKept = true;
    }
    if (!this.#isKept) return;
    this.#cameAtMs = this.#wallMs();
    this.#originalLen = end - at;
    this.#kept.set(this.#io.bytes.subarray(at, Math.min(end, at + FRAME_BYTES_MAX)));
  }

  /** A frame goes out by the transmit descriptor at `tx`. */
  sent(port: number, tx: number): void {
    if (this.#isAtHand) this.#waiting.push(port, tx);
    else this.#recordSent(port, tx);
  }

  /** The frame that began has come to its end: what was sent because of it stands after it in the file. */
  finish(drop: Drop): void {
    if (this.#isAtHand) this.#recordCame(drop);
    const waiting = this.#waiting;
    for (let index = 0; index < waiting.length; index += 2) {
      this.#recordSent(waiting[index] ?? 0, waiting[index + 1] ?? 0);
    }
    waiting.length = 0;
  }

  #recordSent(port: number, tx: number): void {
    const words = this.#io.tx;
    const at = words[tx + Tx.AT] ?? 0;
    const end = words[tx + Tx.END] ?? 0;
    const isTunnel = port === this.#ports.uplink;
    const vni = isTunnel ? (words[tx + Tx.VNI] ?? 0) : NO_VNI;
    const seen = isTunnel ? Seen.OUTBOUND : Seen.INBOUND;
    this.#parse(at, end);
    for (const capture of this.#captures) {
      const { filter } = capture;
      if (filter.onlyDropped || !this.#isOf(capture, port)) continue;
      if (!filter.matches(seen, vni, this.#key, this.#isParsed)) continue;
      const comment = isTunnel ? this.#tunnelComment(vni, words[tx + Tx.PEER] ?? 0) : NO_COMMENT;
      const frame = { bytes: this.#io.bytes, at, originalLen: end - at };
      const packet = { ...frame, seen, comment, wallMs: this.#wallMs() };
      capture.record(port, packet, this.#describe);
      this.#update();
    }
  }

  #recordCame(drop: Drop): void {
    this.#isAtHand = false;
    if (!this.#isKept) return;
    const isDropped = drop !== Drop.None;
    const seen = this.#port === this.#ports.uplink ? Seen.INBOUND : Seen.OUTBOUND;
    const frame = { bytes: this.#kept, at: 0, originalLen: this.#originalLen };
    let packet: Recorded | undefined;
    let index = 0;
    for (const capture of this.#captures) {
      const interest = this.#interests[index++] ?? Interest.NONE;
      if (interest === Interest.NONE) continue;
      if (!isDropped && (interest === Interest.IF_DROPPED || capture.filter.onlyDropped)) continue;
      packet ??= { ...frame, seen, comment: this.#verdict(drop), wallMs: this.#cameAtMs };
      capture.record(this.#port, packet, this.#describe);
    }
    this.#update();
  }

  /** Finer than the wall clock's own milliseconds. */
  #wallMs(): number {
    return this.#wallOriginMs + this.#clock.now();
  }

  #interestOf(capture: Capture, seen: Seen): number {
    if (!capture.isRunning) return Interest.NONE;
    const { filter } = capture;
    const isOf = this.#isOf(capture, this.#port);
    // On its way to a port a frame is inbound for it, wherever it came in.
    const view = isOf ? seen : Seen.INBOUND;
    if (!filter.matches(view, this.#vni, this.#key, this.#isParsed)) return Interest.NONE;
    if (isOf) return Interest.ALL;
    return this.#isForPortOf(capture) ? Interest.IF_DROPPED : Interest.NONE;
  }

  #isOf(capture: Capture, port: number): boolean {
    const { portIds } = capture.filter;
    if (portIds === undefined) return true;
    const id = this.#ports.idOf(port);
    return id !== undefined && portIds.has(id);
  }

  /** Is the frame at hand for an address of a port that the capture is about? */
  #isForPortOf(capture: Capture): boolean {
    if (!this.#isParsed) return false;
    for (const portId of capture.filter.portIds ?? NO_IDS) {
      if (this.#ports.isDestination(portId, this.#key, this.#port, this.#vni)) return true;
    }
    return false;
  }

  #parse(at: number, end: number): void {
    const { view } = this.#io;
    const key = this.#key;
    this.#isParsed = parseFlow(view, at, end, key) === Drop.None;
    if (!this.#isParsed || key.etherType !== EtherType.ARP) return;
    if (arp.check(view, key.l3At, end) !== Drop.None) return;
    key.src2 = 0xffff;
    key.src3 = arp.senderAddress(view, key.l3At);
    key.dst2 = 0xffff;
    key.dst3 = arp.targetAddress(view, key.l3At);
  }

  #verdict(drop: Drop): Uint8Array {
    const verdict = drop === Drop.None ? 'forwarded' : `dropped: ${DROP_NAMES[drop] ?? drop}`;
    if (this.#source !== undefined) {
      const from = formatIpWords(this.#source);
      return encoder.encode(`${verdict}; VNI ${this.#vni} from ${from}`);
    }
    return drop === Drop.None ? FORWARDED : encoder.encode(verdict);
  }

  #tunnelComment(vni: number, peer: number): Uint8Array {
    const address = this.#ports.peerAddress(peer);
    const target = address === undefined ? '' : ` to ${formatIpWords(address)}`;
    return encoder.encode(`VNI ${vni}${target}`);
  }

  #find(id: number): Capture {
    const found = this.#captures.find((capture) => capture.id === id);
    if (found !== undefined) return found;
    throw new SdnError('SDN_CAPTURE_UNKNOWN', `there is no capture ${id}`, {
      remedy: 'it has ended and been read, or nobody has read it for too long; start another',
    });
  }

  #update(): void {
    this.isActive = this.#captures.some((capture) => capture.isRunning);
  }
}

type Recorded = Omit<PcapngPacket, 'interfaceId' | 'capturedLen'>;

function sourceOf(words: Uint32Array, rx: number): IpWords {
  const at = rx + Rx.SOURCE;
  return [words[at] ?? 0, words[at + 1] ?? 0, words[at + 2] ?? 0, words[at + 3] ?? 0];
}

/** What is wrong with a request's bounds. */
function boundsFault(request: CaptureRequest): string | undefined {
  for (const name of ['snapLen', 'packetsMax', 'bytesMax', 'secondsMax'] as const) {
    const value = request[name];
    if (value !== undefined && (!Number.isSafeInteger(value) || value < 1)) {
      return `'${name}' is no whole number above 0`;
    }
  }
  return undefined;
}
