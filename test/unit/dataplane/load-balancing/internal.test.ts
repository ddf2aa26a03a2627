/** Internal virtual addresses: the sender's own host chooses the backend, and what it has chosen holds for the flow. */
import test from 'ava';
import { defined } from '../../../../base/assert.ts';
import * as arp from '../../../../packet/arp.ts';
import * as ethernet from '../../../../packet/ethernet.ts';
import { Flag } from '../../../../packet/tcp.ts';
import { HealthState } from '../../../../schema/southbound/messages.ts';
import { viewOf } from '../../packet/frames.ts';
import { asAppliance, routeTableResource, withRoutes } from '../switch/policies.ts';
import {
  address,
  BLUE,
  macOf,
  octets,
  PEER_ADDRESS,
  portResource,
  ROUTER_MAC,
  subnetResource,
  type TenantRig,
  tenantRig,
} from '../switch/tenants.ts';
import { type TwoHosts, twoHosts } from '../switch/two-hosts.ts';
import {
  apply,
  backend,
  balancedHost,
  datagramFromVm,
  fromVm,
  health,
  INTERNAL,
  pool,
  read,
  ruleOf,
  virtualIp,
} from './balanced.ts';

const CLIENT = '10.0.0.4';
const HERE = '10.0.0.5';
const THERE = '10.0.0.6';
const SYN_ACK = Flag.SYN | Flag.ACK;
const UDP = { protocol: 17, port: 53, backendPort: 5353 };

function request(srcPort = 40_000, dstPort = 80) {
  return { src: CLIENT, srcPort, dst: INTERNAL, dstPort };
}

function world(backends: readonly string[], rules = [ruleOf()]): TenantRig {
  const net = tenantRig();
  apply(net, [
    virtualIp(INTERNAL, rules),
    pool(backends.map((own) => backend(own))),
    balancedHost(),
  ]);
  return net;
}

function sends(net: TenantRig, frame: Uint8Array, from = CLIENT) {
  return net.pass(net.device(BLUE, from), [frame]);
}

test('to a backend here: it sees the client, the client sees the virtual address', (t) => {
  const net = world([HERE]);
  const [made] = sends(net, fromVm(request()));
  t.is(made?.port, net.device(BLUE, HERE));
  t.like(read(made), { src: CLIENT, srcPort: 40_000, dst: HERE, dstPort: 8080 });
  const answer = { src: HERE, srcPort: 8080, dst: CLIENT, dstPort: 40_000 };
  const [back] = sends(net, fromVm(answer, SYN_ACK), HERE);
  t.is(back?.port, net.device(BLUE, CLIENT));
  t.like(read(back), { src: INTERNAL, srcPort: 80, dst: CLIENT, dstPort: 40_000 });
  t.like(read(sends(net, fromVm(request(), Flag.ACK))[0]), { dst: HERE, dstPort: 8080 });
  t.deepEqual(net.drops(), {});
  net.core.checkInvariants();
});

test('to a backend at another host: straight to it, and its answer is that of the virtual address', (t) => {
  const net = world([THERE]);
  const [made] = sends(net, fromVm(request()));
  t.deepEqual(made?.uplink?.address, octets(PEER_ADDRESS));
  t.like(read(made), { src: CLIENT, dst: THERE, dstPort: 8080 });
  const answer = { src: THERE, srcPort: 8080, dst: CLIENT, dstPort: 40_000 };
  const [back] = net.passTunnel(BLUE.webVni, fromVm(answer, SYN_ACK));
  t.like(read(back), { src: INTERNAL, srcPort: 80 });
});

test('flows spread over the backends and stay where they are when others come, go or drain', (t) => {
  const net = world([HERE, THERE, '10.0.1.4', '10.0.1.6']);
  const ports = Array.from({ length: 400 }, (_, index) => 30_000 + index);
  const chosen = (flags?: number) =>
    ports.map((port) => read(sends(net, fromVm(request(port), flags))[0]).dst);
  const before = chosen();
  const share = (own: string) => before.filter((dst) => dst === own).length;
  for (const own of [HERE, THERE, '10.0.1.4', '10.0.1.6']) {
    t.true(share(own) > 60 && share(own) < 140, `${own}: ${share(own)}`);
  }
  // Another backend, and one that drains: established flows do not mind.
  apply(net, [
    pool([
      backend(HERE, { draining: true }),
      ...[THERE, '10.0.1.4', '10.0.1.6'].map((own) => backend(own)),
    ]),
  ]);
  t.deepEqual(chosen(Flag.ACK), before);
  // One that has left: its flows, and no others, move.
  apply(net, [pool([THERE, '10.0.1.4', '10.0.1.6'].map((own) => backend(own)))]);
  const after = chosen(Flag.ACK);
  for (const [index, dst] of before.entries()) {
    if (dst !== HERE) t.is(after[index], dst);
    else t.not(after[index], HERE);
  }
  net.core.checkInvariants();
});

