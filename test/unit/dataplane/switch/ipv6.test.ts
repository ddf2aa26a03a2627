/** The tables are made for both families: an IPv6 subnet is forwarded, routed and tunnelled as an IPv4 one. */
import test from 'ava';
import {
  IP_CONFIGURATION_DEFAULTS,
  MAPPING_DEFAULTS,
  PORT_DEFAULTS,
  VIRTUAL_NETWORK_DEFAULTS,
  VIRTUAL_SUBNET_DEFAULTS,
} from '../../../../schema/southbound/defaults.ts';
import type { Resource } from '../../../../schema/southbound/messages.ts';
import { ethernetFrame, ipv6Packet, viewOf } from '../../packet/frames.ts';
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
  t.deepEqual(net.pass(a, [frame([1, 4], [1, 6], 1450 - 39)]), [], 'never fragmented on its way');
  t.deepEqual(net.pass(a, [frame([1, 5], [1, 4])]), []);
  t.like(net.counters('1-4').drops, { FrameTooBig: 1, SpoofedMac: 1 });
  net.core.checkInvariants();
});
