/** A load balancer's public addresses at the edge: to muxes by their routes, from backends as they are, and nobody else's. */
import test from 'ava';
import type { Resource } from '../../../../../schema/southbound/messages.ts';
import { bytesOf } from '../../../../fixtures/addresses.ts';
import {
  BLUE_VNI,
  EDGE_MAC,
  EdgeWorld,
  frameOf,
  natPool,
  publicAddress,
  RED_VNI,
  ROUTER_MAC,
  words,
} from './edge-world.ts';

const VIP = '203.0.113.9';
const MUX = '198.51.100.3';
const MUX_MAC = 0x0200_0000_0303;
const CLIENT = '198.18.0.9';
const PREFIX = { words: words(VIP), len: 128 };

function virtualIp(vnetId: string, change: { internal?: boolean; id?: string } = {}): Resource {
  const { internal = false, id = 'f' } = change;
  const resourceRef = `/loadBalancers/${id}/frontendIPConfigurations/f`;
  const message = { id, resourceRef, address: bytesOf(VIP), vnetId, internal };
  return { key: `vip/${id}`, version: 1, virtualIp: { ...message, subnetId: '', rules: [] } };
}

function world(...more: Resource[]): EdgeWorld {
  const edge = new EdgeWorld();
  edge.apply(natPool(), virtualIp('blue'), ...more);
  edge.core.learn([{ prefix: PREFIX, nextHops: [words(MUX)] }]);
  edge.says(edge.provider, MUX, MUX_MAC);
  return edge.resolveGateway();
}

const answer = { src: VIP, dst: CLIENT, srcPort: 80, dstPort: 5000 };

test('what comes to it goes to a mux as it is', (t) => {
  const edge = world();
  edge.fromOutside({ src: CLIENT, dst: VIP, srcPort: 5000, dstPort: 80 });
  edge.says(edge.provider, MUX, MUX_MAC);
  const [seen, ...others] = edge.fromOutside({ src: CLIENT, dst: VIP, srcPort: 5000, dstPort: 80 });
  t.deepEqual(others, []);
  t.like(seen, { way: 'provider', src: CLIENT, dst: VIP, dstMac: MUX_MAC });
});

test('also where the address is a publicIPAddress that no interface has', (t) => {
  const edge = world(publicAddress('p', VIP, undefined));
  edge.fromOutside({ src: CLIENT, dst: VIP, dstPort: 80 });
  edge.says(edge.provider, MUX, MUX_MAC);
  t.is(edge.fromOutside({ src: CLIENT, dst: VIP, dstPort: 80 })[0]?.way, 'provider');
});

test('without a route of a mux its sender is told, and nothing goes out again by the default route', (t) => {
  const edge = new EdgeWorld();
  edge.apply(natPool(), virtualIp('blue'));
  edge.resolveGateway();
  const seen = edge.fromOutside({ src: CLIENT, dst: VIP, dstPort: 80 });
  t.false(seen.some(({ dst }) => dst === VIP));
  t.is(edge.drops(2)['NoRoute'], 1);
});

test('a backend answers as from it, untranslated; another network may not', (t) => {
  const edge = world();
  const frame = frameOf(answer, { dst: EDGE_MAC, src: ROUTER_MAC });
  t.like(edge.fromTunnel(BLUE_VNI, frame), [{ way: 'outside', src: VIP, dst: CLIENT }]);
  t.deepEqual(edge.fromTunnel(RED_VNI, frame), []);
  t.is(edge.drops(0)['InnerSourceImplausible'], 1);
});

test('requests go to a mux and answers come from a host: both are one flow, decided once', (t) => {
  const edge = world();
  const request = () =>
    edge.fromOutside({ src: CLIENT, dst: VIP, srcPort: 5000, dstPort: 80, protocol: 6 });
  const frame = frameOf({ ...answer, protocol: 6 }, { dst: EDGE_MAC, src: ROUTER_MAC });
  const reply = () => edge.fromTunnel(BLUE_VNI, frame);
  request();
  edge.says(edge.provider, MUX, MUX_MAC);
  for (const pass of [request, reply, request]) t.is(pass().length, 1);
  const { slowPackets } = edge.core;
  for (const pass of [reply, request, reply, reply, request]) t.is(pass().length, 1);
  t.is(edge.core.slowPackets, slowPackets);
  // Whoever opens it.
  const opened = frameOf(
    { ...answer, protocol: 6, srcPort: 1024 },
    { dst: EDGE_MAC, src: ROUTER_MAC },
  );
  const out = () => edge.fromTunnel(BLUE_VNI, opened);
  const back = () =>
    edge.fromOutside({ src: CLIENT, dst: VIP, srcPort: 5000, dstPort: 1024, protocol: 6 });
  for (const pass of [out, back]) t.is(pass().length, 1);
  const before = edge.core.slowPackets;
  for (const pass of [out, back, out, back]) t.is(pass().length, 1);
  t.is(edge.core.slowPackets, before);
});

test('from outside nobody may have it as source', (t) => {
  const edge = world();
  t.deepEqual(edge.fromOutside({ src: VIP, dst: '203.0.113.250' }), []);
  t.is(edge.drops(2)['MartianSource'], 1);
});

test('it goes with its resource; an internal one is no concern of the edge’s', (t) => {
  const edge = world();
  edge.remove('vip/f');
  const frame = frameOf(answer, { dst: EDGE_MAC, src: ROUTER_MAC });
  t.deepEqual(edge.fromTunnel(BLUE_VNI, frame), []);
  edge.apply(virtualIp('blue', { internal: true }));
  t.deepEqual(edge.fromTunnel(BLUE_VNI, frame), []);
  edge.apply(virtualIp('blue'));
  t.regex(edge.apply(virtualIp('blue', { id: 'g' }))[0]?.message ?? '', /has it already/);
});
