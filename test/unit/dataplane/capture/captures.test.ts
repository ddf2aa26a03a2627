/** Packet captures of a switch: what is recorded of a frame, where, with which verdict, and what ends a capture. */
import test from 'ava';
import { millis } from '../../../../base/units.ts';
import {
  CAPTURE_BUFFER_BYTES,
  CAPTURE_UNREAD_SEC_MAX,
  CAPTURES_MAX,
} from '../../../../dataplane/limits.ts';
import { Gso, NO_OFFLOAD, VnetFlag } from '../../../../packet/vnet-header.ts';
import {
  type CaptureFilter,
  type CaptureRequest,
  parseCaptureFilter,
} from '../../../../schema/southbound/diagnostics/capture.ts';
import {
  BLUE,
  between,
  macOf,
  PEER_ADDRESS,
  portId,
  RED,
  routed,
  type TenantRig,
  tcpFrame,
  tenantRig,
  udpFrame,
} from '../switch/tenants.ts';
import { readSavefile, tcpdumpLines } from './savefile.ts';

const PORTS = { src: 4000, dst: 5000 };

function start(
  net: TenantRig,
  request: Omit<CaptureRequest, 'filter'> & { filter?: string | CaptureFilter } = {},
): number {
  const { filter = '', ...bounds } = request;
  const parsed = typeof filter === 'string' ? parseCaptureFilter(filter) : filter;
  if (typeof parsed === 'string') throw new TypeError(parsed);
  return net.core.captures.start({ filter: parsed, ...bounds }).id;
}

function stop(net: TenantRig, id: number): Uint8Array {
  net.core.captures.stop(id);
  return net.core.captures.read(id).bytes;
}

test('a frame is recorded as it came, with its verdict, and as it left; tcpdump reads both', (t) => {
  const net = tenantRig();
  const id = start(net);
  t.true(net.core.captures.isActive);
  const frame = udpFrame(between(BLUE, '10.0.0.4', '10.0.1.4'), PORTS);
  net.pass(net.device(BLUE, '10.0.0.4'), [frame]);
  const file = stop(net, id);
  t.false(net.core.captures.isActive);
  const { packets } = readSavefile(file);
  t.deepEqual(
    packets.map(({ interfaceName, direction, comment }) => [interfaceName, direction, comment]),
    [
      [portId(BLUE, '10.0.0.4'), 'outbound', 'forwarded'],
      [portId(BLUE, '10.0.1.4'), 'inbound', ''],
    ],
  );
  t.deepEqual(packets[0]?.bytes, frame);
  t.deepEqual(packets[1]?.bytes, routed(frame, macOf(BLUE, '10.0.1.4')));
  const lines = tcpdumpLines(file);
  t.is(lines.length, 2);
  for (const line of lines) t.regex(line, /10\.0\.0\.4\.4000 > 10\.0\.1\.4\.5000: UDP, length 4/);
});

test('a dropped frame says why, and a capture of nothing else has nothing else', (t) => {
  const net = tenantRig();
  const id = start(net, { filter: 'dropped' });
  const device = net.device(BLUE, '10.0.0.4');
  const spoofed = { ...between(BLUE, '10.0.0.9', '10.0.0.5'), srcMac: macOf(BLUE, '10.0.0.4') };
  net.pass(device, [
    udpFrame(between(BLUE, '10.0.0.4', '10.0.0.5'), PORTS),
    udpFrame(spoofed, PORTS),
    Uint8Array.of(1, 2, 3),
    udpFrame({ ...between(BLUE, '10.0.0.4', '10.0.1.4'), ttl: 1 }, PORTS),
  ]);
  const { packets } = readSavefile(stop(net, id));
  t.deepEqual(
    packets.map(({ comment }) => comment),
    ['dropped: SpoofedIpv4', 'dropped: EthernetTruncated', 'dropped: TtlExpired'],
  );
});

