/** MS-NCNBI §3.1.5.1: access control lists of interface and subnet judge every flow, and those that are already open. */
import test from 'ava';
import { TAG_LISTS_PER_PORT_MAX } from '../../../../dataplane/limits.ts';
import { DROP_NAMES, Drop } from '../../../../packet/drop.ts';
import * as icmp from '../../../../packet/icmp.ts';
import { IpProtocol } from '../../../../packet/ip-protocol.ts';
import { Flag } from '../../../../packet/tcp.ts';
import { AclAction, type Resource } from '../../../../schema/southbound/messages.ts';
import { aclResource, type RuleWords, tagResource, withList } from './policies.ts';
import {
  BLUE,
  between,
  echoFrame,
  portId,
  portResource,
  RED,
  subnetResource,
  type TenantRig,
  tcpFrame,
  tenantRig,
  udpFrame,
} from './tenants.ts';

const VM = '10.0.0.4';
const OTHER = '10.0.0.5';
const DB = '10.0.1.4';
const PORTS = { src: 4000, dst: 5000 };

function apply(net: TenantRig, ...upserts: Resource[]) {
  return net.core.applyGoal({ upserts, removes: [] });
}

/** The OTHER interface, or its subnet, has a list of these rules. */
function guarded(rules: Readonly<Record<string, RuleWords>>, defaults = {}): TenantRig {
  const net = tenantRig();
  apply(net, aclResource('guard', rules, defaults), withList(portResource(BLUE, OTHER), 'guard'));
  return net;
}

function sends(net: TenantRig, src: string, dst: string, frame: Uint8Array): boolean {
  const sent = net.pass(net.device(BLUE, src), [frame]);
  return sent.some(({ port }) => port === net.device(BLUE, dst));
}

function udpReaches(net: TenantRig, src: string, dst: string, ports = PORTS): boolean {
  return sends(net, src, dst, udpFrame(between(BLUE, src, dst), ports));
}

test('a rule denies what it matches, and the drop names it', (t) => {
  const net = guarded({
    'deny-ssh': { deny: true, protocol: IpProtocol.TCP, ports: [[22, 22]], logging: true },
  });
  const to = between(BLUE, VM, OTHER);
  t.false(sends(net, VM, OTHER, tcpFrame(to, { srcPort: 9, dstPort: 22, flags: Flag.SYN })));
  const decision = net.core.explain().at(-1);
  t.like(decision, {
    direction: 'inbound',
    layer: 'acl',
    group: 'network interface',
    rule: 'deny-ssh',
    resourceRef: '/accessControlLists/guard/aclRules/deny-ssh',
    outcome: `drop ${DROP_NAMES[Drop.AclDenied]}`,
  });
  t.is(decision?.condition, 'protocol 6, dstPort 22');
  t.true(sends(net, VM, OTHER, tcpFrame(to, { srcPort: 9, dstPort: 23, flags: Flag.SYN })));
  t.true(udpReaches(net, VM, OTHER, { src: 9, dst: 22 }), 'another protocol');
  t.deepEqual(net.counters(portId(BLUE, OTHER)).drops, { AclDenied: 1 }, 'at who refuses it');
  t.deepEqual(net.counters(portId(BLUE, OTHER)).txDrops, { AclDenied: 1 }, 'on its way there');
  const back = tcpFrame(between(BLUE, OTHER, '10.0.0.77'), {
    srcPort: 9,
    dstPort: 1,
    flags: Flag.SYN,
  });
  t.false(sends(net, OTHER, VM, back));
  t.deepEqual(net.counters(portId(BLUE, OTHER)).drops, { AclDenied: 1, NoMapping: 1 });
  t.deepEqual(net.counters(portId(BLUE, OTHER)).txDrops, { AclDenied: 1 }, 'what it sends is not');
  t.deepEqual(net.counters(portId(BLUE, VM)).drops, {});
});

test('the first rule by priority counts, then the default action of the direction', (t) => {
  const net = guarded(
    {
      'allow-app': {
        ports: [
          [5000, 5001],
          [6000, 6000],
        ],
        from: ['10.0.0.0/24'],
      },
      'deny-more': { deny: true, ports: [[5000, 5999]] },
    },
    { inboundDefault: AclAction.ACL_DENY },
  );
  t.true(udpReaches(net, VM, OTHER, { src: 1, dst: 5001 }));
  t.true(udpReaches(net, VM, OTHER, { src: 1, dst: 6000 }));
  t.false(udpReaches(net, DB, OTHER, { src: 1, dst: 5001 }), 'not from the other subnet');
  t.false(udpReaches(net, VM, OTHER, { src: 1, dst: 80 }), 'default deny');
  t.is(net.core.explain().at(-1)?.rule, 'default deny');
  t.true(udpReaches(net, OTHER, VM, { src: 1, dst: 80 }), 'outbound default permit');
});

