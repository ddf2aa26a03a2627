/** Addresses of both families as four words: parsing, prefixes, text. */
import test from 'ava';
import {
  formatIpPrefixWords,
  formatIpWords,
  type IpWords,
  ipPrefixFromBytes,
  ipv4Words,
  ipWordsFromBytes,
  isIpv4Words,
  prefixHasWords,
} from '../../../base/ip-words.ts';

const DOC = Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

test('4 bytes are an IPv4 address in its mapped form, 16 bytes an IPv6 one, anything else none', (t) => {
  t.deepEqual(ipWordsFromBytes(Uint8Array.of(255, 0, 0, 1)), [0, 0, 0xffff, 0xff00_0001]);
  t.deepEqual(ipWordsFromBytes(DOC), [0x2001_0db8, 0, 0, 1]);
  for (const length of [0, 3, 5, 15, 17]) {
    t.is(ipWordsFromBytes(new Uint8Array(length)), undefined, `${length}`);
  }
});

test('a prefix has a length of its family and no host bits', (t) => {
  t.deepEqual(ipPrefixFromBytes(Uint8Array.of(10, 0, 0, 0), 8), {
    words: ipv4Words(0x0a00_0000),
    len: 104,
  });
  t.is(ipPrefixFromBytes(Uint8Array.of(10, 0, 0, 1), 8), undefined);
  t.is(ipPrefixFromBytes(Uint8Array.of(10, 0, 0, 0), 33), undefined);
  t.is(ipPrefixFromBytes(DOC, 129), undefined);
  t.is(ipPrefixFromBytes(DOC, -1), undefined);
  t.is(ipPrefixFromBytes(DOC, 64), undefined);
  t.is(ipPrefixFromBytes(DOC, 128)?.len, 128);
  t.is(ipPrefixFromBytes(Uint8Array.of(1), 8), undefined);
});

const TEXTS: readonly [IpWords, string][] = [
  [[0, 0, 0, 0], '::'],
  [[0, 0, 0, 1], '::1'],
  [[0x2001_0db8, 0, 0, 1], '2001:db8::1'],
  [[0x2001_0db8, 0, 0x0001_0000, 1], '2001:db8::1:0:0:1'],
  [[0x2001_0db8, 0x0001_0002, 0x0003_0004, 0x0005_0006], '2001:db8:1:2:3:4:5:6'],
  [[0x2001_0db8, 0x0001_0000, 0x0003_0004, 0x0005_0006], '2001:db8:1:0:3:4:5:6'],
  [[0xfe80_0000, 0, 0, 0], 'fe80::'],
  [[0, 0, 0xffff, 0x0a00_0001], '10.0.0.1'],
];

test('RFC 5952: the longest run of zero groups is shortened, a single one is not', (t) => {
  for (const [words, text] of TEXTS) t.is(formatIpWords(words), text);
  t.is(formatIpPrefixWords({ words: [0xfe80_0000, 0, 0, 0], len: 10 }), 'fe80::/10');
  t.is(formatIpPrefixWords({ words: ipv4Words(0x0a00_0000), len: 104 }), '10.0.0.0/8');
});

test('a prefix contains what shares its bits; families do not mix', (t) => {
  const ten = { words: ipv4Words(0x0a00_0000), len: 104 };
  t.true(prefixHasWords(ten, ipv4Words(0x0aff_ffff)));
  t.false(prefixHasWords(ten, ipv4Words(0x0b00_0000)));
  t.false(prefixHasWords(ten, [0, 0, 0, 0x0a00_0000]));
  t.true(isIpv4Words(ipv4Words(0)));
  t.false(isIpv4Words([0, 0, 0, 1]));
});
