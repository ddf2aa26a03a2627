/** Text of IP addresses and prefixes (RFC 4291 §2.2): read strictly, and what is formatted is read back. */
import test from 'ava';
import fc from 'fast-check';
import {
  formatIpPrefixWords,
  formatIpWords,
  type IpWords,
  parseIpPrefixWords,
  parseIpWords,
} from '../../../base/ip-words.ts';

for (const [text, words] of [
  ['10.0.0.1', [0, 0, 0xffff, 0x0a000001]],
  ['::', [0, 0, 0, 0]],
  ['::1', [0, 0, 0, 1]],
  ['2001:db8::', [0x20010db8, 0, 0, 0]],
  ['2001:DB8:0:1:2:3:4:5', [0x20010db8, 1, 0x00020003, 0x00040005]],
  ['::ffff:192.0.2.1', [0, 0, 0xffff, 0xc0000201]],
] as const) {
  test(`${text} is read`, (t) => {
    t.deepEqual(parseIpWords(text), [...words] as unknown as IpWords);
  });
}

test('what is no address is refused', (t) => {
  for (const text of [
    '',
    ':',
    ':::',
    '1::2::3',
    '1:2:3',
    '12345::',
    '1:2:3:4:5:6:7:8:9',
    'g::',
    '::1%eth0',
    '[::1]',
    '1.2.3',
    '::1.2.3.4:5',
    '1:2:3:4:5:6:7::8:9',
  ])
    t.is(parseIpWords(text), undefined, text);
});

test('a prefix has no host bits and a length of its family', (t) => {
  t.deepEqual(parseIpPrefixWords('10.0.0.0/8'), { words: [0, 0, 0xffff, 0x0a000000], len: 104 });
  t.deepEqual(parseIpPrefixWords('2001:db8::/32'), { words: [0x20010db8, 0, 0, 0], len: 32 });
  for (const text of ['10.0.0.1/8', '10.0.0.0/33', '::/129', '::1/64', '10.0.0.0', '10.0.0.0/08'])
    t.is(parseIpPrefixWords(text), undefined, text);
});

test('formatted text is read back', (t) => {
  const word = fc.oneof(fc.constantFrom(0, 1, 0xffff), fc.integer({ min: 0, max: 0xffff_ffff }));
  fc.assert(
    fc.property(fc.tuple(word, word, word, word), (words) => {
      const text = formatIpWords(words);
      t.deepEqual(parseIpWords(text), words, text);
      const prefix = { words, len: 128 };
      t.deepEqual(parseIpPrefixWords(formatIpPrefixWords(prefix)), prefix);
    }),
  );
});
