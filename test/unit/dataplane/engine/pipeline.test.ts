/** Layers, groups and rules: order, first match, statefulness, composition over two ports; with layers that know no tenant. */
import test from 'ava';
import { ipv4Words } from '../../../../base/ip-words.ts';
import { DecisionLog } from '../../../../dataplane/engine/decision.ts';
import { type Group, orderedGroup, prefixGroup } from '../../../../dataplane/engine/group.ts';
import { NO_PORT, Op } from '../../../../dataplane/engine/header-action.ts';
import type { Layer } from '../../../../dataplane/engine/layer.ts';
import { newPacket, type Packet } from '../../../../dataplane/engine/packet.ts';
import {
  newResolution,
  Outcome,
  type PipelinePort,
  type Resolution,
  resolve,
} from '../../../../dataplane/engine/pipeline.ts';
import { equals } from '../../../../dataplane/engine/predicate.ts';
import { type Action, ALLOW, deny, type Rule } from '../../../../dataplane/engine/rule.ts';
import { Drop } from '../../../../packet/drop.ts';
import { flowKey } from './keys.ts';

function rule(
  id: string,
  action: Action,
  predicates: Rule['predicates'] = [],
  priority = 10,
): Rule {
  return { id, resourceRef: `/rules/${id}`, priority, predicates, action };
}

function layer(name: string, outbound: readonly Group[], inbound: readonly Group[] = []): Layer {
  return { name, isStateful: false, outbound, inbound };
}

function only(name: string, action: Action): Group {
  return orderedGroup(name, [], rule(name, action));
}

function port(index: number, layers: readonly Layer[]): PipelinePort {
  return { index, cell: index, pipeline: { layers } };
}

interface Walked {
  readonly resolution: Resolution;
  readonly rules: string[];
}

function walk(
  ports: readonly PipelinePort[],
  isReply = false,
  changes = {},
  isReplyThere = isReply,
): Walked {
  const [ingress] = ports;
  if (ingress === undefined) throw new TypeError('no port');
  const packet = newPacket();
  Object.assign(packet.key, flowKey(changes));
  packet.isReply = isReply;
  packet.nextHop = ipv4Words(packet.key.dst3);
  const log = new DecisionLog();
  const resolution: Resolution = newResolution();
  const surroundings = {
    portAt: (index: number) => ports.find((candidate) => candidate.index === index),
    refusalAt: () => Drop.None,
    recallAt: (_: PipelinePort, seen: Packet) => {
      seen.isReply = isReplyThere;
    },
  };
  resolve(ingress, packet, surroundings, log, resolution);
  return { resolution, rules: log.explain().map(({ direction, rule }) => `${direction} ${rule}`) };
}

const TO_2: Action = { kind: 'allow', steering: { port: 2 } };

test('outbound layers run first to last, the receiver’s inbound ones last to first', (t) => {
  const both = (name: string) => layer(name, [only(name, ALLOW)], [only(name, ALLOW)]);
  const sender = port(1, [both('a'), both('b'), layer('to', [only('to', TO_2)])]);
  const receiver = port(2, [both('x'), both('y')]);
  const { resolution, rules } = walk([sender, receiver]);
  t.deepEqual(rules, ['outbound a', 'outbound b', 'outbound to', 'inbound y', 'inbound x']);
  t.is(resolution.outcome, Outcome.FORWARD);
  t.deepEqual([...resolution.composition.cells].slice(0, 3), [1, 2, 0], 'both epochs count');
  t.is(resolution.egress, 2);
});

test('a denial anywhere ends the walk, also at the receiver', (t) => {
  const sender = port(1, [layer('to', [only('to', TO_2)])]);
  const refuses = layer('guard', [], [only('guard', deny(Drop.AclDenied))]);
  const never = layer('never', [], [only('never', ALLOW)]);
  const { resolution, rules } = walk([sender, port(2, [never, refuses])]);
  t.is(resolution.outcome, Outcome.DROP);
  t.is(resolution.drop, Drop.AclDenied);
  t.deepEqual(rules, ['outbound to', 'inbound guard']);
});

