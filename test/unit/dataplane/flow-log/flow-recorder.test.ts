/** What the switch logs: each decision of a rule with logging once, and each packet that it lets pass in exactly one record. */
import test from 'ava';
import fc from 'fast-check';
import { RECORD_BYTES } from '../../../../dataplane/flow-log/flow-record.ts';
import {
  LOGGED_FLOWS_MAX,
  RECORD_QUEUE_MAX,
  RECORDS_PER_FETCH_MAX,
} from '../../../../dataplane/flow-log/limits.ts';
import { DATAGRAM_FLOW_IDLE_SEC_MAX } from '../../../../dataplane/limits.ts';
import { IpProtocol } from '../../../../packet/ip-protocol.ts';
import { aclResource, type RuleWords, withList } from '../switch/policies.ts';
import {
  BLUE,
  between,
  echoFrame,
  hostResource,
  portId,
  portResource,
  subnetResource,
  type TenantRig,
  tcpFrame,
  udpFrame,
} from '../switch/tenants.ts';
import {
  apply,
  INTERVAL_SEC,
  logged,
  loggingHost,
  loggingRig,
  NEIGHBOUR,
  REMOTE,
  sum,
  takeRecords,
  VM,
  wait,
} from './logging-rig.ts';

const PORTS = { src: 4000, dst: 5000 };
const BACK = { src: 5000, dst: 4000 };
const ALLOW_ALL: Readonly<Record<string, RuleWords>> = {
  out: { outbound: true, logging: true },
  in: { logging: true },
};

function send(net: TenantRig, payloadLen = 4): number {
  const frame = udpFrame(between(BLUE, VM, REMOTE), PORTS, new Uint8Array(payloadLen));
  net.pass(net.device(BLUE, VM), [frame]);
  return frame.length;
}

function answer(net: TenantRig): number {
  const frame = udpFrame(between(BLUE, REMOTE, VM), BACK);
  net.passTunnel(BLUE.webVni, frame);
  return frame.length;
}

function removePort(net: TenantRig): void {
  net.core.detach(portId(BLUE, VM));
  net.core.applyGoal({ upserts: [], removes: [`port/${portId(BLUE, VM)}`] });
}

test('a flow begins, goes on every interval with what it has carried since, and ends when it is forgotten', (t) => {
  const net = loggingRig(ALLOW_ALL);
  const flow = `${VM} ${REMOTE} 4000 5000 17 O A`;
  const out = send(net);
  t.deepEqual(logged(net), [`${flow} B out 0,0,0,0`], 'nothing is counted yet');
  const back = answer(net);
  send(net);
  wait(net, INTERVAL_SEC - 1);
  t.deepEqual(logged(net), []);
  send(net);
  wait(net, 1);
  t.deepEqual(logged(net), [`${flow} C out 3,${3 * out},1,${back}`]);
  wait(net, INTERVAL_SEC);
  t.deepEqual(logged(net), [], 'nothing counted, no record');
  send(net);
  wait(net, INTERVAL_SEC - 1);
  t.deepEqual(logged(net), []);
  wait(net, 1);
  t.deepEqual(logged(net), [`${flow} C out 1,${out},0,0`]);
  wait(net, DATAGRAM_FLOW_IDLE_SEC_MAX);
  t.deepEqual(logged(net), [`${flow} E out 0,0,0,0`]);
  t.is(net.core.flowTable.count, 0);
});

test('what a VM receives is logged as inbound, and counts go by who opened the flow', (t) => {
  const net = loggingRig(ALLOW_ALL);
  const back = answer(net);
  const out = send(net);
  removePort(net);
  const flow = `${REMOTE} ${VM} 5000 4000 17 I A`;
  t.deepEqual(logged(net), [`${flow} B in 0,0,0,0`, `${flow} E in 1,${back},1,${out}`]);
});

