/** The unified flow table: bounds and eviction, staleness, life of a flow, and a Map model under random operations. */
import test from 'ava';
import fc from 'fast-check';
import { CELLS_MAX, Epochs } from '../../../../dataplane/engine/epochs.ts';
import { NO_FLOW } from '../../../../dataplane/engine/flow-entries.ts';
import { inboundScope, outboundScope, reverseKey } from '../../../../dataplane/engine/flow-id.ts';
import type { FlowCounts } from '../../../../dataplane/engine/flow-statistics.ts';
import { FlowTable } from '../../../../dataplane/engine/flow-table.ts';
import { newComposition, Op } from '../../../../dataplane/engine/header-action.ts';
import { type Frame, Transpositions } from '../../../../dataplane/engine/transposition.ts';
import * as ethernet from '../../../../packet/ethernet.ts';
import { type FlowKey, Fragment, newFlowKey } from '../../../../packet/flow-key.ts';
import { IpProtocol } from '../../../../packet/ip-protocol.ts';
import { Flag } from '../../../../packet/tcp.ts';
import { flowKey } from './keys.ts';

interface Made {
  readonly table: FlowTable;
  readonly transpositions: Transpositions;
  readonly epochs: Epochs;
  find(scope: number, key: FlowKey): number;
  insert(scope: number, key: FlowKey, owner?: number, nowSec?: number): number;
  bind(flow: number, cells?: readonly number[], destination?: number, link?: number): void;
  check(): void;
}

const FRAME = frameFrom(0x0200_0000_0007);
const OTHER_MAC = frameFrom(0x0200_0000_0008);

function frameFrom(srcMac: number): Frame {
  const view = new DataView(new ArrayBuffer(14));
  ethernet.setSrc(view, 0, srcMac);
  return { view, at: 0, end: 14, vnetAt: 0 };
}

const PEER_SCOPE = inboundScope(77);

function make(flowsMax = 8, flowsPerOwnerMax = 8): Made {
  const epochs = new Epochs();
  const transpositions = new Transpositions(flowsMax * 2 + 1);
  const table = new FlowTable({
    limits: { flowsMax, flowsPerOwnerMax, ownersMax: 16 },
    transpositions,
    epochs,
    seed: 42,
    startSec: 0,
  });
  return {
    table,
    transpositions,
    epochs,
    find: (scope, key) => table.find(table.hash(scope, key), scope, key),
    insert(scope, key, owner = 1, nowSec = 0) {
      const reverse = newFlowKey();
      reverseKey(key, reverse);
      return table.insert({ scope, key, reverseScope: PEER_SCOPE, reverse, owner, nowSec });
    },
    bind(flow, cells = [], destination = 1, link = NO_FLOW) {
      const composition = { ...newComposition(), ops: Op.DST_MAC, dstMac: destination };
      const transposition = transpositions.intern(composition);
      const all = Uint32Array.from({ length: CELLS_MAX }, (_, index) => cells[index] ?? 0);
      table.bind(flow, { transposition, cells: all, link, frame: FRAME });
    },
    check() {
      table.checkInvariants();
      transpositions.checkInvariants(table.references);
    },
  };
}

/** Over all owners. */
function total(made: Made, count: keyof FlowCounts): number {
  let sum = 0;
  for (let owner = 0; owner < 16; owner += 1) sum += made.table.statistics.read(owner)[count];
  return sum;
}

function reverseOf(key: FlowKey): FlowKey {
  const reverse = newFlowKey();
  reverseKey(key, reverse);
  return reverse;
}

test('a flow is found by its key and its scope, its reverse by the turned key', (t) => {
  const made = make();
  const key = flowKey();
  const flow = made.insert(outboundScope(1), key);
  t.is(made.find(outboundScope(1), key), flow);
  t.is(made.find(PEER_SCOPE, reverseOf(key)), flow ^ 1);
  t.is(made.find(outboundScope(2), key), NO_FLOW);
  t.false(made.table.isReply(flow));
  t.true(made.table.isReply(flow ^ 1));
  made.check();
});

