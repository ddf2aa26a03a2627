/**
 * FrameIo in memory: a test or a simulation delivers frames, the forwarding loop exchanges them, the test reads what was sent.
 * Same ring, descriptors, layout and bounds as the native implementation (test/conformance/frame-io holds both to it); it never
 * blocks: an exchange with nothing to receive returns 0 whatever its timeout.
 *
 * On an uplink a sent frame is what would travel: VXLAN header (RFC 7348 §5) and inner frame. Super-frames stay whole.
 * Called by tests of dataplane/, slb/ and gateway/, and by test/simulation.
 */
import { assert, defined } from '../../base/assert.ts';
import * as vnet from '../../packet/vnet-header.ts';
import { FRAME_BYTES_MAX } from '../limits.ts';
import {
  BURST_MAX,
  type FrameIo,
  HEADROOM,
  NO_SHAPING,
  RX_STRIDE,
  Rx,
  type Shaping,
  TX_STRIDE,
  Tx,
} from './frame-io.ts';

export const MEMORY_TX_MAX = 256;
const SCRATCH_BYTES = 256 * 1024 + 64 * 65_600;
const VXLAN_HEADER_LEN = 8;
const VXLAN_FLAG_VNI = 0x0800_0000;
const SLOT_BYTES = HEADROOM + VXLAN_HEADER_LEN + FRAME_BYTES_MAX + 7;
const IPV6_WORDS = 4;

export type MemoryPortKind = 'ethernet' | 'uplink';

export interface Delivery {
  /** Default: a plain, complete frame. */
  readonly vnet?: vnet.VnetHeader;
  /** Uplink only: outer source, 4 or 16 bytes. */
  readonly source?: Uint8Array;
}

export interface SentFrame {
  readonly port: number;
  /** From the Ethernet header, on an uplink from the VXLAN header. A copy. */
  readonly bytes: Uint8Array;
  readonly vnet: vnet.VnetHeader;
  /** Uplink only. */
  readonly uplink: SentUplink | undefined;
}

export interface SentUplink {
  readonly peer: number;
  readonly address: Uint8Array;
  readonly udpPort: number;
  readonly vni: number;
  readonly hash: number;
}

export interface MemoryFrameIo extends FrameIo {
  attach(kind: MemoryPortKind): number;
  /** Queues a frame for reception; for an uplink `bytes` begins with the VXLAN header. */
  deliver(port: number, bytes: Uint8Array, delivery?: Delivery): void;
  /** Frames sent since the last call, oldest first. */
  takeSent(): SentFrame[];
  /** How many delivered frames no exchange has returned yet. */
  readonly backlogCount: number;
  /** The port's device disappears: nothing comes or goes any more. */
  remove(port: number): void;
  /** Limits as set; time does not pass here, so they hold nothing back. */
  shapingOf(port: number): Shaping;
  readonly linkSpeedKbps: number;
  /** The next `count` frames sent to the port are lost as if its queue were full. */
  fillQueue(port: number, count: number): void;
}

interface Port {
  shaping: Shaping;
  readonly kind: MemoryPortKind;
  isGone: boolean;
  queueFullCount: number;
  readonly drops: [number, number, number];
}

interface Queued {
  readonly port: number;
  readonly bytes: Uint8Array;
  readonly delivery: Delivery;
}

interface Peer {
  readonly address: Uint8Array;
  readonly udpPort: number;
}

export function memoryFrameIo(): MemoryFrameIo {
  return new MemoryRing();
}

