/** Uplinks as sockets: IPv6, source ports, ways out without offloads, paths too narrow, peers nobody can reach, and what is refused. */

import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import test from 'ava';
import { Rx, Tx } from '../../../dataplane/port/frame-io.ts';
import { type NativeFrameIo, nativeFrameIo } from '../../../dataplane/port/native-frame-io.ts';
import { type Packet, packet, segmentsOf } from '../../conformance/frame-io/frames.ts';
import {
  ip,
  isRoot,
  makeNamespace,
  removeNamespace,
} from '../../conformance/frame-io/namespaces.ts';
import { queue, receive } from '../../conformance/frame-io/suite.ts';
import { innerOf } from './uplink-pair.ts';

const rootTest = isRoot ? test.serial : test.serial.skip;
const V4 = [Uint8Array.of(192, 0, 2, 1), Uint8Array.of(192, 0, 2, 2)] as const;
const SUPER = packet({ payloadLen: 30_000, segmentLen: 1000 });

interface Line {
  readonly names: readonly [string, string];
  readonly ends: readonly [NativeFrameIo, NativeFrameIo];
  readonly ports: readonly [number, number];
  /** From end 0 to end 1. */
  carry(frame: Packet, count: number): Packet[];
}

/** Two namespaces joined by a veth pair, an uplink in each. */
function withLine(
  prepare: (names: readonly [string, string]) => void,
  run: (line: Line) => void,
): void {
  const names = [makeNamespace(), makeNamespace()] as const;
  ip(
    '-n',
    names[0],
    'link',
    'add',
    'up0',
    'type',
    'veth',
    'peer',
    'name',
    'up0',
    'netns',
    names[1],
  );
  ip('-n', names[0], 'addr', 'add', '192.0.2.1/24', 'dev', 'up0');
  ip('-n', names[1], 'addr', 'add', '192.0.2.2/24', 'dev', 'up0');
  for (const name of names) ip('-n', name, 'link', 'set', 'up0', 'up');
  const ends = [nativeFrameIo({ offload: 'on' }), nativeFrameIo({ offload: 'on' })] as const;
  try {
    prepare(names);
    const ports = [
      ends[0].attachUplink({ address: V4[0], namespace: names[0] }),
      ends[1].attachUplink({ address: V4[1], namespace: names[1] }),
    ] as const;
    ends[0].setPeer(0, V4[1], 4789);
    const carry = (frame: Packet, count: number): Packet[] => {
      send(ends[0], ports[0], frame);
      return receive(ends[1], count).map(innerOf);
    };
    run({ names, ends, ports, carry });
  } finally {
    for (const end of ends) end.close();
    names.forEach(removeNamespace);
  }
}

function send(io: NativeFrameIo, port: number, frame: Packet, hash = 0): void {
  queue(io, 0, port, frame, io.scratchAt);
  io.tx[Tx.PEER] = 0;
  io.tx[Tx.VNI] = 5;
  io.tx[Tx.HASH] = hash;
  io.exchange(1, 0);
}

const packetsOf = (frames: readonly Packet[]): Uint8Array[] =>
  frames.flatMap((frame) => (frame.vnet.gsoSize > 0 ? segmentsOf(frame) : [frame.bytes]));

rootTest('a super-frame crosses a veth pair', (t) => {
  withLine(
    () => undefined,
    ({ carry }) => t.deepEqual(carry(SUPER, 1), [SUPER]),
  );
});

rootTest('a way out without checksum offload gets datagram after datagram', (t) => {
  withLine(
    ([first]) => {
      execFileSync('ip', ['netns', 'exec', first, 'ethtool', '-K', 'up0', 'tx', 'off']);
    },
    ({ ends, ports, carry }) => {
      t.deepEqual(packetsOf(carry(SUPER, 30)), segmentsOf(SUPER));
      t.deepEqual(packetsOf(carry(SUPER, 30)), segmentsOf(SUPER));
      t.deepEqual([...ends[0].transmitDrops(ports[0])], [0, 0, 0]);
    },
  );
});

rootTest('RFC 7348 §4.3: what is too big for the path is counted, not fragmented', (t) => {
  withLine(
    ([first, second]) => {
      for (const name of [first, second]) ip('-n', name, 'link', 'set', 'up0', 'mtu', '900');
    },
    ({ ends, ports, carry }) => {
      t.deepEqual(carry(SUPER, 1), []);
      t.deepEqual([...ends[0].transmitDrops(ports[0])], [0, 30, 0]);
      t.deepEqual(carry(packet({ payloadLen: 900 }), 1), []);
      t.deepEqual([...ends[0].transmitDrops(ports[0])], [0, 31, 0]);
      t.is(carry(packet({ payloadLen: 100 }), 1).length, 1);
    },
  );
});

