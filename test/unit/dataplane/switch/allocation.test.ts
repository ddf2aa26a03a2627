/** The fast path allocates nothing: the heap does not grow with the number of frames. */
import test from 'ava';
import { ManualClock } from '../../../../base/clock.ts';
import { seededRng } from '../../../../base/rng.ts';
import { SwitchCore } from '../../../../dataplane/switch/switch-core.ts';
import { burstRing, type RingFrame } from './burst-ring.ts';
import {
  BLUE,
  between,
  hostResource,
  LOCAL,
  portId,
  tcpFrame,
  tenantGoal,
  tunnelled,
  udpFrame,
} from './tenants.ts';

const FRAMES = 1_000_000;
const PEER_WORDS = [0, 0, 0xffff, 0xc000_0202] as const;

test('a million frames of known flows leave the heap as it was', (t) => {
  const io = burstRing();
  const core = new SwitchCore({ io, clock: new ManualClock(), rng: seededRng(1), flowsMax: 1024 });
  core.applyGoal({ upserts: [hostResource(), ...tenantGoal(BLUE)], removes: [] });
  core.setUplink(9);
  for (const [device, text] of LOCAL.entries()) core.attach(portId(BLUE, text), device);
  const frames: RingFrame[] = Array.from({ length: 64 }, (_, index) => {
    const ports = { src: index + 1, dst: 0xff00 + index };
    const kinds: RingFrame[] = [
      { device: 0, bytes: udpFrame(between(BLUE, '10.0.0.4', '10.0.0.5'), ports) },
      { device: 0, bytes: tcpFrame(between(BLUE, '10.0.0.4', '10.0.0.6'), { srcPort: index }) },
      { device: 2, bytes: udpFrame(between(BLUE, '10.0.1.4', '10.0.1.6'), ports) },
      {
        device: 9,
        bytes: tunnelled(BLUE.webVni, udpFrame(between(BLUE, '10.0.0.6', '10.0.0.4'), ports)),
        source: PEER_WORDS,
      },
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
