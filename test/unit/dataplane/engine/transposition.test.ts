/** Header actions compose, and the composition does to a frame what the actions would have done one by one. */
import test from 'ava';
import fc from 'fast-check';
import { ipv4Words } from '../../../../base/ip-words.ts';
import {
  fold,
  type HeaderAction,
  NO_PORT,
  newComposition,
  Op,
} from '../../../../dataplane/engine/header-action.ts';
import {
  Applied,
  NO_TRANSPOSITION,
  Transpositions,
} from '../../../../dataplane/engine/transposition.ts';
import * as ethernet from '../../../../packet/ethernet.ts';
import { newFlowKey, parseFlow } from '../../../../packet/flow-key.ts';
import * as ipv4 from '../../../../packet/ipv4.ts';
import * as vnetHeader from '../../../../packet/vnet-header.ts';
import { icmpv6Frame, tcpIpv4 } from '../../packet/frames.ts';

const VNET_AT = 0;
const AT = 16;

/** A frame behind a virtio_net_hdr, as in the ring. */
function framed(bytes: Uint8Array) {
  const buffer = new Uint8Array(AT + bytes.length);
  buffer.set(bytes, AT);
  const view = new DataView(buffer.buffer);
  vnetHeader.clear(view, VNET_AT);
  const key = newFlowKey();
  parseFlow(view, AT, buffer.length, key);
  return { view, key, frame: { view, at: AT, end: buffer.length, vnetAt: VNET_AT } };
}

function applied(actions: readonly HeaderAction[], bytes: Uint8Array): Uint8Array {
  const composition = newComposition();
  const table = new Transpositions(4);
  const { view, key, frame } = framed(bytes);
  const walked = { ...key };
  for (const action of actions) fold(composition, action, walked);
  table.apply(table.intern(composition), frame, key);
  return new Uint8Array(view.buffer, AT);
}

const action: fc.Arbitrary<HeaderAction> = fc.oneof(
  fc.record({ ethernet: fc.record({ dst: fc.maxSafeNat().map((n) => n % 2 ** 48) }) }),
  fc.record({ ethernet: fc.record({ src: fc.maxSafeNat().map((n) => n % 2 ** 48) }) }),
  fc.constant<HeaderAction>({}),
);

test('composition equals applying the actions one after the other', (t) => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 6 }), fc.boolean(), (actions, isRouted) => {
      const all = isRouted ? [...actions, { ttl: 'decrement' } as const] : actions;
      const stepwise = all.reduce((bytes, one) => applied([one], bytes), tcpIpv4({}));
      t.deepEqual([...applied(all, tcpIpv4({}))], [...stepwise]);
    }),
  );
});

test('a push that is popped again was never there', (t) => {
  const composition = newComposition();
  fold(composition, { outer: { kind: 'push', peer: 3, vni: 5, mtu: 1450 } }, newFlowKey());
  fold(composition, { outer: { kind: 'pop' } }, newFlowKey());
  t.deepEqual(composition, newComposition());
  fold(composition, { outer: { kind: 'pop' } }, newFlowKey());
  t.is(composition.ops, Op.POP);
});

test('equal compositions share one transposition, and the last reference frees it', (t) => {
  const table = new Transpositions(2);
  const composition = { ...newComposition(), ops: Op.DST_MAC, dstMac: 0x1234_5678_9abc, port: 3 };
  const id = table.intern(composition);
  t.is(table.intern({ ...composition }), id);
  const other = table.intern({ ...composition, port: 4 });
  t.not(other, id);
  t.is(table.count, 2);
  t.is(table.intern({ ...composition, port: 5 }), NO_TRANSPOSITION, 'full: refused, not thrown');
  table.release(id);
  t.is(table.count, 2);
  table.release(id);
  t.is(table.count, 1);
  t.is(table.port(other), 4);
  t.is(table.intern({ ...composition, port: 5 }), id, 'its place is free again');
  table.checkInvariants(2);
});

test('every field of a composition distinguishes it', (t) => {
  const table = new Transpositions(16);
  const base = newComposition();
  const ids = [
    base,
    { ...base, ops: Op.TTL },
    { ...base, dstMac: 1 },
    { ...base, srcMac: 1 },
    { ...base, peer: 1 },
    { ...base, vni: 1 },
    { ...base, mtu: 1 },
    { ...base, port: 1 },
    { ...base, srcIp: ipv4Words(1) },
    { ...base, dstIp: ipv4Words(1) },
    { ...base, srcPort: 1 },
    { ...base, dstPort: 1 },
    { ...base, queryId: 1 },
  ].map((composition) => table.intern(composition));
  t.is(new Set(ids).size, ids.length);
  t.is(table.port(ids[0] ?? 0), NO_PORT);
});

test('TTL: the IPv4 header checksum stays valid for every TTL; at 1 the frame is left alone', (t) => {
  for (let ttl = 0; ttl < 256; ttl += 1) {
    const bytes = tcpIpv4({});
    const view = new DataView(bytes.buffer);
    view.setUint8(14 + 8, ttl);
    ipv4.fillChecksum(view, 14);
    const after = applied([{ ttl: 'decrement' }], bytes);
    const out = new DataView(after.buffer, after.byteOffset);
    t.is(ipv4.ttl(out, 14), ttl <= 1 ? ttl : ttl - 1);
    t.true(ipv4.hasValidChecksum(out, 14));
  }
});

test('hop limit: IPv6 goes down by one and nothing else changes', (t) => {
  const before = icmpv6Frame({ type: 128 });
  const after = applied([{ ttl: 'decrement' }], before);
  const differing = [...after].flatMap((byte, index) => (byte === before[index] ? [] : [index]));
  t.deepEqual(differing, [14 + 7]);
  t.is(after[21], (before[21] ?? 0) - 1);
});

test('a partial transport checksum is not touched by routing', (t) => {
  const table = new Transpositions(1);
  const composition = newComposition();
  fold(composition, { ttl: 'decrement', ethernet: { dst: 9, src: 8 } }, newFlowKey());
  const { view, key, frame } = framed(tcpIpv4({}));
  const needsCsum = {
    flags: 1,
    gsoType: 1,
    hdrLen: 0,
    gsoSize: 1000,
    csumStart: 34,
    csumOffset: 16,
  };
  vnetHeader.emit(needsCsum, view, VNET_AT);
  view.setUint16(AT + 34 + 16, 0xbeef);
  t.is(table.apply(table.intern(composition), frame, key), Applied.DONE);
  t.is(view.getUint16(AT + 34 + 16), 0xbeef);
  t.deepEqual(vnetHeader.parse(view, VNET_AT), needsCsum);
  t.is(ethernet.dst(view, AT), 9);
});
