/** The forwarding table through a restart of the speaker that fills it (RFC 4724 §4.1). */
import test from 'ava';
import { defined } from '../../../../../base/assert.ts';
import { parseIpPrefixWords, parseIpWords } from '../../../../../base/ip-words.ts';
import { Fib, RouteSource } from '../../../../../bgp/edge/router/fib.ts';
import { Epochs } from '../../../../../dataplane/engine/epochs.ts';

const prefix = (text: string) => defined(parseIpPrefixWords(text), text);
const address = (text: string) => defined(parseIpWords(text), text);
const hop = (gateway: string) => ({ link: 1, gateway: address(gateway) });

function nextHop(fib: Fib, destination: string): string | undefined {
  return fib.lookup(...address(destination))?.group.hops[0]?.gateway?.join();
}

test('routes of before a restart are used until they are forgotten; those that are told again stay', (t) => {
  const fib = new Fib(new Epochs());
  for (let index = 0; index < 100; index += 1) {
    fib.set(RouteSource.LEARNED, prefix(`198.18.${index}.0/24`), [hop('192.0.2.1')]);
  }
  fib.set(RouteSource.CONNECTED, prefix('198.18.7.0/24'), [{ link: 2, gateway: undefined }]);
  fib.set(RouteSource.STATIC, prefix('0.0.0.0/0'), [hop('192.0.2.9')]);
  fib.relearn();
  t.is(nextHop(fib, '198.18.3.1'), address('192.0.2.1').join());
  for (const again of ['198.18.1.0/24', '198.18.2.0/24']) {
    fib.set(RouteSource.LEARNED, prefix(again), [hop('192.0.2.1')]);
  }
  t.is(fib.forget(), 98);
  t.is(nextHop(fib, '198.18.1.1'), address('192.0.2.1').join());
  t.is(nextHop(fib, '198.18.3.1'), address('192.0.2.9').join(), 'the default route');
  t.is(fib.lookup(...address('198.18.7.1'))?.source, RouteSource.CONNECTED);
  t.is(fib.size, 4);
});

test('a speaker that restarts twice before it has decided loses nothing', (t) => {
  const fib = new Fib(new Epochs());
  fib.set(RouteSource.LEARNED, prefix('198.18.1.0/24'), [hop('192.0.2.1')]);
  fib.set(RouteSource.LEARNED, prefix('198.18.2.0/24'), [hop('192.0.2.1')]);
  fib.relearn();
  fib.set(RouteSource.LEARNED, prefix('198.18.1.0/24'), [hop('192.0.2.1')]);
  fib.relearn();
  t.not(nextHop(fib, '198.18.2.1'), undefined);
  fib.set(RouteSource.LEARNED, prefix('198.18.2.0/24'), [hop('192.0.2.1')]);
  t.is(fib.forget(), 1);
  t.is(nextHop(fib, '198.18.1.1'), undefined);
  t.is(fib.forget(), 0);
});
