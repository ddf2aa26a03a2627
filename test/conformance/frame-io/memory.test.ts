/** The FrameIo suite over memory-frame-io. */
import test from 'ava';
import { memoryFrameIo } from '../../../dataplane/port/memory-frame-io.ts';
import { frameIoConformance } from './suite.ts';

frameIoConformance(test, () => {
  const io = memoryFrameIo();
  const ports = [io.attach('ethernet'), io.attach('ethernet')] as const;
  let sent = io.takeSent();
  return {
    io,
    ports,
    send: (side, frame) => io.deliver(ports[side], frame.bytes, { vnet: frame.vnet }),
    take(side) {
      sent = [...sent, ...io.takeSent()];
      const taken = sent.filter((frame) => frame.port === ports[side]);
      sent = sent.filter((frame) => frame.port !== ports[side]);
      return taken;
    },
    remove: (side) => io.remove(ports[side]),
    close: () => io.close(),
  };
});
