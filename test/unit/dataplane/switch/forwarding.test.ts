/** The whole switch over memory ports: where frames of two tenants with the same addresses go, byte for byte. */
import test from 'ava';
import * as ethernet from '../../../../packet/ethernet.ts';
import * as icmp from '../../../../packet/icmp.ts';
import { NO_OFFLOAD } from '../../../../packet/vnet-header.ts';
import { packetBytesMax, wholeOf } from '../../../model/whole.ts';
import { viewOf } from '../../packet/frames.ts';
import {
  BLUE,
  between,
  echoFrame,
  hostResource,
  INNER_MTU,
  LOCAL,
  macOf,
  mappingResource,
  octets,
  PEER_ADDRESS,
  portId,
  RED,
  ROUTER_MAC,
  rig,
  routed,
  tcpFrame,
  tenantGoal,
  tenantRig,
  udpFrame,
} from './tenants.ts';

const PORTS = { src: 4000, dst: 5000 };

test('local delivery within a subnet: the frame arrives unchanged, once, at its owner alone', (t) => {
  const net = tenantRig();
  const frame = udpFrame(between(BLUE, '10.0.0.4', '10.0.0.5'), PORTS);
  for (const round of ['first packet of the flow', 'later packet']) {
    const sent = net.pass(net.device(BLUE, '10.0.0.4'), [frame]);
    t.is(sent.length, 1, round);
    t.is(sent[0]?.port, net.device(BLUE, '10.0.0.5'), round);
    t.deepEqual(sent[0]?.bytes, frame, round);
  }
  net.core.checkInvariants();
});

test('local delivery between subnets: router’s MAC, TTL minus one, header checksum right', (t) => {
  const net = tenantRig();
  const frame = udpFrame(between(BLUE, '10.0.0.4', '10.0.1.4'), PORTS);
  for (const _round of [1, 2]) {
    const [sent, ...more] = net.pass(net.device(BLUE, '10.0.0.4'), [frame]);
    t.deepEqual(more, []);
    t.is(sent?.port, net.device(BLUE, '10.0.1.4'));
    t.deepEqual(sent?.bytes, routed(frame, macOf(BLUE, '10.0.1.4')));
  }
});

test('remote delivery: VXLAN to the owner’s host with the destination subnet’s VNI', (t) => {
  const net = tenantRig();
  const onLink = udpFrame(between(BLUE, '10.0.0.4', '10.0.0.6'), PORTS);
  const between2 = udpFrame(between(BLUE, '10.0.0.4', '10.0.1.6'), PORTS);
  const sent = net.pass(net.device(BLUE, '10.0.0.4'), [onLink, between2, onLink]);
  t.deepEqual(
    sent.map(({ port, uplink }) => [port, uplink?.address, uplink?.udpPort, uplink?.vni]),
    [BLUE.webVni, BLUE.dbVni, BLUE.webVni].map((vni) => [
      net.uplink,
      octets(PEER_ADDRESS),
      4789,
      vni,
    ]),
  );
  t.deepEqual(sent[0]?.bytes.slice(8), onLink);
  t.deepEqual(sent[1]?.bytes.slice(8), routed(between2, macOf(BLUE, '10.0.1.6')));
  t.not(sent[0]?.uplink?.hash, sent[1]?.uplink?.hash, 'flows differ in their outer source port');
  t.is(sent[0]?.uplink?.hash, sent[2]?.uplink?.hash, 'a flow keeps its own');
});

test('from a tunnel: the inner frame arrives unchanged at its owner', (t) => {
  const net = tenantRig();
  const inner = udpFrame(between(RED, '10.0.0.6', '10.0.0.4'), PORTS);
  for (const _round of [1, 2]) {
    const [sent, ...more] = net.passTunnel(RED.webVni, inner);
    t.deepEqual(more, []);
    t.is(sent?.port, net.device(RED, '10.0.0.4'));
    t.deepEqual(sent?.bytes, inner);
  }
});

