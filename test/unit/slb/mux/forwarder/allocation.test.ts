/** The mux's way of a known flow allocates nothing: the heap does not grow with the number of packets. */
import test from 'ava';
import { ManualClock } from '../../../../../base/clock.ts';
import { seededRng } from '../../../../../base/rng.ts';
import { burstRing } from '../../../../../bench/forwarder/burst-ring.ts';
import * as tcp from '../../../../../packet/tcp.ts';
import { MuxGoal } from '../../../../../slb/mux/agent/mux-goal.ts';
import { MuxCore } from '../../../../../slb/mux/forwarder/mux-core.ts';
import { frameOf, words } from '../../../bgp/edge/router/edge-world.ts';
import {
  backend,
  EDGE_MAC,
  MUX_ADDRESS,
  MUX_MAC,
  pool,
  ROUTER_MAC,
  rule,
  tcpPacket,
  vip,
} from '../mux-world.ts';

const PACKETS = 1_000_000;
const FLOWS = 64;
const UPLINK = 0;
const OVERLAY = 1;

test('a million packets of known flows leave the heap as it was', async (t) => {
  const io = burstRing();
  const core = new MuxCore({ io, clock: new ManualClock(), rng: seededRng(7) });
  const configuration = {
    uplink: { name: 'uplink0', mac: MUX_MAC },
    providerAddress: words(MUX_ADDRESS),
    ...{ vxlanPort: 4789, providerMtu: 1500, mac: ROUTER_MAC },
  };
  core.configure(configuration, UPLINK, OVERLAY);
  const goal = [pool([backend(1), backend(2)]), vip([rule()])];
  core.apply((await new MuxGoal().apply(goal, [])).change);
  const frames = Array.from({ length: FLOWS }, (_, index) => {
    const packet = tcpPacket({ srcPort: 1024 + index, flags: tcp.Flag.ACK });
    return { device: UPLINK, bytes: frameOf(packet, { dst: MUX_MAC, src: EDGE_MAC }) };
  });
  io.load(frames);
  const pass = (count: number) => {
    for (let done = 0; done < count; done += FLOWS) {
      // What was forwarded has another TTL and other MAC addresses.
      io.restore();
      core.forward(io.exchange(0, 0));
    }
  };
  // Until the compiler has seen it all.
  pass(PACKETS / 2);
  io.restore();
  t.is(core.forward(io.exchange(0, 0)), FLOWS, 'every packet goes somewhere');
  const chunks = 50;
  const growth: number[] = [];
  for (let chunk = 0; chunk < chunks; chunk += 1) {
    const before = process.memoryUsage().heapUsed;
    pass(PACKETS / chunks);
    growth.push(process.memoryUsage().heapUsed - before);
  }
  // Half of the chunks at least saw neither a collection nor the engine's own business.
  const median = growth.sort((a, b) => a - b)[chunks / 2] ?? 0;
  t.true(median / (PACKETS / chunks) < 0.5, `${median} bytes in ${PACKETS / chunks} packets`);
});