test('all groups of a layer must let the packet pass; within a group the first match decides', (t) => {
  const web = equals('dstPort', 80);
  const group = orderedGroup(
    'list',
    [
      rule('late', deny(Drop.NoRoute), [web], 20),
      rule('early', ALLOW, [web], 10),
      rule('other', deny(Drop.NotForUs), [equals('dstPort', 81)], 1),
    ],
    rule('default', deny(Drop.AclDenied)),
  );
  const second = only('second', TO_2);
  const ports = [port(1, [layer('one', [group, second])]), port(2, [])];
  t.deepEqual(walk(ports).rules, ['outbound early', 'outbound second']);
  t.is(walk(ports, false, { dstPort: 443 }).resolution.drop, Drop.AclDenied);
});

test('stateful: a reply is judged by the flow it answers, and by its own rules in stateless layers', (t) => {
  const guard = (isStateful: boolean): Layer => ({
    name: 'guard',
    isStateful,
    // What the port may send: nothing. What it may be sent: web requests.
    outbound: [only('send', deny(Drop.AclDenied))],
    inbound: [
      orderedGroup('receive', [rule('web', ALLOW, [equals('dstPort', 80)])], rule('else', deny(1))),
    ],
  });
  const reply = { srcPort: 80, dstPort: 1234 };
  const ports = (isStateful: boolean) => [
    port(1, [guard(isStateful), layer('to', [only('to', TO_2)])]),
    port(2, []),
  ];
  t.is(walk(ports(true), true, reply).resolution.outcome, Outcome.FORWARD);
  t.is(walk(ports(true), false, reply).resolution.drop, Drop.AclDenied, 'as a new flow');
  t.is(walk(ports(false), true, reply).resolution.drop, Drop.AclDenied, 'stateless');
  const foreign = { srcPort: 443, dstPort: 1234 };
  t.is(walk(ports(true), true, foreign).resolution.outcome, Outcome.DROP, 'no such request');
});

test('header actions of all layers, of both ports, become one composition', (t) => {
  const header = (action: Action & { kind: 'allow' }) => only('h', action);
  const sender = port(1, [
    layer('mac', [header({ kind: 'allow', header: { ethernet: { dst: 5 } } })]),
    layer('to', [header({ kind: 'allow', header: { ttl: 'decrement' }, steering: { port: 2 } })]),
  ]);
  const receiver = port(2, [
    layer('in', [], [header({ kind: 'allow', header: { ethernet: { src: 6 } } })]),
  ]);
  const { composition } = walk([sender, receiver]).resolution;
  t.like(composition, { ops: Op.DST_MAC | Op.SRC_MAC | Op.TTL, dstMac: 5, srcMac: 6, port: 2 });
});

test('a packet that no layer sends anywhere, back to its port, or to nobody, is dropped', (t) => {
  t.is(walk([port(1, [layer('l', [only('l', ALLOW)])])]).resolution.drop, Drop.NoRoute);
  const to1: Action = { kind: 'allow', steering: { port: 1 } };
  t.is(walk([port(1, [layer('l', [only('l', to1)])])]).resolution.drop, Drop.HairpinLoop);
  t.is(walk([port(1, [layer('l', [only('l', TO_2)])])]).resolution.drop, Drop.PortDetached);
});

test('an answer ends the walk and says whose it is', (t) => {
  const answer: Action = { kind: 'answer', service: 7 };
  const { resolution } = walk([port(1, [layer('l', [only('l', answer)]), layer('m', [])])]);
  t.is(resolution.outcome, Outcome.ANSWER);
  t.is(resolution.service, 7);
  t.is(resolution.composition.port, NO_PORT);
});

test('prefix group: longest prefix of the next hop, which an earlier layer may have changed', (t) => {
  const group = prefixGroup('routes', 'nextHop', rule('none', deny(Drop.NoMapping)));
  group.set({ words: ipv4Words(0x0a00_0000), len: 104 }, rule('ten', deny(Drop.NoRoute)));
  group.set({ words: ipv4Words(0x0a00_0009), len: 128 }, rule('nine', TO_2));
  const via: Action = { kind: 'allow', steering: { nextHop: ipv4Words(0x0a00_0009) } };
  const direct = [port(1, [layer('map', [group])]), port(2, [])];
  const redirected = [
    port(1, [layer('udr', [only('via', via)]), layer('map', [group])]),
    port(2, []),
  ];
  t.is(walk(direct).resolution.drop, Drop.NoRoute);
  t.is(walk(redirected).resolution.outcome, Outcome.FORWARD);
  group.remove({ words: ipv4Words(0x0a00_0009), len: 128 });
  t.is(walk(redirected).resolution.drop, Drop.NoRoute);
  t.deepEqual(
    group.rules().map(({ id }) => id),
    ['ten', 'none'],
  );
});