test('on tunnels the inner frame is recorded, with VNI and far end', (t) => {
  const net = tenantRig();
  const id = start(net, { filter: `vni ${BLUE.webVni}` });
  const out = udpFrame(between(BLUE, '10.0.0.4', '10.0.0.6'), PORTS);
  const back = udpFrame(between(BLUE, '10.0.0.6', '10.0.0.4'), PORTS);
  net.pass(net.device(BLUE, '10.0.0.4'), [out]);
  net.passTunnel(BLUE.webVni, back);
  net.passTunnel(RED.webVni, udpFrame(between(RED, '10.0.0.6', '10.0.0.4'), PORTS));
  const { packets } = readSavefile(stop(net, id));
  t.deepEqual(
    packets.map(({ interfaceName, direction, comment, bytes }) => ({
      interfaceName,
      direction,
      comment,
      bytes,
    })),
    [
      {
        interfaceName: 'uplink',
        direction: 'outbound',
        comment: `VNI ${BLUE.webVni} to ${PEER_ADDRESS}`,
        bytes: out,
      },
      {
        interfaceName: 'uplink',
        direction: 'inbound',
        comment: `forwarded; VNI ${BLUE.webVni} from ${PEER_ADDRESS}`,
        bytes: back,
      },
    ],
  );
});

test('a capture of one NIC has its own frames, and what was dropped on its way to it', (t) => {
  const net = tenantRig();
  const id = start(net, { filter: { portIds: [portId(BLUE, '10.0.0.5')] } });
  const expired = { ...between(BLUE, '10.0.1.4', '10.0.0.5'), ttl: 1 };
  net.pass(net.device(BLUE, '10.0.1.4'), [udpFrame(expired, PORTS)]);
  net.pass(net.device(RED, '10.0.1.4'), [
    udpFrame({ ...expired, srcMac: macOf(RED, '10.0.1.4') }, PORTS),
  ]);
  net.pass(net.device(BLUE, '10.0.0.4'), [udpFrame(between(BLUE, '10.0.0.4', '10.0.0.5'), PORTS)]);
  net.pass(net.device(BLUE, '10.0.0.4'), [udpFrame(between(BLUE, '10.0.0.4', '10.0.1.4'), PORTS)]);
  const { packets } = readSavefile(stop(net, id));
  t.deepEqual(
    packets.map(({ interfaceName, comment }) => [interfaceName, comment]),
    [
      [portId(BLUE, '10.0.1.4'), 'dropped: TtlExpired'],
      [portId(BLUE, '10.0.0.5'), ''],
    ],
  );
});

test('filters go by protocol, address, port and direction', (t) => {
  const net = tenantRig();
  const from = between(BLUE, '10.0.0.4', '10.0.0.5');
  const udp = udpFrame(from, PORTS);
  const tcp = tcpFrame(from, { srcPort: 80, dstPort: 443 });
  const counts = (
    [
      ['udp', 2],
      ['tcp dst port 443', 2],
      ['tcp dst port 444', 0],
      ['src port 80-90', 2],
      ['host 10.0.0.5', 4],
      ['src host 10.0.0.5', 0],
      ['dst net 10.0.0.0/24 outbound', 2],
      ['ip6', 0],
      ['proto 17 inbound', 1],
    ] as const
  ).map(([filter, expected]) => ({ filter, expected, id: start(net, { filter }) }));
  net.pass(net.device(BLUE, '10.0.0.4'), [udp, tcp]);
  for (const { filter, expected, id } of counts) {
    t.is(readSavefile(stop(net, id)).packets.length, expected, filter);
  }
});

test('a super-frame is recorded whole, or as much of it as asked for', (t) => {
  const net = tenantRig();
  const whole = start(net, { filter: 'inbound' });
  const cut = start(net, { filter: 'inbound', snapLen: 96 });
  const frame = tcpFrame(between(BLUE, '10.0.0.4', '10.0.0.5'), {}, new Uint8Array(30_000));
  const vnet = {
    ...NO_OFFLOAD,
    gsoType: Gso.TCPV4,
    gsoSize: 1400,
    flags: VnetFlag.NEEDS_CSUM,
    csumStart: 34,
    csumOffset: 16,
    hdrLen: 54,
  };
  net.pass(net.device(BLUE, '10.0.0.4'), [frame], { vnet });
  t.is(readSavefile(stop(net, whole)).packets[0]?.bytes.length, frame.length);
  const [short] = readSavefile(stop(net, cut)).packets;
  t.is(short?.bytes.length, 96);
  t.is(short?.originalLen, frame.length);
});