test('keys that differ in anything a layer may judge by are different flows', (t) => {
  const made = make();
  made.insert(outboundScope(1), flowKey());
  const others: Partial<FlowKey>[] = [
    { src3: 1 },
    { dst3: 1 },
    { srcPort: 1 },
    { dstPort: 1 },
    { protocol: IpProtocol.UDP },
    { etherType: ethernet.EtherType.IPV6, src2: 0xffff, dst2: 0xffff },
  ];
  for (const other of others) {
    t.is(made.find(outboundScope(1), flowKey(other)), NO_FLOW, JSON.stringify(other));
  }
  const fragment = flowKey({ fragment: Fragment.LATER });
  t.is(made.find(outboundScope(1), fragment), 0, 'but a fragment is of its datagram’s flow');
  const ipv6 = {
    etherType: ethernet.EtherType.IPV6,
    src0: 1,
    src1: 2,
    src2: 3,
    dst0: 4,
    dst1: 5,
    dst2: 6,
  };
  const flow = made.insert(outboundScope(1), flowKey(ipv6));
  t.is(made.find(outboundScope(1), flowKey(ipv6)), flow);
  for (const word of ['src0', 'src1', 'src2', 'dst0', 'dst1', 'dst2']) {
    t.is(made.find(outboundScope(1), flowKey({ ...ipv6, [word]: 9 })), NO_FLOW, word);
  }
});

test('an entry is unresolved until bound, and stale as soon as any cell it depends on moves', (t) => {
  const made = make();
  const isCurrent = (flow: number) => made.table.isCurrent(flow, FRAME);
  const cells = [made.epochs.allocate(), made.epochs.allocate(), made.epochs.allocate()] as const;
  const flow = made.insert(outboundScope(1), flowKey());
  t.false(isCurrent(flow));
  for (const cell of cells) {
    made.bind(flow, cells);
    t.true(isCurrent(flow));
    made.epochs.bump(cell);
    t.false(isCurrent(flow));
  }
  made.bind(flow, cells);
  t.true(isCurrent(flow));
  t.false(made.table.isCurrent(flow, OTHER_MAC), 'another source MAC is another question');
  t.false(isCurrent(flow ^ 1), 'the reverse has to be resolved by itself');
  made.check();
});

test('a cell that is released and given to another owner keeps old flows stale', (t) => {
  const made = make();
  const cell = made.epochs.allocate();
  const flow = made.insert(outboundScope(1), flowKey());
  made.bind(flow, [cell, 0, 0]);
  made.epochs.release(cell);
  t.is(made.epochs.allocate(), cell);
  t.false(made.table.isCurrent(flow, FRAME));
});

test('a full table refuses when nothing is half-open, and never throws', (t) => {
  const made = make(4);
  for (let port = 0; port < 4; port += 1) {
    const flow = made.insert(outboundScope(1), flowKey({ srcPort: port }));
    made.table.touch(flow ^ 1, 60, Flag.ACK, 0);
  }
  t.is(made.insert(outboundScope(1), flowKey({ srcPort: 99 })), NO_FLOW);
  t.is(made.table.count, 4);
  made.check();
});

test('a full table evicts the oldest half-open flow, the newcomer’s owner’s own first', (t) => {
  const made = make(3);
  const [first, second, third] = [1, 2, 3].map((srcPort) => flowKey({ srcPort }));
  if (first === undefined || second === undefined || third === undefined) return t.fail();
  made.insert(outboundScope(1), first, 1);
  made.insert(outboundScope(2), second, 2);
  made.insert(outboundScope(2), third, 2);
  made.insert(outboundScope(2), flowKey({ srcPort: 4 }), 2);
  t.is(made.find(outboundScope(2), second), NO_FLOW, 'own, and the older of two');
  made.insert(outboundScope(3), flowKey({ srcPort: 5 }), 3);
  t.is(made.find(outboundScope(1), first), NO_FLOW, 'none of its own: the oldest of all');
  t.is(total(made, 'evicted'), 2);
  t.is(made.table.statistics.read(1).evicted, 1, 'counted where it was lost');
  made.check();
});

