/** Classified groups decide as a list that is tried rule by rule does; address sets hold what prefixes do. */
import test from 'ava';
import fc from 'fast-check';
import { assert } from '../../../../base/assert.ts';
import {
  type IpPrefixWords,
  type IpWords,
  ipv4Words,
  parseIpPrefixWords,
  prefixHasWords,
  wordMask,
} from '../../../../base/ip-words.ts';
import {
  addressSet,
  complementOf,
  setHas,
  unionOf,
} from '../../../../dataplane/engine/address-set.ts';
import { Classifier, NO_RULE, unclassifiable } from '../../../../dataplane/engine/classifier.ts';
import { classifiedGroup, orderedGroup } from '../../../../dataplane/engine/group.ts';
import { newPacket } from '../../../../dataplane/engine/packet.ts';
import {
  describePredicate,
  equals,
  type NumberRange,
  type Predicate,
} from '../../../../dataplane/engine/predicate.ts';
import { ALLOW, type Rule } from '../../../../dataplane/engine/rule.ts';
import { CLASSIFIED_RANGES_MAX, CLASSIFIED_RULES_MAX } from '../../../../dataplane/limits.ts';
import { flowKey } from './keys.ts';

function rule(priority: number, predicates: readonly Predicate[]): Rule {
  return { id: `${priority}`, resourceRef: '', priority, predicates, action: ALLOW };
}
const OTHERWISE = rule(65_000, []);

function prefix(text: string): IpPrefixWords {
  const parsed = parseIpPrefixWords(text);
  assert(parsed !== undefined, text);
  return parsed;
}

// Few different values, and those near the ends of their ranges, so that rules overlap and touch.
const word = fc.constantFrom(0, 1, 2, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff);
const address: fc.Arbitrary<IpWords> = fc.oneof(
  word.map(ipv4Words),
  fc.tuple(word, fc.constantFrom(0, 0xffff_ffff), fc.constantFrom(0, 0xffff, 0x1_0000), word),
);
const prefixes: fc.Arbitrary<IpPrefixWords> = fc
  .tuple(address, fc.constantFrom(0, 1, 31, 32, 33, 64, 95, 96, 97, 112, 127, 128))
  .map(([words, len]) => {
    const cut = (index: 0 | 1 | 2 | 3) => (words[index] & wordMask(len, index)) >>> 0;
    return { words: [cut(0), cut(1), cut(2), cut(3)], len };
  });
const port = fc.constantFrom(0, 1, 22, 80, 81, 0xfffe, 0xffff);
const range: fc.Arbitrary<NumberRange> = fc
  .tuple(port, port)
  .map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }));
const sets = fc
  .tuple(fc.array(prefixes, { maxLength: 4 }), fc.boolean())
  .map(([all, isComplement]) =>
    isComplement ? complementOf('the rest', [addressSet(all)]) : addressSet(all),
  );
const predicates: fc.Arbitrary<Predicate[]> = fc
  .tuple(
    fc.option(fc.oneof(prefixes, sets)),
    fc.option(fc.oneof(prefixes, sets)),
    fc.option(fc.constantFrom(1, 6, 17, 58)),
    fc.option(fc.array(range, { maxLength: 4 })),
    fc.option(range),
  )
  .map(([src, dst, protocol, srcPorts, dstPorts]) => {
    const found: Predicate[] = [];
    if (src !== null) {
      found.push({ field: 'srcAddress', ...('len' in src ? { in: src } : { set: src }) });
    }
    if (dst !== null) {
      found.push({ field: 'dstAddress', ...('len' in dst ? { in: dst } : { set: dst }) });
    }
    if (protocol !== null) found.push(equals('protocol', protocol));
    if (srcPorts !== null) found.push({ field: 'srcPort', anyOf: srcPorts });
    if (dstPorts !== null) found.push({ field: 'dstPort', ...dstPorts });
    return found;
  });