test('a denied flow is logged once per interval, whichever side the rule is on', (t) => {
  const net = loggingRig({
    'no-dns': { outbound: true, deny: true, logging: true, ports: [[53, 53]] },
    'no-web': { deny: true, logging: true, ports: [[80, 80]] },
    quiet: { deny: true },
  });
  const dns = udpFrame(between(BLUE, VM, REMOTE), { src: 4000, dst: 53 });
  const web = tcpFrame(between(BLUE, NEIGHBOUR, VM), { srcPort: 4000, dstPort: 80 });
  const other = tcpFrame(between(BLUE, NEIGHBOUR, VM), { srcPort: 4000, dstPort: 81 });
  const round = () => {
    for (let count = 0; count < 3; count += 1) {
      net.pass(net.device(BLUE, VM), [dns, dns]);
      net.pass(net.device(BLUE, NEIGHBOUR), [web, other]);
    }
    return logged(net);
  };
  const denials = [
    `${VM} ${REMOTE} 4000 53 17 O D B no-dns 0,0,0,0`,
    `${NEIGHBOUR} ${VM} 4000 80 6 I D B no-web 0,0,0,0`,
  ];
  t.deepEqual(round(), denials);
  t.deepEqual(round(), []);
  wait(net, INTERVAL_SEC);
  t.deepEqual(round(), denials);
});

test('lists of interface and subnet each have their own record', (t) => {
  const net = loggingRig(ALLOW_ALL);
  const subnet = aclResource('subnet', { any: { outbound: true, logging: true } });
  apply(net, subnet, withList(subnetResource(BLUE, 'web'), 'subnet'));
  const out = send(net);
  const back = answer(net);
  wait(net, INTERVAL_SEC);
  const flow = `${VM} ${REMOTE} 4000 5000 17 O A`;
  t.deepEqual(logged(net), [
    `${flow} B out 0,0,0,0`,
    `${flow} B any 0,0,0,0`,
    `${flow} C out 1,${out},1,${back}`,
    `${flow} C any 1,${out},1,${back}`,
  ]);
});

test('a flow that another rule decides ends for the one and begins for the other; a denied one ends', (t) => {
  const net = loggingRig(ALLOW_ALL);
  const out = send(net);
  const flow = `${VM} ${REMOTE} 4000 5000 17 O`;
  t.deepEqual(logged(net), [`${flow} A B out 0,0,0,0`]);
  apply(net, aclResource('web', ALLOW_ALL));
  send(net);
  t.deepEqual(logged(net), [], 'the same rule goes on, although its list was replaced');
  apply(net, aclResource('web', { new: { outbound: true, logging: true } }));
  send(net);
  t.deepEqual(logged(net), [`${flow} A E out 2,${2 * out},0,0`, `${flow} A B new 0,0,0,0`]);
  apply(net, aclResource('web', { stop: { outbound: true, deny: true, logging: true } }));
  send(net);
  send(net);
  t.deepEqual(logged(net), [`${flow} A E new 1,${out},0,0`, `${flow} D B stop 0,0,0,0`]);
  apply(net, aclResource('web', { free: { outbound: true } }));
  send(net);
  t.deepEqual(logged(net), []);
});

test('a receiver’s list that stops an open flow ends its record there', (t) => {
  const net = loggingRig({ in: { logging: true } });
  const frame = udpFrame(between(BLUE, NEIGHBOUR, VM), PORTS);
  const pass = () => net.pass(net.device(BLUE, NEIGHBOUR), [frame]);
  pass();
  apply(net, aclResource('web', { shut: { deny: true } }));
  pass();
  const flow = `${NEIGHBOUR} ${VM} 4000 5000 17 I A`;
  t.deepEqual(logged(net), [`${flow} B in 0,0,0,0`, `${flow} E in 1,${frame.length},0,0`]);
});

test('other protocols are logged too, without ports', (t) => {
  const net = loggingRig(ALLOW_ALL);
  const ping = echoFrame(between(BLUE, VM, REMOTE));
  net.pass(net.device(BLUE, VM), [ping, ping]);
  t.deepEqual(logged(net), [`${VM} ${REMOTE} 0 0 ${IpProtocol.ICMP} O A B out 0,0,0,0`]);
});

test('without a flow log nothing is recorded; turned on, open flows are logged from then on; turned off, they end', (t) => {
  const net = loggingRig(ALLOW_ALL);
  apply(net, hostResource());
  const out = send(net);
  send(net);
  t.deepEqual(logged(net), []);
  apply(net, loggingHost());
  send(net);
  const flow = `${VM} ${REMOTE} 4000 5000 17 O A`;
  t.deepEqual(logged(net), [`${flow} B out 0,0,0,0`]);
  apply(net, hostResource());
  t.deepEqual(logged(net), [`${flow} E out 1,${out},0,0`]);
  send(net);
  wait(net, INTERVAL_SEC);
  t.deepEqual(logged(net), []);
});

