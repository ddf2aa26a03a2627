/** What the edge router tells about its routes. */
import test from 'ava';
import { answerAbout } from '../../../../../bgp/edge/router/answers.ts';
import type { EdgeRoute } from '../../../../../schema/southbound/diagnostics/edge.ts';
import { EdgeWorld } from './edge-world.ts';

function routes(destination?: string, limit = 100): string[] {
  const answer = answerAbout(new EdgeWorld().core, { kind: 'routes', destination, limit });
  return (answer as { readonly routes: readonly EdgeRoute[] }).routes.map(({ prefix }) => prefix);
}

test('of a destination, the one route that a packet to it takes', (t) => {
  // Both prefixes of outside0 have the same next hop: what only shares that is another route.
  t.deepEqual(routes('192.0.2.77'), ['192.0.2.0/24']);
  t.deepEqual(routes('2001:db8:ffff::77'), ['2001:db8:ffff::/64']);
  t.deepEqual(routes('198.18.0.9'), ['0.0.0.0/0']);
  t.deepEqual(routes('2001:db8::1'), ['::/0']);
});

test('without one, every route up to the limit', (t) => {
  t.deepEqual(routes().toSorted(), [
    '0.0.0.0/0',
    '192.0.2.0/24',
    '192.0.3.0/24',
    '198.51.100.0/24',
    '2001:db8:ffff::/64',
    '::/0',
  ]);
  t.is(routes(undefined, 2).length, 2);
});
