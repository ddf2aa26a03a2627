/** Probes through two switches: what they meet, what comes back, and that their VM never knows. */
import test from 'ava';
import { millis } from '../../../../base/units.ts';
import {
  PROBE_LINGER_MS,
  PROBE_WATCHES_MAX,
  PROBES_PER_SEC_MAX,
  PROBES_RUNNING_MAX,
} from '../../../../dataplane/limits.ts';
import { newFlowKey, parseFlow } from '../../../../packet/flow-key.ts';
import * as icmp from '../../../../packet/icmp.ts';
import { IpProtocol } from '../../../../packet/ip-protocol.ts';
import * as tcp from '../../../../packet/tcp.ts';
import { NO_OFFLOAD } from '../../../../packet/vnet-header.ts';
import type { Answer } from '../../../../schema/southbound/diagnostics/methods.ts';
import type { ProbePacket } from '../../../../schema/southbound/diagnostics/probe.ts';
import { checksumFault } from '../../../model/checksums.ts';
import { viewOf } from '../../packet/frames.ts';
import { aclResource, withList } from '../switch/policies.ts';
import {
  address,
  BLUE,
  between,
  echoFrame,
  ipFrame,
  mappingResource,
  portId,
  portResource,
  tcpFrame,
} from '../switch/tenants.ts';
import { type Arrival, type TwoHosts, twoHosts } from '../switch/two-hosts.ts';

const SENDER = '10.0.0.4';
const NEIGHBOR = '10.0.0.5';
const REMOTE = '10.0.0.6';
const ID = 61_500;

function ping(destination: string, more: Partial<ProbePacket> = {}): ProbePacket {
  return { source: SENDER, destination, protocol: 1, id: ID, ...more };
}

function syn(destination: string): ProbePacket {
  return { ...ping(destination), protocol: 6, destinationPort: 80 };
}

interface Begun {
  /** Undefined until it comes. */
  readonly answer: () => Answer<'probe'> | undefined;
  readonly arrivals: readonly Arrival[];
}

/** Starts a probe and lets its frames move as far as they get. */
function begin(net: TwoHosts, packet: ProbePacket, timeoutMs = 1000): Begun {
  let answer: Answer<'probe'> | undefined;
  const { core } = net.hostOf(packet.source).rig;
  core.probes.start({ portId: portId(BLUE, packet.source), packet, timeoutMs }, (told) => {
    answer = told;
  });
  return { answer: () => answer, arrivals: net.settle() };
}

function watch(net: TwoHosts, at: string, packet: ProbePacket): void {
  const question = { portId: portId(BLUE, at), packet, forMs: 5000 };
  net.hostOf(at).rig.core.probes.watch(question);
}

function seen(net: TwoHosts, at: string, packet: ProbePacket): Answer<'probeSeen'> {
  return net.hostOf(at).rig.core.probes.seen({ portId: portId(BLUE, at), packet });
}

function later(net: TwoHosts, ms: number): Arrival[] {
  for (const { rig } of net.hosts) rig.clock.advance(millis(ms));
  return net.settle();
}

/** The frame that the receiver's kernel answers with, and what reaches whom because of it. */
function answerWith(net: TwoHosts, from: string, make: (request: Arrival) => Uint8Array) {
  return (request: Arrival | undefined): Arrival[] => {
    if (request === undefined) throw new TypeError('nothing has arrived');
    return net.send(from, make(request));
  };
}

function echoReply(request: Arrival): Uint8Array {
  const message = request.bytes.slice(keyOf(request.bytes).l4At);
  message[0] = icmp.Type.ECHO_REPLY;
  icmp.fillChecksum(viewOf(message), 0, message.length);
  return ipFrame(between(BLUE, request.portId.slice(5), SENDER), IpProtocol.ICMP, message);
}

function segment(flags: number) {
  return (request: Arrival): Uint8Array => {
    const { l4At, srcPort, dstPort } = keyOf(request.bytes);
    const acknowledgment = (tcp.sequence(viewOf(request.bytes), l4At) + 1) >>> 0;
    const to = between(BLUE, request.portId.slice(5), SENDER);
    return tcpFrame(to, { srcPort: dstPort, dstPort: srcPort, flags, acknowledgment });
  };
}

/** The receiver's firewall rejects: ICMP destination unreachable, administratively prohibited. */
function rejection(request: Arrival): Uint8Array {
  const quoted = request.bytes.subarray(14, 14 + 28);
  const message = new Uint8Array(8 + quoted.length);
  message.set([icmp.Type.DESTINATION_UNREACHABLE, icmp.Unreachable.ADMINISTRATIVELY_PROHIBITED]);
  message.set(quoted, 8);
  icmp.fillChecksum(viewOf(message), 0, message.length);
  return ipFrame(between(BLUE, request.portId.slice(5), SENDER), IpProtocol.ICMP, message);
}

function keyOf(frame: Uint8Array) {
  const key = newFlowKey();
  parseFlow(viewOf(frame), 0, frame.length, key);
  return key;
}