test('an owner at its own bound pushes out its own half-open flows, never another’s', (t) => {
  const made = make(8, 2);
  const other = flowKey({ srcPort: 7 });
  made.insert(outboundScope(2), other, 2);
  for (let srcPort = 10; srcPort < 20; srcPort += 1) {
    t.not(made.insert(outboundScope(1), flowKey({ srcPort }), 1), NO_FLOW);
  }
  t.is(made.table.count, 3);
  t.not(made.find(outboundScope(2), other), NO_FLOW);
  made.check();
});

test('idle flows are forgotten in their time: half-open soon, established late, closed soon', (t) => {
  /** Is the flow still there `sec` seconds after these packets, of which `true` ones come from the other side? */
  const isRemembered = (packets: readonly [number, boolean][], sec: number): boolean => {
    const made = make();
    const key = flowKey();
    const flow = made.insert(outboundScope(1), key);
    for (const [flags, isReply] of packets) {
      made.table.touch(isReply ? flow ^ 1 : flow, 60, flags, 0);
    }
    const room = new Uint32Array(4);
    for (let nowSec = 0; nowSec <= sec; nowSec += 10) made.table.expire(nowSec, room);
    made.check();
    return made.find(outboundScope(1), key) !== NO_FLOW;
  };
  const opened: [number, boolean][] = [
    [Flag.SYN, false],
    [Flag.SYN | Flag.ACK, true],
    [Flag.ACK, false],
  ];
  const fin = Flag.FIN | Flag.ACK;
  t.false(isRemembered([[Flag.SYN, false]], 40));
  t.true(isRemembered(opened, 7200));
  t.false(isRemembered(opened, 7600));
  t.false(isRemembered([...opened, [fin, false], [fin, true]], 40));
  t.true(isRemembered([...opened, [fin, false]], 200), 'half-closed connections may go on');
  t.false(isRemembered([...opened, [Flag.RST, true]], 20));
  const flooded = opened.slice(0, 2);
  t.false(isRemembered(flooded, 40), 'an answered SYN is no connection');
});

test('a packet in time keeps a flow alive', (t) => {
  const made = make();
  const room = new Uint32Array(4);
  const key = flowKey({ protocol: IpProtocol.UDP });
  const flow = made.insert(outboundScope(1), key, 1, 0);
  made.table.touch(flow ^ 1, 60, 0, 0);
  for (let now = 0; now <= 1000; now += 50) {
    made.table.touch(flow, 60, 0, now);
    made.table.expire(now, room);
  }
  t.is(made.find(outboundScope(1), key), flow);
  for (let now = 1000; now <= 1200; now += 10) made.table.expire(now, room);
  t.is(made.table.count, 0);
  t.is(total(made, 'expired'), 1);
  made.check();
});

test('a counterpart that moves is found in its new scope and no longer in its old', (t) => {
  const made = make();
  const key = flowKey();
  const flow = made.insert(outboundScope(1), key);
  made.bind(flow ^ 1);
  made.table.moveCounterpart(flow, outboundScope(5), reverseOf(key), 3);
  t.is(made.find(outboundScope(5), reverseOf(key)), flow ^ 1);
  t.is(made.find(PEER_SCOPE, reverseOf(key)), NO_FLOW);
  t.false(made.table.isCurrent(flow ^ 1, FRAME), 'it is resolved anew');
  made.check();
});

