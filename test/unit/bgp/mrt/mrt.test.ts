/** MRT records (RFC 6396) byte for byte, and a log whose sink does not keep up. That others can read them shows test/interop/bgp-mrt.test.ts. */
import test from 'ava';
import { MRT_PENDING_BYTES_MAX } from '../../../../bgp/limits.ts';
import {
  BgpState,
  messageRecord,
  peerIndexRecord,
  ribRecord,
  stateRecord,
} from '../../../../bgp/mrt/record.ts';
import { UpdateLog } from '../../../../bgp/mrt/update-log.ts';

const SESSION = {
  peerAsn: 0x0001_0203,
  localAsn: 65_001,
  peerAddress: Uint8Array.of(192, 0, 2, 2),
  localAddress: Uint8Array.of(192, 0, 2, 1),
};
const WALL = { wallMs: 0x0102_0304 * 1_000 + 250 };
const SESSION_BYTES = [0, 1, 2, 3, 0, 0, 0xfd, 0xe9, 0, 0, 0, 1, 192, 0, 2, 2, 192, 0, 2, 1];
const MICROS = [0x00, 0x03, 0xd0, 0x90];

test('§4.4.3: a message, with microseconds', (t) => {
  const message = Uint8Array.of(0xff, 1, 2);
  const record = messageRecord(SESSION, message, { ...WALL, hasPathIds: false });
  const head = [1, 2, 3, 4, 0, 17, 0, 4, 0, 0, 0, 27];
  t.deepEqual([...record], [...head, ...MICROS, ...SESSION_BYTES, 0xff, 1, 2]);
  t.is(messageRecord(SESSION, message, { ...WALL, hasPathIds: true })[7], 9, 'RFC 8050');
});

test('§4.4.4: a change of state', (t) => {
  const change = { from: BgpState.OpenConfirm, to: BgpState.Established, ...WALL };
  const head = [1, 2, 3, 4, 0, 17, 0, 5, 0, 0, 0, 28];
  t.deepEqual(
    [...stateRecord(SESSION, change)],
    [...head, ...MICROS, ...SESSION_BYTES, 0, 5, 0, 6],
  );
});

test('§4.3.1: peers of both families', (t) => {
  const ipv6 = new Uint8Array(16).fill(1);
  const peers = [
    { asn: 65_002, address: Uint8Array.of(192, 0, 2, 2), bgpIdentifier: 0x0a00_0002 },
    { asn: 65_003, address: ipv6, bgpIdentifier: 0x0a00_0003 },
  ];
  const record = peerIndexRecord(0x0a00_0001, peers, WALL.wallMs);
  t.deepEqual(
    [...record],
    [
      ...[1, 2, 3, 4, 0, 13, 0, 1, 0, 0, 0, 46, 10, 0, 0, 1, 0, 0, 0, 2],
      ...[2, 10, 0, 0, 2, 192, 0, 2, 2, 0, 0, 0xfd, 0xea],
      ...[3, 10, 0, 0, 3, ...ipv6, 0, 0, 0xfd, 0xeb],
    ],
  );
});

test('§4.3.2 and RFC 8050 §3: a prefix with and without path identifiers', (t) => {
  const entry = { peerIndex: 1, originatedAtMs: 5_000, attributes: Uint8Array.of(0x40, 1, 1, 0) };
  const family = { isIpv6: false, sequence: 7, ...WALL };
  const prefix = Uint8Array.of(24, 203, 0, 113);
  const plain = ribRecord(family, prefix, [{ ...entry, pathId: undefined }]);
  t.deepEqual(
    [...plain],
    [
      ...[1, 2, 3, 4, 0, 13, 0, 2, 0, 0, 0, 22, 0, 0, 0, 7, 24, 203, 0, 113, 0, 1],
      ...[0, 1, 0, 0, 0, 5, 0, 4, 0x40, 1, 1, 0],
    ],
  );
  const withIds = ribRecord(family, prefix, [{ ...entry, pathId: 9 }]);
  t.is(withIds[7], 8);
  t.deepEqual(
    [...withIds.slice(-14)],
    [0, 1, 0, 0, 0, 5, 0, 0, 0, 9, 0, 4, 0x40, 1, 1, 0].slice(2),
  );
});

test('a sink that does not keep up loses records, which are counted', (t) => {
  const sink = { pendingBytes: 0, written: 0, write: () => undefined };
  const log = new UpdateLog(sink);
  const how = { ...WALL, fourOctetAs: true, hasPathIds: false };
  log.message(SESSION, Uint8Array.of(1), how);
  sink.pendingBytes = MRT_PENDING_BYTES_MAX;
  log.message(SESSION, Uint8Array.of(1), how);
  log.state(SESSION, { from: 6, to: 1, ...WALL });
  log.message(SESSION, Uint8Array.of(1), { ...how, fourOctetAs: false });
  t.deepEqual([log.writtenCount, log.lostCount, log.unsuitableCount], [1, 2, 1]);
});
