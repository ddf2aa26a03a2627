/** BGP OPEN (RFC 4271 §4.2) and its capabilities (RFC 5492). */
import test from 'ava';
import fc from 'fast-check';
import { AS_TRANS } from '../../../bgp/message/as-path.ts';
import type { Capability } from '../../../bgp/message/capability.ts';
import * as open from '../../../bgp/message/open.ts';

const uint8 = fc.integer({ min: 0, max: 255 });
const uint16 = fc.integer({ min: 0, max: 0xffff });
const family = { afi: uint16, safi: uint8 };
const capability: fc.Arbitrary<Capability> = fc.oneof(
  fc.record({ kind: fc.constant('multiprotocol' as const), ...family }),
  fc.record({ kind: fc.constant('route-refresh' as const) }),
  fc.record({
    kind: fc.constant('extended-next-hop' as const),
    entries: fc.array(fc.record({ afi: uint16, safi: uint16, nextHopAfi: uint16 }), {
      maxLength: 4,
    }),
  }),
  fc.record({ kind: fc.constant('role' as const), role: uint8 }),
  fc.record({
    kind: fc.constant('graceful-restart' as const),
    restarting: fc.boolean(),
    notification: fc.boolean(),
    restartTimeSec: fc.integer({ min: 0, max: 4095 }),
    families: fc.array(fc.record({ ...family, forwardingState: fc.boolean() }), { maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant('add-path' as const),
    families: fc.array(fc.record({ ...family, mode: uint8 }), { maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant('long-lived-graceful-restart' as const),
    families: fc.array(
      fc.record({
        ...family,
        forwardingState: fc.boolean(),
        staleTimeSec: fc.integer({ min: 0, max: 0xff_ffff }),
      }),
      { maxLength: 4 },
    ),
  }),
  fc.record({
    kind: fc.constant('unknown' as const),
    code: fc.integer({ min: 128, max: 238 }),
    value: fc.uint8Array({ maxLength: 60 }),
  }),
);

function parse(bytes: Uint8Array): open.OpenResult {
  return open.parse(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
}

function openOf(overrides: Partial<open.OpenRepr> = {}): open.OpenRepr {
  return {
    asn: 65_001,
    holdTimeSec: 90,
    bgpIdentifier: 0x0a00_0001,
    capabilities: [{ kind: 'four-octet-as', asn: overrides.asn ?? 65_001 }],
    ...overrides,
  };
}

function faultOf(bytes: Uint8Array): number[] {
  const result = parse(bytes);
  return 'fault' in result ? [result.fault.code, result.fault.subcode] : [];
}

test('decoding what was encoded gives the same OPEN, RFC 9072 form included', (t) => {
  fc.assert(
    fc.property(
      fc.array(capability, { maxLength: 30 }),
      fc.integer({ min: 1, max: 0xffff_ffff }),
      (list, asn) => {
        fc.pre(asn !== AS_TRANS);
        const expected = openOf({ asn, capabilities: [{ kind: 'four-octet-as', asn }, ...list] });
        t.deepEqual(parse(open.encode(expected)), { open: expected });
      },
    ),
  );
});

test('RFC 6793 §9: a four-octet AS number stands behind AS_TRANS', (t) => {
  const bytes = open.encode(openOf({ asn: 4_200_000_000 }));
  t.is(new DataView(bytes.buffer).getUint16(1), 23_456);
});

test('RFC 4271 §6.2: version 3 → 2/1', (t) => {
  const bytes = open.encode(openOf());
  bytes[0] = 3;
  t.deepEqual(faultOf(bytes), [2, 1]);
});

test('RFC 4271 §6.2: hold time of one or two seconds → 2/6', (t) => {
  t.deepEqual(faultOf(open.encode(openOf({ holdTimeSec: 1 }))), [2, 6]);
  t.deepEqual(faultOf(open.encode(openOf({ holdTimeSec: 2 }))), [2, 6]);
  t.deepEqual(faultOf(open.encode(openOf({ holdTimeSec: 0 }))), []);
});

test('RFC 7607 §2: AS 0 → 2/2; RFC 6286 §2.2: identifier 0 → 2/3', (t) => {
  t.deepEqual(faultOf(open.encode(openOf({ asn: 0 }))), [2, 2]);
  t.deepEqual(faultOf(open.encode(openOf({ bgpIdentifier: 0 }))), [2, 3]);
});

test('RFC 4271 §6.2: an optional parameter that is not capabilities → 2/4', (t) => {
  const bytes = open.encode(openOf());
  bytes[10] = 1;
  t.deepEqual(faultOf(bytes), [2, 4]);
});

test('every truncation and every changed byte ends in an OPEN or an OPEN Message Error', (t) => {
  const bytes = open.encode(
    openOf({ capabilities: [{ kind: 'four-octet-as', asn: 65_001 }, { kind: 'route-refresh' }] }),
  );
  for (let end = 10; end < bytes.length; end++) t.is(faultOf(bytes.slice(0, end))[0], 2);
  for (let at = 0; at < bytes.length; at++) {
    for (const value of [0, 1, 2, 0x7f, 0xff]) {
      const changed = bytes.slice();
      changed[at] = value;
      const fault = faultOf(changed);
      t.true(fault.length === 0 || fault[0] === 2);
    }
  }
});
