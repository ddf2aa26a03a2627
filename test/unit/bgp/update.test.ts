/** BGP UPDATE (RFC 4271 §4.3) and what its errors lead to (RFC 7606). */
import test from 'ava';
import fc from 'fast-check';
import { SegmentType } from '../../../bgp/message/as-path.ts';
import { Outcome } from '../../../bgp/message/attribute-decoder.ts';
import { encodeAttributes } from '../../../bgp/message/attribute-encoder.ts';
import { emitPrefix, PREFIX_STRIDE, prefixBatch, prefixLen } from '../../../bgp/message/nlri.ts';
import type { PathAttributes } from '../../../bgp/message/path-attributes.ts';
import * as routeRefresh from '../../../bgp/message/route-refresh.ts';
import * as update from '../../../bgp/message/update.ts';

const IPV4 = { afi: 1, safi: 1, addPathReceive: false };
const IPV6 = { afi: 2, safi: 1, addPathReceive: false };
const EXTERNAL: update.UpdateContext = {
  fourOctetAs: true,
  isInternal: false,
  families: [IPV4, IPV6],
};
const INTERNAL: update.UpdateContext = { ...EXTERNAL, isInternal: true };
const NLRI = Uint8Array.of(24, 192, 0, 2);

const BASIC: PathAttributes = {
  origin: 0,
  asPath: [{ type: SegmentType.Sequence, asns: [65_001] }],
  nextHop: Uint8Array.of(198, 51, 100, 1),
};
const ORIGIN = [0x40, 1, 1, 0];
const AS_PATH = [0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe9];
const NEXT_HOP = [0x40, 3, 4, 198, 51, 100, 1];

function parse(body: Uint8Array, context: update.UpdateContext = EXTERNAL): update.UpdateResult {
  return update.parse(
    new DataView(body.buffer, body.byteOffset, body.length),
    0,
    body.length,
    context,
  );
}

function parsed(
  attributes: readonly number[],
  context?: update.UpdateContext,
  nlri = NLRI,
): update.UpdateRepr {
  const result = parse(update.encode({ attributes: Uint8Array.from(attributes), nlri }), context);
  if ('fault' in result) throw new Error(`reset ${result.fault.code}/${result.fault.subcode}`);
  return result.update;
}

const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const asn = fc.integer({ min: 1, max: 0xffff_ffff });
const attributes: fc.Arbitrary<PathAttributes> = fc.record(
  {
    origin: fc.constantFrom(0 as const, 1 as const, 2 as const),
    asPath: fc.array(
      fc.record({
        type: fc.constantFrom(SegmentType.Set, SegmentType.Sequence),
        asns: fc.array(asn, { minLength: 1, maxLength: 5 }),
      }),
      { maxLength: 3 },
    ),
    nextHop: fc.constant(BASIC.nextHop),
    multiExitDisc: uint32,
    localPref: uint32,
    atomicAggregate: fc.constant(true),
    aggregator: fc.record({ asn, address: uint32 }),
    communities: fc
      .uniqueArray(uint32, { minLength: 1, maxLength: 80 })
      .map((list) => list.sort((a, b) => a - b)),
    extendedCommunities: fc.array(fc.uint8Array({ minLength: 8, maxLength: 8 }), {
      minLength: 1,
      maxLength: 3,
    }),
    largeCommunities: fc.array(fc.tuple(uint32, uint32, uint32), { minLength: 1, maxLength: 3 }),
    originatorId: uint32,
    clusterList: fc.array(uint32, { minLength: 1, maxLength: 3 }),
    onlyToCustomer: uint32,
  },
  { requiredKeys: ['origin', 'asPath', 'nextHop'] },
);

test('attributes decode to what was encoded, with extended lengths where needed', (t) => {
  fc.assert(
    fc.property(attributes, (expected) => {
      const result = parsed([...encodeAttributes(expected, { fourOctetAs: true })], INTERNAL);
      t.deepEqual(result.attributes, expected);
      t.is(result.outcome, Outcome.Accept);
    }),
  );
});

