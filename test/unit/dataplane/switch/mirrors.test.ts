/** Port mirrors: what a port sends and receives reaches the collector byte for byte, and nothing else changes. */
import test from 'ava';
import {
  MIRROR_COPIES_PER_BURST_MAX,
  MIRRORS_MAX,
  MIRRORS_PER_PORT_MAX,
} from '../../../../dataplane/limits.ts';
import { BURST_MAX } from '../../../../dataplane/port/frame-io.ts';
import type { SentFrame } from '../../../../dataplane/port/memory-frame-io.ts';
import { IpProtocol } from '../../../../packet/ip-protocol.ts';
import { Gso, NO_OFFLOAD } from '../../../../packet/vnet-header.ts';
import type { Mirror, Resource } from '../../../../schema/southbound/messages.ts';
import { prefixOf } from './policies.ts';
import {
  BLUE,
  between,
  echoFrame,
  HOST_ADDRESS,
  INNER_MTU,
  macOf,
  octets,
  PEER_ADDRESS,
  portId,
  portResource,
  RED,
  routed,
  type TenantRig,
  tcpFrame,
  tenantRig,
  udpFrame,
} from './tenants.ts';

const SEGMENT = 7001;
const PORTS = { src: 4000, dst: 5000 };
const MIRRORED = '10.0.0.4';
const COLLECTOR = '10.0.0.5';

function mirrorResource(id: string, changes: Partial<Mirror> = {}): Resource {
  return {
    key: `mirror/${id}`,
    version: 1,
    mirror: {
      id,
      resourceRef: `/serviceInsertions/${id}`,
      priority: 100,
      rules: [],
      collectorPortId: portId(BLUE, COLLECTOR),
      collectorRef: `/networkInterfaces/${portId(BLUE, COLLECTOR)}`,
      segment: SEGMENT,
      providerAddress: octets(HOST_ADDRESS),
      sourceProviderAddresses: [octets(PEER_ADDRESS)],
      ...changes,
    },
  };
}

function mirrored(text: string, ...mirrorIds: readonly string[]): Resource {
  const resource = portResource(BLUE, text);
  if (resource.port === undefined) throw new TypeError('not a port');
  return { ...resource, port: { ...resource.port, mirrorIds } };
}

function mirrorRig(...upserts: readonly Resource[]): TenantRig {
  const net = tenantRig();
  const errors = net.core.applyGoal({ upserts, removes: [] });
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  return net;
}

/** Where each frame went, and its bytes: of a tunnel the inner ones. */
function told(net: TenantRig, sent: readonly SentFrame[]): [place: string, bytes: Uint8Array][] {
  const places = new Map(
    ['10.0.0.4', '10.0.0.5', '10.0.1.4'].map((text) => [net.device(BLUE, text), text]),
  );
  return sent.map(({ port, bytes, uplink }) =>
    uplink === undefined
      ? [places.get(port) ?? `device ${port}`, bytes]
      : [`vni ${uplink.vni} to ${uplink.address.join('.')}`, bytes.slice(8)],
  );
}

function drops(net: TenantRig, text: string): Readonly<Record<string, number>> {
  return net.counters(portId(BLUE, text)).drops;
}

test('a collector here: what the port sends as it sent it, what it receives as it is delivered', (t) => {
  const net = mirrorRig(mirrorResource('tap'), mirrored(MIRRORED, 'tap'));
  const there = udpFrame(between(BLUE, MIRRORED, '10.0.1.4'), PORTS);
  const back = udpFrame(between(BLUE, '10.0.1.4', MIRRORED), { src: PORTS.dst, dst: PORTS.src });
  for (const round of ['first packet of the flow', 'later packet']) {
    t.deepEqual(
      told(net, net.pass(net.device(BLUE, MIRRORED), [there])),
      [
        ['10.0.1.4', routed(there, macOf(BLUE, '10.0.1.4'))],
        [COLLECTOR, there],
      ],
      round,
    );
    const delivered = routed(back, macOf(BLUE, MIRRORED));
    t.deepEqual(
      told(net, net.pass(net.device(BLUE, '10.0.1.4'), [back])),
      [
        [MIRRORED, delivered],
        [COLLECTOR, delivered],
      ],
      round,
    );
  }
  t.deepEqual(drops(net, MIRRORED), {});
  net.core.checkInvariants();
});

