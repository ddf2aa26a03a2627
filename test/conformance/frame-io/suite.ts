/**
 * What every FrameIo promises (dataplane/port/frame-io.ts), as tests over two ethernet ports whose far ends a harness plays.
 * memory.test.ts and native.test.ts run it for each implementation.
 */
import type { ExecutionContext, TestFn } from 'ava';
import { defined } from '../../../base/assert.ts';
import {
  BURST_MAX,
  type FrameIo,
  HEADROOM,
  RX_STRIDE,
  Rx,
  TX_STRIDE,
  Tx,
} from '../../../dataplane/port/frame-io.ts';
import * as vnet from '../../../packet/vnet-header.ts';
import { type Packet, packet } from './frames.ts';

export interface Harness {
  readonly io: FrameIo;
  readonly ports: readonly [number, number];
  /** The far end of port 0 or 1 sends a frame towards the FrameIo. */
  send(side: 0 | 1, frame: Packet): void;
  /** What the far end of port 0 or 1 has received since last asked; waits until `count` have come or nothing more does. */
  take(side: 0 | 1, count: number): Packet[];
  /** The device behind port 0 or 1 disappears. */
  remove(side: 0 | 1): void;
  close(): void;
}

export interface Received extends Packet {
  readonly port: number;
  readonly at: number;
  readonly vnetAt: number;
}

const WAIT_MS = 200;

/** Exchanges until `count` frames have come or a wait brings none. */
export function receive(io: FrameIo, count: number, waitMs: number = WAIT_MS): Received[] {
  const frames: Received[] = [];
  while (frames.length < count) {
    const received = io.exchange(0, waitMs);
    if (received === 0) break;
    for (let index = 0; index < received; index++) frames.push(frameAt(io, index));
  }
  return frames;
}

export function frameAt(io: FrameIo, index: number): Received {
  const word = (field: number): number => defined(io.rx[index * RX_STRIDE + field], 'word');
  const at = word(Rx.AT);
  const vnetAt = word(Rx.VNET);
  const bytes = io.bytes.slice(at, word(Rx.END));
  return { port: word(Rx.PORT), at, vnetAt, bytes, vnet: vnet.parse(io.view, vnetAt) };
}

/** Writes `frame` into the scratch area and queues it as transmit descriptor `index`. */
export function queue(io: FrameIo, index: number, port: number, frame: Packet, at: number): number {
  vnet.emit(frame.vnet, io.view, at);
  const frameStart = at + 16;
  io.bytes.set(frame.bytes, frameStart);
  const base = index * TX_STRIDE;
  io.tx[base + Tx.PORT] = port;
  io.tx[base + Tx.AT] = frameStart;
  io.tx[base + Tx.END] = frameStart + frame.bytes.length;
  io.tx[base + Tx.VNET] = at;
  return frameStart + frame.bytes.length;
}

/** Without hdr_len, which is a hint. */
export function essence(frame: Packet): object {
  const { hdrLen: _, ...header } = frame.vnet;
  return { bytes: frame.bytes, vnet: header };
}

const SUPER_FRAMES: readonly (readonly [string, Packet])[] = [
  ['TCP over IPv4', packet({ payloadLen: 60_000, segmentLen: 1448 })],
  ['TCP over IPv6', packet({ ipVersion: 6, payloadLen: 60_000, segmentLen: 1428 })],
  ['UDP over IPv4', packet({ protocol: 'udp', payloadLen: 60_000, segmentLen: 1472 })],
];