test('a conversation with a remote host takes one flow, both directions counted', (t) => {
  const net = tenantRig();
  const there = tcpFrame(between(BLUE, '10.0.0.4', '10.0.0.6'), { srcPort: 1234, dstPort: 80 });
  const back = tcpFrame(between(BLUE, '10.0.0.6', '10.0.0.4'), {
    srcPort: 80,
    dstPort: 1234,
    flags: 0x12,
  });
  net.pass(net.device(BLUE, '10.0.0.4'), [there]);
  net.passTunnel(BLUE.webVni, back);
  net.pass(net.device(BLUE, '10.0.0.4'), [
    tcpFrame(between(BLUE, '10.0.0.4', '10.0.0.6'), { srcPort: 1234, dstPort: 80, flags: 0x10 }),
  ]);
  t.is(net.core.flowTable.count, 1);
  t.deepEqual(
    net.core.flows({ limit: 9 }).map((flow) => [flow.direction, flow.packets, flow.state]),
    [
      ['outbound', 2, 'established'],
      ['inbound', 1, 'established'],
    ],
  );
});

test('ping between local VMs is one flow of each: the reply is the echo request’s reverse', (t) => {
  const net = tenantRig();
  net.pass(net.device(BLUE, '10.0.0.4'), [echoFrame(between(BLUE, '10.0.0.4', '10.0.0.5'))]);
  const reply = echoFrame(between(BLUE, '10.0.0.5', '10.0.0.4'), icmp.Type.ECHO_REPLY);
  const [sent] = net.pass(net.device(BLUE, '10.0.0.5'), [reply]);
  t.is(sent?.port, net.device(BLUE, '10.0.0.4'));
  t.is(net.core.flowTable.count, 2);
});

test('isolation: two tenants with the same addresses never receive each other’s frames', (t) => {
  const net = tenantRig();
  for (const tenant of [BLUE, RED]) {
    const own = new Set(LOCAL.map((text) => net.device(tenant, text)));
    const vnis = [tenant.webVni, tenant.dbVni];
    for (const src of LOCAL) {
      for (const dst of [...LOCAL, '10.0.0.6', '10.0.1.6']) {
        const frames = [
          udpFrame(between(tenant, src, dst), PORTS),
          tcpFrame(between(tenant, src, dst), {}),
          echoFrame(between(tenant, src, dst)),
        ];
        for (const sent of net.pass(net.device(tenant, src), [...frames, ...frames])) {
          if (sent.uplink === undefined) t.true(own.has(sent.port), `${src} → ${dst}`);
          else t.true(vnis.includes(sent.uplink.vni), `${src} → ${dst}`);
        }
      }
    }
    for (const vni of vnis) {
      const inner = udpFrame(between(tenant, '10.0.0.6', '10.0.0.4'), PORTS);
      for (const sent of net.passTunnel(vni, inner)) t.true(own.has(sent.port));
    }
  }
  net.core.checkInvariants();
});

test('a tunnelled frame with another tenant’s VNI reaches only that tenant, and only by that tenant’s table', (t) => {
  const net = tenantRig();
  const inner = udpFrame(between(BLUE, '10.0.0.6', '10.0.0.4'), PORTS);
  t.is(net.passTunnel(BLUE.webVni, inner)[0]?.port, net.device(BLUE, '10.0.0.4'));
  t.is(net.passTunnel(RED.webVni, inner)[0]?.port, net.device(RED, '10.0.0.4'));
  t.deepEqual(net.passTunnel(BLUE.dbVni, inner), [], 'the right tenant, but not this subnet');
  t.is(net.uplinkCounters().drops['DestinationNotLocal'], 1);
});

