/** Flow verify: which rule of which list decides about a new flow; what it says is what a packet meets. */
import test from 'ava';
import { aclResource, type RuleWords, withList } from '../switch/policies.ts';
import {
  BLUE,
  between,
  macOf,
  portId,
  portResource,
  subnetResource,
  type TenantRig,
  tcpFrame,
  tenantRig,
  udpFrame,
} from '../switch/tenants.ts';

const VM = '10.0.0.4';
const OTHER = '10.0.0.5';
const FLOW = { portId: portId(BLUE, VM), direction: 'inbound' as const, protocol: 17 };

function ruled(
  ofInterface: Readonly<Record<string, RuleWords>>,
  ofSubnet: Readonly<Record<string, RuleWords>>,
): TenantRig {
  const net = tenantRig();
  const upserts = [
    aclResource('nic', ofInterface),
    aclResource('web', ofSubnet),
    withList(portResource(BLUE, VM), 'nic'),
    withList(subnetResource(BLUE, 'web'), 'web'),
  ];
  net.core.applyGoal({ upserts, removes: [] });
  return net;
}

test('both lists are told, also where the first one denies', (t) => {
  const udp = { protocol: 17, ports: [[53, 53]] as const };
  const net = ruled({ dns: { ...udp } }, { closed: { ...udp, deny: true } });
  const question = { ...FLOW, remote: OTHER, localPort: 53, remotePort: 5000 };
  const told = net.core.answer('flowVerify', question);
  t.like(told, { access: 'Deny', protocol: 'udp', local: { address: VM, port: 53 } });
  t.deepEqual(
    told.lists.map(({ level, resourceRef, rule, action }) => [
      level,
      resourceRef,
      rule.resourceRef,
      action,
    ]),
    [
      ['subnet', '/accessControlLists/web', '/accessControlLists/web/aclRules/closed', 'Deny'],
      [
        'network interface',
        '/accessControlLists/nic',
        '/accessControlLists/nic/aclRules/dns',
        'Allow',
      ],
    ],
  );
  const other = net.core.answer('flowVerify', { ...question, localPort: 54 });
  t.is(other.access, 'Allow');
  t.deepEqual(
    other.lists.map(({ rule }) => [rule.id, rule.resourceRef]),
    [
      ['default permit', '/accessControlLists/web'],
      ['default permit', '/accessControlLists/nic'],
    ],
  );
});

test('a flow that is open changes nothing, and asking changes nothing', (t) => {
  const net = ruled({ in: { deny: true, protocol: 17 } }, {});
  const out = between(BLUE, VM, OTHER);
  net.pass(net.device(BLUE, VM), [udpFrame(out, { src: 53, dst: 5000 })]);
  const back = between(BLUE, OTHER, VM);
  const answer = udpFrame(back, { src: 5000, dst: 53 });
  t.is(net.pass(net.device(BLUE, OTHER), [answer]).length, 1, 'the answer passes');
  const before = JSON.stringify([...net.core.flowTable.views()]);
  const question = { ...FLOW, remote: OTHER, localPort: 53, remotePort: 5000 };
  t.is(net.core.answer('flowVerify', question).access, 'Deny', 'a request would not');
  t.is(JSON.stringify([...net.core.flowTable.views()]), before);
  const rules = net.core.answer('effectiveRules', { portId: FLOW.portId, limit: 9 });
  const { decisions } = rules.addresses[0]?.lists[1]?.rules[0] ?? {};
  t.is(decisions, 0, 'nothing is counted');
});

test('what the switch answers itself, or the interface may not send, meets no list', (t) => {
  const net = ruled({}, { all: { deny: true, outbound: true } });
  const outbound = { ...FLOW, direction: 'outbound' as const };
  const dns = { ...outbound, remote: '168.63.129.16', localPort: 5000, remotePort: 53 };
  t.like(net.core.answer('flowVerify', dns), {
    ...{ access: 'Allow', lists: [], before: { layer: 'services' } },
  });
  const dhcp = { ...outbound, remote: OTHER, localPort: 67, remotePort: 68 };
  t.like(net.core.answer('flowVerify', dhcp), {
    access: 'Deny',
    before: { layer: 'anti-spoof', drop: { reason: 'DhcpGuarded' } },
  });
  const frame = udpFrame(between(BLUE, VM, OTHER), { src: 67, dst: 68 });
  net.pass(net.device(BLUE, VM), [frame]);
  t.is(net.counters(FLOW.portId).drops['DhcpGuarded'], 1);
});

test('a list that has not arrived denies and says so', (t) => {
  const net = tenantRig();
  net.core.applyGoal({ upserts: [withList(portResource(BLUE, VM), 'late')], removes: [] });
  const told = net.core.answer('flowVerify', { ...FLOW, protocol: 1, remote: OTHER });
  t.is(told.access, 'Deny');
  t.regex(told.lists[1]?.pending ?? '', /late has not arrived/);
  t.is(told.lists[1]?.resourceRef, undefined);
});

test('an appliance is judged by its primary configuration for what is not its own', (t) => {
  const net = ruled({ closed: { deny: true, protocol: 6, ports: [[80, 80]] } }, {});
  const { port, ...rest } = withList(portResource(BLUE, VM), 'nic');
  if (port === undefined) throw new TypeError('no port');
  net.core.applyGoal({
    upserts: [{ ...rest, port: { ...port, ipForwarding: true } }],
    removes: [],
  });
  const foreign = { local: '203.0.113.9', remote: OTHER, localPort: 80, remotePort: 5000 };
  const told = net.core.answer('flowVerify', { ...FLOW, protocol: 6, ...foreign });
  t.is(told.access, 'Deny');
  t.is(told.lists[1]?.rule.id, 'closed');
  const sent = net.pass(net.device(BLUE, OTHER), [
    tcpFrame(
      { ...between(BLUE, OTHER, VM), dst: '203.0.113.9', dstMac: macOf(BLUE, VM) },
      { srcPort: 5000, dstPort: 80 },
    ),
  ]);
  t.deepEqual(sent, []);
});

test('questions that make no sense are refused', (t) => {
  const net = tenantRig();
  const ports = { localPort: 1, remotePort: 2 };
  const questions = [
    { remote: OTHER },
    { remote: OTHER, localPort: 1 },
    { remote: 'x', ...ports },
    { remote: 'fd00::5', ...ports },
    { remote: 'fd00::5', local: VM, ...ports },
    { remote: OTHER, local: 'x', ...ports },
    { remote: OTHER, local: '10.0.0.99', ...ports },
  ];
  for (const question of questions) {
    const ask = () => net.core.answer('flowVerify', { ...FLOW, ...question });
    t.throws(ask, { code: 'SDN_QUESTION_INVALID' }, JSON.stringify(question));
  }
});