test('a collector at another host: copies travel with the mirror’s own network identifier', (t) => {
  const net = mirrorRig(
    mirrorResource('tap', { providerAddress: octets('192.0.2.9') }),
    mirrored(MIRRORED, 'tap'),
  );
  const there = echoFrame(between(BLUE, MIRRORED, '10.0.1.6'));
  const inner = udpFrame(between(BLUE, '10.0.0.6', MIRRORED), PORTS);
  for (const _round of [1, 2]) {
    t.deepEqual(told(net, net.pass(net.device(BLUE, MIRRORED), [there])), [
      [`vni ${BLUE.dbVni} to ${PEER_ADDRESS}`, routed(there, macOf(BLUE, '10.0.1.6'))],
      [`vni ${SEGMENT} to 192.0.2.9`, there],
    ]);
    t.deepEqual(told(net, net.passTunnel(BLUE.webVni, inner)), [
      [MIRRORED, inner],
      [`vni ${SEGMENT} to 192.0.2.9`, inner],
    ]);
  }
  // Who is not mirrored has no copies made.
  const other = udpFrame(between(BLUE, COLLECTOR, '10.0.1.4'), PORTS);
  t.is(net.pass(net.device(BLUE, COLLECTOR), [other]).length, 1);
});

test('the collector’s host delivers a copy by its network identifier alone, from the mirror’s sources only', (t) => {
  const net = mirrorRig(mirrorResource('tap'));
  // Addresses that mean nothing here, or something else.
  const copy = udpFrame(between(RED, '10.0.0.99', '10.0.0.4'), PORTS);
  t.deepEqual(told(net, net.passTunnel(SEGMENT, copy)), [[COLLECTOR, copy]]);
  t.is(net.core.flowTable.count, 0);
  t.deepEqual(net.passTunnel(SEGMENT, copy, '198.51.100.7'), []);
  t.is(net.uplinkCounters().drops['OuterSourceUnknown'], 1);
  // A host that is known to be in some network here, but has no port that is mirrored.
  const elsewhere = mirrorResource('tap', { sourceProviderAddresses: [octets('198.51.100.7')] });
  t.deepEqual(net.core.applyGoal({ upserts: [elsewhere], removes: [] }), []);
  t.deepEqual(net.passTunnel(SEGMENT, copy), []);
  t.deepEqual(told(net, net.passTunnel(SEGMENT, copy, '198.51.100.7')), [[COLLECTOR, copy]]);
  const toVm = udpFrame(between(BLUE, '10.0.0.6', COLLECTOR), PORTS);
  t.deepEqual(net.passTunnel(BLUE.webVni, toVm, '198.51.100.7'), [], 'believed for copies alone');
  t.is(net.uplinkCounters().drops['OuterSourceUnknown'], 3);
  t.deepEqual(net.core.applyGoal({ upserts: [mirrorResource('tap')], removes: [] }), []);
  t.deepEqual(net.passTunnel(SEGMENT, copy.slice(0, 20)), [], 'a broken one stops here');
  net.core.detach(portId(BLUE, COLLECTOR));
  t.deepEqual(net.passTunnel(SEGMENT, copy), []);
  t.is(net.uplinkCounters().drops['MirrorCollectorAbsent'], 1);
  net.core.applyGoal({ upserts: [], removes: ['mirror/tap'] });
  t.deepEqual(net.passTunnel(SEGMENT, copy), []);
  t.is(net.uplinkCounters().drops['VniUnknown'], 1);
});

