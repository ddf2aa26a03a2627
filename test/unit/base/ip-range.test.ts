/** Ranges of addresses and prefixes turn into each other. */
import test from 'ava';
import fc from 'fast-check';
import {
  formatIp,
  formatIpRange,
  ipFromBytes,
  prefixesOfRange,
  rangeOfPrefix,
  wholeFamily,
} from '../../../base/ip-range.ts';

test('a prefix is the range of its addresses, host bits aside', (t) => {
  t.deepEqual(rangeOfPrefix(Uint8Array.of(10, 1, 2, 3), 8), {
    family: 4,
    from: 0x0a00_0000n,
    to: 0x0aff_ffffn,
  });
  t.deepEqual(rangeOfPrefix(new Uint8Array(16), 0), { family: 6, ...wholeFamily(6) });
  t.is(rangeOfPrefix(new Uint8Array(4), 33), undefined);
  t.is(rangeOfPrefix(new Uint8Array(4), -1), undefined);
  t.is(rangeOfPrefix(new Uint8Array(5), 8), undefined);
  t.is(ipFromBytes(new Uint8Array(3)), undefined);
});

test('a range is a sequence of prefixes without gaps or overlaps, the fewest there are', (t) => {
  const bound = fc.oneof(fc.nat(64).map(BigInt), fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }));
  fc.assert(
    fc.property(bound, bound, (a, b) => {
      const range = a <= b ? { from: a, to: b } : { from: b, to: a };
      let next = range.from;
      const prefixes = prefixesOfRange(4, range);
      for (const { address, len } of prefixes) {
        t.is(address, next);
        next += 1n << BigInt(32 - len);
      }
      t.is(next, range.to + 1n);
      t.true(prefixes.length <= 62);
    }),
  );
  t.is(prefixesOfRange(4, { from: 1n, to: (1n << 32n) - 2n }).length, 62);
  t.is(prefixesOfRange(6, { from: 1n, to: (1n << 128n) - 2n }).length, 254);
});

test('text is a prefix where there is one', (t) => {
  t.is(formatIpRange(4, { from: 0x0a00_0000n, to: 0x0aff_ffffn }), '10.0.0.0/8');
  t.is(formatIpRange(4, { from: 0x0a00_0001n, to: 0x0a00_0003n }), '10.0.0.1-10.0.0.3');
  t.is(formatIpRange(6, wholeFamily(6)), '::/0');
  t.is(formatIp(6, (0x2001_0db8n << 96n) + 1n), '2001:db8::1');
});
