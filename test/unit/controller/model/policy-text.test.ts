/** Texts of access control rules — MS-NCNBI §3.1.5.1.2. */
import test from 'ava';
import fc from 'fast-check';
import { formatIpPrefix } from '../../../../base/ip.ts';
import {
  canonicalAddressTerms,
  canonicalPortSpans,
  parseAddressTerms,
  parsePortSpans,
} from '../../../../controller/model/policy-text.ts';

test('addresses, prefixes, tags and lists of them', (t) => {
  const terms = parseAddressTerms(' 10.0.0.0/8 ,2001:DB8::1,internet');
  t.deepEqual(terms?.prefixes.map(formatIpPrefix), ['10.0.0.0/8', '2001:db8::1/128']);
  t.deepEqual(terms?.tags, ['INTERNET']);
  t.false(terms?.isAny);
  t.true(parseAddressTerms('*,10.0.0.0/8')?.isAny);
  for (const bad of [
    '',
    ',',
    '10.0.0.1/8',
    '10.0.0.0/33',
    '::ffff:10.0.0.1',
    'any',
    '10.0.0.0 /8',
  ]) {
    t.is(parseAddressTerms(bad), undefined, bad);
  }
});

test('ports, ranges and lists of them; a range of every port is no restriction', (t) => {
  t.deepEqual(parsePortSpans('80, 81 - 90'), [
    { from: 80, to: 80 },
    { from: 81, to: 90 },
  ]);
  for (const any of ['*', '0-65535', '80,*']) t.deepEqual(parsePortSpans(any), []);
  t.deepEqual(parsePortSpans('1-65535'), [{ from: 1, to: 65_535 }]);
  for (const bad of ['', '0', '0-0', '080', '65536', '1-65536', '90-80', '-1', '1-', '80;81']) {
    t.is(parsePortSpans(bad), undefined, bad);
  }
});

test('the canonical text reads as the same, and is its own canonical text; any other text is left as it is', (t) => {
  const item = fc.constantFrom(
    '*',
    'internet',
    '10.0.0.0/8',
    '2001:DB8::/32',
    '1.2.3.4',
    'x',
    '80',
    '1-9',
  );
  fc.assert(
    fc.property(
      fc.array(item, { maxLength: 4 }).map((items) => items.join(' ,')),
      (text) => {
        const addresses = canonicalAddressTerms(text);
        t.deepEqual(parseAddressTerms(addresses), parseAddressTerms(text));
        t.is(canonicalAddressTerms(addresses), addresses);
        const ports = canonicalPortSpans(text);
        t.deepEqual(parsePortSpans(ports), parsePortSpans(text));
        t.is(canonicalPortSpans(ports), ports);
      },
    ),
  );
});

test('no text makes the readers throw', (t) => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      parseAddressTerms(text);
      parsePortSpans(text);
    }),
  );
  t.pass();
});
