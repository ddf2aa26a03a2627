/** What the edge does for load balancers' muxes: all of a flow to one of them, fragments included, and IPv6 addresses by routes with IPv4 next hops. */
import test from 'ava';
import { defined } from '../../../../../base/assert.ts';
import * as ethernet from '../../../../../packet/ethernet.ts';
import { EdgeWorld, type PacketSpec, words } from './edge-world.ts';

const MUX1 = { address: '198.51.100.3', mac: 0x0200_0000_0003 };
const MUX2 = { address: '198.51.100.4', mac: 0x0200_0000_0004 };
const VIP = '203.0.113.10';
const VIP6 = '2001:db8:113::10';

function world(): EdgeWorld {
  const edge = new EdgeWorld();
  const nextHops = [MUX1, MUX2].map(({ address }) => words(address));
  edge.core.learn([
    { prefix: { words: words(VIP), len: 128 }, nextHops },
    { prefix: { words: words(VIP6), len: 128 }, nextHops },
  ]);
  for (const { address, mac } of [MUX1, MUX2]) {
    edge.core.state.neighbours.lookup(1, words(address), true, edge.core.nowSec);
    edge.says(edge.provider, address, mac);
  }
  return edge;
}

/** MAC address of the mux that a packet goes to. */
function muxOf(edge: EdgeWorld, spec: PacketSpec): number {
  const [sent] = edge.fromOutside(spec);
  return defined(sent, 'a packet').dstMac;
}

test('all fragments of a datagram go to the mux that the rest of its flow goes to', (t) => {
  const edge = world();
  const muxes = new Set<number>();
  for (let host = 1; host <= 40; host += 1) {
    const spec = { src: `198.18.7.${host}`, dst: VIP, srcPort: 1000 + host, dstPort: 53 };
    const whole = muxOf(edge, spec);
    const fragment = (offset: number) => ({ id: host, offset, more: offset === 0 });
    t.is(muxOf(edge, { ...spec, size: 64, fragment: fragment(0) }), whole);
    t.is(muxOf(edge, { ...spec, size: 64, fragment: fragment(72) }), whole);
    muxes.add(whole);
  }
  t.deepEqual([...muxes].sort(), [MUX1.mac, MUX2.mac]);
});

test('an IPv6 address is reached by a mux that has an IPv4 address only', (t) => {
  const edge = world();
  const [sent] = edge.fromOutside({ src: '2001:db8:77::1', dst: VIP6, srcPort: 9, dstPort: 53 });
  const { way, dstMac, key } = defined(sent, 'a packet');
  t.is(way, 'provider');
  t.true([MUX1.mac, MUX2.mac].includes(dstMac));
  t.is(key.etherType, ethernet.EtherType.IPV6);
});
