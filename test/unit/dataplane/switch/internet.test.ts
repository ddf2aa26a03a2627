/** The way to the Internet: packets go to an edge router under the sender's network identifier, and what edges bring comes from outside. */
import test from 'ava';
import { defined } from '../../../../base/assert.ts';
import * as ethernet from '../../../../packet/ethernet.ts';
import * as ipv4 from '../../../../packet/ipv4.ts';
import type { Resource } from '../../../../schema/southbound/messages.ts';
import {
  BLUE,
  between,
  hostResource,
  macOf,
  octets,
  PEER_ADDRESS,
  portId,
  RED,
  ROUTER_MAC,
  type TenantRig,
  tenantRig,
  udpFrame,
} from './tenants.ts';

const VM = '10.0.0.4';
const FAR = '203.0.113.9';
const EDGES = [
  { address: '192.0.2.101', mac: 0x0200_5e00_0001 },
  { address: '192.0.2.102', mac: 0x0200_5e00_0002 },
];
const PORTS = { src: 4000, dst: 443 };

function withEdges(count: number): Resource {
  const resource = hostResource();
  const edges = EDGES.slice(0, count).map(({ address, mac }) => ({
    providerAddress: octets(address),
    mac,
    resourceRef: `/edgeRouters/${address}`,
  }));
  return { ...resource, host: { ...defined(resource.host, 'a host'), edges } };
}

function world(count = 1): TenantRig {
  const net = tenantRig();
  const errors = net.core.applyGoal({ upserts: [withEdges(count)], removes: [] });
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  return net;
}

function out(net: TenantRig, srcPort = PORTS.src, tenant = BLUE) {
  const addressing = { ...between(tenant, VM, '10.0.0.5'), dstMac: ROUTER_MAC, dst: FAR };
  return net.pass(net.device(tenant, VM), [udpFrame(addressing, { src: srcPort, dst: 443 })]);
}

function back(net: TenantRig, src: string, source = '192.0.2.101') {
  const inbound = { ...between(BLUE, '10.0.0.5', VM), srcMac: EDGES[0]?.mac ?? 0, src };
  return net.passTunnel(BLUE.webVni, udpFrame(inbound, { src: 443, dst: 4000 }), source);
}

test('what goes to the Internet is tunnelled to the edge, under the sender’s network identifier', (t) => {
  const net = world();
  for (const tenant of [BLUE, RED]) {
    const sent = defined(out(net, 4000, tenant)[0], 'a frame');
    t.is(sent.uplink?.vni, tenant.webVni);
    t.deepEqual(sent.uplink?.address, octets('192.0.2.101'));
    const view = new DataView(sent.bytes.buffer, sent.bytes.byteOffset + 8);
    t.is(ethernet.dst(view, 0), defined(EDGES[0], 'an edge').mac);
    t.is(ethernet.src(view, 0), ROUTER_MAC);
    t.is(ipv4.ttl(view, ethernet.HEADER_LEN), 63);
  }
  t.true(net.core.explain().some(({ rule }) => rule === 'to the Internet by edge 192.0.2.101'));
});

test('without an edge there is no way out, and the reason stays what it was', (t) => {
  const net = world(0);
  t.deepEqual(out(net), []);
  t.deepEqual(net.drops(), { InternetUnavailable: 1 });
});

test('flows spread over the edges, and when one goes only its own move', (t) => {
  const net = world(2);
  const peers = () =>
    Array.from({ length: 40 }, (_, index) => out(net, 5000 + index)[0]?.uplink?.address.join('.'));
  const before = peers();
  t.deepEqual(new Set(before), new Set(EDGES.map(({ address }) => address)));
  net.core.applyGoal({ upserts: [withEdges(1)], removes: [] });
  t.deepEqual(new Set(peers()), new Set(['192.0.2.101']));
  net.core.applyGoal({ upserts: [withEdges(2)], removes: [] });
  t.deepEqual(peers(), before);
});

test('an edge brings any source but those of the inside, and nobody else brings them', (t) => {
  const net = world();
  t.is(back(net, FAR)[0]?.port, net.device(BLUE, VM));
  t.deepEqual(back(net, '10.0.0.6'), [], 'an address that the network has');
  t.deepEqual(back(net, '10.0.9.9'), [], 'an address of its space');
  t.deepEqual(back(net, '203.0.113.77', PEER_ADDRESS), [], 'from another host');
  t.is(net.drops()['InnerSourceImplausible'], 3);
  t.deepEqual(back(net, '203.0.113.78', '192.0.2.66'), []);
  t.is(net.drops()['OuterSourceUnknown'], 1);
});

test('an edge that is one no more is not believed', (t) => {
  const net = world();
  t.is(back(net, FAR).length, 1);
  net.core.applyGoal({ upserts: [withEdges(0)], removes: [] });
  t.deepEqual(back(net, FAR), []);
});

test('trace names the edge', (t) => {
  const net = world();
  const answer = net.core.answer('trace', {
    portId: portId(BLUE, VM),
    packet: { destination: FAR, protocol: 17, destinationPort: 443 },
  });
  t.like(answer.verdict, { kind: 'tunnel', to: '192.0.2.101', edge: '/edgeRouters/192.0.2.101' });
  t.truthy(macOf(BLUE, VM));
});

test('an edge with an address of another family is refused', (t) => {
  const net = tenantRig();
  const resource = withEdges(1);
  const host = defined(resource.host, 'a host');
  const edges = host.edges.map((edge) => ({ ...edge, providerAddress: new Uint8Array(16) }));
  const errors = net.core.applyGoal({
    upserts: [{ ...resource, host: { ...host, edges } }],
    removes: [],
  });
  t.regex(errors[0]?.message ?? '', /edge router/);
});