test('a packet between two ports is counted at both, and moves the state of both on', (t) => {
  const made = make();
  const key = flowKey();
  const sent = made.insert(outboundScope(1), key, 1);
  const received = made.table.insert({
    scope: inboundScope(5),
    key,
    reverseScope: outboundScope(2),
    reverse: reverseOf(key),
    owner: 2,
    nowSec: 0,
  });
  made.bind(sent, [], 1, received);
  made.bind(received ^ 1, [], 1, sent ^ 1);
  made.table.touch(sent, 60, Flag.SYN, 0);
  made.table.touch(received ^ 1, 70, Flag.SYN | Flag.ACK, 0);
  made.table.touch(sent, 80, Flag.ACK, 0);
  t.deepEqual(
    [...made.table.views()].map((view) => [view.owner, view.isReply, view.packets, view.bytes]),
    [
      [1, false, 2, 140],
      [1, true, 1, 70],
      [2, false, 2, 140],
      [2, true, 1, 70],
    ],
  );
  t.deepEqual(
    [1, 2].map((owner) => made.table.statistics.read(owner).halfOpen),
    [0, 0],
  );
  t.true(made.table.isCurrent(sent, FRAME));
  made.table.remove(received);
  t.false(made.table.isCurrent(sent, FRAME), 'its receiver’s flow is gone');
  made.check();
});

test('room is made of half-open flows first, then of ended ones, never of live ones', (t) => {
  const made = make(3);
  const keys = [1, 2, 3].map((srcPort) => flowKey({ srcPort }));
  const [ended = NO_FLOW, live = NO_FLOW] = keys.map((key) => made.insert(outboundScope(1), key));
  made.table.touch(ended, 60, Flag.RST, 0);
  made.table.touch(live ^ 1, 60, Flag.ACK, 0);
  const isThere = () => keys.map((key) => made.find(outboundScope(1), key) !== NO_FLOW);
  const fourth = made.insert(outboundScope(1), flowKey({ srcPort: 4 }));
  t.deepEqual(isThere(), [true, true, false]);
  made.table.touch(fourth ^ 1, 60, Flag.ACK, 0);
  const fifth = made.insert(outboundScope(1), flowKey({ srcPort: 5 }));
  t.deepEqual(isThere(), [false, true, false]);
  made.table.touch(fifth ^ 1, 60, Flag.ACK, 0);
  t.is(made.insert(outboundScope(1), flowKey({ srcPort: 6 })), NO_FLOW);
  t.is(made.table.statistics.read(1).refused, 1);
  made.check();
});

test('a port’s own limit replaces that of all, upwards and downwards', (t) => {
  const made = make(8, 2);
  made.table.setOwnerLimit(1, 3);
  made.table.setOwnerLimit(2, 1);
  for (const owner of [1, 2, 3]) {
    for (let srcPort = 0; srcPort < 5; srcPort += 1) {
      const flow = made.insert(outboundScope(owner), flowKey({ srcPort, dst3: owner }), owner);
      if (flow !== NO_FLOW) made.table.touch(flow ^ 1, 60, Flag.ACK, 0);
    }
  }
  const counts = [1, 2, 3].map((owner) => made.table.statistics.read(owner));
  t.deepEqual(
    counts.map(({ current }) => current),
    [3, 1, 2],
  );
  t.deepEqual(
    counts.map(({ refused }) => refused),
    [2, 4, 3],
  );
});

test('the side that answered may open the next connection with the same ports, as a request', (t) => {
  const made = make();
  const key = flowKey();
  const back: FlowKey = { ...reverseOf(key), tcpFlags: Flag.SYN };
  const find = () => made.table.findFor(made.table.hash(PEER_SCOPE, back), PEER_SCOPE, back);
  const flow = made.insert(outboundScope(1), key);
  made.table.touch(flow ^ 1, 60, Flag.ACK, 0);
  t.is(find(), flow ^ 1, 'not while the old one lives');
  made.table.touch(flow, 60, Flag.RST, 0);
  back.tcpFlags = Flag.ACK;
  t.is(find(), flow ^ 1, 'nor is a late packet a new connection');
  back.tcpFlags = Flag.SYN;
  t.is(find(), NO_FLOW);
  t.is(made.table.count, 0);
  made.check();
});