test('tunnel: an unknown host, an unknown VNI and a foreign destination are dropped and counted', (t) => {
  const net = tenantRig();
  const inner = udpFrame(between(BLUE, '10.0.0.6', '10.0.0.4'), PORTS);
  t.deepEqual(net.passTunnel(BLUE.webVni, inner, '192.0.2.99'), []);
  t.deepEqual(net.passTunnel(7777, inner), []);
  const elsewhere = udpFrame(between(BLUE, '10.0.0.6', '10.0.0.77'), PORTS);
  t.deepEqual(net.passTunnel(BLUE.webVni, elsewhere), []);
  t.deepEqual(net.uplinkCounters().drops, {
    OuterSourceUnknown: 1,
    VniUnknown: 1,
    DestinationNotLocal: 1,
  });
});

test('tunnel: a host whose last mapping is gone is believed no longer, not even on a known flow', (t) => {
  const net = tenantRig();
  const inner = udpFrame(between(BLUE, '10.0.0.6', '10.0.0.4'), PORTS);
  t.is(net.passTunnel(BLUE.webVni, inner).length, 1);
  const removes = [BLUE, RED].flatMap((tenant) =>
    ['10.0.0.6', '10.0.1.6'].map((text) => `mapping/${tenant.name}/${text}`),
  );
  t.deepEqual(net.core.applyGoal({ upserts: [], removes }), []);
  t.deepEqual(net.passTunnel(BLUE.webVni, inner), []);
  t.is(net.uplinkCounters().drops['OuterSourceUnknown'], 1);
});

test('not of this network, no mapping, own address: dropped and counted by reason', (t) => {
  const net = tenantRig();
  const from = net.device(BLUE, '10.0.0.4');
  const to = (dst: string) => udpFrame({ ...between(BLUE, '10.0.0.4', dst) }, PORTS);
  t.deepEqual(net.pass(from, [to('192.0.2.50'), to('10.0.0.200'), to('10.0.0.4')]), []);
  t.deepEqual(net.counters(portId(BLUE, '10.0.0.4')).drops, {
    InternetUnavailable: 1,
    NoMapping: 1,
    HairpinLoop: 1,
  });
  t.is(net.core.flowTable.count, 0, 'nothing is remembered about what goes nowhere');
});

test('a frame of a port that goal state does not describe is dropped and counted', (t) => {
  const net = rig();
  const device = net.attach('stranger');
  t.deepEqual(net.pass(device, [udpFrame(between(BLUE, '10.0.0.4', '10.0.0.5'), PORTS)]), []);
  t.is(net.counters('stranger').drops['PortUnknown'], 1);
});

test('TTL that ends at the virtual router is answered with time exceeded from the gateway', (t) => {
  const net = tenantRig();
  const device = net.device(BLUE, '10.0.0.4');
  const frame = udpFrame({ ...between(BLUE, '10.0.0.4', '10.0.1.6'), ttl: 1 }, PORTS);
  for (const _round of [1, 2]) {
    const [sent, ...more] = net.pass(device, [frame]);
    t.deepEqual(more, []);
    t.is(sent?.port, device);
    const view = viewOf(sent?.bytes ?? new Uint8Array(64));
    t.is(ethernet.src(view, 0), ROUTER_MAC);
    t.is(view.getUint32(14 + 12), 0x0a00_0001, 'from the gateway');
    t.is(icmp.type(view, 34), icmp.Type.TIME_EXCEEDED);
  }
  t.is(net.counters(portId(BLUE, '10.0.0.4')).drops['TtlExpired'], 2);
});

test('a packet too big for the overlay is answered with fragmentation needed and the MTU that fits', (t) => {
  const net = tenantRig();
  const device = net.device(BLUE, '10.0.0.4');
  const payload = new Uint8Array(INNER_MTU - 28 + 1);
  const tooBig = udpFrame(between(BLUE, '10.0.0.4', '10.0.0.6'), PORTS, payload);
  const [sent] = net.pass(device, [tooBig]);
  t.is(sent?.port, device);
  const view = viewOf(sent?.bytes ?? new Uint8Array(64));
  t.is(icmp.type(view, 34), icmp.Type.DESTINATION_UNREACHABLE);
  t.is(icmp.code(view, 34), icmp.Unreachable.FRAGMENTATION_NEEDED);
  t.is(icmp.nextHopMtu(view, 34), INNER_MTU);
  const fits = udpFrame(between(BLUE, '10.0.0.4', '10.0.0.6'), PORTS, payload.slice(1));
  t.is(net.pass(device, [fits])[0]?.port, net.uplink, 'a byte less fits');
  const local = udpFrame(between(BLUE, '10.0.0.4', '10.0.0.5'), PORTS, payload);
  t.is(net.pass(device, [local])[0]?.port, net.device(BLUE, '10.0.0.5'), 'no overlay, no limit');
});

