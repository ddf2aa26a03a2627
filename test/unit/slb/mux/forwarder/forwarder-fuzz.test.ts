/**
 * Anything may come in by the provider network: random bytes, packets that begin well and end early, packets with bytes changed, headers of the kernel's
 * that contradict them. The mux never throws, loses count of nothing, and goes on.
 */

import test from 'ava';
import fc from 'fast-check';
import { FRAGMENT_HELD_SEC_MAX } from '../../../../../dataplane/limits.ts';
import type { VnetHeader } from '../../../../../packet/vnet-header.ts';
import { frameOf } from '../../../bgp/edge/router/edge-world.ts';
import {
  ACK,
  backend,
  CLIENT,
  CLIENT6,
  EDGE_MAC,
  lease,
  MUX_MAC,
  MuxWorld,
  pool,
  rule,
  tcpPacket,
  udpPacket,
  VIP,
  VIP6,
  vip,
} from '../mux-world.ts';

const MACS = { dst: MUX_MAC, src: EDGE_MAC };
const V6 = { src: CLIENT6, dst: VIP6 };
const FRAGMENT = { id: 9, offset: 0, more: true };

/** Packets of every kind that a mux knows. */
const SEEDS = [
  tcpPacket(),
  tcpPacket({ flags: ACK, size: 1460, df: false }),
  tcpPacket({ flags: ACK, size: 1460, df: true }),
  udpPacket(),
  udpPacket({ fragment: FRAGMENT, size: 64 }),
  udpPacket({ fragment: { ...FRAGMENT, offset: 72, more: false }, size: 64 }),
  udpPacket({ dstPort: 1024 }),
  { src: CLIENT, dst: VIP, protocol: 1, type: 8, srcPort: 1 },
  tcpPacket(V6),
  udpPacket({ ...V6, size: 1460 }),
  { ...V6, protocol: 58, type: 128, srcPort: 1 },
  {
    ...{ src: CLIENT, dst: VIP, protocol: 1, type: 3, code: 1 },
    body: frameOf({ src: VIP, dst: CLIENT, protocol: 6, srcPort: 80, dstPort: 7 }, MACS).subarray(
      14,
    ),
  },
].map((spec) => frameOf(spec, MACS));

async function world(): Promise<MuxWorld> {
  const made = new MuxWorld();
  const rules = [rule(), rule({ protocol: 17, port: 53 })];
  const { set } = made;
  await set.call(made, [
    pool([backend(1), backend(2)]),
    vip(rules),
    vip(rules, VIP6, 'six'),
    lease(7, 1024, 1031),
  ]);
  return made;
}

/** Every frame is forwarded, answered or cut, or counted as a drop; those of a virtual address there, others at the link. */
function isAccounted(made: MuxWorld): boolean {
  const sum = (drops: Readonly<Record<string, number>>) =>
    Object.values(drops).reduce((all, count) => all + count, 0);
  // A fragment that has come before its first one: until it is given up.
  if (made.core.forwarder.heldFragments > 0) made.advance(FRAGMENT_HELD_SEC_MAX + 1);
  const { counters, addressCounters } = made.core;
  const link = counters.read(0);
  const addresses = [0, 1].map((number) => addressCounters.read(number));
  const known = addresses.reduce((all, { rxFrames }) => all + rxFrames, 0);
  const settled = addresses.every(({ rxFrames, txFrames, drops }) => {
    return rxFrames === txFrames + sum(drops);
  });
  return settled && link.rxFrames === known + sum(link.drops);
}

const anyVnet: fc.Arbitrary<VnetHeader> = fc.record({
  flags: fc.nat(255),
  gsoType: fc.oneof(fc.constantFrom(0, 1, 4, 5), fc.nat(255)),
  hdrLen: fc.nat(0xffff),
  gsoSize: fc.nat(0xffff),
  csumStart: fc.oneof(fc.constantFrom(34, 54), fc.nat(0xffff)),
  csumOffset: fc.oneof(fc.constantFrom(6, 16), fc.nat(0xffff)),
});

/** A seed with some bytes changed and an end cut off. */
const mangled = fc
  .tuple(
    fc.constantFrom(...SEEDS),
    fc.array(fc.tuple(fc.nat(1600), fc.nat(255)), { maxLength: 4 }),
    fc.nat(1600),
  )
  .map(([seed, changes, cut]) => {
    const bytes = seed.slice(0, Math.max(1, seed.length - (cut % 3 === 0 ? cut : 0)));
    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
    return bytes;
  });

test('every truncation of every packet is forwarded or counted', async (t) => {
  const made = await world();
  for (const seed of SEEDS) {
    for (let end = 1; end <= seed.length; end += 1) made.deliver(seed.slice(0, end));
  }
  t.true(isAccounted(made));
  made.core.checkInvariants();
});

test('any bytes are forwarded or counted, and the mux goes on', async (t) => {
  const made = await world();
  fc.assert(
    fc.property(
      fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 200 }), mangled),
      fc.option(anyVnet, { nil: undefined }),
      (bytes, vnet) => {
        made.deliver(bytes, vnet === undefined ? {} : { vnet });
        made.clock.advance(100 as Parameters<typeof made.clock.advance>[0]);
        return isAccounted(made);
      },
    ),
    { numRuns: 20_000 },
  );
  made.core.checkInvariants();
  t.not(made.backendOf({ srcPort: 1 }), '');
});
