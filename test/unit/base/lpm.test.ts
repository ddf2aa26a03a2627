/** Longest-prefix match: what it finds, against a linear search. */
import test from 'ava';
import fc from 'fast-check';
import {
  formatIpPrefixWords,
  type IpPrefixWords,
  type IpWords,
  ipv4Words,
  prefixHasWords,
  wordMask,
} from '../../../base/ip-words.ts';
import { formatIpv4Prefix, parseIpv4Prefix } from '../../../base/ipv4.ts';
import { Lpm, NONE } from '../../../base/lpm.ts';

function prefix(text: string): IpPrefixWords {
  const parsed = parseIpv4Prefix(text);
  if (parsed === undefined) throw new TypeError(text);
  return { words: ipv4Words(parsed.address), len: parsed.len + 96 };
}

function lookup(lpm: Lpm, words: IpWords): number {
  return lpm.lookup(...words);
}

// Few distinct bits, so that random prefixes really nest and collide.
const words: fc.Arbitrary<IpWords> = fc
  .tuple(...[0, 1, 2, 3].map(() => fc.constantFrom(0, 1, 0x8000_0000, 0xffff_ffff, 0x0a00_0100)))
  .map(([a = 0, b = 0, c = 0, d = 0]) => [a, b, c, d]);

const prefixes: fc.Arbitrary<IpPrefixWords> = fc
  .tuple(words, fc.integer({ min: 0, max: 128 }))
  .map(([[a, b, c, d], len]) => {
    const cut = (word: number, index: number) => (word & wordMask(len, index)) >>> 0;
    return { words: [cut(a, 0), cut(b, 1), cut(c, 2), cut(d, 3)], len };
  });

test('LPM: the longest matching prefix wins, whatever the order of insertion', (t) => {
  const lpm = new Lpm();
  lpm.set(prefix('10.1.0.0/16'), 16);
  lpm.set(prefix('0.0.0.0/0'), 0);
  lpm.set(prefix('10.1.2.0/24'), 24);
  lpm.set(prefix('10.0.0.0/8'), 8);
  t.is(lookup(lpm, ipv4Words(0x0a010203)), 24);
  t.is(lookup(lpm, ipv4Words(0x0a010303)), 16);
  t.is(lookup(lpm, ipv4Words(0x0a020303)), 8);
  t.is(lookup(lpm, ipv4Words(0x0b000000)), 0);
  t.is(lookup(lpm, [0x2001_0db8, 0, 0, 1]), NONE, 'an IPv4 default route is no IPv6 route');
});

test('LPM: removing a prefix uncovers the shorter one', (t) => {
  const lpm = new Lpm();
  lpm.set(prefix('10.0.0.0/8'), 8);
  lpm.set(prefix('10.1.0.0/16'), 16);
  t.is(lpm.remove(prefix('10.1.0.0/16')), 16);
  t.is(lookup(lpm, ipv4Words(0x0a010203)), 8);
  t.is(lpm.remove(prefix('10.1.0.0/16')), NONE);
  t.is(lpm.remove(prefix('10.0.0.0/8')), 8);
  t.is(lookup(lpm, ipv4Words(0x0a010203)), NONE);
  t.is(lpm.size, 0);
});

test('LPM: a prefix with host bits is refused', (t) => {
  t.throws(() => new Lpm().set({ words: ipv4Words(1), len: 120 }, 1), { message: /host bits/ });
});

test('LPM: entries come back as they went in', (t) => {
  const lpm = new Lpm();
  const texts = ['0.0.0.0/0', '10.0.0.0/8', '10.0.0.0/24', '10.128.0.0/9'];
  for (const [index, text] of texts.entries()) lpm.set(prefix(text), index);
  t.deepEqual(
    lpm.entries().map((entry) => formatIpPrefixWords(entry.prefix)),
    texts.map((text) => formatIpv4Prefix(parseIpv4Prefix(text) ?? { address: 0, len: 0 })),
  );
});

test('LPM equals a linear scan after every set, add and remove', (t) => {
  const operation = fc.record({
    op: fc.constantFrom('set', 'add', 'remove'),
    prefix: prefixes,
    value: fc.integer({ min: 0, max: 1000 }),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), fc.array(words), (operations, probes) => {
      const lpm = new Lpm();
      const model = new Map<string, { prefix: IpPrefixWords; value: number }>();
      for (const step of operations) {
        const key = `${step.prefix.words.join()}/${step.prefix.len}`;
        const known = model.get(key)?.value ?? NONE;
        t.is(lpm.get(step.prefix), known);
        if (step.op === 'add' && known !== NONE) {
          t.is(lpm.add(step.prefix, step.value), known, 'what is there stays');
        } else if (step.op === 'remove') {
          t.is(lpm.remove(step.prefix), known);
          model.delete(key);
        } else {
          const store = step.op === 'add' ? lpm.add : lpm.set;
          t.is(store.call(lpm, step.prefix, step.value), known);
          model.set(key, step);
        }
        lpm.checkInvariants();
        t.is(lpm.size, model.size);
        for (const probe of [...probes, step.prefix.words]) {
          const best = [...model.values()]
            .filter((entry) => prefixHasWords(entry.prefix, probe))
            .sort((a, b) => b.prefix.len - a.prefix.len)[0];
          t.is(lookup(lpm, probe), best?.value ?? NONE);
        }
      }
    }),
    { numRuns: 150 },
  );
});
