/** The tables are made for both families: an IPv6 subnet is forwarded, routed and tunnelled as an IPv4 one. */
import test from 'ava';
import { seconds } from '../../../../base/units.ts';
import { ROUTER_LIFETIME_SEC } from '../../../../dataplane/service/limits.ts';
import * as ethernet from '../../../../packet/ethernet.ts';
import * as icmpv6 from '../../../../packet/icmpv6.ts';
import {
  IP_CONFIGURATION_DEFAULTS,
  MAPPING_DEFAULTS,
  PORT_DEFAULTS,
  VIRTUAL_NETWORK_DEFAULTS,
  VIRTUAL_SUBNET_DEFAULTS,
} from '../../../../schema/southbound/defaults.ts';
import type { Resource } from '../../../../schema/southbound/messages.ts';
import { bytesOf, ethernetFrame, icmpv6Frame, ipv6Packet, viewOf } from '../../packet/frames.ts';
import {
  addressed,
  HOST_ADDRESS,
  hostResource,
  octets,
  PEER_ADDRESS,
  ROUTER_MAC,
  rig,
  tunnelled,
} from './tenants.ts';

/** fd00::SUBNET:0:0:HOST */
function v6(subnet: number, host: number): Uint8Array {
  return Uint8Array.of(0xfd, 0, 0, 0, 0, 0, 0, subnet, 0, 0, 0, 0, 0, 0, 0, host);
}

function mac(subnet: number, host: number): number {
  return 0x0200_0000_0000 + subnet * 256 + host;
}

function subnet(id: number): Resource {
  return {
    key: `subnet/s${id}`,
    version: 1,
    virtualSubnet: {
      id: `s${id}`,
      resourceRef: `/virtualNetworks/six/subnets/s${id}`,
      vnetId: 'six',
      vni: 100 + id,
      prefix: { address: v6(id, 0), len: 64 },
      ...VIRTUAL_SUBNET_DEFAULTS,
      gateway: v6(id, 1),
    },
  };
}

function port(id: number, host: number): Resource {
  const resourceRef = `/networkInterfaces/${id}-${host}`;
  return {
    key: `port/${id}-${host}`,
    version: 1,
    port: {
      id: `${id}-${host}`,
      resourceRef,
      vnetId: 'six',
      subnetId: `s${id}`,
      mac: mac(id, host),
      ipConfigurations: [
        { ...IP_CONFIGURATION_DEFAULTS, resourceRef, subnetId: `s${id}`, address: v6(id, host) },
      ],
      ...PORT_DEFAULTS,
    },
  };
}

function mapping(id: number, host: number, at: string): Resource {
  return {
    key: `mapping/six/${id}-${host}`,
    version: 1,
    mapping: {
      vnetId: 'six',
      address: v6(id, host),
      subnetId: `s${id}`,
      mac: mac(id, host),
      providerAddress: octets(at),
      ...MAPPING_DEFAULTS,
      portRef: `/networkInterfaces/${id}-${host}`,
    },
  };
}

const NETWORK: Resource = {
  key: 'vnet/six',
  version: 1,
  virtualNetwork: {
    id: 'six',
    resourceRef: '/virtualNetworks/six',
    ...VIRTUAL_NETWORK_DEFAULTS,
    addressSpace: [{ address: v6(0, 0), len: 48 }],
  },
};

function frame(from: readonly [number, number], to: readonly [number, number], bytes = 40) {
  // No next header (RFC 8200 §4.7): the switch need not know the protocol.
  const packet = ipv6Packet(
    { src: v6(...from), dst: v6(...to), nextHeader: 59, hopLimit: 64 },
    new Uint8Array(bytes),
  );
  const dstMac = from[0] === to[0] ? mac(...to) : ROUTER_MAC;
  return addressed(ethernetFrame(0x86dd, packet), { srcMac: mac(...from), dstMac });
}