test('only packets that a rule names are copied, each direction by its own addresses and ports', (t) => {
  const rules = [
    {
      protocol: IpProtocol.TCP,
      sources: [prefixOf('10.0.0.0/24'), prefixOf('2001:db8::/32')],
      destinations: [prefixOf('10.0.1.0/24')],
      destinationPorts: { from: 80, to: 90 },
    },
    { protocol: 0, sources: [], destinations: [], sourcePorts: { from: 53, to: 53 } },
  ];
  const net = mirrorRig(mirrorResource('tap', { rules }), mirrored(MIRRORED, 'tap'));
  const to = between(BLUE, MIRRORED, '10.0.1.4');
  const back = between(BLUE, '10.0.1.4', MIRRORED);
  const copies = (from: string, frame: Uint8Array) =>
    net.pass(net.device(BLUE, from), [frame, frame]).length - 2;
  t.is(copies(MIRRORED, tcpFrame(to, { srcPort: 1, dstPort: 80 })), 2);
  t.is(copies(MIRRORED, tcpFrame(to, { srcPort: 1, dstPort: 91 })), 0);
  t.is(copies('10.0.1.4', tcpFrame(back, { srcPort: 80, dstPort: 1, flags: 0x12 })), 0);
  t.is(copies(MIRRORED, udpFrame(to, { src: 1, dst: 80 })), 0);
  t.is(copies('10.0.1.4', udpFrame(back, { src: 53, dst: 1024 })), 2);
  t.is(copies(MIRRORED, tcpFrame(between(BLUE, MIRRORED, '10.0.0.6'), { dstPort: 80 })), 0);
  t.is(copies(MIRRORED, echoFrame(to)), 0, 'ICMP has no ports');
});

test('a super-frame is copied as one, with its own header', (t) => {
  const net = mirrorRig(mirrorResource('tap'), mirrored(MIRRORED, 'tap'));
  const frame = tcpFrame(
    between(BLUE, MIRRORED, '10.0.1.4'),
    { srcPort: 1, dstPort: 80 },
    new Uint8Array(60_000).fill(7),
  );
  const vnet = {
    ...NO_OFFLOAD,
    flags: 1,
    gsoType: Gso.TCPV4,
    hdrLen: 54,
    gsoSize: 1400,
    csumStart: 34,
    csumOffset: 16,
  };
  const frames = Array.from({ length: BURST_MAX }, () => frame);
  const sent = net.pass(net.device(BLUE, MIRRORED), frames, { vnet });
  const copies = sent.filter(({ port }) => port === net.device(BLUE, COLLECTOR));
  t.is(sent.length, 2 * BURST_MAX);
  t.is(copies.length, BURST_MAX, 'a burst of the largest frames has room');
  for (const copy of copies) t.deepEqual(copy.vnet, vnet);
  t.true(copies.every(({ bytes }) => Buffer.compare(bytes, frame) === 0));
});

test('copies are not copied: mirrors that lead to each other’s ports make one copy a packet', (t) => {
  const net = mirrorRig(
    mirrorResource('tap'),
    mirrorResource('pat', { collectorPortId: portId(BLUE, MIRRORED), segment: SEGMENT + 1 }),
    mirrored(MIRRORED, 'tap', 'pat'),
    mirrored(COLLECTOR, 'pat', 'tap'),
  );
  const out = udpFrame(between(BLUE, MIRRORED, '10.0.1.4'), PORTS);
  t.deepEqual(told(net, net.pass(net.device(BLUE, MIRRORED), [out])), [
    ['10.0.1.4', routed(out, macOf(BLUE, '10.0.1.4'))],
    [COLLECTOR, out],
  ]);
  t.deepEqual(told(net, net.passTunnel(SEGMENT, out)), [[COLLECTOR, out]]);
  // Sent by one and received by the other: each one's own mirror copies it once, none to itself.
  const direct = udpFrame(between(BLUE, MIRRORED, COLLECTOR), PORTS);
  t.deepEqual(
    told(net, net.pass(net.device(BLUE, MIRRORED), [direct])).map(([place]) => place),
    [COLLECTOR, COLLECTOR, MIRRORED],
  );
});