export function frameIoConformance(test: TestFn, name: string, open: () => Harness): void {
  const scenario = (title: string, run: (t: ExecutionContext, harness: Harness) => void) =>
    test.serial(`${name}: ${title}`, (t) => {
      const harness = open();
      try {
        run(t, harness);
      } finally {
        harness.close();
      }
    });

  scenario(
    'frames of every length arrive unchanged, with headroom and a plain header',
    (t, { io, ports, send }) => {
      for (const payloadLen of [1, 6, 64, 1000, 1460]) {
        const frame = packet({ payloadLen, tcpOptionsLen: 0 });
        send(0, frame);
        const [received] = receive(io, 1);
        t.is(received?.port, ports[0]);
        t.deepEqual(essence(defined(received, 'frame')), essence(frame));
        t.true((received?.at ?? 0) >= HEADROOM);
        t.is(received?.vnetAt, (received?.at ?? 0) - vnet.VNET_HEADER_LEN);
      }
    },
  );

  scenario('queued frames leave in order and unchanged', (t, { io, ports, take }) => {
    const frames = Array.from({ length: io.txMax }, (_, index) =>
      packet({ payloadLen: 10 + index, sequence: index }),
    );
    let at = io.scratchAt;
    frames.forEach((frame, index) => {
      at = queue(io, index, ports[1], frame, at);
    });
    t.true(at <= io.scratchAt + io.scratchBytes);
    io.exchange(frames.length, 0);
    t.deepEqual(take(1, frames.length).map(essence), frames.map(essence));
    t.deepEqual([...io.transmitDrops(ports[1])], [0, 0, 0]);
  });

  for (const [name, frame] of SUPER_FRAMES) {
    scenario(
      `a super-frame of ${name} crosses from port to port whole`,
      (t, { io, ports, send, take }) => {
        send(0, frame);
        const [received] = receive(io, 1);
        t.deepEqual(essence(defined(received, 'frame')), essence(frame));
        io.tx[Tx.PORT] = ports[1];
        io.tx[Tx.AT] = io.rx[Rx.AT] ?? 0;
        io.tx[Tx.END] = io.rx[Rx.END] ?? 0;
        io.tx[Tx.VNET] = io.rx[Rx.VNET] ?? 0;
        io.exchange(1, 0);
        t.deepEqual(take(1, 1).map(essence), [essence(frame)]);
      },
    );
  }

  scenario('one frame queued twice leaves twice', (t, { io, ports, take }) => {
    const frame = packet({ payloadLen: 30_000, segmentLen: 1000 });
    queue(io, 0, ports[0], frame, io.scratchAt);
    queue(io, 1, ports[1], frame, io.scratchAt);
    io.exchange(2, 0);
    t.deepEqual(take(0, 1).map(essence), [essence(frame)]);
    t.deepEqual(take(1, 1).map(essence), [essence(frame)]);
  });

  scenario('a burst holds at most BURST_MAX frames and none is lost', (t, { io, send }) => {
    const frames = Array.from({ length: BURST_MAX + 10 }, (_, index) =>
      packet({ payloadLen: 100, sequence: index }),
    );
    for (const frame of frames) send(0, frame);
    const first = io.exchange(0, WAIT_MS);
    t.true(first > 0 && first <= BURST_MAX);
    const early = Array.from({ length: first }, (_, index) => frameAt(io, index));
    const late = receive(io, frames.length - first);
    t.deepEqual([...early, ...late].map(essence), frames.map(essence));
  });

  scenario('a busy port does not starve the other', (t, { io, ports, send }) => {
    for (let count = 0; count < 3 * BURST_MAX; count++) send(0, packet({ payloadLen: 100 }));
    send(1, packet({ payloadLen: 50 }));
    const frames = receive(io, 3 * BURST_MAX + 1);
    const place = frames.findIndex((frame) => frame.port === ports[1]);
    t.is(frames.length, 3 * BURST_MAX + 1);
    t.true(place >= 0);
  });

  scenario('nothing to receive: returns 0 after the timeout', (t, { io }) => {
    t.is(io.exchange(0, 0), 0);
    t.is(io.exchange(0, 5), 0);
  });

  scenario('wake ends the next wait', (t, { io }) => {
    io.wake();
    io.wake();
    t.is(io.exchange(0, -1), 0);
  });

  scenario('a gone device is told, counted, and does not disturb the other port', (t, harness) => {
    const { io, ports, send } = harness;
    harness.remove(0);
    io.exchange(0, WAIT_MS);
    t.true(io.isGone(ports[0]));
    t.false(io.isGone(ports[1]));
    queue(io, 0, ports[0], packet({ payloadLen: 10 }), io.scratchAt);
    io.exchange(1, 0);
    t.deepEqual([...io.transmitDrops(ports[0])], [0, 1, 0]);
    io.detach(ports[0]);
    send(1, packet({ payloadLen: 10 }));
    t.is(receive(io, 1).length, 1);
  });

  scenario('a frame for a port that was detached goes nowhere', (t, { io, ports, take }) => {
    io.detach(ports[0]);
    queue(io, 0, ports[0], packet({ payloadLen: 10 }), io.scratchAt);
    queue(io, 1, ports[1], packet({ payloadLen: 11 }), io.scratchAt + 4096);
    io.exchange(2, 0);
    t.is(take(1, 1).length, 1);
  });

  scenario('a descriptor outside the ring is our bug', (t, { io, ports }) => {
    io.tx.set([ports[0], io.bytes.length - 10, io.bytes.length + 10, io.scratchAt], 0);
    t.throws(() => io.exchange(1, 0), { name: 'AssertionError' });
  });
}