test('RFC 791: without DF it goes through the tunnel in fragments, which the peer delivers as one flow', (t) => {
  const net = tenantRig();
  const device = net.device(BLUE, '10.0.0.4');
  const payload = Uint8Array.from({ length: 4000 }, (_, index) => index);
  const to = { ...between(BLUE, '10.0.0.4', '10.0.1.6'), dontFragment: false };
  const frame = udpFrame(to, PORTS, payload);
  for (const round of ['first packet of the flow', 'later packet']) {
    const sent = net.pass(device, [frame]);
    t.is(sent.length, 3, round);
    const inner = sent.map(({ bytes }) => bytes.slice(8));
    t.true(packetBytesMax(inner) <= INNER_MTU);
    t.deepEqual(wholeOf(inner), routed(frame, macOf(BLUE, '10.0.1.6')), round);
    t.is(new Set(sent.map(({ uplink }) => uplink?.hash)).size, 1, 'all take one path');
  }
  t.deepEqual(net.drops(), {});
  net.core.checkInvariants();
});

test('fragments beyond what one burst can send are dropped as FragmentsLimited, their packets whole', (t) => {
  const net = tenantRig();
  const device = net.device(BLUE, '10.0.0.4');
  const to = { ...between(BLUE, '10.0.0.4', '10.0.0.6'), dontFragment: false };
  const frame = udpFrame(to, PORTS, new Uint8Array(14_000));
  const frames = new Array<Uint8Array>(40).fill(frame);
  const sent = net.pass(device, frames);
  const lost = net.counters(portId(BLUE, '10.0.0.4')).drops['FragmentsLimited'] ?? 0;
  t.true(lost > 0 && lost < frames.length);
  t.is(sent.length, (frames.length - lost) * 10);
});

test('a super-frame is judged by the segments it will be cut to', (t) => {
  const net = tenantRig();
  const device = net.device(BLUE, '10.0.0.4');
  const frame = tcpFrame(
    between(BLUE, '10.0.0.4', '10.0.0.6'),
    { flags: 0x10, options: new Uint8Array() },
    new Uint8Array(20_000),
  );
  const vnet = (gsoSize: number) => ({
    vnet: { ...NO_OFFLOAD, flags: 1, gsoType: 1, gsoSize, csumStart: 34, csumOffset: 16 },
  });
  const [fits] = net.pass(device, [frame], vnet(INNER_MTU - 40));
  t.is(fits?.port, net.uplink);
  t.is(fits?.vnet.gsoSize, INNER_MTU - 40, 'the header travels with the frame');
  const [answer] = net.pass(device, [frame], vnet(INNER_MTU - 39));
  t.is(answer?.port, device);
  t.is(net.counters(portId(BLUE, '10.0.0.4')).drops['FrameTooBig'], 1);
});

test('an offload header that contradicts its frame is dropped and counted', (t) => {
  const net = tenantRig();
  const device = net.device(BLUE, '10.0.0.4');
  const frame = udpFrame(between(BLUE, '10.0.0.4', '10.0.0.5'), PORTS);
  const bad = [
    { ...NO_OFFLOAD, flags: 1, gsoType: 1, gsoSize: 100, csumStart: 34, csumOffset: 16 },
    { ...NO_OFFLOAD, flags: 1, csumStart: 34, csumOffset: 60_000 },
    { ...NO_OFFLOAD, flags: 1, gsoType: 5, gsoSize: 0, csumStart: 34, csumOffset: 6 },
    { ...NO_OFFLOAD, gsoType: 77 },
  ];
  for (const vnet of bad) t.deepEqual(net.pass(device, [frame], { vnet }), []);
  t.is(net.counters(portId(BLUE, '10.0.0.4')).drops['OffloadInvalid'], bad.length);
});

