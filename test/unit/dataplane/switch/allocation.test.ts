/** The fast path allocates nothing: the heap does not grow with the number of frames. */
import test from 'ava';
import { ManualClock } from '../../../../base/clock.ts';
import { burstRing, type RingFrame } from '../../../../bench/forwarder/burst-ring.ts';
import {
  PEER_WORDS,
  sampleFrame,
  sampleSwitch,
  tunnelledFrame,
  UPLINK,
} from '../../../../bench/forwarder/sample-network.ts';

const FRAMES = 1_000_000;

test('a million frames of known flows leave the heap as it was', (t) => {
  const io = burstRing();
  const core = sampleSwitch(io, new ManualClock(), { flowsMax: 1024 });
  const frames: RingFrame[] = Array.from({ length: 64 }, (_, index) => {
    const ports = { src: index + 1, dst: 0xff00 + index };
    const kinds: RingFrame[] = [
      { device: 0, bytes: sampleFrame('10.0.0.4', '10.0.0.5', ports) },
      { device: 0, bytes: sampleFrame('10.0.0.4', '10.0.0.6', ports, true) },
      { device: 1, bytes: sampleFrame('10.0.0.5', '10.0.0.4', ports) },
      { device: UPLINK, bytes: tunnelledFrame('10.0.0.4', ports), source: PEER_WORDS },
    ];
    return kinds[index % kinds.length] ?? { device: 0, bytes: new Uint8Array() };
  });
  io.load(frames);
  const pass = (count: number) => {
    for (let done = 0; done < count; done += frames.length) core.forward(io.exchange(0, 0));
  };
  // Until the compiler has seen it all.
  pass(FRAMES / 2);
  t.is(core.forward(io.exchange(0, 0)), frames.length, 'every frame goes somewhere');
  const chunks = 50;
  const growth: number[] = [];
  for (let chunk = 0; chunk < chunks; chunk += 1) {
    const before = process.memoryUsage().heapUsed;
    pass(FRAMES / chunks);
    growth.push(process.memoryUsage().heapUsed - before);
  }
  // Half of the chunks at least saw neither a collection nor the engine's own business.
  const median = growth.sort((a, b) => a - b)[chunks / 2] ?? 0;
  t.true(median / (FRAMES / chunks) < 0.5, `${median} bytes in ${FRAMES / chunks} frames`);
});
