/** Public virtual addresses: what a mux brings is translated to the backend, the answer goes out by an edge as from the virtual address. */
import test from 'ava';
import { defined } from '../../../../base/assert.ts';
import * as icmp from '../../../../packet/icmp.ts';
import * as ipv4 from '../../../../packet/ipv4.ts';
import { Flag } from '../../../../packet/tcp.ts';
import { viewOf } from '../../packet/frames.ts';
import { routeTableResource, withRoutes } from '../switch/policies.ts';
import {
  address,
  BLUE,
  macOf,
  octets,
  PEER_ADDRESS,
  ROUTER_MAC,
  subnetResource,
  type TenantRig,
  tenantRig,
} from '../switch/tenants.ts';
import {
  apply,
  backend,
  balancedHost,
  CLIENT,
  EDGE,
  fromMux,
  fromVm,
  MUX,
  PUBLIC,
  pool,
  read,
  ruleOf,
  segmentFrom,
  virtualIp,
} from './balanced.ts';
import { ANSWER, DIP, errorAbout, OTHER, publicWorld, REQUEST, THERE } from './public-world.ts';

const SYN_ACK = Flag.SYN | Flag.ACK;

function comes(net: TenantRig, frame: Uint8Array, source = MUX) {
  return net.passTunnel(BLUE.webVni, frame, source);
}

test('a request becomes one to the backend that the mux has chosen, the answer leaves as from the virtual address', (t) => {
  const net = publicWorld();
  const [request] = comes(net, fromMux(REQUEST, DIP));
  t.is(request?.port, net.device(BLUE, DIP));
  t.like(read(request), { src: CLIENT, srcPort: 40_000, dst: DIP, dstPort: 8080 });
  for (const flags of [SYN_ACK, Flag.ACK]) {
    const [answer] = net.pass(net.device(BLUE, DIP), [fromVm(ANSWER, flags)]);
    t.is(answer?.uplink?.vni, BLUE.webVni);
    t.deepEqual(answer?.uplink?.address, octets(EDGE.address));
    t.like(read(answer), {
      ...{ src: PUBLIC, srcPort: 80, dst: CLIENT, dstPort: 40_000 },
      dstMac: EDGE.mac,
    });
  }
  const [more] = comes(net, fromMux(REQUEST, DIP, Flag.ACK));
  t.like(read(more), { dst: DIP, dstPort: 8080 });
  t.deepEqual(net.drops(), {});
  net.core.checkInvariants();
});

test('the same flow brought to another backend here is another flow', (t) => {
  const net = publicWorld();
  t.is(comes(net, fromMux(REQUEST, DIP))[0]?.port, net.device(BLUE, DIP));
  t.is(comes(net, fromMux(REQUEST, OTHER))[0]?.port, net.device(BLUE, OTHER));
  t.is(comes(net, fromMux(REQUEST, DIP))[0]?.port, net.device(BLUE, DIP));
});

test('nobody but a mux brings packets for a virtual address, and a mux brings none from inside, for others or for no address', (t) => {
  const net = publicWorld();
  t.deepEqual(comes(net, fromMux(REQUEST, DIP), PEER_ADDRESS), []);
  t.deepEqual(net.drops(), { DestinationNotLocal: 1 });
  t.deepEqual(comes(net, fromMux({ ...REQUEST, src: THERE }, DIP)), []);
  t.deepEqual(net.drops(), { DestinationNotLocal: 1, InnerSourceImplausible: 1 });
  t.deepEqual(comes(net, fromMux({ ...REQUEST, dst: DIP, dstPort: 8080 }, DIP)), []);
  t.deepEqual(comes(net, fromMux({ ...REQUEST, dst: '203.0.113.99' }, DIP)), []);
  t.deepEqual(comes(net, fromMux({ ...REQUEST, dstPort: 81 }, DIP)), []);
  t.is(net.drops()['VirtualPortUnserved'], 3);
  t.deepEqual(comes(net, fromMux(REQUEST, THERE)), [], 'a backend that is not here');
  t.is(net.drops()['DestinationNotLocal'], 2);
});

test('what a VM sends from the port of a backend is its own, unless it answers', (t) => {
  const net = publicWorld();
  const [own] = net.pass(net.device(BLUE, DIP), [fromVm(ANSWER, Flag.ACK)]);
  t.like(read(own), { src: DIP, srcPort: 8080 });
});

test('an answer goes back to the edge whatever the routes say of its destination', (t) => {
  const net = publicWorld();
  const table = routeTableResource('all', { '0.0.0.0/0': '10.0.0.5' });
  apply(net, [table, withRoutes(subnetResource(BLUE, 'web'), 'all')]);
  comes(net, fromMux(REQUEST, DIP));
  const [answer] = net.pass(net.device(BLUE, DIP), [fromVm(ANSWER, SYN_ACK)]);
  t.deepEqual(answer?.uplink?.address, octets(EDGE.address));
  t.like(read(answer), { src: PUBLIC, srcPort: 80 });
});