test('IPv6: within a subnet, between subnets, to and from another host, and no further than its MTU', (t) => {
  const net = rig();
  const ports: [number, number][] = [
    [1, 4],
    [1, 5],
    [2, 4],
  ];
  const upserts = [
    hostResource(),
    NETWORK,
    subnet(1),
    subnet(2),
    ...ports.flatMap(([id, host]) => [port(id, host), mapping(id, host, HOST_ADDRESS)]),
    mapping(1, 6, PEER_ADDRESS),
  ];
  t.deepEqual(net.core.applyGoal({ upserts, removes: [] }), []);
  const [a = -1, b = -1, c = -1] = ports.map(([id, host]) => net.attach(`${id}-${host}`));
  for (const _round of [1, 2]) {
    const near = frame([1, 4], [1, 5]);
    t.like(net.pass(a, [near])[0], { port: b, bytes: near });
    const routed = net.pass(a, [frame([1, 4], [2, 4])])[0];
    t.is(routed?.port, c);
    t.is(viewOf(routed?.bytes ?? new Uint8Array(60)).getUint8(14 + 7), 63, 'hop limit');
    const far = net.pass(a, [frame([1, 4], [1, 6])])[0];
    t.is(far?.uplink?.vni, 101);
    const back = frame([1, 6], [1, 4]);
    const [arrived] = net.pass(net.uplink, [tunnelled(101, back)], {
      source: octets(PEER_ADDRESS),
    });
    t.like(arrived, { port: a, bytes: back });
  }
  const [error, ...more] = net.pass(a, [frame([1, 4], [1, 6], 1450 - 39)]);
  t.deepEqual(more, [], 'never fragmented on its way');
  const told = viewOf(error?.bytes ?? new Uint8Array(100));
  t.is(error?.port, a);
  t.is(told.getUint8(54), icmpv6.Type.PACKET_TOO_BIG);
  t.is(icmpv6.mtu(told, 54), 1450);
  t.deepEqual(bytesOf(told, 14 + 8, 14 + 24), v6(1, 1), 'from the gateway of the subnet');
  t.is(told.byteLength, 14 + 1280);
  const expired = frame([1, 4], [2, 4]);
  viewOf(expired).setUint8(14 + 7, 1);
  const [exceeded] = net.pass(a, [expired]);
  t.is(viewOf(exceeded?.bytes ?? new Uint8Array(100)).getUint8(54), icmpv6.Type.TIME_EXCEEDED);
  t.deepEqual(net.pass(a, [frame([1, 5], [1, 4])]), []);
  t.like(net.counters('1-4').drops, { FrameTooBig: 1, SpoofedMac: 1, TtlExpired: 1 });
  net.core.checkInvariants();
});

test('IPv6: routers repeat their advertisement to every attached port before it expires', (t) => {
  const net = rig();
  const upserts = [hostResource(), NETWORK, subnet(1), port(1, 4), mapping(1, 4, HOST_ADDRESS)];
  t.deepEqual(net.core.applyGoal({ upserts, removes: [] }), []);
  const device = net.attach('1-4');
  const heard: number[] = [];
  for (let second = 1; second <= ROUTER_LIFETIME_SEC; second += 1) {
    net.clock.advance(seconds(1));
    for (const sent of net.pass(device, [])) {
      t.is(sent.port, device);
      t.is(viewOf(sent.bytes).getUint8(54), icmpv6.Type.ROUTER_ADVERTISEMENT);
      heard.push(second);
    }
  }
  const gaps = heard.slice(1).map((second, index) => second - (heard[index] ?? 0));
  t.true(gaps.length >= 3 && Math.max(...gaps) * 3 <= ROUTER_LIFETIME_SEC, heard.join());
});

test('IPv6: link-local and unspecified sources are not routed', (t) => {
  const net = rig();
  const hosts = [4, 5];
  const upserts = [hostResource(), NETWORK, subnet(1)];
  for (const host of hosts) upserts.push(port(1, host), mapping(1, host, HOST_ADDRESS));
  t.deepEqual(net.core.applyGoal({ upserts, removes: [] }), []);
  const [device = -1] = hosts.map((host) => net.attach(`1-${host}`));
  for (const first of [0xfe80_0000, 0]) {
    const bytes = frame([1, 4], [1, 5]);
    for (let word = 0; word < 4; word += 1) viewOf(bytes).setUint32(14 + 8 + word * 4, 0);
    viewOf(bytes).setUint32(14 + 8, first);
    t.deepEqual(net.pass(device, [bytes]), []);
  }
  t.deepEqual(net.counters('1-4').drops, { NoRoute: 2 });
});

test('IPv6: neighbour discovery does not come out of a tunnel', (t) => {
  const net = rig();
  const upserts = [hostResource(), NETWORK, subnet(1), port(1, 4), mapping(1, 4, HOST_ADDRESS)];
  t.deepEqual(
    net.core.applyGoal({ upserts: [...upserts, mapping(1, 6, PEER_ADDRESS)], removes: [] }),
    [],
  );
  net.attach('1-4');
  const solicitation = icmpv6Frame({
    type: icmpv6.Type.NEIGHBOR_SOLICITATION,
    body: v6(1, 4),
  });
  ethernet.setDst(viewOf(solicitation), 0, mac(1, 4));
  viewOf(solicitation).setUint32(14 + 24 + 4, 1);
  for (let at = 0; at < 16; at += 1) viewOf(solicitation).setUint8(14 + 24 + at, v6(1, 4)[at] ?? 0);
  t.deepEqual(net.passTunnel(101, solicitation), []);
  t.deepEqual(net.uplinkCounters().drops, { NdpUnanswered: 1 });
});