for (const to of [NEIGHBOR, REMOTE]) {
  test(`an echo request reaches ${to}, and its reply is taken out before the sender’s VM`, (t) => {
    const net = twoHosts();
    watch(net, to, ping(to));
    const { answer, arrivals } = begin(net, ping(to, { sequence: 7 }));
    const [request] = arrivals;
    t.is(arrivals.length, 1);
    t.is(request?.portId, portId(BLUE, to));
    const bytes = request?.bytes ?? new Uint8Array();
    t.is(checksumFault(bytes, NO_OFFLOAD), undefined);
    t.is(icmp.sequence(viewOf(bytes), keyOf(bytes).l4At), 7);
    t.is(answer(), undefined);
    for (const { rig } of net.hosts) rig.clock.advance(millis(3));
    t.deepEqual(answerWith(net, to, echoReply)(request), []);
    t.deepEqual(answer(), { kind: 'answered', by: 'echoReply', rttMs: 3 });
    t.deepEqual(seen(net, to, ping(to)), { arrived: 1, delivered: 1, answered: 1 });
  });
}

test('an answered SYN is reset at once, so that the receiver keeps nothing half open', (t) => {
  const net = twoHosts();
  const { answer, arrivals } = begin(net, syn(REMOTE));
  const [request] = arrivals;
  const first = tcp.sequence(viewOf(request?.bytes ?? new Uint8Array(64)), 34);
  const answered = answerWith(net, REMOTE, segment(tcp.Flag.SYN | tcp.Flag.ACK))(request);
  t.deepEqual(answer(), { kind: 'answered', by: 'synAck', rttMs: 0 });
  const [reset] = [...answered, ...net.settle()];
  t.is(reset?.portId, portId(BLUE, REMOTE));
  const bytes = reset?.bytes ?? new Uint8Array(64);
  t.is(tcp.flags(viewOf(bytes), 34), tcp.Flag.RST);
  t.is(tcp.sequence(viewOf(bytes), 34), (first + 1) >>> 0);
  t.is(checksumFault(bytes, NO_OFFLOAD), undefined);
});

test('a reset says that nobody listens; it is the receiver’s answer all the same', (t) => {
  const net = twoHosts();
  const { answer, arrivals } = begin(net, syn(REMOTE));
  answerWith(net, REMOTE, segment(tcp.Flag.RST | tcp.Flag.ACK))(arrivals[0]);
  t.deepEqual(answer(), { kind: 'answered', by: 'reset', rttMs: 0 });
  t.deepEqual(net.settle(), []);
});

test('an ICMP error about a probe is its answer, and not the VM’s', (t) => {
  const net = twoHosts();
  const { answer, arrivals } = begin(net, syn(REMOTE));
  t.deepEqual(answerWith(net, REMOTE, rejection)(arrivals[0]), []);
  t.deepEqual(answer(), {
    ...{ kind: 'error', from: REMOTE, icmpType: 3, icmpCode: 13, rttMs: 0 },
  });
});

test('a packet too big for the provider network is answered by the virtual router, with the MTU', (t) => {
  const { answer } = begin(twoHosts(), ping(REMOTE, { length: 2000 }));
  t.like(answer(), { kind: 'error', from: '10.0.0.1', icmpType: 3, icmpCode: 4, mtu: 1450 });
});

test('the switch itself answers for its gateway', (t) => {
  const { answer } = begin(twoHosts(), ping('10.0.0.1'));
  t.like(answer(), { kind: 'answered', by: 'echoReply' });
});

test('what the sender’s own switch drops is told at once, with the reason', (t) => {
  const net = twoHosts();
  const denied = aclResource('none', { 'no-ping': { deny: true, outbound: true, protocol: 1 } });
  net.apply([denied, withList(portResource(BLUE, SENDER), 'none')]);
  const { answer } = begin(net, ping(REMOTE));
  t.like(answer(), { kind: 'dropped', drop: { reason: 'AclDenied' } });
  t.like(begin(net, ping('10.0.0.99')).answer(), { kind: 'dropped' });
});

test('what the receiver’s host drops is seen there', (t) => {
  const net = twoHosts();
  const denied = aclResource('none', { 'no-ping': { deny: true, protocol: 1 } });
  net.apply([denied, withList(portResource(BLUE, REMOTE), 'none')]);
  watch(net, REMOTE, ping(REMOTE));
  const { answer } = begin(net, ping(REMOTE), 500);
  t.is(answer(), undefined);
  later(net, 500);
  t.deepEqual(answer(), { kind: 'silent', waitedMs: 500 });
  t.like(seen(net, REMOTE, ping(REMOTE)), {
    ...{ arrived: 1, delivered: 0, answered: 0, drop: { reason: 'AclDenied' } },
  });
});

test('a VM that does not answer has got the packet', (t) => {
  const net = twoHosts();
  watch(net, REMOTE, ping(REMOTE));
  const { answer } = begin(net, ping(REMOTE), 500);
  later(net, 500);
  t.like(answer(), { kind: 'silent' });
  t.deepEqual(seen(net, REMOTE, ping(REMOTE)), { arrived: 1, delivered: 1, answered: 0 });
});

