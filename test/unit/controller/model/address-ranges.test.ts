/** `unbilledAddressRanges` — MS-NCNBI §3.1.5.18. */
import test from 'ava';
import fc from 'fast-check';
import { formatIpPrefix } from '../../../../base/ip.ts';
import { parseAddressRanges } from '../../../../controller/model/address-ranges.ts';

test('prefixes, addresses and ranges of either family', (t) => {
  t.deepEqual(
    parseAddressRanges(
      '10.0.0.0/8, 192.0.2.1, 192.0.2.4-192.0.2.6 ,2001:db8::/32,2001:db9::-2001:db9::1',
    )?.map(formatIpPrefix),
    [
      '10.0.0.0/8',
      '192.0.2.1/32',
      '192.0.2.4/31',
      '192.0.2.6/32',
      '2001:db8::/32',
      '2001:db9::/127',
    ],
  );
  t.deepEqual(parseAddressRanges(''), []);
  for (const bad of [
    ',',
    'x',
    '10.0.0.1/8',
    '10.0.0.2-10.0.0.1',
    '10.0.0.1-2001:db8::',
    '10.0.0.1-2-3',
  ]) {
    t.is(parseAddressRanges(bad), undefined, bad);
  }
});

test('no text makes the reader throw', (t) => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      parseAddressRanges(text);
    }),
  );
  t.pass();
});
