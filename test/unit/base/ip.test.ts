/** IP addresses of both families on one number line: text, bytes and integers name the same address, and families never mix. */
import test from 'ava';
import fc from 'fast-check';
import {
  canonicalIp,
  canonicalIpPrefix,
  compareIpPrefixes,
  formatIp,
  formatIpPrefix,
  type IpPrefix,
  ipBytes,
  ipFamily,
  ipFromBytes,
  ipPrefixCovers,
  ipPrefixesOverlap,
  ipPrefixHas,
  ipPrefixLast,
  ipPrefixOf,
  parseIp,
  parseIpPrefix,
} from '../../../base/ip.ts';

const ipv4 = fc.integer({ min: 0, max: 0xffff_ffff }).map((n) => 0xffff_0000_0000n + BigInt(n));
const ipv6 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).filter((ip) => ipFamily(ip) === 6);
const ip = fc.oneof(ipv4, ipv6);
const prefix: fc.Arbitrary<IpPrefix> = fc.oneof(
  fc.tuple(ipv4, fc.integer({ min: 0, max: 32 })).map(([at, len]) => ipPrefixOf(at, len)),
  fc
    .tuple(ipv6, fc.integer({ min: 0, max: 128 }))
    .map(([at, len]) => ipPrefixOf(at, len))
    .filter(({ first, family }) => ipFamily(first) === family),
);

test('text, bytes and integer of an address are one another', (t) => {
  fc.assert(
    fc.property(ip, (address) => {
      t.is(parseIp(formatIp(address)), address);
      t.is(ipFromBytes(ipBytes(address)), address);
      t.is(ipBytes(address).length, ipFamily(address) === 4 ? 4 : 16);
      t.is(canonicalIp(formatIp(address).toUpperCase()), formatIp(address));
    }),
  );
});

test('RFC 5952 §4: one spelling for each address', (t) => {
  for (const [text, canonical] of [
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0db8::0001', '2001:db8::1'],
    ['::192.0.2.1', '::c000:201'],
    ['192.0.2.1', '192.0.2.1'],
    ['no address', 'no address'],
  ] as const)
    t.is(canonicalIp(text), canonical);
  t.is(canonicalIpPrefix('2001:DB8:0::/48'), '2001:db8::/48');
  t.is(canonicalIpPrefix('2001:db8::1/48'), '2001:db8::1/48');
});

test('an IPv4-mapped IPv6 address is no second name of an IPv4 address', (t) => {
  t.is(parseIp('::ffff:192.0.2.1'), undefined);
  t.is(parseIpPrefix('::ffff:192.0.2.0/120'), undefined);
  t.is(ipFromBytes(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 1)), undefined);
  t.is(ipFromBytes(Uint8Array.of(1, 2, 3)), undefined);
});

test('a prefix has no host bits and a length of its family', (t) => {
  for (const text of ['10.0.0.1/8', '10.0.0.0/33', '::/129', '::1/64', '10.0.0.0', '10.0.0.0/08'])
    t.is(parseIpPrefix(text), undefined, text);
  t.is(parseIpPrefix('0.0.0.0/0')?.family, 4);
  t.is(parseIpPrefix('::/0')?.family, 6);
});

test('a prefix holds what lies between its ends, and overlap is that one covers the other', (t) => {
  fc.assert(
    fc.property(prefix, prefix, ip, (a, b, address) => {
      t.deepEqual(parseIpPrefix(formatIpPrefix(a)), a);
      t.true(ipPrefixHas(a, a.first));
      // An IPv6 prefix may reach into the IPv4-mapped addresses, ::/80 to its end; those are IPv4's.
      const last = ipPrefixLast(a);
      t.is(ipPrefixHas(a, last), ipFamily(last) === a.family);
      t.is(
        ipPrefixHas(a, address),
        ipFamily(address) === a.family && ipPrefixOf(address, a.len).first === a.first,
      );
      t.is(ipPrefixesOverlap(a, b), ipPrefixCovers(a, b) || ipPrefixCovers(b, a));
      t.is(Math.sign(compareIpPrefixes(a, b)), -Math.sign(compareIpPrefixes(b, a)) + 0);
      if (a.family !== b.family) t.false(ipPrefixesOverlap(a, b));
    }),
  );
});
