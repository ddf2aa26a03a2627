/** The table, route selection (RFC 4271 §9.1.2) and packing, each against a plain model. */
import test from 'ava';
import fc from 'fast-check';
import { SegmentType } from '../../../../bgp/message/as-path.ts';
import { frame } from '../../../../bgp/message/framing.ts';
import type { PathAttributes } from '../../../../bgp/message/path-attributes.ts';
import * as update from '../../../../bgp/message/update.ts';
import { AttributeTable } from '../../../../bgp/rib/attribute-table.ts';
import { type Candidate, decide, explain } from '../../../../bgp/rib/decision.ts';
import { UpdatePacker } from '../../../../bgp/rib/packing.ts';
import { NONE, PrefixTable } from '../../../../bgp/rib/prefix-table.ts';
import { RouteTable } from '../../../../bgp/rib/route-table.ts';

const OPTIONS = { pathsExternalMax: 4, pathsInternalMax: 4, compareMedAcrossAs: false };

function attributes(more: Partial<PathAttributes> = {}): PathAttributes {
  return {
    origin: 0,
    asPath: [{ type: SegmentType.Sequence, asns: [65_001] }],
    nextHop: Uint8Array.of(192, 0, 2, 1),
    ...more,
  };
}

function candidate(
  more: Partial<PathAttributes>,
  id: number,
  extra: Partial<Candidate> = {},
): Candidate {
  const sets = new AttributeTable();
  const set = sets.get(sets.retain(attributes(more)));
  return {
    set,
    source: { isLocal: false, isExternal: true, bgpIdentifier: id, address: [0, 0, 0, id] },
    pathId: 0,
    interiorCost: 0,
    ...extra,
  };
}

const path = (...asns: number[]) => [{ type: SegmentType.Sequence, asns }];

for (const [step, better, worse] of [
  ['local preference', { localPref: 200 }, {}],
  ['AS path length', {}, { asPath: path(65_001, 65_002) }],
  ['origin', {}, { origin: 2 }],
  ['MED', { multiExitDisc: 1 }, { multiExitDisc: 2 }],
] as const) {
  test(`RFC 4271 §9.1.2.2: ${step} decides, and explain says so`, (t) => {
    const [best, other] = [candidate(better, 9), candidate(worse, 1)];
    t.is(decide([other, best], OPTIONS)?.best, best);
    t.is(explain([other, best], OPTIONS).get(other), step);
  });
}

test('MEDs of different neighbouring AS do not compare, in whatever order they come', (t) => {
  const a = candidate({ asPath: path(1), multiExitDisc: 10 }, 3);
  const b = candidate({ asPath: path(2), multiExitDisc: 1 }, 2);
  const c = candidate({ asPath: path(1), multiExitDisc: 5 }, 4);
  for (const order of [
    [a, b, c],
    [c, b, a],
    [b, a, c],
    [b, c, a],
  ])
    t.is(decide(order, OPTIONS)?.best, b);
});

test('the best does not depend on the order of candidates', (t) => {
  const any = fc
    .record({
      localPref: fc.integer({ min: 99, max: 100 }),
      asns: fc.array(fc.integer({ min: 1, max: 2 }), { minLength: 1, maxLength: 2 }),
      multiExitDisc: fc.integer({ min: 0, max: 2 }),
      id: fc.integer({ min: 1, max: 50 }),
    })
    .map(({ asns, id, ...more }) => candidate({ ...more, asPath: path(...asns) }, id));
  fc.assert(
    fc.property(
      fc.uniqueArray(any, { maxLength: 6, selector: (c) => c.source.bgpIdentifier }),
      (list) => {
        const best = decide(list, OPTIONS)?.best;
        return (
          decide([...list].reverse(), OPTIONS)?.best === best &&
          [...explain(list, OPTIONS)].every(
            ([each, lost]) => (lost === undefined) === (each === best),
          )
        );
      },
    ),
  );
  t.pass();
});

test('the prefix table is a set of prefixes, whatever comes and goes', (t) => {
  const operation = fc.record({
    word: fc.integer({ min: 0, max: 40 }).map((n) => n * 0x0100_0000),
    len: fc.integer({ min: 8, max: 10 }),
    add: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 300 }), (operations) => {
      const table = new PrefixTable(1);
      const model = new Map<string, number>();
      for (const { word, len, add } of operations) {
        const key = `${word}/${len}`;
        const id = table.find(word, 0, 0, 0, len);
        if (id !== (model.get(key) ?? NONE)) return false;
        if (add) model.set(key, table.intern(word, 0, 0, 0, len));
        else if (id !== NONE) {
          table.release(id);
          model.delete(key);
        }
      }
      table.checkInvariants();
      return table.count === model.size;
    }),
  );
  t.pass();
});

