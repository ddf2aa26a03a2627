/** Sets of addresses: an IPv6 prefix stands for IPv6 alone, though IPv4 lies within its words. */
import test from 'ava';
import fc from 'fast-check';
import {
  formatIpPrefixWords,
  parseIpPrefixWords,
  parseIpWords,
} from '../../../../base/ip-words.ts';
import {
  addressSet,
  complementOf,
  prefixesOf,
  setHas,
} from '../../../../dataplane/engine/address-set.ts';

function setOf(...texts: readonly string[]) {
  return addressSet(texts.flatMap((text) => parseIpPrefixWords(text) ?? []));
}

function has(set: ReturnType<typeof setOf>, text: string): boolean {
  const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = parseIpWords(text) ?? [];
  return setHas(set, w0, w1, w2, w3);
}

test('::/0 is every IPv6 address and no IPv4 address', (t) => {
  for (const text of ['::/0', '::/1', '::/64', '::/80']) {
    const set = setOf(text);
    t.true(has(set, '::1'), text);
    for (const ipv4 of ['0.0.0.0', '10.0.0.4', '255.255.255.255']) t.false(has(set, ipv4), text);
  }
  t.true(has(setOf('::/0'), 'ffff::'));
  t.true(has(setOf('::/64'), '::1:0:0:0'), 'what lies beyond the mapped addresses');
  t.false(has(setOf('0.0.0.0/0'), '::1'));
});

test('both families together are everything, and their complement is nothing', (t) => {
  const both = setOf('::/0', '0.0.0.0/0');
  t.is(both.ranges.length, 1);
  t.deepEqual(complementOf('none', [both]).ranges, []);
  t.true(has(complementOf('IPv4', [setOf('::/0')]), '10.0.0.4'));
});

test('a set is told by the fewest prefixes, IPv4 first', (t) => {
  const texts = (set: ReturnType<typeof setOf>) => prefixesOf(set).map(formatIpPrefixWords);
  t.deepEqual(texts(setOf('fd00::/8', '10.0.0.0/24', '10.0.1.0/24')), ['10.0.0.0/23', 'fd00::/8']);
  t.deepEqual(texts(setOf('10.0.0.4/32', '10.0.0.5/32', '10.0.0.6/32')), [
    '10.0.0.4/31',
    '10.0.0.6/32',
  ]);
  t.deepEqual(texts(setOf('0.0.0.0/0')), ['0.0.0.0/0']);
  t.deepEqual(texts(complementOf('', [setOf('::/0', '128.0.0.0/1')])), ['0.0.0.0/1']);
  t.deepEqual(texts(setOf()), []);
});

test('the prefixes of a set make up that set', (t) => {
  const prefix = fc
    .tuple(fc.boolean(), fc.nat(128), fc.array(fc.nat(0xffff_ffff), { minLength: 4, maxLength: 4 }))
    .map(([isIpv4, bits, [a = 0, b = 0, c = 0, d = 0]]) => {
      const len = isIpv4 ? 96 + (bits % 33) : bits;
      const words = (isIpv4 ? [0, 0, 0xffff, d] : [a, b, c, d]).map((word, index) => {
        const bitsHere = Math.min(32, Math.max(0, len - 32 * index));
        return bitsHere === 0 ? 0 : (word & (0xffff_ffff << (32 - bitsHere))) >>> 0;
      });
      return { words: words as unknown as readonly [number, number, number, number], len };
    });
  fc.assert(
    fc.property(fc.array(prefix, { maxLength: 5 }), (prefixes) => {
      for (const set of [addressSet(prefixes), complementOf('', [addressSet(prefixes)])]) {
        t.deepEqual(addressSet(prefixesOf(set)).ranges, set.ranges);
      }
    }),
    { numRuns: 300 },
  );
});