test('a backend that is down keeps its connections and gets no new ones; datagrams move', (t) => {
  const {
    HEALTH_UP: UP,
    HEALTH_DOWN: DOWN,
    HEALTH_LOST: LOST,
    HEALTH_UNKNOWN: UNKNOWN,
  } = HealthState;
  const rules = [ruleOf({ healthId: 'health' }), ruleOf({ ...UDP, id: 'dns', healthId: 'health' })];
  const net = tenantRig();
  apply(net, [
    health({ [HERE]: UP, [THERE]: DOWN }),
    virtualIp(INTERNAL, rules),
    pool([backend(HERE), backend(THERE)]),
  ]);
  const tcp = (flags: number, port = 40_000) => sends(net, fromVm(request(port), flags))[0];
  const udp = (port = 50_000) => sends(net, datagramFromVm(request(port, 53)))[0];
  t.is(read(tcp(Flag.SYN)).dst, HERE);
  t.is(read(tcp(Flag.SYN, 40_010)).dst, HERE);
  t.is(read(udp()).dst, HERE);
  apply(net, [health({ [HERE]: DOWN, [THERE]: UP })]);
  t.is(read(tcp(Flag.ACK)).dst, HERE);
  t.is(read(udp()).dst, THERE);
  t.is(read(tcp(Flag.SYN, 40_001)).dst, THERE);
  t.is(
    read(tcp(Flag.SYN, 40_010)).dst,
    THERE,
    'a connection that is tried again goes where it can',
  );
  t.is(read(tcp(Flag.RST | Flag.ACK)).dst, HERE);
  t.is(read(tcp(Flag.SYN)).dst, THERE, 'and so does one that begins where another has ended');
  apply(net, [health({ [HERE]: UNKNOWN, [THERE]: UNKNOWN })]);
  t.is(read(tcp(Flag.SYN, 40_002)).dst, THERE, 'what was known holds');
  apply(net, [health({ [THERE]: LOST })]);
  t.is(read(tcp(Flag.SYN, 40_003)).dst, THERE, 'lost is better than down');
  apply(net, [health({ [THERE]: DOWN })]);
  t.is(tcp(Flag.SYN, 40_004), undefined);
  t.is(read(tcp(Flag.ACK)).dst, THERE);
  t.is(udp(), undefined);
  t.is(net.drops()['VirtualAddressWithoutBackend'], 2);
});

test('a backend reaches itself by the virtual address, which is who it hears from', (t) => {
  const net = world([CLIENT]);
  const [made] = sends(net, fromVm(request()));
  t.is(made?.port, net.device(BLUE, CLIENT));
  t.like(read(made), { src: INTERNAL, srcPort: 40_000, dst: CLIENT, dstPort: 8080 });
  const answer = { src: CLIENT, srcPort: 8080, dst: INTERNAL, dstPort: 40_000 };
  const [back] = sends(net, fromVm(answer, SYN_ACK));
  t.is(back?.port, net.device(BLUE, CLIENT));
  t.like(read(back), { src: INTERNAL, srcPort: 80, dst: CLIENT, dstPort: 40_000 });
  t.like(read(sends(net, fromVm(request(), Flag.ACK))[0]), { src: INTERNAL, dstPort: 8080 });
  t.like(read(sends(net, fromVm(answer, Flag.ACK))[0]), { src: INTERNAL, srcPort: 80 });
  t.deepEqual(net.drops(), {});
  net.core.checkInvariants();
});

test('the virtual address answers ARP as the router does', (t) => {
  const net = world([HERE]);
  const asked = new Uint8Array(ethernet.HEADER_LEN + arp.PACKET_LEN);
  const srcMac = macOf(BLUE, CLIENT);
  ethernet.emit(
    { dst: 0xffff_ffff_ffff, src: srcMac, etherType: ethernet.EtherType.ARP },
    viewOf(asked),
    0,
  );
  const who = { senderMac: srcMac, senderAddress: address(CLIENT), targetMac: 0 };
  const repr = { opcode: arp.Opcode.REQUEST, ...who, targetAddress: address(INTERNAL) };
  arp.emit(repr, viewOf(asked), ethernet.HEADER_LEN);
  const [sent] = sends(net, asked);
  const answer = arp.parse(viewOf(defined(sent, 'an answer').bytes), ethernet.HEADER_LEN);
  t.is(answer.senderMac, ROUTER_MAC);
});

test('one source port by two addresses, and straight, to one backend: three flows', (t) => {
  const other = '10.0.0.101';
  const net = world([HERE]);
  apply(net, [virtualIp(other)]);
  const straight = { ...request(), dst: HERE, dstPort: 8080 };
  const opened = [request(), { ...request(), dst: other }, straight];
  const made = opened.map((ends) => read(sends(net, fromVm(ends))[0]));
  t.is(new Set(made.map(({ srcPort }) => srcPort)).size, 3);
  for (const [index, { srcPort }] of made.entries()) {
    const answer = { src: HERE, srcPort: 8080, dst: CLIENT, dstPort: srcPort };
    const back = read(sends(net, fromVm(answer, SYN_ACK), HERE)[0]);
    const asked = opened[index];
    t.like(back, { src: asked?.dst, srcPort: asked?.dstPort, dst: CLIENT, dstPort: 40_000 });
    t.is(read(sends(net, fromVm(asked ?? request(), Flag.ACK))[0]).srcPort, srcPort);
  }
  net.core.checkInvariants();
});

