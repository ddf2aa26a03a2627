/** Messages between the edge's agent and its router process: what is sent arrives, however the stream is cut, and nothing else does. */
import test from 'ava';
import fc from 'fast-check';
import { FrameReader, frameOf } from '../../../../../bgp/edge/router/router-wire.ts';

const message = fc.record({
  number: fc.nat(),
  value: fc.oneof(fc.string(), fc.uint8Array(), fc.array(fc.nat()), fc.constant(undefined)),
});

test('messages arrive whole and in order, wherever the stream is cut', (t) => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), fc.array(fc.nat(64)), (messages, cuts) => {
      const stream = Buffer.concat(messages.map(frameOf));
      const reader = new FrameReader();
      const received: unknown[] = [];
      let at = 0;
      for (const cut of [...cuts, stream.length]) {
        received.push(...reader.push(stream.subarray(at, at + cut)));
        at = Math.min(stream.length, at + cut);
      }
      t.deepEqual(received.map(bare), messages.map(bare));
    }),
  );
});

/** Bytes as numbers: what arrives is a view of something larger. */
function bare(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, part: unknown) => (part instanceof Uint8Array ? [...part] : part)),
  );
}

test('a length that nothing has, and bytes that are no message, are refused', (t) => {
  t.throws(() => new FrameReader().push(Uint8Array.of(0xff, 0, 0, 0)), { code: 'SDN_EDGE_ROUTER' });
  t.throws(() => new FrameReader().push(Uint8Array.of(0, 0, 0, 0)), { code: 'SDN_EDGE_ROUTER' });
  t.throws(() => new FrameReader().push(Uint8Array.of(0, 0, 0, 2, 1, 2)), {
    code: 'SDN_EDGE_ROUTER',
  });
});