test('packets and bytes are counted at the port they come from and the port they go to', (t) => {
  const net = tenantRig();
  const frame = udpFrame(between(BLUE, '10.0.0.4', '10.0.0.5'), PORTS);
  net.pass(net.device(BLUE, '10.0.0.4'), [frame, frame, frame]);
  t.deepEqual(net.counters(portId(BLUE, '10.0.0.4')), {
    rxPackets: 3,
    rxBytes: 3 * frame.length,
    txPackets: 0,
    txBytes: 0,
    drops: {},
    txDrops: {},
    flows: { current: 1, halfOpen: 1, created: 1, expired: 0, evicted: 0, refused: 0 },
  });
  t.is(net.counters(portId(BLUE, '10.0.0.5')).txPackets, 3);
  t.is(net.counters(portId(BLUE, '10.0.0.5')).txBytes, 3 * frame.length);
});

test('the decisions of a walk name port, layer, rule and resource', (t) => {
  const net = tenantRig();
  net.pass(net.device(BLUE, '10.0.0.4'), [udpFrame(between(BLUE, '10.0.0.4', '10.0.1.4'), PORTS)]);
  const decisions = net.core.explain();
  t.deepEqual(
    decisions.map(({ direction, layer }) => `${direction} ${layer}`),
    [
      'outbound anti-spoof',
      'outbound anti-spoof',
      'outbound services',
      'outbound metering',
      'outbound acl',
      'outbound acl',
      'outbound nat',
      'outbound route',
      'outbound route',
      'outbound vnet',
      'outbound vnet',
      'inbound nat',
      'inbound acl',
      'inbound acl',
      'inbound metering',
    ],
  );
  const route = decisions.find(({ layer }) => layer === 'route');
  t.is(route?.rule, 'VnetLocal 10.0.0.0/16');
  t.is(route?.resourceRef, '/virtualNetworks/blue');
  t.is(route?.condition, 'dstAddress 10.0.0.0/16');
});

test('goal state in any order within a change gives the same switch', (t) => {
  const net = rig();
  const upserts = [...tenantGoal(BLUE), hostResource()].reverse();
  t.deepEqual(net.core.applyGoal({ upserts, removes: [] }), []);
  const from = net.attach(portId(BLUE, '10.0.0.4'));
  const to = net.attach(portId(BLUE, '10.0.0.5'));
  const frame = udpFrame(between(BLUE, '10.0.0.4', '10.0.0.5'), PORTS);
  t.is(net.pass(from, [frame])[0]?.port, to);
});

test('an address that moves to another host takes its flows along with the next packet', (t) => {
  const net = tenantRig();
  const device = net.device(BLUE, '10.0.0.4');
  const frame = udpFrame(between(BLUE, '10.0.0.4', '10.0.0.5'), PORTS);
  const back = udpFrame(between(BLUE, '10.0.0.5', '10.0.0.4'), { src: 5000, dst: 4000 });
  t.is(net.pass(device, [frame])[0]?.port, net.device(BLUE, '10.0.0.5'));
  t.is(net.pass(net.device(BLUE, '10.0.0.5'), [back])[0]?.port, device);
  net.core.applyGoal({ upserts: [mappingResource(BLUE, '10.0.0.5', PEER_ADDRESS)], removes: [] });
  t.is(net.pass(device, [frame])[0]?.port, net.uplink);
  t.is(net.passTunnel(BLUE.webVni, back)[0]?.port, device);
  t.is(net.counters(portId(BLUE, '10.0.0.4')).flows.current, 1, 'it is still the same flow');
  net.core.checkInvariants();
});