test('RFC 6793 §4.2.2: a path through a two-octet peer keeps its four-octet numbers', (t) => {
  fc.assert(
    fc.property(fc.array(asn, { minLength: 1, maxLength: 8 }), asn, uint32, (asns, by, address) => {
      const expected: PathAttributes = {
        ...BASIC,
        asPath: [{ type: SegmentType.Sequence, asns }],
        aggregator: { asn: by === 23_456 ? 1 : by, address },
      };
      const encoded = encodeAttributes(expected, { fourOctetAs: false });
      t.deepEqual(parsed([...encoded], { ...EXTERNAL, fourOctetAs: false }).attributes, expected);
    }),
  );
});

test('prefixes of both families survive, trailing bits cleared, path identifiers kept', (t) => {
  const words = fc.tuple(uint32, uint32, uint32, uint32);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(words, fc.integer({ min: 0, max: 128 }), uint32), { maxLength: 40 }),
      (list) => {
        const batch = prefixBatch(256);
        for (const [address, len, pathId] of list) {
          const masked = address.map((word, index) => {
            const bits = Math.min(32, Math.max(0, len - index * 32));
            return bits === 0 ? 0 : (word & (0xffff_ffff << (32 - bits))) >>> 0;
          });
          batch.words.set([...masked, len, pathId], batch.count * PREFIX_STRIDE);
          batch.count += 1;
        }
        const bytes = new Uint8Array(
          3 + list.reduce((sum, _, index) => sum + prefixLen(batch, index, true), 0),
        );
        const view = new DataView(bytes.buffer);
        view.setUint16(0, 2);
        view.setUint8(2, 1);
        let next = 3;
        for (let index = 0; index < batch.count; index++)
          next = emitPrefix(batch, index, true, view, next);
        const unreach = [0x90, 15, bytes.length >>> 8, bytes.length & 0xff, ...bytes];
        const context = { ...EXTERNAL, families: [{ ...IPV6, addPathReceive: true }] };
        const result = parsed(unreach, context, new Uint8Array(0));
        const withdrawn = result.routes[0]?.withdrawn;
        t.is(withdrawn?.count ?? 0, list.length);
        t.deepEqual(
          withdrawn?.words.slice(0, list.length * PREFIX_STRIDE) ?? new Uint32Array(0),
          batch.words.slice(0, list.length * PREFIX_STRIDE),
        );
      },
    ),
    { numRuns: 50 },
  );
});

