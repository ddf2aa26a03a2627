/** Fragments that come before their first one: kept in their order, for a moment, in bounded memory, and none of another datagram. */

import test from 'ava';
import fc from 'fast-check';
import { Arrival, FragmentHold } from '../../../../dataplane/engine/fragment-hold.ts';
import { FragmentTable } from '../../../../dataplane/engine/fragment-table.ts';
import {
  FRAGMENT_HELD_BYTES_MAX,
  FRAGMENT_HELD_SEC_MAX,
  FRAGMENTS_HELD_MAX,
} from '../../../../dataplane/limits.ts';
import { type FlowKey, Fragment, newFlowKey } from '../../../../packet/flow-key.ts';
import { VNET_HEADER_LEN } from '../../../../packet/vnet-header.ts';

const SCOPE = 7;
const RING_BYTES = 16_384;
const SCRATCH_AT = 8192;

class World {
  readonly ring = new Uint8Array(RING_BYTES);
  readonly lost: number[] = [];
  readonly hold = new FragmentHold(new FragmentTable(1), this.ring, (owner) => {
    this.lost.push(owner);
  });
  readonly #frame = {
    view: new DataView(this.ring.buffer),
    at: VNET_HEADER_LEN,
    end: VNET_HEADER_LEN,
    vnetAt: 0,
  };

  /** A fragment whose bytes, its virtio_net_hdr included, are all `mark`. */
  arrive(key: FlowKey, mark: number, nowSec = 0, length = 60): Arrival {
    const frame = this.#frame;
    frame.end = frame.at + length;
    this.ring.fill(mark & 0xff, 0, Math.min(frame.end, SCRATCH_AT));
    return this.hold.arrive(frame, key, SCOPE, mark, mark + 1, nowSec);
  }

  /** Owners of the frames that are due, in order; each must be as it came. */
  due(): number[] {
    const owners: number[] = [];
    const held = { owner: 0, tag: 0 };
    for (let length = this.hold.dueBytes; length >= 0; length = this.hold.dueBytes) {
      this.hold.take(SCRATCH_AT, held);
      const whole = this.ring.subarray(SCRATCH_AT - VNET_HEADER_LEN, SCRATCH_AT + length);
      const isWhole = whole.every((byte) => byte === (held.owner & 0xff));
      owners.push(isWhole && held.tag === held.owner + 1 ? held.owner : -1);
    }
    return owners;
  }
}

function fragment(id: number, position: Fragment): FlowKey {
  const key = newFlowKey();
  key.fragmentId = id;
  key.fragment = position;
  key.protocol = 17;
  if (position === Fragment.FIRST) {
    key.srcPort = 1000;
    key.dstPort = 53;
  }
  return key;
}

test('those that came first wait for theirs, and go on in their order with its ports', (t) => {
  const world = new World();
  for (const mark of [1, 2]) {
    t.is(world.arrive(fragment(9, Fragment.LATER), mark), Arrival.HELD);
  }
  t.is(world.arrive(fragment(8, Fragment.LATER), 3), Arrival.HELD);
  t.deepEqual(world.due(), []);
  t.is(world.arrive(fragment(9, Fragment.FIRST), 4), Arrival.KNOWN);
  t.deepEqual(world.due(), [1, 2]);
  t.is(world.hold.count, 1);
  const later = fragment(9, Fragment.LATER);
  t.is(world.arrive(later, 5), Arrival.KNOWN);
  t.deepEqual([later.srcPort, later.dstPort], [1000, 53]);
  t.deepEqual(world.lost, []);
});

test('time over, no place left, too long: it is lost, and told', (t) => {
  const world = new World();
  world.arrive(fragment(1, Fragment.LATER), 1, 10);
  world.hold.expire(10 + FRAGMENT_HELD_SEC_MAX);
  t.deepEqual(world.lost, []);
  world.hold.expire(11 + FRAGMENT_HELD_SEC_MAX);
  t.deepEqual(world.lost, [1]);
  for (let id = 100; id <= 100 + FRAGMENTS_HELD_MAX; id += 1) {
    world.arrive(fragment(id, Fragment.LATER), id, 20);
  }
  t.deepEqual(world.lost, [1, 100], 'the oldest gives way');
  t.is(world.hold.count, FRAGMENTS_HELD_MAX);
  const long = world.arrive(fragment(2, Fragment.LATER), 2, 20, FRAGMENT_HELD_BYTES_MAX + 1);
  t.is(long, Arrival.LOST);
});

test('whatever comes in whatever order, every fragment is known, due, lost or here, once', (t) => {
  const step = fc.record({
    id: fc.integer({ min: 1, max: 12 }),
    isFirst: fc.boolean(),
    pauseSec: fc.integer({ min: 0, max: 1 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const world = new World();
      const held: number[] = [];
      const gone: number[] = [];
      let nowSec = 0;
      for (const [mark, { id, isFirst, pauseSec }] of steps.entries()) {
        nowSec += pauseSec;
        world.hold.expire(nowSec);
        const key = fragment(id, isFirst ? Fragment.FIRST : Fragment.LATER);
        if (world.arrive(key, mark, nowSec) === Arrival.HELD) held.push(mark);
        const due = world.due();
        t.deepEqual(
          due,
          [...due].sort((a, b) => a - b),
        );
        gone.push(...due);
      }
      const ended = [...gone, ...world.lost];
      t.is(new Set(ended).size, ended.length);
      t.is(held.length, ended.length + world.hold.count);
      t.true(ended.every((mark) => held.includes(mark)));
    }),
  );
});
