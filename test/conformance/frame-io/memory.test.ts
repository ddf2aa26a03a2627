/** The FrameIo suite over those in memory: memory itself, replay of captures, and the decorator with no fault to add. */
import test from 'ava';
import { seededRng } from '../../../base/rng.ts';
import { faultFrameIo } from '../../../dataplane/port/fault-frame-io.ts';
import type { FrameIo } from '../../../dataplane/port/frame-io.ts';
import { type MemoryFrameIo, memoryFrameIo } from '../../../dataplane/port/memory-frame-io.ts';
import { pcapFrameIo } from '../../../dataplane/port/pcap-frame-io.ts';
import { frameIoConformance, type Harness } from './suite.ts';

/** `far` plays the far ends of `io`, which is or decorates it. */
function harness(far: MemoryFrameIo, io: FrameIo): Harness {
  const ports = [far.attach('ethernet'), far.attach('ethernet')] as const;
  let sent = far.takeSent();
  return {
    io,
    ports,
    send: (side, frame) => far.deliver(ports[side], frame.bytes, { vnet: frame.vnet }),
    take(side) {
      sent = [...sent, ...far.takeSent()];
      const taken = sent.filter((frame) => frame.port === ports[side]);
      sent = sent.filter((frame) => frame.port !== ports[side]);
      return taken;
    },
    remove: (side) => far.remove(ports[side]),
    close: () => io.close(),
  };
}

frameIoConformance(test, 'memory', () => {
  const io = memoryFrameIo();
  return harness(io, io);
});

frameIoConformance(test, 'pcap', () => {
  const io = pcapFrameIo();
  return harness(io, io);
});

frameIoConformance(test, 'fault', () => {
  const far = memoryFrameIo();
  return harness(far, faultFrameIo(far, seededRng(1), {}));
});
