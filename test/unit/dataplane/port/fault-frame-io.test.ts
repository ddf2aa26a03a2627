/** fault-frame-io: each fault happens as often as asked, is counted, and repeats with its seed. */
import test from 'ava';
import { seededRng } from '../../../../base/rng.ts';
import { type FaultRates, faultFrameIo } from '../../../../dataplane/port/fault-frame-io.ts';
import { BURST_MAX, RX_STRIDE, Rx } from '../../../../dataplane/port/frame-io.ts';
import { memoryFrameIo } from '../../../../dataplane/port/memory-frame-io.ts';

const FRAME = Uint8Array.from({ length: 100 }, (_, index) => index);

function run(rates: FaultRates, count: number, seed = 1) {
  const memory = memoryFrameIo();
  const port = memory.attach('ethernet');
  const io = faultFrameIo(memory, seededRng(seed), rates);
  const frames: Uint8Array[] = [];
  for (let sent = 0; sent < count; sent++) {
    memory.deliver(port, FRAME);
    const received = io.exchange(0, 0);
    for (let index = 0; index < received; index++) {
      const at = io.rx[index * RX_STRIDE + Rx.AT] ?? 0;
      frames.push(io.bytes.slice(at, io.rx[index * RX_STRIDE + Rx.END] ?? 0));
    }
  }
  return { frames, counts: io.counts };
}

test('without rates nothing happens', (t) => {
  const { frames, counts } = run({}, 100);
  t.deepEqual(frames, new Array(100).fill(FRAME));
  t.deepEqual(counts, { dropped: 0, corrupted: 0, truncated: 0, duplicated: 0 });
});

test('drop loses about its share', (t) => {
  const { frames, counts } = run({ drop: 0.25 }, 1000);
  t.is(frames.length + counts.dropped, 1000);
  t.true(counts.dropped > 180 && counts.dropped < 320);
});

test('corrupt changes exactly one byte', (t) => {
  const { frames } = run({ corrupt: 1 }, 200);
  for (const frame of frames) {
    t.is(frame.filter((byte, index) => byte !== FRAME[index]).length, 1);
  }
});

test('truncate keeps a prefix of any length', (t) => {
  const { frames } = run({ truncate: 1 }, 500);
  for (const frame of frames) t.deepEqual(frame, FRAME.slice(0, frame.length));
  t.true(frames.some((frame) => frame.length === 0));
  t.true(frames.some((frame) => frame.length > 90));
});

test('a doubled frame is a copy of its own', (t) => {
  const memory = memoryFrameIo();
  const port = memory.attach('ethernet');
  const io = faultFrameIo(memory, seededRng(1), { duplicate: 1 });
  memory.deliver(port, FRAME);
  t.is(io.exchange(0, 0), 2);
  io.bytes.fill(0, io.rx[Rx.AT], io.rx[Rx.END]);
  const at = io.rx[RX_STRIDE + Rx.AT] ?? 0;
  t.deepEqual(io.bytes.slice(at, io.rx[RX_STRIDE + Rx.END]), FRAME);
  t.true(at >= io.scratchAt + io.scratchBytes);
  t.is(io.counts.duplicated, 1);
});

test('a full burst has no room for a double', (t) => {
  const memory = memoryFrameIo();
  const port = memory.attach('ethernet');
  const io = faultFrameIo(memory, seededRng(1), { duplicate: 1 });
  for (let sent = 0; sent < BURST_MAX; sent++) memory.deliver(port, FRAME);
  t.is(io.exchange(0, 0), BURST_MAX);
  t.is(io.counts.duplicated, 0);
});

test('the same seed does the same', (t) => {
  const rates = { drop: 0.1, corrupt: 0.1, truncate: 0.1, duplicate: 0.1 };
  t.deepEqual(run(rates, 300, 7), run(rates, 300, 7));
  t.notDeepEqual(run(rates, 300, 7).frames, run(rates, 300, 8).frames);
});
