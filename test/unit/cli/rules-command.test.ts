/** `weft rules` against a scripted controller: what is asked and what people see. */
import test from 'ava';
import { scriptedController } from './scripted-controller.ts';

const NIC = 'GET /networking/weft/v1/networkInterfaces/web1';
const EVERYBODY = { name: '*', prefixes: [], total: 0 };
const RULE = {
  ...{ rule: 'http', resourceRef: '/accessControlLists/web/aclRules/http', priority: 100 },
  ...{ isDefault: false, action: 'Allow', protocols: ['TCP'], isLogged: true, decisions: 12 },
  source: { name: 'VIRTUALNETWORK', prefixes: ['10.0.0.0/16', '10.9.0.0/16'], total: 2 },
  destination: { name: '10.0.0.4/32', prefixes: ['10.0.0.4/32'], total: 1 },
  sourcePorts: [],
  destinationPorts: ['80', '8000-8080'],
};
const DEFAULT = {
  ...{ ...RULE, rule: 'default deny', priority: 65_536, isDefault: true, action: 'Deny' },
  ...{ protocols: [], source: EVERYBODY, destination: EVERYBODY, destinationPorts: [] },
  ...{ isLogged: false, decisions: 3 },
};

test('rules: list by list in the order in which they are asked', async (t) => {
  const list = { direction: 'inbound', level: 'subnet', appliesTo: '/subnets/front' };
  const lists = [
    { ...list, resourceRef: '/accessControlLists/web', rules: [RULE, DEFAULT], total: 7 },
    { ...list, level: 'network interface', resourceRef: '', rules: [], total: 0 },
    { ...list, pending: 'access control list x has not arrived', rules: [], total: 0 },
  ];
  const body = { host: 'host1', value: [{ ipConfigurations: [], lists }] };
  const query = 'direction=inbound&limit=2';
  const controller = await scriptedController({ [`${NIC}/effectiveRules?${query}`]: { body } });
  t.teardown(() => controller.close());
  const args = ['rules', 'web1', '--direction', 'inbound', '--limit', '2'];
  const { code, out } = await controller.weft(...args);
  t.is(code, 0);
  t.regex(out, /inbound, subnet \/subnets\/front: \/accessControlLists\/web\n/);
  const row =
    /http +100 +Allow +TCP +VIRTUALNETWORK \(10\.0\.0\.0\/16, 10\.9\.0\.0\/16\) +\* +10\.0\.0\.4\/32 +80, 8000-8080 +yes +12\n/;
  t.regex(out, row);
  t.regex(out, /default deny +- +Deny +\* +\* +\* +\* +\* +- +3\n/);
  t.regex(out, /and 5 more/);
  t.regex(out, /no list, everything passes/);
  t.regex(out, /nothing passes: access control list x has not arrived/);
  const json = await controller.weft('--json', ...args);
  t.deepEqual(JSON.parse(json.out), body);
});