for (const [claim, list, outcome] of [
  [
    'RFC 7606 §7.1: ORIGIN 3 withdraws',
    [0x40, 1, 1, 3, ...AS_PATH, ...NEXT_HOP],
    Outcome.TreatAsWithdraw,
  ],
  [
    'RFC 7606 §7.2: an AS_PATH segment of no numbers withdraws',
    [...ORIGIN, 0x40, 2, 2, 2, 0, ...NEXT_HOP],
    Outcome.TreatAsWithdraw,
  ],
  [
    'RFC 7607 §2: AS 0 in the path withdraws',
    [...ORIGIN, 0x40, 2, 6, 2, 1, 0, 0, 0, 0, ...NEXT_HOP],
    Outcome.TreatAsWithdraw,
  ],
  [
    'RFC 7606 §7.3: NEXT_HOP of three bytes withdraws',
    [...ORIGIN, ...AS_PATH, 0x40, 3, 3, 1, 2, 3],
    Outcome.TreatAsWithdraw,
  ],
  [
    'RFC 4271 §6.3: NEXT_HOP 127.0.0.1 withdraws',
    [...ORIGIN, ...AS_PATH, 0x40, 3, 4, 127, 0, 0, 1],
    Outcome.TreatAsWithdraw,
  ],
  [
    'RFC 7606 §3 d: without ORIGIN the routes are withdrawn',
    [...AS_PATH, ...NEXT_HOP],
    Outcome.TreatAsWithdraw,
  ],
  [
    'RFC 7606 §3 d: without NEXT_HOP the routes are withdrawn',
    [...ORIGIN, ...AS_PATH],
    Outcome.TreatAsWithdraw,
  ],
  [
    'RFC 7606 §7.5: LOCAL_PREF from an external peer is discarded',
    [...ORIGIN, ...AS_PATH, ...NEXT_HOP, 0x40, 5, 4, 0, 0, 0, 1],
    Outcome.AttributeDiscard,
  ],
  [
    'RFC 7606 §7.6: ATOMIC_AGGREGATE with a value is discarded',
    [...ORIGIN, ...AS_PATH, ...NEXT_HOP, 0x40, 6, 1, 0],
    Outcome.AttributeDiscard,
  ],
  [
    'RFC 7606 §7.7: AGGREGATOR of seven bytes is discarded',
    [...ORIGIN, ...AS_PATH, ...NEXT_HOP, 0xc0, 7, 7, 0, 0, 0, 1, 1, 1, 1],
    Outcome.AttributeDiscard,
  ],
  [
    'RFC 7606 §7.8: COMMUNITIES of five bytes withdraw',
    [...ORIGIN, ...AS_PATH, ...NEXT_HOP, 0xc0, 8, 5, 0, 0, 0, 1, 1],
    Outcome.TreatAsWithdraw,
  ],
  [
    'RFC 7606 §3 c: ORIGIN flagged optional withdraws',
    [0xc0, 1, 1, 0, ...AS_PATH, ...NEXT_HOP],
    Outcome.TreatAsWithdraw,
  ],
  [
    'RFC 7606 §3 g: a second ORIGIN is discarded',
    [...ORIGIN, ...AS_PATH, ...NEXT_HOP, 0x40, 1, 1, 2],
    Outcome.AttributeDiscard,
  ],
  [
    'RFC 7606 §4: an attribute that overruns the list withdraws',
    [...ORIGIN, ...AS_PATH, ...NEXT_HOP, 0xc0, 8, 200, 0],
    Outcome.TreatAsWithdraw,
  ],
] as const) {
  test(claim, (t) => {
    const result = parsed(list);
    t.is(result.outcome, outcome);
    const [routes] = result.routes;
    t.is(
      outcome === Outcome.TreatAsWithdraw ? routes?.withdrawn.count : routes?.announced.count,
      1,
    );
    t.true(result.complaints.length > 0);
  });
}

for (const [claim, body, fault] of [
  [
    'RFC 7606 §5.2: damaged attributes and no NLRI reset the session: 3/1',
    update.encode({ attributes: Uint8Array.of(0x40, 1, 1, 3) }),
    [3, 1],
  ],
  [
    'RFC 7606 §5.3: a prefix of 33 bits resets the session: 3/10',
    update.encode({
      attributes: Uint8Array.from([...ORIGIN, ...AS_PATH, ...NEXT_HOP]),
      nlri: Uint8Array.of(33, 1, 2, 3, 4, 5),
    }),
    [3, 10],
  ],
  ['RFC 4271 §6.3: withdrawn length past the end resets: 3/1', Uint8Array.of(0, 9, 0, 0), [3, 1]],
  ['RFC 4271 §6.3: attribute length past the end resets: 3/1', Uint8Array.of(0, 0, 0, 9), [3, 1]],
  [
    'RFC 4271 §6.3: an unknown well-known attribute resets: 3/2',
    update.encode({ attributes: Uint8Array.of(0x40, 99, 0), nlri: NLRI }),
    [3, 2],
  ],
  [
    'RFC 7606 §3 g: two MP_REACH_NLRI reset: 3/1',
    update.encode({ attributes: Uint8Array.from([...mpReach(), ...mpReach()]) }),
    [3, 1],
  ],
] as const) {
  test(claim, (t) => {
    const result = parse(body);
    if ('update' in result) return t.fail();
    t.deepEqual([result.fault.code, result.fault.subcode], [...fault]);
  });
}

function mpReach(): number[] {
  return [0x80, 14, 9, 0, 1, 1, 4, 198, 51, 100, 1, 0];
}

test('RFC 4271 §9: an unknown optional transitive attribute is kept and goes on with the Partial bit', (t) => {
  const { attributes: kept } = parsed([...ORIGIN, ...AS_PATH, ...NEXT_HOP, 0xc0, 99, 2, 7, 8]);
  t.deepEqual(kept.unknown, [{ type: 99, flags: 0xc0, value: Uint8Array.of(7, 8) }]);
  const sent = encodeAttributes(kept, { fourOctetAs: true });
  t.deepEqual([...sent.slice(-5)], [0xe0, 99, 2, 7, 8]);
});

