/** Neighbor Discovery: options on the wire (RFC 4861 §4.6, RFC 8106 §5), every truncation, names. */
import test from 'ava';
import fc from 'fast-check';
import { parseIpPrefixWords, parseIpWords } from '../../../base/ip-words.ts';
import { decodeDomainName, encodeDomainName } from '../../../packet/domain-name.ts';
import { Drop } from '../../../packet/drop.ts';
import * as icmpv6 from '../../../packet/icmpv6.ts';
import * as ndp from '../../../packet/ndp.ts';
import { dirtyView, viewOf } from './frames.ts';

const PREFIX = parseIpPrefixWords('fd00:0:0:7::/64') ?? { words: [0, 0, 0, 0] as const, len: 0 };
const SERVER = parseIpWords('fd00::53') ?? ([0, 0, 0, 0] as const);

const OPTIONS: readonly ndp.NdOption[] = [
  ndp.linkLayerOption(ndp.OptionType.SOURCE_LINK_LAYER, 0x0200_0000_000a),
  ndp.mtuOption(1450),
  ndp.prefixOption({ prefix: PREFIX, flags: 0x80, validSec: 7, preferredSec: 5 }),
  ndp.rdnssOption(1800, [SERVER, SERVER]),
  ...[ndp.dnsslOption(1800, ['blue.weft.internal'])].filter((option) => option !== undefined),
  { type: 99, data: new Uint8Array(6).fill(1) },
];

/** A router advertisement with all options. */
function advertisement(): Uint8Array {
  const parts = ndp.advertisementParts({
    hopLimit: 64,
    flags: ndp.RouterFlag.MANAGED,
    lifetimeSec: 1800,
    options: OPTIONS,
  });
  const repr = { type: icmpv6.Type.ROUTER_ADVERTISEMENT, code: 0, checksum: 0, ...parts };
  const view = dirtyView(icmpv6.reprLen(repr));
  icmpv6.emit(repr, view, 0);
  return new Uint8Array(view.buffer);
}

test('RFC 4861 §4.6, RFC 8106 §5: options as bytes', (t) => {
  const hex = OPTIONS.map((option) => Buffer.from(ndp.optionsBytes([option])).toString('hex'));
  t.deepEqual(hex, [
    '010102000000000a',
    '05010000000005aa',
    '030440800000000700000005' + '00000000' + 'fd000000000000070000000000000000',
    `1905000000000708${'fd000000000000000000000000000053'.repeat(2)}`,
    '1f04000000000708' + '04626c7565047765667408696e7465726e616c00' + '00000000',
    '6301010101010101',
  ]);
});

test('options read back as they were written, unknown ones included', (t) => {
  const bytes = advertisement();
  t.is(ndp.check(viewOf(bytes), 0, bytes.length), Drop.None);
  t.deepEqual(ndp.parseOptions(viewOf(bytes), 0, bytes.length), [...OPTIONS]);
  t.is(viewOf(bytes).getUint32(4), 0x4080_0708);
});

test('every truncation is refused, but between two options', (t) => {
  const bytes = advertisement();
  const whole = new Set([16]);
  OPTIONS.reduce((at, { data }) => {
    whole.add(at + data.length + 2);
    return at + data.length + 2;
  }, 16);
  for (let end = 0; end <= bytes.length; end += 1) {
    const drop = ndp.check(viewOf(bytes), 0, end);
    if (whole.has(end)) t.is(drop, Drop.None, `${end} bytes`);
    else t.is(drop, end < 16 ? Drop.IcmpTruncated : Drop.NdpBadOption, `${end} bytes`);
  }
});

test('any bytes are either refused or can be read without fault', (t) => {
  const types = fc.constantFrom(133, 134, 135, 136, 137);
  fc.assert(
    fc.property(types, fc.uint8Array({ maxLength: 120 }), (type, bytes) => {
      const view = viewOf(Uint8Array.of(type, ...bytes));
      if (ndp.check(view, 0, view.byteLength) !== Drop.None) return;
      const options = ndp.parseOptions(view, 0, view.byteLength);
      t.deepEqual(
        ndp.optionsBytes(options),
        new Uint8Array(view.buffer).slice(ndp.fixedLen(type)),
        'what was read is what was there',
      );
      ndp.linkLayerAddress(view, 0, view.byteLength, ndp.OptionType.SOURCE_LINK_LAYER);
    }),
  );
  t.pass();
});

test('RFC 1035 §3.1: names', (t) => {
  t.deepEqual(encodeDomainName('a.bc'), Uint8Array.of(1, 97, 2, 98, 99, 0));
  for (const text of ['', '.', 'a..b', 'a.', '-a', 'ä', 'x'.repeat(64), `${'a.'.repeat(127)}ab`]) {
    t.is(encodeDomainName(text), undefined, text);
  }
  t.is(encodeDomainName('x'.repeat(63))?.length, 65);
  t.is(decodeDomainName(Uint8Array.of(1, 97, 2, 98, 99, 0)), 'a.bc');
  t.is(decodeDomainName(Uint8Array.of(1, 97, 2, 98, 99)), 'a.bc', 'partial');
  for (const bytes of [[], [0], [1], [2, 97], [1, 97, 0, 0], [1, 97, 0, 1], [0xc0, 0], [1, 32]]) {
    t.is(decodeDomainName(Uint8Array.from(bytes)), undefined, bytes.join());
  }
  t.is(ndp.dnsslOption(1, ['not a name']), undefined);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const text = decodeDomainName(bytes);
      if (text !== undefined) t.is(decodeDomainName(encodeDomainName(text) ?? bytes), text);
    }),
  );
});
