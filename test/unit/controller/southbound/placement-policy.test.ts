/** controller/southbound/placement-policy.ts: who holds an interface. */
import test from 'ava';
import {
  type Placed,
  placementsAfter,
} from '../../../../controller/southbound/placement-policy.ts';

interface Situation {
  readonly ports: string[];
  readonly before?: string[];
  readonly placedHere?: string[];
  readonly elsewhere?: Record<string, Placed>;
}

function moves({
  ports,
  before = [],
  placedHere = [],
  elsewhere = {},
}: Situation): Record<string, string | undefined> {
  const result = placementsAfter({
    serverId: 'here',
    ports: new Set(ports),
    portsBefore: new Set(before),
    placedHere,
    placed: (id) =>
      elsewhere[id] ??
      (placedHere.includes(id)
        ? { serverId: 'here', held: true }
        : { serverId: undefined, held: false }),
  });
  return Object.fromEntries(result);
}

test('an interface that is nowhere goes to who reports it', (t) => {
  t.deepEqual(moves({ ports: ['a'] }), { a: 'here' });
  t.deepEqual(moves({ ports: ['a'], before: ['a'] }), { a: 'here' });
});

test('an interface that is here already does not move', (t) => {
  t.deepEqual(moves({ ports: ['a'], before: ['a'], placedHere: ['a'] }), {});
});

test('an interface that is not reported any more is attached nowhere', (t) => {
  t.deepEqual(moves({ ports: [], before: ['a'], placedHere: ['a'] }), { a: undefined });
});

test('an interface moves to the host that newly reports it', (t) => {
  t.deepEqual(moves({ ports: ['a'], elsewhere: { a: { serverId: 'other', held: true } } }), {
    a: 'here',
  });
});

test('an interface that two hosts hold stays where it was attached last', (t) => {
  const elsewhere = { a: { serverId: 'other', held: true } };
  t.deepEqual(moves({ ports: ['a'], before: ['a'], elsewhere }), {});
});

test('an interface whose host is away, or has let go of it, is taken from it', (t) => {
  const elsewhere = { a: { serverId: 'other', held: false } };
  t.deepEqual(moves({ ports: ['a'], before: ['a'], elsewhere }), { a: 'here' });
});