test('a port that no rule serves, and an address that a route sends elsewhere', (t) => {
  const net = world([HERE]);
  t.deepEqual(sends(net, fromVm(request(40_000, 81))), []);
  t.deepEqual(net.drops(), { VirtualPortUnserved: 1 });
  // The appliance is at 10.0.1.4 and gets the packet as it was sent.
  const table = routeTableResource('lb', { [`${INTERNAL}/32`]: '10.0.1.4' });
  apply(net, [
    table,
    withRoutes(subnetResource(BLUE, 'web'), 'lb'),
    asAppliance(portResource(BLUE, '10.0.1.4')),
  ]);
  const [made] = sends(net, fromVm(request()));
  t.is(made?.port, net.device(BLUE, '10.0.1.4'));
  t.like(read(made), { dst: INTERNAL, dstPort: 80 });
});

test('HA ports serve every port of TCP and UDP, each to the same port of the backend', (t) => {
  const net = world([HERE], [ruleOf({ protocol: 0, port: 0, backendPort: 0 })]);
  t.like(read(sends(net, fromVm(request(40_000, 1234)))[0]), { dst: HERE, dstPort: 1234 });
  t.like(read(sends(net, datagramFromVm(request(40_000, 1234)))[0]), { dst: HERE, dstPort: 1234 });
});

test('trace says which backend and why, and sends what the packet would be', (t) => {
  const net = world([HERE, THERE]);
  const packet = { destination: INTERNAL, protocol: 6, sourcePort: 40_000, destinationPort: 80 };
  const before = net.core.answer('trace', { portId: `blue-${CLIENT}`, packet });
  const [made] = sends(net, fromVm(request()));
  const words = JSON.stringify(before);
  t.true(words.includes(`${read(made).dst}:8080`), words);
  t.true(words.includes('chosen of 2'), words);
  const after = JSON.stringify(
    net.core.answer('trace', { portId: `blue-${CLIENT}`, packet: { ...packet } }),
  );
  t.true(after.includes('as before'), after);
});

function floating(backends: readonly string[]): TwoHosts {
  const net = twoHosts();
  net.apply([
    virtualIp(INTERNAL, [ruleOf({ floatingIp: true, backendPort: 80 })]),
    pool(backends.map((own) => backend(own))),
  ]);
  return net;
}

for (const own of [HERE, THERE]) {
  test(`floating, backend ${own}: the packet arrives as it was sent, and so does the answer`, (t) => {
    const net = floating([own]);
    const [made] = net.send(CLIENT, fromVm(request()));
    t.is(made?.portId, `blue-${own}`);
    const asVip = fromVm({ src: INTERNAL, srcPort: 80, dst: CLIENT, dstPort: 40_000 }, SYN_ACK);
    const macs = portResource(BLUE, own).port?.mac ?? 0;
    new DataView(asVip.buffer).setUint16(6, Math.floor(macs / 2 ** 32));
    new DataView(asVip.buffer).setUint32(8, macs % 2 ** 32);
    const [back] = net.send(own, asVip);
    t.is(back?.portId, `blue-${CLIENT}`);
    t.deepEqual(net.drops(), {});
    t.is(net.send(CLIENT, fromVm(request(), Flag.ACK))[0]?.portId, `blue-${own}`);
    for (const { rig } of net.hosts) rig.core.checkInvariants();
  });
}

test('a port that becomes the backend of a public address still knows what it has asked for', (t) => {
  const net = world([HERE]);
  t.is(read(sends(net, fromVm(request()))[0]).dst, HERE);
  apply(net, [
    virtualIp('203.0.113.10', [ruleOf({ poolId: 'public' })]),
    pool([backend(CLIENT)], 'public'),
  ]);
  const answer = { src: HERE, srcPort: 8080, dst: CLIENT, dstPort: 40_000 };
  t.like(read(sends(net, fromVm(answer, SYN_ACK), HERE)[0]), { src: INTERNAL, srcPort: 80 });
  apply(net, [pool([], 'public')]);
  t.like(read(sends(net, fromVm(answer, Flag.ACK), HERE)[0]), { src: INTERNAL, srcPort: 80 });
  net.core.checkInvariants();
});

test('who reaches itself and leaves the pool gets no answer of its own any more', (t) => {
  const net = world([CLIENT]);
  t.is(sends(net, fromVm(request())).length, 1);
  apply(net, [pool([backend(HERE)])]);
  const answer = { src: CLIENT, srcPort: 8080, dst: INTERNAL, dstPort: 40_000 };
  t.deepEqual(sends(net, fromVm(answer, SYN_ACK)), []);
  t.deepEqual(net.drops(), { VirtualPortUnserved: 1 });
});
