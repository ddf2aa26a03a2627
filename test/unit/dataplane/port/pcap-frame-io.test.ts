/** pcap files are read in both byte orders and written so that they read back; replayed frames are received. */
import test from 'ava';
import { RX_STRIDE, Rx } from '../../../../dataplane/port/frame-io.ts';
import { readPcap, writePcap } from '../../../../dataplane/port/pcap-file.ts';
import { pcapFrameIo } from '../../../../dataplane/port/pcap-frame-io.ts';

const RECORDS = [
  { atSec: 1_700_000_000.25, bytes: Uint8Array.of(1, 2, 3), originalLen: 3 },
  { atSec: 1_700_000_001, bytes: new Uint8Array(1514).fill(7), originalLen: 1514 },
  { atSec: 1_700_000_002, bytes: new Uint8Array(96).fill(9), originalLen: 1514 },
];

test('what is written reads back', (t) => {
  t.deepEqual(readPcap(writePcap(RECORDS)), RECORDS);
  t.deepEqual(readPcap(writePcap([])), []);
});

test('a little-endian file with nanoseconds is read', (t) => {
  const file = new Uint8Array(24 + 16 + 2);
  const view = new DataView(file.buffer);
  view.setUint32(0, 0xa1b23c4d, true);
  view.setUint32(20, 1, true);
  view.setUint32(24, 5, true);
  view.setUint32(28, 500_000_000, true);
  view.setUint32(32, 2, true);
  view.setUint32(36, 2, true);
  file.set([8, 9], 40);
  t.deepEqual(readPcap(file), [{ atSec: 5.5, bytes: Uint8Array.of(8, 9), originalLen: 2 }]);
});

test('every truncation gives whole records or a fault, never a crash', (t) => {
  const file = writePcap(RECORDS);
  for (let len = 0; len < file.length; len++) {
    const read = () => readPcap(file.slice(0, len));
    if (len < 24) t.throws(read, { code: 'SDN_PCAP' });
    else t.true(read().length < RECORDS.length);
  }
});

test('a foreign magic, another link type and an impossible length are refused', (t) => {
  for (const [at, value] of [
    [0, 0x0a0d0d0a],
    [20, 101],
    [32, 0x7fff_ffff],
  ] as const) {
    const file = writePcap(RECORDS);
    new DataView(file.buffer).setUint32(at, value);
    t.throws(() => readPcap(file), { code: 'SDN_PCAP' });
  }
});

test('whole records are replayed, and what is sent can be saved', (t) => {
  const io = pcapFrameIo();
  const port = io.attach('ethernet');
  t.is(io.replay(port, RECORDS), 2);
  t.is(io.exchange(0, 0), 2);
  const at = io.rx[RX_STRIDE + Rx.AT] ?? 0;
  const end = io.rx[RX_STRIDE + Rx.END] ?? 0;
  t.deepEqual(io.bytes.slice(at, end), RECORDS[1]?.bytes);
  io.tx.set([port, at, end, io.rx[RX_STRIDE + Rx.VNET] ?? 0], 0);
  io.exchange(1, 0);
  t.deepEqual(readPcap(io.takeSentAsPcap(9)), [
    { atSec: 9, bytes: RECORDS[1]?.bytes, originalLen: 1514 },
  ]);
});
