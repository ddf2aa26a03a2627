/** IPv4 text to integers and back: what is accepted, and what only looks like an address. Held against base/ipv4. */
import test from 'ava';
import fc from 'fast-check';
import {
  formatIpv4,
  formatIpv4Prefix,
  ipv4Mask,
  parseIpv4,
  parseIpv4Prefix,
} from '../../../base/ipv4.ts';

const address = fc.integer({ min: 0, max: 0xffff_ffff });

test('an address and a prefix are what their text says', (t) => {
  fc.assert(
    fc.property(address, fc.integer({ min: 0, max: 32 }), (value, len) => {
      const prefix = { address: (value & ipv4Mask(len)) >>> 0, len };
      return (
        parseIpv4(formatIpv4(value)) === value &&
        formatIpv4Prefix(parseIpv4Prefix(formatIpv4Prefix(prefix)) ?? { address: 1, len: 32 }) ===
          formatIpv4Prefix(prefix)
      );
    }),
  );
  t.pass();
});

for (const text of [
  '',
  '1.2.3',
  '1.2.3.4.5',
  '01.2.3.4',
  '1.2.3.256',
  '1.2.3.4 ',
  '1.2.3.+4',
  '1.2.3.0x4',
  '::1',
]) {
  test(`'${text}' is no IPv4 address`, (t) => {
    t.is(parseIpv4(text), undefined);
  });
}

for (const text of [
  '10.0.0.0',
  '10.0.0.0/',
  '10.0.0.0/33',
  '10.0.0.0/08',
  '10.0.0.1/24',
  '10.0.0.0/8/8',
  '10.0.0/8',
]) {
  test(`'${text}' is no IPv4 prefix`, (t) => {
    t.is(parseIpv4Prefix(text), undefined);
  });
}
