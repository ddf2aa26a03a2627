/** `weft verify` against a scripted controller: what is asked, what people see, and the exit code. */
import test from 'ava';
import { scriptedController } from './scripted-controller.ts';

const NIC = 'GET /networking/weft/v1/networkInterfaces/web1/flowVerify';
const FLOW = {
  ...{ host: 'host1', direction: 'inbound', protocol: 'tcp' },
  local: { address: '10.0.0.4', port: 443 },
  remote: { address: 'fd00::5', port: 5000 },
};
const SUBNET = {
  ...{ level: 'subnet', appliesTo: '/virtualNetworks/blue/subnets/web', resourceRef: '' },
  ...{ rule: { id: 'no list', resourceRef: '', priority: 65_000 }, action: 'Allow' },
};
const INTERFACE = {
  ...{ level: 'network interface', appliesTo: '/networkInterfaces/web1/ipConfigurations/one' },
  resourceRef: '/accessControlLists/web',
  rule: { id: 'closed', resourceRef: '/accessControlLists/web/aclRules/closed', priority: 100 },
  action: 'Deny',
};

test('verify names the rule that denies, and what both lists say; exit code 3', async (t) => {
  const query = 'direction=inbound&protocol=tcp&local=%3A443&remote=%5Bfd00%3A%3A5%5D%3A5000';
  const body = { ...FLOW, access: 'Deny', lists: [SUBNET, INTERFACE] };
  const controller = await scriptedController({ [`${NIC}?${query}`]: { body } });
  t.teardown(() => controller.close());
  const args = ['verify', 'web1', 'inbound', 'tcp', ':443', '[fd00::5]:5000'];
  const { code, out } = await controller.weft(...args);
  t.is(code, 3);
  const flow = 'tcp 10.0.0.4:443 ← [fd00::5]:5000';
  const by = "denied by rule 'closed' of /accessControlLists/web/aclRules/closed";
  t.true(out.startsWith(`${flow}: ${by}\n`), out);
  t.regex(out, /✓ +\/virtualNetworks\/blue\/subnets\/web +- +no list +Allow/);
  t.regex(out, /✗ +\S+one +\/accessControlLists\/web +closed +Deny/);
  const json = await controller.weft('--json', ...args);
  t.deepEqual(JSON.parse(json.out), body);
});

test('verify exits 0 where the flow may pass, also where the switch answers by itself', async (t) => {
  const query = 'direction=outbound&protocol=icmp&local=10.0.0.4&remote=10.0.0.1';
  const before = {
    ...{ layer: 'services', rule: 'gateway echo', outcome: 'answered by the switch' },
  };
  const body = { ...FLOW, direction: 'outbound', access: 'Allow', lists: [], before };
  const controller = await scriptedController({ [`${NIC}?${query}`]: { body } });
  t.teardown(() => controller.close());
  const { code, out } = await controller.weft(
    ...['verify', 'web1', 'outbound', 'icmp', '10.0.0.4', '10.0.0.1'],
  );
  t.is(code, 0);
  t.regex(out, /: allowed\n/);
  t.regex(out, /decided before the lists +services\n.*answered by the switch/s);
});