test('what the port may send is answered, whatever it may not be sent', (t) => {
  const net = guarded({}, { inboundDefault: AclAction.ACL_DENY });
  t.false(udpReaches(net, VM, OTHER));
  t.true(udpReaches(net, OTHER, VM, { src: 7, dst: 8 }));
  t.true(udpReaches(net, VM, OTHER, { src: 8, dst: 7 }), 'the reply');
  t.false(udpReaches(net, VM, OTHER, { src: 8, dst: 9 }), 'not a reply');
});

test('interface and subnet: both lists must let a packet pass, in either direction', (t) => {
  const net = guarded({
    'no-7': { deny: true, ports: [[7, 7]] },
    out: { deny: true, outbound: true, ports: [[7, 7]] },
  });
  const subnetRules: Readonly<Record<string, RuleWords>> = {
    'no-9': { deny: true, ports: [[9, 9]] },
    out: { deny: true, outbound: true, ports: [[9, 9]] },
  };
  t.deepEqual(
    apply(net, aclResource('subnet', subnetRules), withList(subnetResource(BLUE, 'web'), 'subnet')),
    [],
  );
  for (const [dst, reaches] of [
    [7, false],
    [8, true],
    [9, false],
  ] as const) {
    t.is(udpReaches(net, DB, OTHER, { src: 1, dst }), reaches, `in ${dst}`);
    t.is(udpReaches(net, OTHER, DB, { src: 1, dst }), reaches, `out ${dst}`);
  }
  udpReaches(net, DB, OTHER, { src: 1, dst: 8 });
  udpReaches(net, DB, OTHER, { src: 2, dst: 8 });
  const groups = net.core
    .explain()
    .filter(({ layer, port }) => layer === 'acl' && port !== net.core.portIndex(portId(BLUE, DB)));
  t.deepEqual(
    groups.map(({ group }) => group),
    ['subnet', 'network interface'],
  );
});

test('a change of rules decides flows that are open, in both directions, and back', (t) => {
  const net = guarded({});
  const isOpen = () => [
    udpReaches(net, VM, OTHER),
    udpReaches(net, OTHER, VM, { src: 5000, dst: 4000 }),
  ];
  t.deepEqual(isOpen(), [true, true]);
  const denies = aclResource('guard', { no: { deny: true, ports: [[5000, 5000]] } });
  t.deepEqual(apply(net, denies), []);
  t.deepEqual(isOpen(), [false, false]);
  t.deepEqual(apply(net, aclResource('guard', {})), []);
  t.deepEqual(isOpen(), [true, true]);
});

test('a list that has not arrived lets nothing pass, and the interface says why', (t) => {
  const net = tenantRig();
  const errors = apply(net, withList(portResource(BLUE, OTHER), 'late'));
  t.like(errors, [
    { key: `port/${portId(BLUE, OTHER)}`, message: 'access control list late has not arrived' },
  ]);
  t.false(udpReaches(net, VM, OTHER));
  t.false(udpReaches(net, OTHER, VM, { src: 3, dst: 3 }));
  t.deepEqual(net.counters(portId(BLUE, OTHER)).drops, { PolicyPending: 2 });
  t.deepEqual(apply(net, aclResource('late', {})), []);
  t.true(udpReaches(net, VM, OTHER));
  const [gone] = net.core.applyGoal({ upserts: [], removes: ['acl/late'] });
  t.is(gone?.message, 'access control list late has gone');
  t.false(udpReaches(net, VM, OTHER), 'and an open flow ends with its list');
});

test('a list that cannot be is refused by name; its last good form stays', (t) => {
  const net = guarded({ no: { deny: true, ports: [[7, 7]] } });
  const cases: [RuleWords, RegExp][] = [
    [{ protocol: IpProtocol.ICMP, ports: [[1, 2]] }, /protocol 1 has no ports/],
    [{ protocol: 47 }, /protocol 47 cannot be filtered by/],
    [{ ports: [[9, 8]] }, /9-8 is no range of ports/],
  ];
  for (const [words, reason] of cases) {
    const [error, ...more] = apply(net, aclResource('guard', { bad: words }));
    t.is(error?.key, 'acl/guard');
    t.regex(error?.message ?? '', reason);
    t.deepEqual(more, []);
    t.false(udpReaches(net, VM, OTHER, { src: 1, dst: 7 }));
    t.true(udpReaches(net, VM, OTHER, { src: 1, dst: 8 }));
  }
});