test('copies of a burst are bounded and counted, the frames themselves all go their way', (t) => {
  const ids = ['tap1', 'tap2', 'tap3'];
  const net = mirrorRig(
    ...ids.map((id, index) => mirrorResource(id, { segment: SEGMENT + index })),
    mirrored(MIRRORED, ...ids),
  );
  const frame = udpFrame(between(BLUE, MIRRORED, '10.0.0.6'), PORTS);
  for (const round of [1, 2]) {
    const frames = Array.from({ length: BURST_MAX }, () => frame);
    const sent = net.pass(net.device(BLUE, MIRRORED), frames);
    t.is(sent.filter(({ uplink }) => uplink !== undefined).length, BURST_MAX);
    t.is(sent.length, BURST_MAX + MIRROR_COPIES_PER_BURST_MAX);
    const lost = 3 * BURST_MAX - MIRROR_COPIES_PER_BURST_MAX;
    t.deepEqual(drops(net, MIRRORED), { MirrorLimited: lost * round });
  }
});

test('a copy that does not fit the tunnel is counted; segments of a super-frame that fit are sent', (t) => {
  const net = mirrorRig(
    mirrorResource('tap', { providerAddress: octets('192.0.2.9') }),
    mirrored(MIRRORED, 'tap'),
  );
  const to = between(BLUE, MIRRORED, '10.0.1.4');
  // 28 bytes of IP and UDP header.
  const fits = udpFrame(to, PORTS, new Uint8Array(INNER_MTU - 28));
  const large = udpFrame(to, PORTS, new Uint8Array(INNER_MTU - 27));
  t.is(net.pass(net.device(BLUE, MIRRORED), [fits]).length, 2);
  t.deepEqual(drops(net, MIRRORED), {});
  t.is(net.pass(net.device(BLUE, MIRRORED), [large]).length, 1);
  t.deepEqual(drops(net, MIRRORED), { MirrorTooBig: 1 });
  const segments = tcpFrame(to, { srcPort: 1, dstPort: 80 }, new Uint8Array(10_000));
  const headers = segments.length - 10_000 - 14;
  const vnet = {
    flags: 1,
    gsoType: Gso.TCPV4,
    hdrLen: 14 + headers,
    csumStart: 34,
    csumOffset: 16,
  };
  const sendWith = (gsoSize: number) =>
    net.pass(net.device(BLUE, MIRRORED), [segments], { vnet: { ...NO_OFFLOAD, ...vnet, gsoSize } });
  t.is(sendWith(INNER_MTU - headers).length, 2);
  t.is(sendWith(INNER_MTU - headers + 1).length, 1);
  t.deepEqual(drops(net, MIRRORED), { MirrorTooBig: 2 });
});

test('a collector without a device costs copies, which are counted, and nothing else', (t) => {
  const net = mirrorRig(
    mirrorResource('tap'),
    mirrorResource('off', { segment: SEGMENT + 1, providerAddress: new Uint8Array() }),
    mirrored(MIRRORED, 'tap', 'off'),
  );
  net.core.detach(portId(BLUE, COLLECTOR));
  const frame = udpFrame(between(BLUE, MIRRORED, '10.0.0.6'), PORTS);
  t.is(net.pass(net.device(BLUE, MIRRORED), [frame, frame]).length, 2);
  t.deepEqual(drops(net, MIRRORED), { MirrorCollectorAbsent: 4 });
});

