/**
 * controller/southbound/ledger.ts against agent/reconciler.ts: whatever is lost on the way, and whenever, the target ends up with
 * exactly its slice, and is never sent a removal of something it does not hold.
 */
import test from 'ava';
import fc from 'fast-check';
import {
  commit,
  emptyGoal,
  type HeldGoal,
  planDelta,
  planSnapshot,
} from '../../../../agent/reconciler.ts';
import {
  type GoalResource,
  goalResource,
  resourceContent,
} from '../../../../controller/goal-state/resource.ts';
import { MutableSlice } from '../../../../controller/goal-state/slice.ts';
import { Ledger } from '../../../../controller/southbound/ledger.ts';
import { OUTSTANDING_KEYS_MAX } from '../../../../controller/southbound/limits.ts';
import { type ControllerFrame, controllerFrameCodec } from '../../../../schema/southbound/codec.ts';
import { VIRTUAL_NETWORK_DEFAULTS } from '../../../../schema/southbound/defaults.ts';
import { equalBytes } from '../../../../schema/southbound/goal-hash.ts';

const KEYS = ['vnet/a', 'vnet/b', 'vnet/c', 'vnet/d'];

function resource(key: string, content: number, version = 1): GoalResource {
  const virtualNetwork = {
    id: key,
    resourceRef: `/${content}`,
    ...VIRTUAL_NETWORK_DEFAULTS,
    addressSpace: [],
  };
  return goalResource(resourceContent({ key, virtualNetwork }), version);
}

function change(
  slice: MutableSlice,
  ledger: Ledger,
  key: string,
  to: GoalResource | undefined,
): void {
  const before = slice.resources.get(key);
  slice.set(key, to);
  ledger.changed(new Map([[key, before]]));
}

/** What the target does with a frame; false: it does not agree. */
function receive(held: HeldGoal, frame: ControllerFrame): boolean {
  const { snapshot, delta } = controllerFrameCodec.decode(controllerFrameCodec.encode(frame));
  if (snapshot !== undefined) {
    commit(held, planSnapshot(held, snapshot));
    return true;
  }
  const plan = delta === undefined ? undefined : planDelta(held, delta);
  if (plan === undefined) return false;
  commit(held, plan);
  return true;
}

const event = fc.oneof(
  fc.record({
    kind: fc.constant('change' as const),
    key: fc.constantFrom(...KEYS),
    content: fc.option(fc.nat(3), { nil: undefined }),
  }),
  fc.record({
    kind: fc.constantFrom(
      'send' as const,
      'deliver' as const,
      'ack' as const,
      'reconnect' as const,
      'restart' as const,
    ),
  }),
);

test('whatever is lost, the target ends with its slice and both ends never disagree', (t) => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80 }), (events) => {
      const slice = new MutableSlice();
      const ledger = new Ledger();
      let held = emptyGoal();
      let saved = emptyGoal();
      let frame: ControllerFrame | undefined;
      let delivered = false;
      let inFlight = false;
      let nonce = 0;
      const connect = (): void => {
        frame = undefined;
        const hash = held.revision === 0 ? new Uint8Array(0) : held.hash;
        inFlight = ledger.resume(hash, slice) !== 'equal';
        delivered = false;
        if (inFlight) frame = ledger.take(slice, { nonce: ++nonce, revision: nonce }).frame;
      };
      connect();
      const act = (kind: 'send' | 'deliver' | 'ack' | 'reconnect' | 'restart'): void => {
        if (kind === 'send' && !inFlight && ledger.hasOutstanding) {
          frame = ledger.take(slice, { nonce: ++nonce, revision: nonce }).frame;
          inFlight = true;
          delivered = false;
        } else if (kind === 'deliver' && inFlight && !delivered && frame !== undefined) {
          t.true(receive(held, frame), 'controller and target disagree');
          delivered = true;
        } else if (kind === 'ack' && delivered && inFlight) {
          ledger.acknowledged();
          inFlight = false;
          // The target saves what it holds now and then.
          saved = { ...held, resources: new Map(held.resources) };
        } else if (kind === 'restart') {
          held = { ...saved, resources: new Map(saved.resources) };
          connect();
        } else if (kind === 'reconnect') connect();
      };
      for (const one of events) {
        if (one.kind !== 'change') act(one.kind);
        else {
          const { key, content } = one;
          change(slice, ledger, key, content === undefined ? undefined : resource(key, content));
        }
      }
      for (let round = 0; round < 3; round++)
        for (const kind of ['deliver', 'ack', 'send'] as const) act(kind);
      t.true(
        equalBytes(held.hash, slice.hash()) || (held.revision === 0 && slice.resources.size === 0),
      );
      t.deepEqual([...held.resources.keys()].sort(), [...slice.resources.keys()].sort());
      t.false(ledger.hasOutstanding);
    }),
    { numRuns: 500 },
  );
});

test('a change that is undone before it was sent is not sent', (t) => {
  const slice = new MutableSlice();
  const ledger = new Ledger();
  slice.set('vnet/a', resource('vnet/a', 1));
  ledger.resume(slice.hash(), slice);
  change(slice, ledger, 'vnet/a', resource('vnet/a', 2));
  change(slice, ledger, 'vnet/a', resource('vnet/a', 1));
  change(slice, ledger, 'vnet/b', resource('vnet/b', 1));
  change(slice, ledger, 'vnet/b', undefined);
  t.is(ledger.take(slice, { nonce: 1, revision: 2 }).keyCount, 0);
});

test('behind by more than OUTSTANDING_KEYS_MAX keys a target is sent a snapshot', (t) => {
  const slice = new MutableSlice();
  const ledger = new Ledger();
  ledger.resume(slice.hash(), slice);
  const frameInFlight = ledger.take(slice, { nonce: 1, revision: 1 }).frame;
  t.truthy(frameInFlight.delta);
  const shared = resource('vnet/a', 1);
  for (let at = 0; at <= OUTSTANDING_KEYS_MAX; at++) change(slice, ledger, `k${at}`, shared);
  t.true(ledger.hasOutstanding);
  t.true(ledger.isOutstanding('anything'));
  ledger.acknowledged();
  const update = ledger.take(slice, { nonce: 2, revision: 2 });
  t.is(update.frame.snapshot?.resources.length, OUTSTANDING_KEYS_MAX + 1);
  ledger.acknowledged();
  t.false(ledger.hasOutstanding);
});

test('a target that was never there has nothing outstanding to remember', (t) => {
  const slice = new MutableSlice();
  const ledger = new Ledger();
  change(slice, ledger, 'vnet/a', resource('vnet/a', 1));
  t.is(ledger.outstandingKeys(), undefined);
  t.is(ledger.resume(new Uint8Array(0), slice), 'snapshot');
});
