/** memory-frame-io: what is delivered is received, what is queued is captured, in order and unchanged. */
import test from 'ava';
import { BURST_MAX, RX_STRIDE, Rx } from '../../../../dataplane/port/frame-io.ts';
import { type MemoryFrameIo, memoryFrameIo } from '../../../../dataplane/port/memory-frame-io.ts';
import { Gso, VnetFlag, type VnetHeader } from '../../../../packet/vnet-header.ts';

const SUPER_FRAME: VnetHeader = {
  flags: VnetFlag.NEEDS_CSUM,
  gsoType: Gso.TCPV4,
  hdrLen: 66,
  gsoSize: 1448,
  csumStart: 34,
  csumOffset: 16,
};

function queue(io: MemoryFrameIo, port: number, at: number, end: number, vnetAt: number): void {
  io.tx.set([port, at, end, vnetAt, 7, 0x123456, 99], 0);
  io.exchange(1, 0);
}

test('a delivered frame arrives with its virtio_net_hdr and can be forwarded in place', (t) => {
  const io = memoryFrameIo();
  const from = io.attach('ethernet');
  const to = io.attach('ethernet');
  const frame = Uint8Array.from({ length: 60_000 }, (_, index) => index);
  io.deliver(from, frame, { vnet: SUPER_FRAME });
  t.is(io.exchange(0, -1), 1);
  t.is(io.rx[Rx.PORT], from);
  queue(io, to, io.rx[Rx.AT] ?? 0, io.rx[Rx.END] ?? 0, io.rx[Rx.VNET] ?? 0);
  t.deepEqual(io.takeSent(), [{ port: to, bytes: frame, vnet: SUPER_FRAME, uplink: undefined }]);
  t.deepEqual(io.takeSent(), []);
});

test('an uplink frame leaves behind a VXLAN header, with its peer', (t) => {
  const io = memoryFrameIo();
  const uplink = io.attach('uplink');
  io.setPeer(7, Uint8Array.of(192, 0, 2, 1), 4789);
  io.bytes.set([1, 2, 3], io.scratchAt + 16);
  queue(io, uplink, io.scratchAt + 16, io.scratchAt + 19, io.scratchAt);
  const [sent] = io.takeSent();
  t.deepEqual([...(sent?.bytes ?? [])], [8, 0, 0, 0, 0x12, 0x34, 0x56, 0, 1, 2, 3]);
  t.like(sent?.uplink, { peer: 7, udpPort: 4789, vni: 0x123456, hash: 99 });
});

test('an uplink frame to a peer that was never set is a failed transmission', (t) => {
  const io = memoryFrameIo();
  const uplink = io.attach('uplink');
  queue(io, uplink, io.scratchAt + 16, io.scratchAt + 19, io.scratchAt);
  t.deepEqual(io.takeSent(), []);
  t.deepEqual([...io.transmitDrops(uplink)], [0, 1, 0]);
});

test('the outer source is an IPv6 address, IPv4 mapped', (t) => {
  const io = memoryFrameIo();
  const uplink = io.attach('uplink');
  io.deliver(uplink, Uint8Array.of(1), { source: Uint8Array.of(192, 0, 2, 9) });
  io.exchange(0, 0);
  t.deepEqual([...io.rx.slice(Rx.SOURCE, RX_STRIDE)], [0, 0, 0xffff, 0xc0000209]);
});

test('one exchange returns at most BURST_MAX frames and keeps the rest', (t) => {
  const io = memoryFrameIo();
  const port = io.attach('ethernet');
  for (let count = 0; count < BURST_MAX + 1; count++) io.deliver(port, Uint8Array.of(count));
  t.is(io.exchange(0, 0), BURST_MAX);
  t.is(io.backlogCount, 1);
  t.is(io.exchange(0, 0), 1);
  t.is(io.bytes[io.rx[Rx.AT] ?? 0], BURST_MAX);
});

test('a full queue and a gone device lose frames and count them', (t) => {
  const io = memoryFrameIo();
  const port = io.attach('ethernet');
  io.fillQueue(port, 1);
  const send = () => queue(io, port, io.scratchAt + 16, io.scratchAt + 80, io.scratchAt);
  send();
  t.deepEqual([...io.transmitDrops(port)], [1, 0, 0]);
  send();
  t.is(io.takeSent().length, 1);
  io.remove(port);
  t.true(io.isGone(port));
  send();
  t.deepEqual([...io.transmitDrops(port)], [1, 1, 0]);
  io.detach(port);
  send();
  t.deepEqual(io.takeSent(), []);
});

test('a descriptor outside the ring is our bug, not a frame', (t) => {
  const io = memoryFrameIo();
  const port = io.attach('ethernet');
  t.throws(() => queue(io, port, io.bytes.length, io.bytes.length + 1, io.scratchAt));
});
