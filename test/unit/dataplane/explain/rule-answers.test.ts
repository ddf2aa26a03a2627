/** Effective rules: the lists that judge a port's packets, in the order in which they are asked, and what each rule has decided. */
import test from 'ava';
import { AclAction } from '../../../../schema/southbound/messages.ts';
import {
  aclResource,
  peeredWith,
  type RuleWords,
  tagResource,
  withList,
} from '../switch/policies.ts';
import {
  BLUE,
  between,
  networkResource,
  portId,
  portResource,
  RED,
  subnetResource,
  type TenantRig,
  tenantRig,
  udpFrame,
} from '../switch/tenants.ts';

const VM = '10.0.0.4';
const PORT = portId(BLUE, VM);
const ALL = { portId: PORT, limit: 100 };

/** The VM's interface and its subnet, each with a list. */
function ruled(
  ofInterface: Readonly<Record<string, RuleWords>>,
  ofSubnet: Readonly<Record<string, RuleWords>>,
): TenantRig {
  const net = tenantRig();
  const errors = net.core.applyGoal({
    upserts: [
      tagResource('blue', 'green', ['10.0.0.5', '10.0.1.4']),
      aclResource('nic', ofInterface, { inboundDefault: AclAction.ACL_DENY }),
      aclResource('web', ofSubnet),
      withList(portResource(BLUE, VM), 'nic'),
      withList(subnetResource(BLUE, 'web'), 'web'),
    ],
    removes: [],
  });
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  return net;
}

function listsOf(net: TenantRig, question: { direction?: 'inbound' | 'outbound' } = {}) {
  const { addresses } = net.core.answer('effectiveRules', { ...ALL, ...question });
  return addresses.flatMap(({ lists }) => lists);
}

test('inbound the subnet’s list is asked first, outbound the interface’s; the default comes last', (t) => {
  const net = ruled({ http: { protocol: 6, ports: [[80, 80]] } }, { out: { outbound: true } });
  const order = listsOf(net).map(({ direction, level, resourceRef, appliesTo, rules }) => [
    direction,
    level,
    resourceRef,
    appliesTo,
    rules.map(({ rule }) => rule).join(),
  ]);
  const configuration = `/networkInterfaces/${PORT}/ipConfigurations/${VM}`;
  const subnet = '/virtualNetworks/blue/subnets/web';
  const [nic, web] = ['/accessControlLists/nic', '/accessControlLists/web'];
  t.deepEqual(order, [
    ['inbound', 'subnet', web, subnet, 'default permit'],
    ['inbound', 'network interface', nic, configuration, 'http,default deny'],
    ['outbound', 'network interface', nic, configuration, 'default permit'],
    ['outbound', 'subnet', web, subnet, 'out,default permit'],
  ]);
  const inbound = listsOf(net, { direction: 'inbound' });
  t.deepEqual(inbound, listsOf(net).slice(0, 2), 'one direction');
});

test('a rule is shown as it is in force: tags as the addresses they stand for here', (t) => {
  const net = ruled(
    {
      one: {
        deny: true,
        protocol: 17,
        from: ['VIRTUALNETWORK'],
        to: ['10.0.0.4/32'],
        ports: [
          [53, 53],
          [8000, 8080],
        ],
        logging: true,
      },
      two: { from: ['tag:green'], sourcePorts: [[1, 1]] },
      three: { from: ['INTERNET'] },
      four: { from: ['tag:nobody'] },
    },
    {},
  );
  const rules = listsOf(net, { direction: 'inbound' })[1]?.rules ?? [];
  const [one, two, three, four, last] = rules;
  t.like(one, {
    ...{ resourceRef: '/accessControlLists/nic/aclRules/one', priority: 101, isDefault: false },
    ...{ action: 'Deny', protocols: ['UDP'], isLogged: true, decisions: 0 },
    source: { name: 'VIRTUALNETWORK', prefixes: ['10.0.0.0/16'], total: 1 },
    destination: { name: '10.0.0.4/32', prefixes: ['10.0.0.4/32'], total: 1 },
    sourcePorts: [],
    destinationPorts: ['53', '8000-8080'],
  });
  t.deepEqual(two?.protocols, ['TCP', 'UDP'], 'ports belong to these');
  t.deepEqual(two?.source.prefixes, ['10.0.0.5/32', '10.0.1.4/32']);
  t.deepEqual(three?.source.prefixes.slice(0, 3), ['0.0.0.0/5', '8.0.0.0/7', '10.1.0.0/16']);
  t.is(three?.source.prefixes.length, 16, 'some of them');
  t.true((three?.source.total ?? 0) > 100, 'of many, most of them IPv6');
  t.like(four?.source, { prefixes: [], total: 0 });
  t.like(last, { isDefault: true, action: 'Deny', source: { name: '*' }, protocols: [] });
});