const packets = fc.record({
  src: address,
  dst: address,
  protocol: fc.constantFrom(1, 6, 17, 58, 132),
  srcPort: port,
  dstPort: port,
});

test('a classified group decides as a list of the same rules, rule by rule', (t) => {
  const lists = fc.array(predicates, { maxLength: 80 });
  const property = fc.property(lists, fc.array(packets, { minLength: 20 }), (list, probes) => {
    const rules = list.map((own, index) => rule((index * 37) % 101, own));
    const classified = classifiedGroup('list', rules, OTHERWISE);
    const ordered = orderedGroup('list', rules, OTHERWISE);
    const packet = newPacket();
    for (const { src, dst, ...rest } of probes) {
      const [src0, src1, src2, src3] = src;
      const [dst0, dst1, dst2, dst3] = dst;
      Object.assign(packet.key, { src0, src1, src2, src3, dst0, dst1, dst2, dst3, ...rest });
      if (classified.find(packet) !== ordered.find(packet)) return false;
    }
    return classified.rules().every((own, index) => own === ordered.rules()[index]);
  });
  fc.assert(property, { numRuns: 400 });
  t.pass();
});

test('address sets: what is in a prefix is in the set, and nothing else', (t) => {
  const property = fc.property(
    fc.array(prefixes, { maxLength: 6 }),
    fc.array(prefixes, { maxLength: 6 }),
    address,
    (some, others, [w0, w1, w2, w3]) => {
      const isIn = (all: readonly IpPrefixWords[]) =>
        all.some((own) => prefixHasWords(own, [w0, w1, w2, w3]));
      const a = addressSet(some);
      const b = addressSet(others);
      return (
        setHas(a, w0, w1, w2, w3) === isIn(some) &&
        setHas(unionOf('', [a, b]), w0, w1, w2, w3) === (isIn(some) || isIn(others)) &&
        setHas(complementOf('', [a, b]), w0, w1, w2, w3) === !(isIn(some) || isIn(others))
      );
    },
  );
  fc.assert(property, { numRuns: 2000 });
  t.deepEqual(complementOf('', [complementOf('', [])]).ranges, []);
});

test('1,000 rules take little room, and the last of them is found', (t) => {
  const rules = Array.from({ length: 1000 }, (_, index) =>
    rule(index, [
      { field: 'srcAddress', in: prefix(`10.${index >> 8}.${index & 255}.0/24`) },
      equals('protocol', 6),
      equals('dstPort', index),
    ]),
  );
  const classifier = new Classifier(rules);
  t.true(classifier.byteLength < 512 * 1024, `${classifier.byteLength} bytes`);
  const key = flowKey({ src3: 0x0a03_e705, dstPort: 999 });
  t.is(classifier.find(key), 999);
  t.is(classifier.find({ ...key, dstPort: 998 }), NO_RULE);
});

test('a list beyond its limits is refused with the reason', (t) => {
  const many = Array.from({ length: CLASSIFIED_RULES_MAX + 1 }, (_, index) => rule(index, []));
  t.regex(unclassifiable(many) ?? '', /4097 rules are more than the 4096/);
  t.is(unclassifiable(many.slice(1)), undefined);
  const anyOf = Array.from({ length: CLASSIFIED_RANGES_MAX + 1 }, () => ({ from: 1, to: 1 }));
  t.regex(unclassifiable([rule(1, [{ field: 'dstPort', anyOf }])]) ?? '', /32769 address and port/);
});

test('a predicate about many values says so in few words', (t) => {
  const set = addressSet(['10.0.0.0/8', '10.2.0.0/16', '2001:db8::/32', '::/0'].map(prefix));
  t.is(
    describePredicate({ field: 'srcAddress', set }),
    'srcAddress 10.0.0.0/8 or 10.2.0.0/16 or 2001:db8::/32 or 1 more',
  );
  const anyOf = [
    { from: 22, to: 22 },
    { from: 80, to: 90 },
  ];
  t.is(describePredicate({ field: 'dstPort', anyOf }), 'dstPort 22 or 80–90');
});