class MemoryRing implements MemoryFrameIo {
  readonly scratchAt = (BURST_MAX * RX_STRIDE + MEMORY_TX_MAX * TX_STRIDE) * 4;
  readonly scratchBytes = SCRATCH_BYTES;
  readonly txMax = MEMORY_TX_MAX;
  readonly #slotsAt = this.scratchAt + SCRATCH_BYTES;
  readonly #buffer = new ArrayBuffer(this.#slotsAt + BURST_MAX * SLOT_BYTES);
  readonly view = new DataView(this.#buffer);
  readonly bytes = new Uint8Array(this.#buffer);
  readonly rx = new Uint32Array(this.#buffer, 0, BURST_MAX * RX_STRIDE);
  readonly tx = new Uint32Array(this.#buffer, BURST_MAX * RX_STRIDE * 4, MEMORY_TX_MAX * TX_STRIDE);
  readonly #ports = new Map<number, Port>();
  readonly #peers = new Map<number, Peer>();
  linkSpeedKbps = 0;
  #nextPort = 0;
  #queue: Queued[] = [];
  #sent: SentFrame[] = [];
  #isClosed = false;

  get backlogCount(): number {
    return this.#queue.length;
  }

  attach(kind: MemoryPortKind): number {
    const port = this.#nextPort++;
    this.#ports.set(port, {
      kind,
      shaping: NO_SHAPING,
      isGone: false,
      queueFullCount: 0,
      drops: [0, 0, 0],
    });
    return port;
  }

  deliver(port: number, bytes: Uint8Array, delivery: Delivery = {}): void {
    assert(bytes.length <= VXLAN_HEADER_LEN + FRAME_BYTES_MAX, 'frame fits a slot');
    if (this.#port(port).isGone) return;
    this.#queue.push({ port, bytes: bytes.slice(), delivery });
  }

  takeSent(): SentFrame[] {
    const sent = this.#sent;
    this.#sent = [];
    return sent;
  }

  remove(port: number): void {
    this.#port(port).isGone = true;
    this.#queue = this.#queue.filter((queued) => queued.port !== port);
  }

  fillQueue(port: number, count: number): void {
    this.#port(port).queueFullCount += count;
  }

  exchange(txCount: number, _timeoutMs: number): number {
    assert(!this.#isClosed, 'exchange after close');
    assert(txCount >= 0 && txCount <= MEMORY_TX_MAX, 'txCount within txMax');
    for (let index = 0; index < txCount; index++) this.#transmit(index * TX_STRIDE);
    return this.#receive();
  }

  wake(): void {}

  transmitDrops(port: number): readonly [number, number, number] {
    return this.#port(port).drops;
  }

  receiveDrops(_port: number): number {
    return 0;
  }

  shapingDrops(_port: number): number {
    return 0;
  }

  setShaping(port: number, shaping: Shaping): void {
    this.#port(port).shaping = shaping;
  }

  shapingOf(port: number): Shaping {
    return this.#port(port).shaping;
  }

  setLinkSpeed(kbps: number): void {
    this.linkSpeedKbps = kbps;
  }

  isGone(port: number): boolean {
    return this.#port(port).isGone;
  }

  setPeer(peer: number, address: Uint8Array, udpPort: number): void {
    assert(address.length === 4 || address.length === 16, 'peer address is IPv4 or IPv6');
    this.#peers.set(peer, { address: address.slice(), udpPort });
  }

  detach(port: number): void {
    assert(this.#ports.delete(port), 'port is attached');
    this.#queue = this.#queue.filter((queued) => queued.port !== port);
  }

  close(): void {
    this.#isClosed = true;
    this.#ports.clear();
    this.#queue = [];
  }

  #transmit(base: number): void {
    const portIndex = this.#txWord(base + Tx.PORT);
    const port = this.#ports.get(portIndex);
    if (port === undefined) return;
    const at = this.#txWord(base + Tx.AT);
    const end = this.#txWord(base + Tx.END);
    const vnetAt = this.#txWord(base + Tx.VNET);
    assert(at <= end && end <= this.bytes.length, 'transmit descriptor lies in the ring');
    assert(vnetAt + vnet.VNET_HEADER_LEN <= this.bytes.length, 'vnet header lies in the ring');
    if (port.isGone) {
      port.drops[1]++;
    } else if (port.queueFullCount > 0) {
      port.queueFullCount--;
      port.drops[0]++;
    } else {
      this.#capture(base, { portIndex, port, at, end, vnetAt });
    }
  }

  #capture(
    base: number,
    frame: { portIndex: number; port: Port; at: number; end: number; vnetAt: number },
  ): void {
    const header = vnet.parse(this.view, frame.vnetAt);
    const bytes = this.bytes.slice(frame.at, frame.end);
    if (frame.port.kind === 'ethernet') {
      this.#sent.push({ port: frame.portIndex, bytes, vnet: header, uplink: undefined });
      return;
    }
    const peerIndex = this.#txWord(base + Tx.PEER);
    const peer = this.#peers.get(peerIndex);
    if (peer === undefined) {
      frame.port.drops[1]++;
      return;
    }
    const vni = this.#txWord(base + Tx.VNI);
    const uplink = { peer: peerIndex, ...peer, vni, hash: this.#txWord(base + Tx.HASH) };
    const packet = encapsulated(bytes, vni);
    this.#sent.push({ port: frame.portIndex, bytes: packet, vnet: header, uplink });
  }

  #receive(): number {
    const batch = this.#queue.splice(0, BURST_MAX);
    batch.forEach((queued, index) => {
      const at = this.#slotsAt + index * SLOT_BYTES + HEADROOM;
      const vnetAt = at - vnet.VNET_HEADER_LEN;
      this.bytes.set(queued.bytes, at);
      vnet.emit(queued.delivery.vnet ?? vnet.NO_OFFLOAD, this.view, vnetAt);
      const base = index * RX_STRIDE;
      this.rx[base + Rx.PORT] = queued.port;
      this.rx[base + Rx.AT] = at;
      this.rx[base + Rx.END] = at + queued.bytes.length;
      this.rx[base + Rx.VNET] = vnetAt;
      this.#writeSource(base + Rx.SOURCE, queued.delivery.source);
    });
    return batch.length;
  }

  #writeSource(index: number, source: Uint8Array | undefined): void {
    const words = source === undefined ? [0, 0, 0, 0] : addressWords(source);
    for (let word = 0; word < IPV6_WORDS; word++) this.rx[index + word] = words[word] ?? 0;
  }

  #port(port: number): Port {
    return defined(this.#ports.get(port), `port ${port}`);
  }

  #txWord(index: number): number {
    return this.tx[index] ?? 0;
  }
}

/** VXLAN header (RFC 7348 §5: flags with I set, reserved, VNI, reserved) and the frame. */
function encapsulated(frame: Uint8Array, vni: number): Uint8Array {
  const packet = new Uint8Array(VXLAN_HEADER_LEN + frame.length);
  const header = new DataView(packet.buffer);
  header.setUint32(0, VXLAN_FLAG_VNI);
  header.setUint32(4, vni << 8);
  packet.set(frame, VXLAN_HEADER_LEN);
  return packet;
}

/** `address`: 4 or 16 bytes, network order. As Rx.SOURCE: IPv4 becomes ::ffff:a.b.c.d. */
export function addressWords(address: Uint8Array): readonly [number, number, number, number] {
  const word = (at: number): number =>
    (((address[at] ?? 0) << 24) |
      ((address[at + 1] ?? 0) << 16) |
      ((address[at + 2] ?? 0) << 8) |
      (address[at + 3] ?? 0)) >>>
    0;
  return address.length === 4 ? [0, 0, 0xffff, word(0)] : [word(0), word(4), word(8), word(12)];
}
