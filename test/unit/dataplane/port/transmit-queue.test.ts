/** What a round sends, and its counters: descriptors in order, as many as there is room for, each at its link. */
import test from 'ava';
import { NONE } from '../../../../base/lpm.ts';
import { TX_STRIDE } from '../../../../dataplane/port/frame-io.ts';
import { LinkCounters } from '../../../../dataplane/port/link-counters.ts';
import { memoryFrameIo } from '../../../../dataplane/port/memory-frame-io.ts';
import { TransmitQueue } from '../../../../dataplane/port/transmit-queue.ts';
import { Drop } from '../../../../packet/drop.ts';
import { VNET_HEADER_LEN } from '../../../../packet/vnet-header.ts';

const OVERLAY = 1;

function queueOver() {
  const io = memoryFrameIo();
  const counters = new LinkCounters(3);
  const queue = new TransmitQueue(io, counters, OVERLAY);
  queue.bind([10, 11, NONE]);
  const descriptor = (index: number) => [
    ...io.tx.subarray(index * TX_STRIDE, (index + 1) * TX_STRIDE - 1),
  ];
  return { io, counters, queue, descriptor };
}

test('frames leave by the device of their link or through a tunnel, and are counted there', (t) => {
  const { counters, queue, descriptor } = queueOver();
  t.is(queue.emit(0, 100, 164, 90), Drop.None);
  t.is(queue.emitTunnel(7, 5001, 0xabc, 200, 300, 190), Drop.None);
  t.is(queue.count, 2);
  t.deepEqual(descriptor(0).slice(0, 4), [10, 100, 164, 90]);
  t.deepEqual(descriptor(1), [11, 200, 300, 190, 7, 5001, 0xabc]);
  t.like(counters.read(0), { txFrames: 1, txBytes: 64, rxFrames: 0 });
  t.like(counters.read(OVERLAY), { txFrames: 1, txBytes: 100 });
  queue.clear();
  t.is(queue.count, 0);
});

test('a frame of the router’s own carries no offload, whatever lay there before', (t) => {
  const { io, queue, descriptor } = queueOver();
  const at = io.scratchAt + 64;
  io.bytes.fill(0xa5, io.scratchAt, at);
  t.is(queue.emitOwn(0, at, at + 60), Drop.None);
  t.deepEqual(
    [...io.bytes.subarray(at - VNET_HEADER_LEN, at)],
    new Array<number>(VNET_HEADER_LEN).fill(0),
  );
  t.is(queue.emitOwnTunnel(3, 9, at, at + 60), Drop.None);
  t.deepEqual(descriptor(1), [11, at, at + 60, at - VNET_HEADER_LEN, 3, 9, 0]);
});

test('PortDetached: a link without a device; TransmitQueueFull: one frame too many. Neither is counted as sent', (t) => {
  const { io, counters, queue } = queueOver();
  t.is(queue.emit(2, 100, 164, 90), Drop.PortDetached);
  t.is(queue.deviceOf(2), NONE);
  for (let sent = 0; sent < io.txMax; sent += 1) t.is(queue.emit(0, 100, 164, 90), Drop.None);
  t.false(queue.hasRoomFor(1));
  t.is(queue.emit(0, 100, 164, 90), Drop.TransmitQueueFull);
  t.is(queue.emitTunnel(7, 5001, 0, 100, 164, 90), Drop.TransmitQueueFull);
  t.is(queue.count, io.txMax);
  t.is(counters.read(0).txFrames, io.txMax);
  t.is(counters.read(2).txFrames + counters.read(OVERLAY).txFrames, 0);
});

test('counters of a number that is somebody else’s begin at zero; its neighbours’ stay', (t) => {
  const counters = new LinkCounters(3);
  for (const link of [0, 1, 2]) {
    counters.received(link, 64);
    counters.dropped(link, Drop.NotForUs, 2);
  }
  counters.clear(1);
  t.deepEqual(
    [0, 1, 2].map((link) => counters.frames(link)),
    [1, 0, 1],
  );
  t.deepEqual(counters.read(1).drops, {});
  t.deepEqual(counters.read(2).drops, { NotForUs: 2 });
});