test('a full queue loses records and counts them; what is fetched is bounded', (t) => {
  const net = loggingRig({ no: { outbound: true, deny: true, logging: true } });
  const device = net.device(BLUE, VM);
  // All different.
  for (let src = 0; src < RECORD_QUEUE_MAX + 100; src += 1) {
    net.pass(device, [udpFrame(between(BLUE, VM, REMOTE), { src, dst: 53 })]);
  }
  const batch = net.core.recorder.take();
  t.is(batch.sources.length, 1);
  t.is(batch.records.length / RECORD_BYTES, RECORDS_PER_FETCH_MAX);
  t.true(batch.hasMore);
  t.is(batch.losses.queueFull, 100);
  t.is(takeRecords(net).length, RECORD_QUEUE_MAX - RECORDS_PER_FETCH_MAX);
});

test('flows beyond the limit are logged when they begin and not followed', (t) => {
  const net = loggingRig(ALLOW_ALL, { flowsMax: 200_000, flowsPerPortMax: 200_000 });
  const to = between(BLUE, VM, REMOTE);
  const count = LOGGED_FLOWS_MAX + 10;
  for (let index = 0; index < count; index += 1) {
    const ports = { src: index & 0xffff, dst: 1 + (index >>> 16) };
    net.pass(net.device(BLUE, VM), [udpFrame(to, ports)]);
    if (index % 8192 === 0) takeRecords(net);
  }
  takeRecords(net);
  t.is(net.core.recorder.take().losses.unfollowed, 10);
  net.core.detach(portId(BLUE, VM));
});

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('send'), len: fc.nat(200) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('answer'), len: fc.nat(200) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait'), len: fc.nat(100) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('list'), len: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('evict'), len: fc.constant(0) }) },
);
const LISTS: readonly Readonly<Record<string, RuleWords>>[] = [
  ALLOW_ALL,
  { a: { outbound: true, logging: true }, b: { logging: true } },
  { a: { outbound: true, logging: true, deny: true }, b: { logging: true, deny: true } },
];

test('whatever happens, the counts of all records are what the switch has let pass', (t) => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
      const net = loggingRig(ALLOW_ALL, { flowsMax: 4, flowsPerPortMax: 4 });
      let packets = 0;
      let bytes = 0;
      const records = [];
      for (const { kind, len } of steps) {
        if (kind === 'wait') wait(net, len);
        else if (kind === 'list') apply(net, aclResource('web', LISTS[len] ?? ALLOW_ALL));
        else if (kind === 'evict') {
          // Flows of a port that does not log push the logged ones out.
          for (let index = 0; index < 6; index += 1) {
            const to = between(BLUE, NEIGHBOUR, REMOTE);
            net.pass(net.device(BLUE, NEIGHBOUR), [udpFrame(to, { src: index, dst: 9 })]);
          }
        } else {
          const isOut = kind === 'send';
          const to = isOut ? between(BLUE, VM, REMOTE) : between(BLUE, REMOTE, VM);
          const frame = udpFrame(to, isOut ? PORTS : BACK, new Uint8Array(len));
          const sent = isOut
            ? net.pass(net.device(BLUE, VM), [frame])
            : net.passTunnel(BLUE.webVni, frame);
          packets += sent.length;
          bytes += sent.length * frame.length;
        }
        records.push(...takeRecords(net));
      }
      removePort(net);
      net.core.checkInvariants();
      records.push(...takeRecords(net));
      const total = sum(records.filter(({ source }) => source.portId === portId(BLUE, VM)));
      t.deepEqual([total[0] + total[2], total[1] + total[3]], [packets, bytes]);
    }),
    { numRuns: 150 },
  );
});

test('moving a port to another subnet, where its answers come by other keys, loses no count', (t) => {
  const net = loggingRig(ALLOW_ALL);
  const out = send(net);
  const back = answer(net);
  // The same subnet with another network identifier.
  apply(net, subnetResource(BLUE, 'web', 7777), withList(portResource(BLUE, VM), 'web'));
  send(net);
  net.passTunnel(7777, udpFrame(between(BLUE, REMOTE, VM), BACK));
  wait(net, INTERVAL_SEC);
  t.deepEqual(sum(takeRecords(net)), [2, 2 * out, 2, 2 * back]);
});
