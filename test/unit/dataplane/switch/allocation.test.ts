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
import {
  BACKEND_DEFAULTS,
  LOAD_BALANCING_RULE_DEFAULTS,
} from '../../../../schema/southbound/defaults.ts';
import type { Resource } from '../../../../schema/southbound/messages.ts';

const FRAMES = 1_000_000;
const VIRTUAL = '10.0.0.100';
const BACKEND = '10.0.0.5';

/** An internal virtual address whose backend is here. */
function balanced(): Resource[] {
  const address = Uint8Array.of(10, 0, 0, 100);
  const rule = { id: 'r', protocol: 17, port: 53, poolId: 'p', backendPort: 5353 };
  const rules = [{ ...LOAD_BALANCING_RULE_DEFAULTS, ...rule }];
  const place = { vnetId: 'n', internal: true, subnetId: 'web' };
  const own = {
    ...BACKEND_DEFAULTS,
    address: Uint8Array.from(BACKEND.split('.').map(Number)),
    ...{ vni: 5001, mac: 1, providerAddress: Uint8Array.of(192, 0, 2, 1), portId: BACKEND },
  };
  return [
    { key: 'vip/v', version: 1, virtualIp: { id: 'v', resourceRef: '', address, rules, ...place } },
    {
      key: 'pool/p',
      version: 1,
      backendPool: { id: 'p', resourceRef: '', vnetId: 'n', backends: [own] },
    },
  ];
}

test('a million frames of known flows leave the heap as it was', (t) => {
  const io = burstRing();
  const core = sampleSwitch(io, new ManualClock(), { flowsMax: 1024 });
  const errors = core.applyGoal({ upserts: balanced(), removes: [] });
  t.deepEqual(errors, []);
  const frames: RingFrame[] = Array.from({ length: 64 }, (_, index) => {
    const ports = { src: index + 1, dst: 0xff00 + index };
    const kinds: RingFrame[] = [
      { device: 0, bytes: sampleFrame('10.0.0.4', '10.0.0.5', ports) },
      { device: 0, bytes: sampleFrame('10.0.0.4', '10.0.0.6', ports, true) },
      { device: 1, bytes: sampleFrame('10.0.0.5', '10.0.0.4', ports) },
      { device: 0, bytes: sampleFrame('10.0.0.4', VIRTUAL, { ...ports, dst: 53 }) },
      { device: UPLINK, bytes: tunnelledFrame('10.0.0.4', ports), source: PEER_WORDS },
    ];
    return kinds[index % kinds.length] ?? { device: 0, bytes: new Uint8Array() };
  });
  io.load(frames);
  const pass = (count: number) => {
    for (let done = 0; done < count; done += frames.length) {
      // Translated frames would be others the next time.
      io.restore();
      core.forward(io.exchange(0, 0));
    }
  };
  // Until the compiler has seen it all.
  pass(FRAMES / 2);
  io.restore();
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