test('a backend that leaves the pool is neither sent nor believed any more', (t) => {
  const net = publicWorld();
  comes(net, fromMux(REQUEST, DIP));
  t.is(net.pass(net.device(BLUE, DIP), [fromVm(ANSWER, SYN_ACK)]).length, 1);
  apply(net, [pool([backend(OTHER)])]);
  t.deepEqual(comes(net, fromMux(REQUEST, DIP, Flag.ACK)), []);
  t.deepEqual(
    net
      .pass(net.device(BLUE, DIP), [fromVm(ANSWER, Flag.ACK)])
      .map(read)
      .filter(({ src }) => src === PUBLIC),
    [],
  );
  apply(net, [pool([backend(DIP)])]);
  t.is(comes(net, fromMux(REQUEST, DIP, Flag.ACK)).length, 1);
});

test('goal state in any order, and removed cleanly', (t) => {
  const net = tenantRig();
  const resources = [virtualIp(PUBLIC), pool([backend(DIP)]), balancedHost()];
  for (const order of [resources, resources.toReversed()]) {
    for (const resource of order) net.core.applyGoal({ upserts: [resource], removes: [] });
    t.is(comes(net, fromMux(REQUEST, DIP)).length, 1);
    const removes = [`vip/vip-${PUBLIC}`, 'pool/pool'];
    t.deepEqual(net.core.applyGoal({ upserts: [balancedHost([])], removes }), []);
    t.deepEqual(comes(net, fromMux(REQUEST, DIP)), []);
    net.core.checkInvariants();
  }
});

test('an address whose pool has not arrived says so, and drops', (t) => {
  const net = tenantRig();
  apply(net, [balancedHost(), pool([backend(DIP)])]);
  const waiting = virtualIp(PUBLIC, [ruleOf(), ruleOf({ id: 'x', port: 81, poolId: 'later' })]);
  const errors = net.core.applyGoal({ upserts: [waiting], removes: [] });
  t.regex(errors[0]?.message ?? '', /unknown pool later/);
  t.is(comes(net, fromMux(REQUEST, DIP)).length, 1);
  t.deepEqual(comes(net, fromMux({ ...REQUEST, dstPort: 81 }, DIP)), []);
  t.deepEqual(net.drops(), { PolicyPending: 1 });
});

test('floating: the backend sees the virtual address and answers as it, but asks nothing as it', (t) => {
  const net = publicWorld({ floatingIp: true, backendPort: 80 });
  const asAddress = { src: PUBLIC, srcPort: 80, dst: CLIENT, dstPort: 40_000 };
  const macs = { srcMac: macOf(BLUE, DIP), dstMac: ROUTER_MAC };
  const device = net.device(BLUE, DIP);
  t.deepEqual(net.pass(device, [segmentFrom(asAddress, macs, Flag.SYN)]), []);
  t.deepEqual(net.drops(), { SpoofedIpv4: 1 });
  t.like(read(comes(net, fromMux(REQUEST, DIP))[0]), { dst: PUBLIC, dstPort: 80 });
  const [answer] = net.pass(device, [segmentFrom(asAddress, macs, SYN_ACK)]);
  t.deepEqual(answer?.uplink?.address, octets(EDGE.address));
  t.like(read(answer), asAddress);
});

test('an ICMP error about an answer reaches the backend, about what it has sent itself', (t) => {
  const net = publicWorld();
  comes(net, fromMux(REQUEST, DIP));
  const [answer] = net.pass(net.device(BLUE, DIP), [fromVm(ANSWER, SYN_ACK)]);
  const quoted = defined(answer, 'an answer').bytes.slice(8 + 14, 8 + 14 + 28);
  const [told] = comes(net, errorAbout(quoted));
  t.is(told?.port, net.device(BLUE, DIP));
  const view = viewOf(defined(told, 'an error').bytes);
  const quotedAt = 14 + 20 + 8;
  t.is(ipv4.dst(view, 14), address(DIP));
  t.is(ipv4.src(view, 14), address('198.18.0.1'));
  t.is(ipv4.src(view, quotedAt), address(DIP));
  t.is(view.getUint16(quotedAt + 20), 8080);
  t.true(ipv4.hasValidChecksum(view, 14));
  t.true(icmp.hasValidChecksum(view, 34, view.byteLength));
  // About a packet that nobody here has sent.
  const other = quoted.slice();
  viewOf(other).setUint16(22, 40_001);
  t.deepEqual(comes(net, errorAbout(other)), []);
  t.deepEqual(net.drops(), { IcmpErrorUnrelated: 1 });
});