test('the flows of an owner that has gone are forgotten, and no others', (t) => {
  const made = make();
  made.insert(outboundScope(1), flowKey({ srcPort: 1 }), 1);
  made.bind(made.insert(outboundScope(2), flowKey({ srcPort: 2 }), 2));
  made.bind(made.insert(outboundScope(1), flowKey({ srcPort: 3 }), 1));
  made.table.removeOwner(1);
  t.deepEqual(
    [...made.table.views()].map((view) => view.owner),
    [2, 2],
  );
  made.check();
});

test('the flow table equals a Map after every operation', (t) => {
  const operation = fc.record({
    kind: fc.constantFrom(
      'insert',
      'insert',
      'insert',
      'touch',
      'bind',
      'remove',
      'expire',
      'move',
    ),
    owner: fc.integer({ min: 1, max: 3 }),
    srcPort: fc.integer({ min: 0, max: 5 }),
    dst: fc.integer({ min: 0, max: 2 }),
    flags: fc.constantFrom(0, Flag.SYN, Flag.ACK, Flag.FIN, Flag.RST),
    isReply: fc.boolean(),
    amount: fc.integer({ min: 0, max: 40 }),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
      const made = make(6, 3);
      const room = new Uint32Array(2);
      // Model: which keys must be there. Evictions and expirations are read off the table's own counters.
      const model = new Map<string, number>();
      let nowSec = 0;
      for (const step of operations) {
        const key = flowKey({ srcPort: step.srcPort, dst3: step.dst });
        const scope = outboundScope(step.owner);
        const name = `${step.owner}/${step.srcPort}/${step.dst}`;
        const flow = made.find(scope, key);
        t.is(flow !== NO_FLOW, model.has(name), `${step.kind} ${name}`);
        const removed = total(made, 'evicted') + total(made, 'expired');
        if (step.kind === 'insert' && flow === NO_FLOW) {
          // The reverse of the same addresses and ports may belong to another owner's flow: it is superseded.
          for (const other of [1, 2, 3]) {
            if (made.find(PEER_SCOPE, reverseOf(key)) === NO_FLOW) break;
            const known = made.find(outboundScope(other), key);
            if (known !== NO_FLOW) model.delete(`${other}/${step.srcPort}/${step.dst}`);
          }
          const made2 = made.insert(scope, key, step.owner, nowSec);
          if (made2 !== NO_FLOW) model.set(name, made2);
        } else if (flow !== NO_FLOW && step.kind === 'touch') {
          made.table.touch(step.isReply ? flow ^ 1 : flow, step.amount, step.flags, nowSec);
        } else if (flow !== NO_FLOW && step.kind === 'bind') {
          made.bind(step.isReply ? flow ^ 1 : flow, [0, 0, 0], step.amount % 3);
        } else if (flow !== NO_FLOW && step.kind === 'move') {
          made.table.moveCounterpart(flow, outboundScope(9), reverseOf(key), nowSec);
          made.table.moveCounterpart(flow, PEER_SCOPE, reverseOf(key), nowSec);
        } else if (flow !== NO_FLOW && step.kind === 'remove') {
          made.table.remove(flow);
          model.delete(name);
        } else if (step.kind === 'expire') {
          nowSec += step.amount;
          made.table.expire(nowSec, room);
        }
        made.check();
        if (total(made, 'evicted') + total(made, 'expired') > removed) {
          for (const known of [...model.keys()]) {
            const [owner = 0, srcPort = 0, dst3 = 0] = known.split('/').map(Number);
            if (made.find(outboundScope(owner), flowKey({ srcPort, dst3 })) === NO_FLOW) {
              model.delete(known);
            }
          }
        }
        t.is(made.table.count, model.size);
        t.true(model.size <= 6);
      }
    }),
    { numRuns: 150 },
  );
});