test('an answer that dies at the receiver’s host, or at the sender’s, is seen where it dies', (t) => {
  const net = twoHosts();
  watch(net, REMOTE, ping(REMOTE));
  const there = begin(net, ping(REMOTE), 500);
  // The receiver answers with an address that is not its own.
  const spoofed = (request: Arrival) => {
    const frame = echoReply(request);
    viewOf(frame).setUint32(26, address('10.0.0.77'));
    return frame;
  };
  answerWith(net, REMOTE, spoofed)(there.arrivals[0]);
  t.like(seen(net, REMOTE, ping(REMOTE)), { arrived: 1, delivered: 1, answered: 0 });
  // The sender's host has heard meanwhile that the receiver's address is somewhere else.
  const here = begin(net, ping(REMOTE, { id: ID + 1 }), 500);
  const moved = mappingResource(BLUE, REMOTE, '192.0.2.9');
  net.at('host1').rig.core.applyGoal({ upserts: [], removes: [moved.key] });
  answerWith(net, REMOTE, echoReply)(here.arrivals[0]);
  later(net, 500);
  t.like(here.answer(), { kind: 'silent', answerDrop: { reason: 'InnerSourceImplausible' } });
});

test('without an answer a SYN is reset too, once its time is over', (t) => {
  const net = twoHosts();
  const { answer } = begin(net, syn(REMOTE), 500);
  const late = [...later(net, 500), ...net.settle()];
  t.like(answer(), { kind: 'silent' });
  t.deepEqual(
    late.map(({ bytes }) => tcp.flags(viewOf(bytes), 34)),
    [tcp.Flag.RST],
  );
});

test('late and repeated answers are kept from the VM for a while, its own traffic never', (t) => {
  const net = twoHosts();
  const { arrivals } = begin(net, ping(REMOTE), 500);
  later(net, 500);
  t.deepEqual(answerWith(net, REMOTE, echoReply)(arrivals[0]), []);
  // The VM's own ping with the same number carries something else.
  const own = echoFrame(between(BLUE, SENDER, REMOTE));
  viewOf(own).setUint16(38, ID);
  icmp.fillChecksum(viewOf(own), 34, own.length);
  const [request] = net.send(SENDER, own);
  t.is(answerWith(net, REMOTE, echoReply)(request).length, 1);
  later(net, PROBE_LINGER_MS);
  t.is(answerWith(net, REMOTE, echoReply)(arrivals[0]).length, 1);
  t.false(net.at('host1').rig.core.probes.isActive);
});

test('a number that a flow of the VM has is refused', (t) => {
  const net = twoHosts();
  net.send(SENDER, tcpFrame(between(BLUE, SENDER, REMOTE), { srcPort: ID, dstPort: 80, flags: 2 }));
  t.throws(() => begin(net, syn(REMOTE)), { code: 'SDN_PROBE_ID_TAKEN' });
  begin(net, ping(REMOTE));
  t.throws(() => begin(net, ping(REMOTE)), { code: 'SDN_PROBE_ID_TAKEN' });
});

test('probes and watches are bounded, in number and in time', (t) => {
  const net = twoHosts();
  const nth = (n: number) => ping(REMOTE, { id: ID + n });
  for (let n = 0; n < PROBES_RUNNING_MAX; n += 1) begin(net, nth(n), 500);
  t.throws(() => begin(net, nth(99)), { code: 'SDN_PROBES_MAX' });
  later(net, 500);
  for (let n = PROBES_RUNNING_MAX; n < PROBES_PER_SEC_MAX; n += 1) begin(net, nth(n), 100);
  t.throws(() => begin(net, nth(99)), { code: 'SDN_PROBE_RATE' });
  later(net, 500);
  t.notThrows(() => begin(net, nth(99)));
  for (let n = 0; n < PROBE_WATCHES_MAX; n += 1) watch(net, REMOTE, nth(n));
  t.throws(() => watch(net, REMOTE, nth(99)), { code: 'SDN_PROBES_MAX' });
  later(net, 5000);
  t.throws(() => seen(net, REMOTE, nth(0)), { code: 'SDN_PROBE_UNWATCHED' });
  later(net, PROBE_LINGER_MS);
  for (const { rig } of net.hosts) {
    t.false(rig.core.probes.isActive);
    rig.core.checkInvariants();
  }
});

test('a port that goes takes its probes with it', (t) => {
  const net = twoHosts();
  const { answer } = begin(net, ping(REMOTE));
  const { core } = net.at('host1').rig;
  core.detach(portId(BLUE, SENDER));
  core.applyGoal({ upserts: [], removes: [`port/${portId(BLUE, SENDER)}`] });
  t.like(answer(), { kind: 'dropped', drop: { reason: 'PortDetached' } });
  t.throws(() => begin(net, ping(REMOTE)), { code: 'SDN_SWITCH_PORT_UNKNOWN' });
  t.false(core.probes.isActive);
});
