/** Two uplinks on loopback, one FrameIo each: what one sends the other receives. For tests of segmentation and coalescing. */
import { threadId } from 'node:worker_threads';
import { FRAME_BYTES_MAX } from '../../../dataplane/limits.ts';
import { type FrameIo, TX_STRIDE, Tx } from '../../../dataplane/port/frame-io.ts';
import { type NativeFrameIo, nativeFrameIo } from '../../../dataplane/port/native-frame-io.ts';
import type { Packet } from '../../conformance/frame-io/frames.ts';
import { queue, type Received, receive } from '../../conformance/frame-io/suite.ts';

const VXLAN_LEN = 8;
const PEER = 3;
/** Loopback delivers within the send call; this is for what does not come. */
const LOOPBACK_WAIT_MS = 1;

export interface UplinkPair {
  readonly sender: NativeFrameIo;
  readonly receiver: NativeFrameIo;
  readonly sendPort: number;
  /** Sends all in one exchange, in order, on one flow; then receives `count` frames, or what comes. */
  carry(frames: readonly Packet[], count: number, vni?: number): Received[];
  close(): void;
}

/** Each pair has loopback addresses of its own; test files run as threads of one process. */
let made = 0;

export function uplinkPair(offload: 'on' | 'off' = 'on'): UplinkPair {
  const block = ((process.pid + 16 * threadId) % 230) + 20;
  const own = (host: number): Uint8Array => Uint8Array.of(127, block, made, host);
  made++;
  const sender = nativeFrameIo({ offload: 'on' });
  const receiver = nativeFrameIo({ offload });
  const sendPort = sender.attachUplink({ address: own(1) });
  receiver.attachUplink({ address: own(2) });
  sender.setPeer(PEER, own(2), 4789);
  return {
    sender,
    receiver,
    sendPort,
    carry(frames, count, vni = 100) {
      queueAll(sender, sendPort, frames, vni);
      sender.exchange(frames.length, 0);
      return receive(receiver, count, LOOPBACK_WAIT_MS);
    },
    close() {
      sender.close();
      receiver.close();
    },
  };
}

export function queueAll(io: FrameIo, port: number, frames: readonly Packet[], vni: number): void {
  let at = io.scratchAt;
  frames.forEach((frame, index) => {
    if (at + FRAME_BYTES_MAX > io.scratchAt + io.scratchBytes) throw new Error('too many frames');
    at = queue(io, index, port, frame, at);
    io.tx[index * TX_STRIDE + Tx.PEER] = PEER;
    io.tx[index * TX_STRIDE + Tx.VNI] = vni;
    io.tx[index * TX_STRIDE + Tx.HASH] = 5;
  });
}

/** The inner frame of one received on an uplink. */
export function innerOf(frame: Received): Packet {
  return { bytes: frame.bytes.slice(VXLAN_LEN), vnet: frame.vnet };
}