test('times are nanoseconds of the wall clock', (t) => {
  const net = tenantRig();
  const id = start(net);
  net.clock.advance(millis(1.25));
  net.pass(net.device(BLUE, '10.0.0.4'), [udpFrame(between(BLUE, '10.0.0.4', '10.0.0.5'), PORTS)]);
  const [first] = readSavefile(stop(net, id)).packets;
  t.is(first?.ns, BigInt(Math.round(net.clock.wallNow() * 4)) * 250_000n);
});

test('a capture ends at its bounds and says at which', (t) => {
  const net = tenantRig();
  const frame = udpFrame(between(BLUE, '10.0.0.4', '10.0.0.5'), PORTS);
  const send = (count: number) =>
    net.pass(
      net.device(BLUE, '10.0.0.4'),
      Array.from({ length: count }, () => frame),
    );
  const packets = start(net, { packetsMax: 3 });
  const bytes = start(net, { bytesMax: 500 });
  const seconds = start(net, { secondsMax: 2 });
  send(8);
  net.clock.advance(millis(2000));
  net.core.captures.age();
  const ends = [packets, bytes, seconds].map((id) => {
    const { bytes: file, status } = net.core.captures.read(id);
    t.is(readSavefile(file).packets.length, status.packets);
    return [status.ended, status.packets];
  });
  t.is(ends[0]?.[1], 3);
  t.deepEqual(
    ends.map(([end]) => end),
    ['packets', 'bytes', 'seconds'],
  );
  t.false(net.core.captures.isActive);
  t.throws(() => net.core.captures.read(packets), { code: 'SDN_CAPTURE_UNKNOWN' });
});

test('what nobody reads is lost to the capture alone, counted, and the capture forgotten', (t) => {
  const net = tenantRig();
  const id = start(net);
  const frame = udpFrame(between(BLUE, '10.0.0.4', '10.0.0.5'), PORTS, new Uint8Array(1400));
  const burst = Array.from({ length: 60 }, () => frame);
  const needed = Math.ceil(CAPTURE_BUFFER_BYTES / frame.length / burst.length);
  for (let sent = 0; sent < needed; sent += 1) {
    t.is(net.pass(net.device(BLUE, '10.0.0.4'), burst).length, burst.length);
  }
  const [status] = net.core.captures.list();
  t.true((status?.lost ?? 0) > 0);
  const first = net.core.captures.read(id);
  t.is(readSavefile(first.bytes).packets.length, first.status.packets);
  net.clock.advance(millis(CAPTURE_UNREAD_SEC_MAX * 1000));
  net.core.captures.age();
  t.deepEqual(net.core.captures.list(), []);
  t.false(net.core.captures.isActive);
});

test('too many captures and bounds without sense are refused', (t) => {
  const net = tenantRig();
  t.throws(() => start(net, { packetsMax: 0 }), { code: 'SDN_CAPTURE_FILTER' });
  t.throws(() => start(net, { snapLen: 1.5 }), { code: 'SDN_CAPTURE_FILTER' });
  for (let open = 0; open < CAPTURES_MAX; open += 1) start(net);
  t.throws(() => start(net), { code: 'SDN_CAPTURES_MAX' });
});

test('read in pieces, however small, the file is the same; it is forgotten with its last piece', (t) => {
  const net = tenantRig();
  const whole = start(net, { filter: 'udp' });
  const cut = start(net, { filter: 'udp' });
  const frame = udpFrame(between(BLUE, '10.0.0.4', '10.0.0.5'), PORTS, new Uint8Array(500));
  const pieces: Uint8Array[] = [];
  const read = () => {
    const { bytes, isLast } = net.core.captures.read(cut, 64);
    t.true(bytes.length <= 64);
    pieces.push(bytes);
    return isLast;
  };
  for (let round = 0; round < 3; round += 1) {
    net.pass(net.device(BLUE, '10.0.0.4'), [frame, frame]);
    t.false(read(), 'not the last while it runs');
  }
  net.core.captures.stop(cut);
  while (!read());
  t.deepEqual(
    readSavefile(new Uint8Array(Buffer.concat(pieces))).packets.map(({ bytes }) => bytes),
    readSavefile(stop(net, whole)).packets.map(({ bytes }) => bytes),
  );
  t.throws(() => net.core.captures.read(cut), { code: 'SDN_CAPTURE_UNKNOWN' });
});
