/** Echo requests of the host itself: the packet, its answer, errors about it; and that nothing else is taken for one. */
import test from 'ava';
import fc from 'fast-check';
import { type IpWords, parseIpWords } from '../../../../base/ip-words.ts';
import { type Echo, echoRequest, heardOf } from '../../../../dataplane/probe/echo-packet.ts';
import { isValid, pseudoIpv6 } from '../../../../packet/checksum.ts';
import * as icmp from '../../../../packet/icmp.ts';
import * as ipv4 from '../../../../packet/ipv4.ts';

const ids = { identifier: 0xabcd, sequence: 1, length: 64 };
const four: Echo = { source: words('192.0.2.1'), destination: words('192.0.2.2'), ...ids };
const six: Echo = { source: words('2001:db8::1'), destination: words('2001:db8::2'), ...ids };
const router = words('192.0.2.254');
const router6 = words('2001:db8::fe');

function words(text: string): IpWords {
  const parsed = parseIpWords(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** ICMP with its IPv4 header, to the source of `four`. */
function messageIpv4(src: IpWords, type: number, code: number, rest: number, data: Uint8Array) {
  const bytes = new Uint8Array(28 + data.length);
  const header = ipv4.parse(viewOf(echoRequest(four)), 0);
  const payloadLen = 8 + data.length;
  ipv4.emit({ ...header, payloadLen, src: src[3], dst: four.source[3] }, viewOf(bytes), 0);
  icmp.emit({ type, code, rest, data }, viewOf(bytes), 20);
  return bytes;
}

function messageIpv6(type: number, code: number, rest: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + body.length);
  bytes.set([type, code, 0, 0, rest >>> 24, rest >>> 16, rest >>> 8, rest]);
  bytes.set(body, 8);
  return bytes;
}

const replyIpv4 = messageIpv4(four.destination, 0, 0, 0xabcd_0001, new Uint8Array(56));
const replyIpv6 = messageIpv6(129, 0, 0xabcd_0001, new Uint8Array(56));

test('the request is whole, sums up and is not to be fragmented', (t) => {
  const packet = echoRequest(four);
  const view = viewOf(packet);
  t.is(packet.length, 84);
  t.true(ipv4.dontFragment(view, 0) && ipv4.hasValidChecksum(view, 0));
  t.true(icmp.hasValidChecksum(view, 20, 84));
  const long = viewOf(echoRequest({ ...six, length: 65 }));
  t.true(isValid(long, 40, 105, pseudoIpv6(long, 0, 58, 65)));
});

test('its answer is one from the asked address with its numbers', (t) => {
  t.deepEqual(heardOf(replyIpv4, four.destination, four), { kind: 'answered' });
  t.deepEqual(heardOf(replyIpv6, six.destination, six), { kind: 'answered' });
  for (const other of [{ identifier: 1 }, { sequence: 2 }]) {
    t.is(heardOf(replyIpv4, four.destination, { ...four, ...other }), undefined);
    t.is(heardOf(replyIpv6, six.destination, { ...six, ...other }), undefined);
  }
  const foreign = messageIpv4(router, 0, 0, 0xabcd_0001, new Uint8Array(56));
  t.is(heardOf(foreign, router, four), undefined);
  t.is(heardOf(replyIpv6, router6, six), undefined);
  t.is(heardOf(replyIpv4, four.destination, { ...four, source: router }), undefined, 'another’s');
});

test('the request itself, heard where it was sent to an own address, is no answer', (t) => {
  const own = { ...four, destination: four.source };
  t.is(heardOf(echoRequest(own), own.source, own), undefined);
  const own6 = { ...six, destination: six.source };
  t.is(heardOf(echoRequest(own6).subarray(40), own6.source, own6), undefined);
});

test('errors that quote the request are told in words, from whomever they come', (t) => {
  const quoted = echoRequest(four).subarray(0, 28);
  const quoted6 = echoRequest(six).subarray(0, 48);
  const said = (bytes: Uint8Array, echo: Echo) => {
    const heard = heardOf(bytes, echo === four ? router : router6, echo);
    return heard?.kind === 'error' ? heard.says : undefined;
  };
  t.is(said(messageIpv4(router, 3, 1, 0, quoted), four), 'host unreachable');
  t.is(
    said(messageIpv4(router, 3, 4, 1400, quoted), four),
    'too long, the MTU from here on is 1400',
  );
  t.is(said(messageIpv4(router, 11, 0, 0, quoted), four), 'time to live exceeded');
  t.is(said(messageIpv6(1, 3, 0, quoted6), six), 'address unreachable');
  t.is(said(messageIpv6(2, 0, 1400, quoted6), six), 'too long, the MTU from here on is 1400');
  t.is(said(messageIpv4(router, 5, 1, 0, quoted), four), undefined, 'a redirect ends nothing');
  const others = echoRequest({ ...four, identifier: 7 }).subarray(0, 28);
  t.is(said(messageIpv4(router, 3, 1, 0, others), four), undefined, 'about another request');
  const others6 = echoRequest({ ...six, identifier: 7 }).subarray(0, 48);
  t.is(said(messageIpv6(1, 3, 0, others6), six), undefined);
});

test('a message with a wrong checksum is not heard', (t) => {
  const bytes = replyIpv4.slice();
  bytes[40] = 1;
  t.is(heardOf(bytes, four.destination, four), undefined);
});

test('a message cut short anywhere before its numbers says nothing', (t) => {
  const error = messageIpv4(router, 3, 1, 0, echoRequest(four).subarray(0, 28));
  const error6 = messageIpv6(1, 3, 0, echoRequest(six).subarray(0, 48));
  for (let length = 0; length < replyIpv4.length; length += 1) {
    t.is(heardOf(replyIpv4.subarray(0, length), four.destination, four), undefined);
  }
  for (let length = 0; length < error.length; length += 1) {
    t.is(heardOf(error.subarray(0, length), router, four), undefined);
    // A sender that quotes less, in a message that is itself whole.
    const quoted = echoRequest(four).subarray(0, Math.min(length, 27));
    t.is(heardOf(messageIpv4(router, 3, 1, 0, quoted), router, four), undefined);
  }
  for (let length = 0; length < 8; length += 1) {
    t.is(heardOf(replyIpv6.subarray(0, length), six.destination, six), undefined);
  }
  for (let length = 0; length < error6.length; length += 1) {
    t.is(heardOf(error6.subarray(0, length), router6, six), undefined);
  }
});

test('any bytes at all are taken without a fault', (t) => {
  const seeds = [replyIpv4, replyIpv6, messageIpv4(router, 3, 1, 0, echoRequest(four))];
  const changed = fc
    .tuple(
      fc.constantFrom(...seeds),
      fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 4 }),
    )
    .map(([seed, edits]) => {
      const bytes = seed.slice();
      for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value;
      return bytes;
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 128 }), changed), (bytes) => {
      heardOf(bytes, four.destination, four);
      heardOf(bytes, six.destination, six);
    }),
  );
  t.pass();
});