test('an unknown optional non-transitive attribute is quietly left out', (t) => {
  const result = parsed([...ORIGIN, ...AS_PATH, ...NEXT_HOP, 0x80, 99, 2, 7, 8]);
  t.is(result.attributes.unknown, undefined);
  t.is(result.outcome, Outcome.Accept);
});

test('RFC 4724 §2: End-of-RIB of IPv4 is an empty UPDATE, of IPv6 an empty MP_UNREACH_NLRI', (t) => {
  t.deepEqual(parsed([], EXTERNAL, new Uint8Array(0)).endOfRib, { afi: 1, safi: 1 });
  t.deepEqual(parsed([0x80, 15, 3, 0, 2, 1], EXTERNAL, new Uint8Array(0)).endOfRib, {
    afi: 2,
    safi: 1,
  });
  t.is(parsed([...ORIGIN, ...AS_PATH, ...NEXT_HOP]).endOfRib, undefined);
});

test('routes of a family that was not negotiated are ignored', (t) => {
  const result = parsed([0x80, 15, 5, 0, 25, 70, 8, 1], EXTERNAL, new Uint8Array(0));
  t.deepEqual(result.routes, []);
});

test('every truncation and every changed byte of a full UPDATE is decoded or refused, never thrown', (t) => {
  const full = update.encode({
    withdrawn: Uint8Array.of(16, 10, 1),
    attributes: Uint8Array.from([
      ...ORIGIN,
      ...AS_PATH,
      ...NEXT_HOP,
      ...mpReach(),
      0xc0,
      8,
      4,
      1,
      2,
      3,
      4,
    ]),
    nlri: NLRI,
  });
  for (let end = 4; end < full.length; end++) parse(full.slice(0, end));
  for (let at = 0; at < full.length; at++) {
    for (let value = 0; value < 256; value++) {
      const changed = full.slice();
      changed[at] = value;
      parse(changed);
    }
  }
  t.pass();
});

test('random bodies are decoded or refused, never thrown', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 200 }), (body) => {
      parse(body);
      parse(body, { ...EXTERNAL, fourOctetAs: false });
    }),
    { numRuns: 5000 },
  );
  t.pass();
});

test('RFC 4760 §3: each family has its own next hop, whatever the order of the attributes', (t) => {
  const next = Array.from({ length: 16 }, (_, n) => n + 1);
  const mpReach = [0x80, 14, 26, 0, 2, 1, 16, ...next, 0, 32, 0x20, 1, 0x0d, 0xb8];
  for (const order of [
    [...mpReach, ...ORIGIN, ...AS_PATH, ...NEXT_HOP],
    [...ORIGIN, ...AS_PATH, ...NEXT_HOP, ...mpReach],
  ]) {
    const { attributes, routes } = parsed(order);
    const hops = new Map(routes.map((each) => [each.afi, each.nextHop ?? attributes.nextHop]));
    t.deepEqual(hops.get(1), Uint8Array.of(198, 51, 100, 1));
    t.deepEqual(hops.get(2), Uint8Array.from(next));
    const alone = parsed(order, EXTERNAL, new Uint8Array(0));
    t.deepEqual(alone.attributes.nextHop, Uint8Array.from(next));
  }
});

test('RFC 5065: a confederation segment from outside is malformed, and the routes are withdrawn', (t) => {
  const confederation = [0x40, 2, 6, 3, 1, 0, 0, 0xfd, 0xe9];
  const result = parsed([...ORIGIN, ...confederation, ...NEXT_HOP]);
  t.is(result.outcome, Outcome.TreatAsWithdraw);
});

test('RFC 5291: a ROUTE-REFRESH with filters, which are never offered, is refused with 7/1', (t) => {
  const body = new DataView(Uint8Array.of(0, 1, 0, 1, 1, 64, 0, 0).buffer);
  const result = routeRefresh.parse(body, 0, 8);
  t.like(result, { fault: { code: 7, subcode: 1 } });
});
