/** DHCPv6 messages: round trip, every truncation, any bytes (RFC 8415 §8, §21). */
import test from 'ava';
import fc from 'fast-check';
import * as dhcpv6 from '../../../packet/dhcpv6.ts';
import { Drop } from '../../../packet/drop.ts';
import { dirtyView, viewOf } from './frames.ts';

const OPTION = fc.record({
  code: fc.integer({ min: 0, max: 0xffff }),
  data: fc.uint8Array({ maxLength: 20 }),
});
const MESSAGE = fc.record({
  type: fc.integer({ min: 1, max: 11 }),
  transactionId: fc.integer({ min: 0, max: 0xff_ffff }),
  options: fc.array(OPTION, { maxLength: 8 }),
});

function bytesOf(message: dhcpv6.Repr): Uint8Array {
  const view = dirtyView(dhcpv6.reprLen(message));
  dhcpv6.emit(message, view, 0);
  return new Uint8Array(view.buffer);
}

test('a message is written and read back, unknown options included', (t) => {
  const solicit = {
    type: 1,
    transactionId: 0x123456,
    options: [{ code: 8, data: Uint8Array.of(0, 9) }],
  };
  t.deepEqual(bytesOf(solicit), Uint8Array.of(1, 0x12, 0x34, 0x56, 0, 8, 0, 2, 0, 9));
  fc.assert(
    fc.property(MESSAGE, (message) => {
      const bytes = bytesOf(message);
      t.is(dhcpv6.check(viewOf(bytes), 0, bytes.length), Drop.None);
      t.deepEqual(dhcpv6.parse(viewOf(bytes), 0, bytes.length), message);
    }),
  );
});

test('every truncation is refused, but between two options', (t) => {
  fc.assert(
    fc.property(MESSAGE, (message) => {
      const bytes = bytesOf(message);
      const whole = message.options.map((_option, count) =>
        dhcpv6.reprLen({ ...message, options: message.options.slice(0, count) }),
      );
      whole.push(bytes.length);
      for (let end = 0; end <= bytes.length; end += 1) {
        const drop = dhcpv6.check(viewOf(bytes), 0, end);
        if (whole.includes(end)) t.is(drop, Drop.None);
        else t.is(drop, end < 4 ? Drop.DhcpTruncated : Drop.DhcpBadOption);
      }
    }),
    { numRuns: 50 },
  );
});

test('more options than any client sends are DhcpBadOption; a relay’s message is told by its type alone', (t) => {
  const options = Array.from({ length: 65 }, () => ({ code: 8, data: new Uint8Array() }));
  const bytes = bytesOf({ type: 1, transactionId: 1, options });
  t.is(dhcpv6.check(viewOf(bytes), 0, bytes.length), Drop.DhcpBadOption);
  t.is(dhcpv6.check(viewOf(Uint8Array.of(12, 0, 1, 2, 3)), 0, 5), Drop.None);
});

test('any bytes are refused or read without fault', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const view = viewOf(bytes);
      if (dhcpv6.check(view, 0, bytes.length) !== Drop.None) return;
      if (dhcpv6.type(view, 0) === 12 || dhcpv6.type(view, 0) === 13) return;
      t.deepEqual(bytesOf(dhcpv6.parse(view, 0, bytes.length)), bytes);
    }),
  );
  t.is(dhcpv6.parseOptions(Uint8Array.of(0, 1, 0)), undefined);
});
