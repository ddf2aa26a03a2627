/** Which routes of a machine stand in the way of `up --expose`, and which settings do. */
import test from 'ava';
import { conflictingRoute } from '../../../fabric/expose.ts';
import { fabricSettings } from '../../../fabric/settings.ts';

const WANTED = ['203.0.113.0/24', '100.64.255.252/30'];

function found(...destinations: readonly string[]): string | undefined {
  const routes = destinations.map((dst) => ({ dst, dev: 'eth7', flags: [] }));
  return conflictingRoute(JSON.stringify(routes), WANTED)?.route;
}

test('a route that equals, covers or is a part of what is needed is a conflict', (t) => {
  for (const dst of [
    '203.0.113.0/24',
    '203.0.112.0/20',
    '203.0.113.9',
    '100.64.0.0/10',
    '64.0.0.0/2',
  ])
    t.is(found('default', '10.0.0.0/8', dst), `${dst} by eth7`, dst);
});

test('default routes, also as two halves, and strangers are none', (t) => {
  t.is(found('default', '0.0.0.0/0', '0.0.0.0/1', '128.0.0.0/1'), undefined);
  t.is(found('203.0.112.0/24', '127.0.0.0/8', '100.64.255.248/30', '10.0.0.1'), undefined);
  t.is(found(), undefined);
  t.is(conflictingRoute('', WANTED), undefined, 'ip prints nothing where there is none');
});

test('IPv6: what overlaps is a conflict, everything and all that is public is none', (t) => {
  const wanted = ['2001:db8:203::/64', 'fd57:4546:5401::/126'];
  const foundIn = (...destinations: readonly string[]) =>
    conflictingRoute(JSON.stringify(destinations.map((dst) => ({ dst }))), wanted)?.route;
  for (const dst of ['2001:db8:203::9', '2001:db8::/32', 'fd57::/16', '2001:db8:203::/64']) {
    t.is(foundIn('default', 'fe80::/64', 'ff00::/8', dst), dst);
  }
  t.is(foundIn('default', '::/0', '2000::/3', '::/1', 'fe80::/64', '2001:db8:204::1'), undefined);
});

test('a route without a device is named by its destination', (t) => {
  const routes = JSON.stringify([{ type: 'blackhole', dst: '203.0.113.0/24' }]);
  t.deepEqual(conflictingRoute(routes, WANTED), {
    route: '203.0.113.0/24',
    wanted: '203.0.113.0/24',
  });
});

test('only a fabric with an edge can be exposed, and only beside its provider network', (t) => {
  t.is(fabricSettings({ edge: true }).exposure, undefined);
  t.is(fabricSettings({ edge: true, expose: true }).exposure?.[0]?.publicPrefix, '203.0.113.0/24');
  const refused = { code: 'SDN_SETTING_INVALID' };
  t.throws(() => fabricSettings({ expose: true }), refused);
  const overlapping = { edge: true, expose: true, providerPrefix: '100.64.255.0/24' };
  t.throws(() => fabricSettings(overlapping), { ...refused, message: /100\.64\.255\.252\/30/ });
  t.notThrows(() => fabricSettings({ ...overlapping, expose: false }));
});
