/** Outbound translation: backends leave for the Internet by leased ports of a virtual address, and only their answers come back. */
import test from 'ava';
import { defined } from '../../../../base/assert.ts';
import { millis } from '../../../../base/units.ts';
import { Flag } from '../../../../packet/tcp.ts';
import type { SnatLease } from '../../../../schema/southbound/messages.ts';
import { BLUE, macOf, octets, type TenantRig, tenantRig } from '../switch/tenants.ts';
import {
  apply,
  balancedHost,
  datagramFromVm,
  EDGE,
  type Ends,
  fromMux,
  fromVm,
  lease,
  MUX,
  PUBLIC,
  read,
  segmentFrom,
} from './balanced.ts';

const VM = '10.0.0.4';
const SERVER = '198.18.0.9';
const SYN_ACK = Flag.SYN | Flag.ACK;

function world(changes: Partial<SnatLease> = {}): TenantRig {
  const net = tenantRig();
  apply(net, [balancedHost(), lease(changes)]);
  return net;
}

function prefixOf(text: string) {
  const [address = '', len] = text.split('/');
  return { address: octets(address), len: Number(len) };
}

function out(srcPort: number, dst = SERVER, dstPort = 443): Ends {
  return { src: VM, srcPort, dst, dstPort };
}

function leave(net: TenantRig, ends: Ends, flags?: number) {
  return net.pass(net.device(BLUE, VM), [fromVm(ends, flags)])[0];
}

test('what leaves has a leased port, its answers find back, by any mux, and nothing else does', (t) => {
  const net = world();
  const made = leave(net, out(40_000));
  t.deepEqual(made?.uplink?.address, octets(EDGE.address));
  const left = read(made);
  t.like(left, { src: PUBLIC, dst: SERVER, dstPort: 443 });
  t.true(left.srcPort >= 1024 && left.srcPort <= 1031);
  const back = { src: SERVER, srcPort: 443, dst: PUBLIC, dstPort: left.srcPort };
  const [answer] = net.passTunnel(BLUE.webVni, fromMux(back, VM, SYN_ACK), MUX);
  t.is(answer?.port, net.device(BLUE, VM));
  t.like(read(answer), { src: SERVER, srcPort: 443, dst: VM, dstPort: 40_000 });
  t.is(read(leave(net, out(40_000), Flag.ACK)).srcPort, left.srcPort);
  t.deepEqual(net.drops(), {});
  const others = [
    { ...back, src: '198.18.0.66' },
    { ...back, srcPort: 444 },
    { ...back, dstPort: left.srcPort === 1024 ? 1025 : 1024 },
  ];
  for (const ends of others) {
    t.deepEqual(net.passTunnel(BLUE.webVni, fromMux(ends, VM, SYN_ACK), MUX), []);
  }
  t.deepEqual(net.drops(), { SnatUnasked: 3 });
  net.core.checkInvariants();
});

test('one source port leaves by one port whatever the server; a port serves several servers', (t) => {
  const net = world();
  const servers = ['198.18.0.1', '198.18.0.2', '198.18.0.3'];
  const ports = servers.map((server) => read(leave(net, out(40_000, server))).srcPort);
  t.is(new Set(ports).size, 1);
  for (let port = 0; port < 8; port += 1) {
    for (const server of servers) t.truthy(leave(net, out(50_000 + port, server, 80)));
  }
  t.deepEqual(net.drops(), {});
});

test('ports that are all taken towards a server: refused, counted, and free again when flows are over', (t) => {
  const net = world();
  const used = Array.from(
    { length: 8 },
    (_, index) => read(leave(net, out(40_000 + index))).srcPort,
  );
  t.is(new Set(used).size, 8);
  t.is(leave(net, out(41_000)), undefined);
  t.deepEqual(net.drops(), { SnatPortsExhausted: 1 });
  t.truthy(leave(net, out(41_000, '198.18.0.10')), 'another server');
  net.clock.advance(millis(31_000));
  net.core.forward(0);
  while (net.core.expireFlows());
  t.truthy(leave(net, out(41_000)));
  net.core.checkInvariants();
});

test('UDP likewise; what stays inside, other protocols and other addresses are left alone', (t) => {
  const net = world({ protocol: 17 });
  const udp = (ends: Ends) => net.pass(net.device(BLUE, VM), [datagramFromVm(ends)])[0];
  t.is(read(udp(out(40_000))).src, PUBLIC);
  t.is(read(leave(net, out(40_000))).src, VM, 'a lease of UDP ports');
  t.is(read(udp({ ...out(40_000), dst: '10.0.1.4' })).src, VM);
  const [other] = net.pass(net.device(BLUE, '10.0.0.5'), [fromVm({ ...out(1), src: '10.0.0.5' })]);
  t.is(read(other).src, '10.0.0.5');
});

test('from and to what is exempt nothing leaves by a leased port, also what has before', (t) => {
  const exempt = (net: TenantRig, ...texts: readonly string[]) => {
    const resource = balancedHost();
    const host = { ...defined(resource.host, 'a host'), natExemptions: texts.map(prefixOf) };
    apply(net, [{ ...resource, host }]);
  };
  const net = world();
  t.is(read(leave(net, out(40_000))).src, PUBLIC);
  exempt(net, '198.18.0.8/31');
  t.is(read(leave(net, out(40_000), Flag.ACK)).src, VM, 'a destination');
  t.is(read(leave(net, out(40_001, '198.18.0.10'))).src, PUBLIC, 'and no other');
  exempt(net, '10.0.0.4/32');
  t.is(read(leave(net, out(40_002, '198.18.0.10'))).src, VM, 'a source');
  exempt(net);
  t.is(read(leave(net, out(40_002, '198.18.0.10'), Flag.ACK)).src, PUBLIC);
  t.deepEqual(net.drops(), {});
  net.core.checkInvariants();
});

test('a lease that shrinks takes the flows of its ports along; one that goes ends translation', (t) => {
  const net = world();
  const { srcPort } = read(leave(net, out(40_000)));
  apply(net, [lease({ ports: [{ from: 2048, to: 2055 }] })]);
  const back = { src: SERVER, srcPort: 443, dst: PUBLIC, dstPort: srcPort };
  t.deepEqual(net.passTunnel(BLUE.webVni, fromMux(back, VM, SYN_ACK), MUX), []);
  t.is(net.drops()['SnatPortUnleased'], 1);
  t.true(read(leave(net, out(40_000))).srcPort >= 2048);
  apply(net, [], ['snat/vip/10.0.0.4']);
  t.is(read(leave(net, out(40_000))).src, VM);
  net.core.checkInvariants();
});

test('a lease that cannot be is refused by name', (t) => {
  const net = world();
  const refusals = [
    [{ ports: [{ from: 9, to: 8 }] }, /no ports 9 to 8/],
    [{ protocol: 1 }, /protocol 1/],
    [{ publicAddress: new Uint8Array(16) }, /family/],
    [{ idleTimeoutSec: 100_000 }, /idle/],
  ] as const;
  for (const [changes, message] of refusals) {
    const errors = net.core.applyGoal({ upserts: [lease(changes)], removes: [] });
    t.regex(errors[0]?.message ?? '', message);
  }
});

test('nobody inside sends as the virtual address', (t) => {
  const net = world();
  const macs = { srcMac: macOf(BLUE, VM), dstMac: 0x1234_5678_9abc };
  const asAddress = { ...out(1024), src: PUBLIC };
  t.deepEqual(net.pass(net.device(BLUE, VM), [segmentFrom(asAddress, macs)]), []);
  t.deepEqual(net.drops(), { SpoofedIpv4: 1 });
});