test('a peering that allows access is part of VIRTUALNETWORK', (t) => {
  const net = ruled({ all: { from: ['VIRTUALNETWORK'] } }, {});
  const peered = peeredWith(networkResource(BLUE), 'hub', ['10.9.0.0/16']);
  net.core.applyGoal({ upserts: [peered], removes: [] });
  const [, list] = listsOf(net, { direction: 'inbound' });
  t.deepEqual(list?.rules[0]?.source.prefixes, ['10.0.0.0/16', '10.9.0.0/16']);
});

test('a rule counts the flows it lets in and each packet it refuses', (t) => {
  const net = ruled(
    {
      no: { deny: true, protocol: 17, ports: [[7, 7]] },
      yes: { protocol: 17, ports: [[9, 9]] },
    },
    {},
  );
  const sender = net.device(BLUE, '10.0.0.5');
  const to = between(BLUE, '10.0.0.5', VM);
  for (const dst of [7, 7, 7, 9, 9, 9]) net.pass(sender, [udpFrame(to, { src: 1000, dst })]);
  const [subnet, nic] = listsOf(net, { direction: 'inbound' });
  const counts = (list: typeof nic) => list?.rules.map(({ rule, decisions }) => [rule, decisions]);
  t.deepEqual(counts(nic), [
    ['no', 3],
    ['yes', 1],
    ['default deny', 0],
  ]);
  t.deepEqual(counts(subnet), [['default permit', 4]]);
});

test('counters of rules: the busiest first, of one list or of all, over all its interfaces', (t) => {
  const net = ruled({ no: { deny: true, protocol: 17, ports: [[7, 7]] } }, {});
  net.core.applyGoal({ upserts: [withList(portResource(RED, VM), 'nic')], removes: [] });
  for (const [tenant, count] of [
    [BLUE, 3],
    [RED, 2],
  ] as const) {
    const frame = udpFrame(between(tenant, '10.0.0.5', VM), { src: 1000, dst: 7 });
    for (let n = 0; n < count; n += 1) net.pass(net.device(tenant, '10.0.0.5'), [frame]);
  }
  const no = {
    ...{ resourceRef: '/accessControlLists/nic/aclRules/no', direction: 'inbound' as const },
    ...{ isDefault: false, action: 'Deny' as const, decisions: 5 },
  };
  const web = { resourceRef: '/accessControlLists/web', isDefault: true, action: 'Allow' as const };
  const all = net.core.answer('ruleCounters', { limit: 10 });
  t.deepEqual(all, {
    rules: [
      no,
      { ...web, direction: 'inbound', decisions: 3 },
      { ...web, direction: 'outbound', decisions: 3 },
    ],
    total: 3,
  });
  t.deepEqual(net.core.answer('ruleCounters', { limit: 1 }), { rules: [no], total: 3 });
  t.deepEqual(net.core.answer('ruleCounters', { listId: 'nic', limit: 9 }), {
    rules: [no],
    total: 1,
  });
  t.deepEqual(net.core.answer('ruleCounters', { listId: 'x', limit: 9 }), { rules: [], total: 0 });
});

test('without a list everything passes; a list that has not arrived lets nothing pass and says so', (t) => {
  const none = tenantRig();
  t.deepEqual(
    listsOf(none).map(({ resourceRef, total }) => [resourceRef, total]),
    [0, 1, 2, 3].map(() => ['', 0]),
  );
  none.core.applyGoal({ upserts: [withList(portResource(BLUE, VM), 'late')], removes: [] });
  const [, late] = listsOf(none, { direction: 'inbound' });
  t.regex(late?.pending ?? '', /late has not arrived/);
  t.is(late?.resourceRef, undefined);
});

test('addresses with lists of their own are told apart', (t) => {
  const net = tenantRig();
  const { port, ...rest } = portResource(BLUE, VM, { more: ['10.0.0.9', '10.0.0.10'] });
  if (port === undefined) throw new TypeError('no port');
  const [first, ...others] = port.ipConfigurations;
  if (first === undefined) throw new TypeError('no configuration');
  const ipConfigurations = [{ ...first, accessControlListId: 'nic' }, ...others];
  const changed = { ...rest, port: { ...port, ipConfigurations } };
  net.core.applyGoal({ upserts: [aclResource('nic', {}), changed], removes: [] });
  const { addresses } = net.core.answer('effectiveRules', ALL);
  t.deepEqual(
    addresses.map(({ ipConfigurations: own }) => own.map(({ address }) => address)),
    [[VM], ['10.0.0.9', '10.0.0.10']],
  );
});

test('an answer is as long as was asked for, and says how much there is', (t) => {
  const net = ruled({ a: {}, b: {}, c: {} }, { d: {} });
  const { addresses } = net.core.answer('effectiveRules', { portId: PORT, limit: 3 });
  const lists = addresses.flatMap((each) => each.lists);
  t.deepEqual(
    lists.map(({ rules, total }) => [rules.length, total]),
    [
      [2, 2],
      [1, 4],
      [0, 1],
      [0, 1],
    ],
  );
});
