/** Sets of addresses: an IPv6 prefix stands for IPv6 alone, though IPv4 lies within its words. */
import test from 'ava';
import { parseIpPrefixWords, parseIpWords } from '../../../../base/ip-words.ts';
import { addressSet, complementOf, setHas } from '../../../../dataplane/engine/address-set.ts';

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