test('a mirror that has not arrived is a fault of its port; it works once it has, and ends with it', (t) => {
  const net = tenantRig();
  const apply = (upserts: readonly Resource[], removes: readonly string[] = []) =>
    net.core.applyGoal({ upserts, removes }).map(({ key, message }) => [key, message]);
  const fault = [[`port/${portId(BLUE, MIRRORED)}`, 'mirror tap has not arrived']];
  const frame = udpFrame(between(BLUE, MIRRORED, '10.0.0.6'), PORTS);
  const count = () => net.pass(net.device(BLUE, MIRRORED), [frame, frame]).length;
  t.deepEqual(apply([mirrored(MIRRORED, 'tap')]), fault);
  t.is(count(), 2, 'the port itself works');
  t.deepEqual(apply([mirrorResource('tap')]), []);
  t.is(count(), 4, 'also for a flow that was there before');
  const tcp = { protocol: IpProtocol.TCP, sources: [], destinations: [] };
  t.deepEqual(apply([mirrorResource('tap', { rules: [tcp] })]), []);
  t.is(count(), 2);
  t.deepEqual(apply([mirrorResource('tap')]), []);
  t.is(count(), 4);
  t.deepEqual(apply([], ['mirror/tap']), fault);
  t.is(count(), 2);
  // Another one takes its place, and its number.
  t.deepEqual(apply([mirrorResource('other')]), fault);
  t.is(count(), 2);
  t.deepEqual(apply([mirrored(MIRRORED)]), []);
  net.core.checkInvariants();
});

test('what cannot be a mirror is refused, and too many are', (t) => {
  const net = tenantRig();
  const reason = (changes: Partial<Mirror>) => {
    const { key } = mirrorResource('tap');
    const errors = net.core.applyGoal({ upserts: [mirrorResource('tap', changes)], removes: [] });
    net.core.applyGoal({ upserts: [], removes: [key] });
    return errors[0]?.message;
  };
  const rule = { protocol: 0, sources: [], destinations: [] };
  t.is(reason({}), undefined);
  t.is(reason({ segment: 0 }), 'network identifier 0 is none of 1 … 16777215');
  t.is(reason({ segment: BLUE.webVni }), `network identifier ${BLUE.webVni} is in use`);
  t.is(reason({ providerAddress: Uint8Array.of(1, 2) }), 'provider address is malformed');
  t.is(
    reason({ sourceProviderAddresses: [Uint8Array.of(1, 2)] }),
    'a source’s provider address is malformed',
  );
  t.is(
    reason({ rules: [{ ...rule, protocol: 1, sourcePorts: { from: 1, to: 2 } }] }),
    'protocol 1 has no ports',
  );
  t.is(
    reason({ rules: [{ ...rule, sourcePorts: { from: 2, to: 1 } }] }),
    'a port range is malformed',
  );
  t.is(
    reason({ rules: [{ ...rule, sources: [{ address: Uint8Array.of(1), len: 8 }] }] }),
    'an address prefix is malformed',
  );
  const many = Array.from({ length: MIRRORS_MAX + 1 }, (_, index) =>
    mirrorResource(`m${index}`, { segment: SEGMENT + index }),
  );
  t.deepEqual(
    net.core.applyGoal({ upserts: many, removes: [] }).map(({ key, message }) => [key, message]),
    [[`mirror/m${MIRRORS_MAX}`, `the switch has no room for more than ${MIRRORS_MAX} mirrors`]],
  );
  t.deepEqual(net.core.applyGoal({ upserts: [], removes: [many[0]?.key ?? ''] }), []);
  const ids = Array.from({ length: MIRRORS_PER_PORT_MAX + 1 }, (_, index) => `m${index + 1}`);
  const [error] = net.core.applyGoal({ upserts: [mirrored(MIRRORED, ...ids)], removes: [] });
  t.is(error?.message, '9 mirrors are more than the 8 of one port');
  // The last of all has the highest bit.
  net.core.applyGoal({ upserts: [mirrored(MIRRORED, `m${MIRRORS_MAX}`, 'm31')], removes: [] });
  const frame = udpFrame(between(BLUE, MIRRORED, '10.0.0.6'), PORTS);
  t.is(net.pass(net.device(BLUE, MIRRORED), [frame]).length, 3);
});
