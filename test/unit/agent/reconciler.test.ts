/** agent/reconciler.ts: what a target holds after each message equals what the controller meant. */
import test from 'ava';
import fc from 'fast-check';
import {
  commit,
  emptyGoal,
  type HeldGoal,
  planDelta,
  planSnapshot,
  wholeOf,
} from '../../../agent/reconciler.ts';
import { resourceCodec, unversionedResourceCodec } from '../../../schema/southbound/codec.ts';
import { VIRTUAL_NETWORK_DEFAULTS } from '../../../schema/southbound/defaults.ts';
import {
  equalBytes,
  goalHash,
  resourceDigest,
  withVersion,
} from '../../../schema/southbound/goal-hash.ts';

const KEYS = ['vnet/a', 'vnet/b', 'subnet/c', 'port/d'];

function resourceBytes(key: string, content: string, version = 1): Uint8Array {
  const virtualNetwork = {
    id: key,
    resourceRef: content,
    ...VIRTUAL_NETWORK_DEFAULTS,
    addressSpace: [],
  };
  return withVersion(unversionedResourceCodec.encode({ key, virtualNetwork }), version);
}

function hashOf(all: Iterable<Uint8Array>): Uint8Array {
  const sum = goalHash();
  for (const bytes of all) sum.add(resourceDigest(bytes));
  return sum.bytes();
}

function heldWith(...contents: [key: string, content: string][]): HeldGoal {
  const held = emptyGoal();
  const resources = contents.map(([key, content]) => resourceBytes(key, content));
  commit(held, planSnapshot(held, { nonce: 1, revision: 1, resources }));
  return held;
}

test('any sequence of deltas leaves exactly what the controller has, with its hash', (t) => {
  const delta = fc.uniqueArray(fc.tuple(fc.constantFrom(...KEYS), fc.option(fc.string())), {
    selector: ([key]) => key,
  });
  fc.assert(
    fc.property(fc.array(delta, { maxLength: 10 }), (deltas) => {
      const wanted = new Map<string, Uint8Array>();
      const held = emptyGoal();
      deltas.forEach((changes, at) => {
        const removes = changes
          .filter(([key, to]) => to === null && wanted.has(key))
          .map(([key]) => key);
        const upserts = changes.flatMap(([key, to]) =>
          to === null ? [] : [resourceBytes(key, to, at)],
        );
        for (const key of removes) wanted.delete(key);
        for (const bytes of upserts) wanted.set(resourceCodec.decode(bytes).key, bytes);
        const plan = planDelta(held, {
          nonce: at,
          revision: at,
          upserts,
          removes,
          goalHash: hashOf(wanted.values()),
        });
        if (plan === undefined) throw new Error('agreement lost');
        commit(held, plan);
      });
      t.deepEqual(new Map([...held.resources].map(([key, { bytes }]) => [key, bytes])), wanted);
      t.true(equalBytes(held.hash, hashOf(wanted.values())));
    }),
  );
});

test('a delta whose hash is not the one it leads to is refused and changes nothing', (t) => {
  const held = heldWith(['vnet/a', 'one']);
  const before = held.hash;
  const upserts = [resourceBytes('vnet/a', 'two')];
  const wrong = { nonce: 2, revision: 2, upserts, removes: [], goalHash: before };
  t.is(planDelta(held, wrong), undefined);
  t.is(held.hash, before);
  t.is(held.revision, 1);
});

test('a delta that removes what is not held is refused', (t) => {
  const held = heldWith(['vnet/a', 'one']);
  t.is(
    planDelta(held, {
      nonce: 2,
      revision: 2,
      upserts: [],
      removes: ['vnet/b'],
      goalHash: held.hash,
    }),
    undefined,
  );
});

test('a snapshot becomes the difference: what is right already is not touched', (t) => {
  const held = heldWith(['vnet/a', 'same'], ['vnet/b', 'old'], ['subnet/c', 'gone']);
  const plan = planSnapshot(held, {
    nonce: 2,
    revision: 5,
    resources: [
      resourceBytes('vnet/a', 'same', 5),
      resourceBytes('vnet/b', 'new', 5),
      resourceBytes('port/d', 'new', 5),
    ],
  });
  t.deepEqual(plan.change.upserts.map(({ key }) => key).sort(), ['port/d', 'vnet/b']);
  t.deepEqual(plan.change.removes, ['subnet/c']);
  commit(held, plan);
  t.deepEqual(
    wholeOf(held)
      .upserts.map(({ key }) => key)
      .sort(),
    ['port/d', 'vnet/a', 'vnet/b'],
  );
  t.is(held.revision, 5);
});

test('a key sent twice or empty is a fault of the sender', (t) => {
  const twice = [resourceBytes('vnet/a', 'one'), resourceBytes('vnet/a', 'two')];
  t.throws(() => planSnapshot(emptyGoal(), { nonce: 1, revision: 1, resources: twice }), {
    code: 'SDN_SOUTHBOUND_MALFORMED',
  });
  t.throws(
    () => planSnapshot(emptyGoal(), { nonce: 1, revision: 1, resources: [resourceBytes('', 'x')] }),
    {
      code: 'SDN_SOUTHBOUND_MALFORMED',
    },
  );
});