test('the table agrees with a model after any announcements, withdrawals and sweeps', (t) => {
  const operation = fc.record({
    what: fc.constantFrom('announce', 'announce', 'withdraw', 'sweep', 'stale', 'settle'),
    prefix: fc.integer({ min: 0, max: 5 }),
    peer: fc.integer({ min: 1, max: 4 }),
    localPref: fc.integer({ min: 1, max: 4 }),
    refused: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
      const sets = new AttributeTable();
      const table = new RouteTable({
        afi: 1,
        attributes: sets,
        decision: OPTIONS,
        source: (peer) => ({
          isLocal: false,
          isExternal: true,
          bgpIdentifier: peer,
          address: [peer],
        }),
        nextHopCost: () => 0,
      });
      const model = new Map<string, number>();
      for (const { what, prefix: n, peer, localPref, refused } of operations) {
        const prefix = table.prefixes.intern(n * 0x0100_0000, 0, 0, 0, 8);
        const key = `${prefix} ${peer}`;
        if (what === 'announce') {
          const received = sets.retain(attributes({ localPref }));
          const accepted = refused ? NONE : sets.retain(attributes({ localPref }));
          table.announce({ prefix, peer, pathId: 0, received, accepted });
          model.set(key, refused ? 0 : localPref);
        } else if (what === 'withdraw') {
          if (table.withdraw(prefix, peer, 0) !== model.delete(key)) return false;
        } else if (what === 'stale') table.markStale(peer);
        else if (what === 'sweep') {
          table.sweep(peer, false);
          for (const each of model.keys()) if (each.endsWith(` ${peer}`)) model.delete(each);
        } else table.settle(3, () => undefined);
      }
      while (table.hasMarked) table.settle(100, () => undefined);
      table.checkInvariants();
      for (let prefix = 0; prefix < table.prefixes.idEnd; prefix++) {
        const values = [...model].filter(([key]) => key.startsWith(`${prefix} `)).map(([, v]) => v);
        const best = table.best(prefix);
        const localPref = best === NONE ? 0 : sets.get(table.acceptedOf(best)).localPref;
        if (localPref !== Math.max(0, ...values)) return false;
      }
      for (const peer of [1, 2, 3, 4]) table.sweep(peer, false);
      return sets.count === 0;
    }),
  );
  t.pass();
});

for (const [family, afi, nextHop] of [
  ['IPv4', 1, Uint8Array.of(192, 0, 2, 1)],
  ['IPv6', 2, Uint8Array.from({ length: 16 }, (_, n) => n + 1)],
  ['IPv4 with an IPv6 next hop (RFC 8950)', 1, Uint8Array.from({ length: 16 }, (_, n) => n + 1)],
] as const) {
  test(`packed ${family} routes are read back from messages of legal length`, (t) => {
    const prefixes = new PrefixTable(afi);
    const sets = new AttributeTable();
    const set = sets.retain(attributes({ nextHop }));
    const ids = Array.from({ length: 3_000 }, (_, n) =>
      prefixes.intern(n * 0x1_0000, 0, 0, 0, 16 + (n % 8)),
    );
    const gone = Array.from({ length: 2_000 }, (_, n) =>
      prefixes.intern(n * 0x1_0000, 0, 0, 0, 24),
    );
    const packer = new UpdatePacker(prefixes, sets, { fourOctetAs: true, messageBytesMax: 4_096 });
    const packed = packer.pack(new Map([[set, ids]]), gone);
    const view = new DataView(packed.bytes.buffer);
    let [at, announced, withdrawn, messages] = [0, 0, 0, 0];
    while (at < packed.bytes.length) {
      const framing = frame(view, at, packed.bytes.length, 4_096);
      if (framing.kind !== 'message') throw new Error(framing.kind);
      const families = [{ afi, safi: 1, addPathReceive: false }];
      const result = update.parse(view, framing.at, framing.end, {
        fourOctetAs: true,
        isInternal: false,
        families,
      });
      if ('fault' in result) throw new Error('fault');
      t.is(result.update.outcome, 0);
      for (const routes of result.update.routes) {
        announced += routes.announced.count;
        withdrawn += routes.withdrawn.count;
        if (routes.announced.count > 0) t.deepEqual(result.update.attributes.nextHop, nextHop);
      }
      at = framing.end;
      messages += 1;
    }
    t.deepEqual([announced, withdrawn, messages], [3_000, 2_000, packed.messageCount]);
  });
}

test('RFC 8654 §4: attributes that leave no room are not sent; their prefixes are withdrawn', (t) => {
  const prefixes = new PrefixTable(1);
  const sets = new AttributeTable();
  const communities = Array.from({ length: 1_100 }, (_, n) => n + 1);
  const set = sets.retain(attributes({ communities }));
  const id = prefixes.intern(0x0a00_0000, 0, 0, 0, 8);
  const small = new UpdatePacker(prefixes, sets, { fourOctetAs: true, messageBytesMax: 4_096 });
  const packed = small.pack(new Map([[set, [id]]]), []);
  t.deepEqual([packed.announcedCount, packed.withdrawnCount, packed.oversized], [0, 1, [id]]);
  const large = new UpdatePacker(prefixes, sets, { fourOctetAs: true, messageBytesMax: 65_535 });
  t.is(large.pack(new Map([[set, [id]]]), []).announcedCount, 1);
});
