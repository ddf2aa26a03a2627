/** Ask mark: written in the place of the source address, read back, and found in nothing else. */
import test from 'ava';
import fc from 'fast-check';
import { VIRTUAL_ROUTER_MAC } from '../../../base/mac.ts';
import * as askMark from '../../../packet/ask-mark.ts';
import * as ethernet from '../../../packet/ethernet.ts';

function frame(): DataView {
  const view = new DataView(new Uint8Array(20).fill(0xa5).buffer);
  ethernet.setSrc(view, 4, VIRTUAL_ROUTER_MAC);
  return view;
}

test('what is written is read back, and nothing beside it is touched', (t) => {
  fc.assert(
    fc.property(fc.nat(askMark.STEP_MAX), (step) => {
      const view = frame();
      askMark.write(view, 4, step);
      t.true(askMark.isMarked(view, 4, 20));
      t.is(askMark.step(view, 4), step);
      const others = [...new Uint8Array(view.buffer)].filter((_, at) => at < 10 || at >= 16);
      t.true(others.every((byte) => byte === 0xa5));
    }),
  );
});

test('the mark is a locally administered address of one station', (t) => {
  const view = frame();
  askMark.write(view, 4, 0);
  t.is(view.getUint8(10) & 0b11, 0b10);
});

test('a frame that is cut off has none, nor has the virtual router’s', (t) => {
  const view = frame();
  t.false(askMark.isMarked(view, 4, 20));
  askMark.write(view, 4, 1);
  for (let end = 4; end < 18; end += 1) t.false(askMark.isMarked(view, 4, end));
});
