/** BGP message framing (RFC 4271 §4.1): incomplete, whole and malformed streams. */
import test from 'ava';
import fc from 'fast-check';
import {
  emitHeader,
  frame,
  HEADER_LEN,
  MESSAGE_BYTES_MAX,
  MessageType,
} from '../../../bgp/message/framing.ts';

function header(type: number, length: number): DataView {
  const view = new DataView(new ArrayBuffer(Math.max(length, HEADER_LEN)));
  emitHeader(view, 0, type as MessageType, length);
  return view;
}

test('RFC 4271 §4.1: a KEEPALIVE is a header alone', (t) => {
  t.deepEqual(frame(header(MessageType.Keepalive, 19), 0, 19, MESSAGE_BYTES_MAX), {
    kind: 'message',
    type: MessageType.Keepalive,
    at: 19,
    end: 19,
  });
});

test('a stream that ends inside a message asks for the missing bytes, one at a time or all at once', (t) => {
  const view = header(MessageType.Update, 40);
  for (let end = 0; end < 40; end++) {
    const framing = frame(view, 0, end, MESSAGE_BYTES_MAX);
    t.deepEqual(framing, { kind: 'incomplete', bytesNeeded: (end < 19 ? 19 : 40) - end });
  }
});

for (const [claim, type, length, fault] of [
  ['RFC 4271 §6.1: length below 19 → 1/2 with the length', MessageType.Update, 18, [1, 2, 0, 18]],
  ['RFC 4271 §6.1: length above 4096 → 1/2', MessageType.Update, 4097, [1, 2, 16, 1]],
  ['RFC 4271 §6.1: KEEPALIVE of 20 bytes → 1/2', MessageType.Keepalive, 20, [1, 2, 0, 20]],
  ['RFC 4271 §6.1: OPEN of 28 bytes → 1/2', MessageType.Open, 28, [1, 2, 0, 28]],
  ['RFC 4271 §6.1: type 0 → 1/3 with the type', 0, 19, [1, 3, 0]],
  ['RFC 4271 §6.1: type 6 → 1/3 with the type', 6, 19, [1, 3, 6]],
] as const) {
  test(claim, (t) => {
    const framing = frame(header(type, length), 0, HEADER_LEN, MESSAGE_BYTES_MAX);
    if (framing.kind !== 'malformed') return t.fail();
    t.deepEqual([framing.fault.code, framing.fault.subcode, ...framing.fault.data], [...fault]);
  });
}

test('RFC 4271 §6.1: a marker that is not all ones → 1/1, as soon as its byte is there', (t) => {
  for (let index = 0; index < 16; index++) {
    const view = header(MessageType.Keepalive, 19);
    view.setUint8(index, 0xfe);
    t.is(frame(view, 0, index, MESSAGE_BYTES_MAX).kind, 'incomplete');
    t.is(frame(view, 0, index + 1, MESSAGE_BYTES_MAX).kind, 'malformed');
  }
});

test('any bytes have one of the three outcomes', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const framing = frame(
        new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
        0,
        bytes.length,
        65_535,
      );
      return framing.kind !== 'message' || framing.end <= bytes.length;
    }),
    { numRuns: 2000 },
  );
  t.pass();
});