test('a security tag is the addresses of its network, and changes with them', (t) => {
  const net = guarded({ web: { from: ['tag:web'] } }, { inboundDefault: AclAction.ACL_DENY });
  t.false(udpReaches(net, VM, OTHER), 'nobody carries the tag');
  apply(net, tagResource('red', 'web', [VM]));
  t.false(udpReaches(net, VM, OTHER), 'nobody of this network');
  apply(net, tagResource('blue', 'web', [VM]));
  t.true(udpReaches(net, VM, OTHER));
  t.false(udpReaches(net, DB, OTHER));
  apply(net, tagResource('blue', 'web', [DB]));
  t.deepEqual([udpReaches(net, VM, OTHER), udpReaches(net, DB, OTHER)], [false, true]);
  net.core.applyGoal({ upserts: [], removes: ['tag/blue/web'] });
  t.deepEqual([udpReaches(net, VM, OTHER), udpReaches(net, DB, OTHER)], [false, false]);
});

test('ICMP has no ports: a rule about ports does not match it, one about ICMP does', (t) => {
  const to = between(BLUE, VM, OTHER);
  const net = guarded({ all: { deny: true, ports: [[0, 65_534]] } });
  t.true(sends(net, VM, OTHER, echoFrame(to)));
  t.false(udpReaches(net, VM, OTHER));
  apply(net, aclResource('guard', { ping: { deny: true, protocol: IpProtocol.ICMP } }));
  t.false(sends(net, VM, OTHER, echoFrame(to, icmp.Type.ECHO_REQUEST)));
  t.true(udpReaches(net, VM, OTHER));
});

test('one list at many ports: each learns of a change, in one network and in the other', (t) => {
  const net = tenantRig();
  const ports = [BLUE, RED].flatMap((tenant) => [
    portResource(tenant, OTHER),
    portResource(tenant, DB),
  ]);
  apply(net, aclResource('shared', {}), ...ports.map((port) => withList(port, 'shared')));
  const reaches = () =>
    [BLUE, RED].flatMap((tenant) =>
      [OTHER, DB].map((dst) =>
        net
          .pass(net.device(tenant, VM), [udpFrame(between(tenant, VM, dst), PORTS)])
          .some(({ port }) => port === net.device(tenant, dst)),
      ),
    );
  t.deepEqual(reaches(), [true, true, true, true]);
  apply(net, aclResource('shared', {}, { inboundDefault: AclAction.ACL_DENY }));
  t.deepEqual(reaches(), [false, false, false, false]);
});

test('two configurations of one interface, two lists: the address in the packet says which counts', (t) => {
  const second = '10.0.0.9';
  const net = tenantRig();
  const port = portResource(BLUE, OTHER, { more: [second] });
  const configurations = port.port?.ipConfigurations ?? [];
  const deny = { inboundDefault: AclAction.ACL_DENY, outboundDefault: AclAction.ACL_DENY };
  apply(net, aclResource('closed', {}, deny), {
    ...port,
    ...(port.port && {
      port: {
        ...port.port,
        ipConfigurations: configurations.map((own, index) => ({
          ...own,
          accessControlListId: index === 1 ? 'closed' : '',
        })),
      },
    }),
  });
  t.true(udpReaches(net, OTHER, VM));
  const frame = udpFrame({ ...between(BLUE, OTHER, VM), src: second }, PORTS);
  t.false(sends(net, OTHER, VM, frame));
});

function withTagLists(resource: Resource, ...ids: readonly string[]): Resource {
  const { port } = resource;
  if (port === undefined) return resource;
  const tagLists = ids.map((id) => ({
    securityTagRef: `/securityTags/${id}`,
    accessControlListId: id,
  }));
  return { ...resource, port: { ...port, tagLists } };
}

test('a list on a security tag of the port filters it beside its other lists', (t) => {
  const net = tenantRig();
  const port = portResource(BLUE, OTHER);
  const deny = { inboundDefault: AclAction.ACL_DENY };
  apply(net, withTagLists(port, 'web'));
  t.false(udpReaches(net, VM, OTHER), 'a list that has not arrived lets nothing pass');
  apply(net, aclResource('web', {}));
  t.true(udpReaches(net, VM, OTHER));
  apply(
    net,
    aclResource('own', {}),
    aclResource('web', {}, deny),
    withList(withTagLists(port, 'web'), 'own'),
  );
  t.false(udpReaches(net, VM, OTHER), 'all lists must permit');
  t.like(net.core.explain().at(-1), {
    layer: 'acl',
    group: 'security tag web',
    resourceRef: '/accessControlLists/web',
    outcome: `drop ${DROP_NAMES[Drop.AclDenied]}`,
  });
  t.true(udpReaches(net, OTHER, VM), 'inbound says nothing about outbound');
  apply(net, port);
  t.true(udpReaches(net, VM, OTHER), 'without the tag its list applies no longer');
});

test('more lists of security tags than a port can have are refused, and nothing changes', (t) => {
  const net = tenantRig();
  const ids = Array.from({ length: TAG_LISTS_PER_PORT_MAX + 1 }, (_, at) => `t${at}`);
  const errors = apply(net, withTagLists(portResource(BLUE, OTHER), ...ids));
  t.regex(errors[0]?.message ?? '', /more than the 8 of one port/);
  t.true(udpReaches(net, VM, OTHER));
});
