/** BMP messages (RFC 7854 §4) byte for byte, and what a reader makes of every one that is cut short. */
import test from 'ava';
import {
  type BmpPeer,
  initiation,
  peerDown,
  peerUp,
  routeMonitoring,
  statisticsReport,
  TerminationReason,
  termination,
} from '../../../../bgp/bmp/message.ts';
import { notificationFault } from '../../../../bgp/message/notification.ts';
import { decode } from './decoder.ts';

const IPV4: BmpPeer = {
  asn: 0x0001_0203,
  address: Uint8Array.of(192, 0, 2, 2),
  bgpIdentifier: 0x0a00_0002,
};
const IPV6: BmpPeer = { ...IPV4, address: Uint8Array.of(0x20, 1, 0xd, 0xb8, ...zeros(11), 2) };
const WALL_MS = 0x0102_0304 * 1_000 + 250;
const TIME = [1, 2, 3, 4, 0x00, 0x03, 0xd0, 0x90];
const PEER = [0, 0, ...zeros(8), ...zeros(12), 192, 0, 2, 2, 0, 1, 2, 3, 10, 0, 0, 2];
const MARKER = new Array<number>(16).fill(0xff);
const OPEN = Uint8Array.of(...MARKER, 0, 29, 1, 4, 0xfd, 0xea, 0, 90, 10, 0, 0, 2, 0);
const UPDATE = Uint8Array.of(...MARKER, 0, 27, 2, 0, 4, 24, 10, 1, 2, 0, 0);
const ENDS = {
  localAddress: Uint8Array.of(192, 0, 2, 1),
  localPort: 179,
  remotePort: 0xc350,
  sentOpen: OPEN,
  receivedOpen: OPEN,
};

function zeros(count: number): number[] {
  return new Array<number>(count).fill(0);
}

test('§4.3: Initiation says who speaks', (t) => {
  const name = [0, 2, 0, 2, 0x72, 0x31];
  t.deepEqual([...initiation('r1', 'W')], [3, 0, 0, 0, 17, 4, 0, 1, 0, 1, 0x57, ...name]);
});

test('§4.5: Termination says why', (t) => {
  const bytes = termination(TerminationReason.AdministrativelyClosed);
  t.deepEqual([...bytes], [3, 0, 0, 0, 12, 5, 0, 1, 0, 2, 0, 0]);
});

test('§4.10: Peer Up has both ends and both OPENs', (t) => {
  const bytes = peerUp(IPV4, WALL_MS, ENDS);
  const ends = [...zeros(12), 192, 0, 2, 1, 0, 179, 0xc3, 0x50];
  t.deepEqual([...bytes], [3, 0, 0, 0, 126, 3, ...PEER, ...TIME, ...ends, ...OPEN, ...OPEN]);
});

test('§4.6: Route Monitoring is the UPDATE as it is; V and A flags', (t) => {
  const bytes = routeMonitoring(IPV4, WALL_MS, UPDATE, false);
  t.deepEqual([...bytes], [3, 0, 0, 0, 75, 0, ...PEER, ...TIME, ...UPDATE]);
  const legacy = routeMonitoring(IPV6, 0, UPDATE, true);
  t.is(legacy[7], 0xa0);
  t.deepEqual([...legacy.slice(16, 32)], [...IPV6.address]);
  t.deepEqual([...legacy.slice(40, 48)], zeros(8), 'no time: none is known');
});

test('§4.9: Peer Down has the NOTIFICATION of whoever ended it', (t) => {
  const notification = notificationFault(6, 2, Uint8Array.of(0));
  const said = [...MARKER, 0, 22, 3, 6, 2, 0];
  const head = [...PEER, ...TIME];
  t.deepEqual(
    [...peerDown(IPV4, WALL_MS, { kind: 'sent', notification })],
    [3, 0, 0, 0, 71, 2, ...head, 1, ...said],
  );
  t.deepEqual(
    [...peerDown(IPV4, WALL_MS, { kind: 'received', notification })],
    [3, 0, 0, 0, 71, 2, ...head, 3, ...said],
  );
  t.deepEqual(
    [...peerDown(IPV4, WALL_MS, { kind: 'connection-lost' })],
    [3, 0, 0, 0, 49, 2, ...head, 4],
  );
});

test('§4.8: a Statistics Report counts routes in all and by family, and withdrawals for fault', (t) => {
  const families = [
    { afi: 1, safi: 1, routeCount: 258 },
    { afi: 2, safi: 1, routeCount: 2 },
  ];
  t.deepEqual(
    [...statisticsReport(IPV4, WALL_MS, { treatedAsWithdrawCount: 5, families })],
    [
      ...[3, 0, 0, 0, 102, 1, ...PEER, ...TIME, 0, 0, 0, 4],
      ...[0, 7, 0, 8, ...zeros(6), 1, 4],
      ...[0, 9, 0, 11, 0, 1, 1, ...zeros(6), 1, 2],
      ...[0, 9, 0, 11, 0, 2, 1, ...zeros(6), 0, 2],
      ...[0, 11, 0, 4, 0, 0, 0, 5],
    ],
  );
});

test('whatever is cut short is no message yet, and a body cut short is none at all', (t) => {
  const families = [{ afi: 1, safi: 1, routeCount: 1 }];
  const messages = [
    initiation('name', 'description'),
    termination(0),
    peerUp(IPV6, WALL_MS, ENDS),
    routeMonitoring(IPV4, WALL_MS, UPDATE, false),
    statisticsReport(IPV4, WALL_MS, { treatedAsWithdrawCount: 0, families }),
    peerDown(IPV4, WALL_MS, { kind: 'connection-lost' }),
  ];
  for (const message of messages) {
    t.is(decode(message, 0)?.end, message.length);
    for (let length = 0; length < message.length; length++) {
      t.is(decode(message.slice(0, length), 0), undefined);
    }
    // The length says that it ends here: the body must notice, but where a TLV ends with it.
    for (let length = 6; length < message.length; length++) {
      const cut = message.slice(0, length);
      new DataView(cut.buffer).setUint32(1, length);
      try {
        const { end } = decode(cut, 0) ?? {};
        t.is(end, length);
        t.true(length === 6 || (message[5] ?? 0) === 1 || (message[5] ?? 0) === 4);
      } catch (thrown) {
        t.true(thrown instanceof Error && !(thrown instanceof RangeError), String(thrown));
      }
    }
  }
});
