/** Ends of flows as people write them. */
import test from 'ava';
import { parseFlowEnd } from '../../../../controller/diagnostics/flow-end.ts';

test('an end is an address, a port, or both; brackets stand round what has colons', (t) => {
  const ends = {
    '10.0.0.4': ['10.0.0.4', undefined],
    'fd00::4': ['fd00::4', undefined],
    '10.0.0.4:443': ['10.0.0.4', 443],
    '[fd00::4]:443': ['fd00::4', 443],
    ':443': [undefined, 443],
    '::1': ['::1', undefined],
    '10.0.0.4:0': ['10.0.0.4', 0],
  } as const;
  for (const [text, [address, port]] of Object.entries(ends)) {
    t.deepEqual(parseFlowEnd(text), { address, port }, text);
  }
});

test('what is no end is refused', (t) => {
  const texts = ['', ':', 'x', '443', '10.0.0.4:', '10.0.0:80', '10.0.0.4:65536', '10.0.0.4:-1'];
  const bracketed = ['[]:80', '[10.0.0.4]:80', '[fd00::4]', '[fd00::4]80', 'fd00::g', '[x:y]:80'];
  for (const text of [...texts, ...bracketed, '10.0.0.4:80:80', '10.0.0.4 :80']) {
    t.is(parseFlowEnd(text), undefined, text);
  }
});
