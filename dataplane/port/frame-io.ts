/**
 * FrameIo — how frames enter and leave the forwarding loop: in bursts, through one fixed ring of slots under one DataView.
 *
 *   loop: received = io.exchange(txCount, timeoutMs)     // sends what the last round queued, then waits for frames
 *         for each receive descriptor: look at the frame, edit it in place, append transmit descriptors
 *
 * A slot is [headroom | frame]. Received frames stay valid until the next `exchange`; whatever is queued for transmission points into
 * the same ring, so nothing is copied in TypeScript. One slot may be queued several times if its bytes, its virtio_net_hdr included,
 * are the same for all: an implementation may complete a partial checksum in place and clear NEEDS_CSUM.
 *
 * Frames carry a virtio_net_hdr (10 bytes, host order, virtio 1.2 §5.1.6) at VNET: with GSO_TCPV4 … the frame is a super-frame of up to
 * 64 KiB whose TCP/UDP checksum is partial (NEEDS_CSUM: the field holds the pseudo-header sum only). A port whose far end has no
 * offloads gets it segmented and summed by the implementation. A received frame's header lies in the headroom, right before AT; a
 * sender who writes headers there moves it (anywhere in the ring) and adds their length to csum_start.
 *
 * Where the far end takes UDP super-frames, consecutive datagrams of one flow may reach it as one; nothing waits for that.
 *
 * Descriptors are 32-bit words, RX_STRIDE or TX_STRIDE apart; indices below. Implementations: native (native/), memory, pcap, fault.
 * Conformance: test/conformance/frame-io. Called by dataplane/switch.
 */

export const BURST_MAX = 64;
/** Bytes before each received frame that a sender may write headers into. */
export const HEADROOM = 128;

export const RX_STRIDE = 8;
export const Rx = {
  /** Index given to attach(). */
  PORT: 0,
  /** Offset of the first byte: the Ethernet header, or on an uplink the VXLAN header (RFC 7348 §5). */
  AT: 1,
  /** Offset after the last byte. */
  END: 2,
  /** Offset of the frame's virtio_net_hdr; csum_start counts from the (inner) Ethernet header. */
  VNET: 3,
  /** Outer source address on an uplink, as IPv6 (IPv4 as ::ffff:a.b.c.d), four words, first the most significant. */
  SOURCE: 4,
} as const;

export const TX_STRIDE = 8;
export const Tx = {
  PORT: 0,
  /** Offset of the Ethernet header, for an uplink of the inner one: the implementation writes the VXLAN header. */
  AT: 1,
  END: 2,
  VNET: 3,
  /** Uplink only: index given to setPeer(). */
  PEER: 4,
  /** Uplink only: VXLAN network identifier, 24 bits. */
  VNI: 5,
  /** Uplink only: flow hash, spreads the outer UDP source port (RFC 7348 §5). */
  HASH: 6,
} as const;

/**
 * Limits of a port, in 1000 bits a second of Ethernet frames on the wire (a super-frame costs what its segments do); 0: none. Outbound
 * is what the port sends: it waits in the device's own queue. Inbound is what it receives: it waits here, as long as there is room.
 */
export interface Shaping {
  readonly outboundKbps: number;
  readonly inboundKbps: number;
  /** Share of the link (setLinkSpeed) when it is contended, as against other ports; 0: the link is none of its concern. */
  readonly weight: number;
}

export const NO_SHAPING: Shaping = { outboundKbps: 0, inboundKbps: 0, weight: 0 };
export const SHAPING_WEIGHT_MAX = 1_000_000;

export interface FrameIo {
  /** The ring. */
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly rx: Uint32Array;
  readonly tx: Uint32Array;
  /** Offset and length of a scratch area in the ring that receive never touches, for frames the switch itself makes. */
  readonly scratchAt: number;
  readonly scratchBytes: number;
  /** Highest number of transmit descriptors one exchange takes. */
  readonly txMax: number;
  /**
   * Sends descriptors 0 … txCount−1 in order, then returns how many frames were received (0 … BURST_MAX): at once if some are there,
   * else after at most timeoutMs (−1: no limit) or when wake() was called. A frame that could not be sent is counted, not retried.
   */
  exchange(txCount: number, timeoutMs: number): number;
  /** Makes the exchange in progress, or else the next one, return at once instead of waiting. */
  wake(): void;
  /**
   * Frames lost in transmission on a port since it was attached: [queue full, failed, offload invalid]; on an uplink, outer packets.
   * Offload invalid: the virtio_net_hdr contradicts the frame.
   */
  transmitDrops(port: number): readonly [number, number, number];
  /** Frames lost because they were not received in time, as far as the port's queue counts them (a TAP's interface counts its own). */
  receiveDrops(port: number): number;
  /** True once the port's device is gone (its namespace was deleted): detach it. */
  isGone(port: number): boolean;
  /** Where an uplink's PEER index leads. */
  setPeer(peer: number, address: Uint8Array, udpPort: number): void;
  setShaping(port: number, shaping: Shaping): void;
  /** What all ports with a weight may send together; 0: as much as they like. */
  setLinkSpeed(kbps: number): void;
  /** Frames a port's inbound limit had no room for since it was attached. */
  shapingDrops(port: number): number;
  detach(port: number): void;
  close(): void;
}
