/** Attribute sets, each once, against a plain model: what is kept, what is found again, and what it costs. */
import test from 'ava';
import fc from 'fast-check';
import { defined } from '../../../../base/assert.ts';
import { seededRng } from '../../../../base/rng.ts';
import { type AsSegment, SegmentType } from '../../../../bgp/message/as-path.ts';
import type { PathAttributes } from '../../../../bgp/message/path-attributes.ts';
import { AttributeTable } from '../../../../bgp/rib/attribute-table.ts';
import { WordArena } from '../../../../bgp/rib/word-arena.ts';

const word = fc.integer({ min: 1, max: 0xffff_ffff });
const segment: fc.Arbitrary<AsSegment> = fc.record({
  type: fc.constant(SegmentType.Sequence),
  asns: fc.array(word, { minLength: 1, maxLength: 40 }),
});
const attributes: fc.Arbitrary<PathAttributes> = fc.record(
  {
    origin: fc.constantFrom(0, 1, 2),
    asPath: fc.array(segment, { maxLength: 2 }),
    nextHop: fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    ),
    multiExitDisc: word,
    localPref: word,
    communities: fc
      .uniqueArray(word, { minLength: 1, maxLength: 300 })
      .map((all) => all.sort((a, b) => a - b)),
    originatorId: word,
    clusterList: fc.array(word, { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: ['origin', 'asPath', 'nextHop'] },
);

test('sets come back as they were put in, equal ones as one, whatever comes and goes', (t) => {
  const pool = fc.array(fc.record({ attributes, weight: fc.nat(2) }), {
    minLength: 1,
    maxLength: 20,
  });
  const operations = fc.array(fc.record({ index: fc.nat(19), isRelease: fc.boolean() }), {
    maxLength: 200,
  });
  fc.assert(
    fc.property(pool, operations, (sets, steps) => {
      const table = new AttributeTable(seededRng(1));
      const held = new Map<string, { readonly id: number; count: number; readonly of: number }>();
      for (const { index, isRelease } of steps) {
        const of = index % sets.length;
        const { attributes: wanted, weight } = defined(sets[of], 'a set of the pool');
        const key = JSON.stringify([wanted, [...wanted.nextHop], weight]);
        const known = held.get(key);
        if (isRelease) {
          if (known === undefined) continue;
          table.release(known.id);
          known.count -= 1;
          if (known.count === 0) held.delete(key);
          continue;
        }
        // Not the same object: equal by value.
        const id = table.retain({ ...wanted }, weight);
        if (known !== undefined && known.id !== id) return false;
        held.set(key, { id, count: (known?.count ?? 0) + 1, of });
      }
      table.checkInvariants();
      for (const { id, of } of held.values()) {
        const wanted = defined(sets[of], 'a set of the pool');
        t.deepEqual(table.get(id).attributes, wanted.attributes);
        t.is(table.get(id).weight, wanted.weight);
        t.is(table.get(id).localPref, wanted.attributes.localPref ?? 100);
        t.is(table.get(id).originatorId, wanted.attributes.originatorId);
      }
      if (table.count !== held.size) return false;
      for (const { id, count } of held.values()) for (let n = 0; n < count; n++) table.release(id);
      return table.count === 0;
    }),
  );
});

test('sets whose decoded form is forgotten are decoded from their own encoding', (t) => {
  const table = new AttributeTable(seededRng(1));
  const made = Array.from({ length: 5_000 }, (_, n) => ({
    origin: 0 as const,
    asPath: [{ type: SegmentType.Sequence, asns: [n + 1, 70_000 + n] }],
    nextHop: Uint8Array.of(192, 0, 2, 1 + (n % 250)),
    communities: [n],
  }));
  const ids = made.map((each) => table.retain(each));
  for (const [n, id] of ids.entries()) t.deepEqual(table.get(id).attributes, made[n]);
  table.checkInvariants();
});

test('a serial number is of one set alone, though its identifier is used again', (t) => {
  const table = new AttributeTable(seededRng(1));
  const of = (asn: number): PathAttributes => ({
    origin: 0,
    asPath: [{ type: SegmentType.Sequence, asns: [asn] }],
    nextHop: Uint8Array.of(192, 0, 2, 1),
  });
  const first = table.retain(of(1));
  const serial = table.serialOf(first);
  table.release(first);
  t.is(table.serialOf(first), -1);
  const second = table.retain(of(2));
  t.is(second, first);
  t.not(table.serialOf(second), serial);
});

test('churn costs no more room than what is held at once: gaps are filled', (t) => {
  const arena = new WordArena();
  const held: { at: number; count: number; mark: number }[] = [];
  const record = new Int32Array(1_000);
  let heldWords = 0;
  for (let turn = 0; turn < 20_000; turn++) {
    const count = 1 + ((turn * 7) % 999);
    record.fill(turn, 0, count);
    const at = arena.add(record, count, () => {
      for (const each of held) each.at = arena.move(each.at, each.count);
    });
    held.push({ at, count, mark: turn });
    heldWords += count;
    if (held.length <= 50) continue;
    const [gone] = held.splice((turn * 13) % held.length, 1);
    arena.drop(gone?.count ?? 0);
    heldWords -= gone?.count ?? 0;
  }
  const out = new Int32Array(1_000);
  for (const { at, count, mark } of held) {
    arena.load(at, count, out);
    t.true(out.subarray(0, count).every((each) => each === mark));
  }
  t.true(arena.byteLength <= 4 * 4 * 51 * 1_000, `${arena.byteLength} bytes for ${4 * heldWords}`);
});