rootTest('a peer without a route is a failed transmission, and the next one is not', (t) => {
  withLine(
    () => undefined,
    ({ ends, ports, carry }) => {
      ends[0].setPeer(0, Uint8Array.of(203, 0, 113, 1), 4789);
      t.deepEqual(carry(SUPER, 1), []);
      t.deepEqual([...ends[0].transmitDrops(ports[0])], [0, 30, 0]);
      ends[0].setPeer(0, V4[1], 4789);
      t.deepEqual(carry(SUPER, 1), [SUPER]);
    },
  );
});

rootTest('a deleted namespace takes its uplink along', (t) => {
  withLine(
    () => undefined,
    ({ names, ends, ports }) => {
      t.false(ends[0].isGone(ports[0]));
      removeNamespace(names[0]);
      t.true(ends[0].isGone(ports[0]));
      ip('netns', 'add', names[0]);
      t.true(ends[0].isGone(ports[0]));
    },
  );
});

rootTest('an uplink over IPv6', (t) => {
  const namespace = makeNamespace();
  const ends = [nativeFrameIo({ offload: 'on' }), nativeFrameIo({ offload: 'on' })] as const;
  const address = (last: number): Uint8Array => {
    const bytes = new Uint8Array(16);
    bytes.set([0x20, 0x01, 0x0d, 0xb8]);
    bytes[15] = last;
    return bytes;
  };
  try {
    const enable = 'echo 0 > /proc/sys/net/ipv6/conf/lo/disable_ipv6';
    execFileSync('ip', ['netns', 'exec', namespace, 'sh', '-c', enable]);
    for (const last of [1, 2]) {
      ip('-n', namespace, 'addr', 'add', `2001:db8::${last}/128`, 'dev', 'lo', 'nodad');
    }
    const port = ends[0].attachUplink({ address: address(1), namespace });
    ends[1].attachUplink({ address: address(2), namespace });
    ends[0].setPeer(0, address(2), 4789);
    send(ends[0], port, SUPER);
    t.deepEqual(receive(ends[1], 1).map(innerOf), [SUPER]);
    t.deepEqual([...ends[1].rx.slice(Rx.SOURCE, Rx.SOURCE + 4)], [0x2001_0db8, 0, 0, 1]);
  } finally {
    for (const end of ends) end.close();
    removeNamespace(namespace);
  }
});

test('RFC 7348 §5: the source port follows the flow, from the dynamic range', async (t) => {
  const receiver = createSocket('udp4');
  receiver.bind(0, '127.0.0.1');
  await once(receiver, 'listening');
  const io = nativeFrameIo({ offload: 'on' });
  const port = io.attachUplink({ address: Uint8Array.of(127, 0, 0, 7), udpPort: 14_789 });
  io.setPeer(0, Uint8Array.of(127, 0, 0, 1), receiver.address().port);
  const sourcePort = async (hash: number): Promise<number> => {
    const arrived = once(receiver, 'message');
    send(io, port, packet({ payloadLen: 10 }), hash);
    const [, from] = await arrived;
    return from.port;
  };
  const ports: number[] = [];
  for (let hash = 0; hash < 64; hash++) ports.push(await sourcePort(hash));
  t.is(new Set(ports).size, 16);
  t.true(ports.every((each) => each >= 49_152));
  t.deepEqual([await sourcePort(63)], ports.slice(63));
  io.close();
  receiver.close();
});

rootTest('what the socket has no room for is counted', (t) => {
  withLine(
    () => undefined,
    ({ ends, ports }) => {
      t.is(ends[1].receiveDrops(ports[1]), 0);
      // More than its 32 MiB of buffer, and nobody receives.
      for (let sent = 0; sent < 3000; sent++) send(ends[0], ports[0], SUPER);
      t.true(ends[1].receiveDrops(ports[1]) > 0);
    },
  );
});

test('a foreign address, a taken port and one uplink too many are faults with a code', (t) => {
  const io = nativeFrameIo({ offload: 'on' });
  const attach = (last: number, udpPort = 15_789) =>
    io.attachUplink({ address: Uint8Array.of(127, 0, 1, last), udpPort });
  t.throws(() => io.attachUplink({ address: Uint8Array.of(192, 0, 2, 77) }), {
    code: 'SDN_DEVICE',
    message: /EADDRNOTAVAIL/,
  });
  const first = attach(1);
  t.throws(() => attach(1), { code: 'SDN_DEVICE', message: /EADDRINUSE/ });
  for (const last of [2, 3, 4]) attach(last);
  t.throws(() => attach(5), { code: 'SDN_DEVICE', message: /ENOSPC/ });
  io.detach(first);
  t.notThrows(() => attach(5));
  io.close();
});
