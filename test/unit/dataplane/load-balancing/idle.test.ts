/** Idle connections by a load-balancing rule end in its time, and both ends are told if the rule says so. */
import test from 'ava';
import { defined } from '../../../../base/assert.ts';
import { millis } from '../../../../base/units.ts';
import type { SentFrame } from '../../../../dataplane/port/memory-frame-io.ts';
import { pseudoIpv4 } from '../../../../packet/checksum.ts';
import * as tcp from '../../../../packet/tcp.ts';
import { viewOf } from '../../packet/frames.ts';
import { BLUE, macOf, ROUTER_MAC, type TenantRig, tcpFrame, tenantRig } from '../switch/tenants.ts';
import {
  apply,
  backend,
  balancedHost,
  CLIENT,
  EDGE,
  type Ends,
  fromMux,
  fromVm,
  INTERNAL,
  MUX,
  PUBLIC,
  pool,
  read,
  ruleOf,
  virtualIp,
} from './balanced.ts';

const VM = '10.0.0.4';
const BACKEND = '10.0.0.5';
const { ACK, RST, SYN } = tcp.Flag;
const ASKED: Ends = { src: VM, srcPort: 40_000, dst: INTERNAL, dstPort: 80 };
const ANSWERS: Ends = { src: BACKEND, srcPort: 8080, dst: VM, dstPort: 40_000 };

function sends(net: TenantRig, ends: Ends, flags: number, more: Partial<tcp.Repr> = {}) {
  const macs = { srcMac: macOf(BLUE, ends.src), dstMac: ROUTER_MAC };
  const { srcPort, dstPort } = ends;
  const frame = tcpFrame(
    { ...macs, src: ends.src, dst: ends.dst },
    { srcPort, dstPort, flags, ...more },
  );
  return net.pass(net.device(BLUE, ends.src), [frame]);
}

/** The switch's clock goes on; returns what it sends by itself. */
function later(net: TenantRig, sec: number): SentFrame[] {
  const sent: SentFrame[] = [];
  for (let passed = 0; passed < sec; passed += 1) {
    net.clock.advance(millis(1000));
    net.core.forward(0);
    while (net.core.expireFlows());
    sent.push(...net.pass(-1, []));
  }
  return sent;
}

function segmentOf(sent: SentFrame | undefined): tcp.Repr {
  const { bytes, uplink } = defined(sent, 'a frame');
  read(sent);
  return tcp.parse(viewOf(bytes), (uplink === undefined ? 0 : 8) + 34);
}

function world(tcpReset: boolean, idleTimeoutSec = 10): TenantRig {
  const net = tenantRig();
  const rules = [ruleOf({ idleTimeoutSec, tcpReset })];
  apply(net, [
    balancedHost(),
    virtualIp(INTERNAL, rules),
    virtualIp(PUBLIC, rules),
    pool([backend(BACKEND)]),
  ]);
  return net;
}

function established(net: TenantRig): void {
  sends(net, ASKED, SYN);
  sends(net, ANSWERS, SYN | ACK);
  sends(net, ASKED, ACK);
}

const flowsOf = (net: TenantRig) => net.core.flowTable.count;

test('the rule’s time, from the last packet of either side, rules over the table’s own', (t) => {
  const net = world(false);
  established(net);
  for (let round = 0; round < 4; round += 1) {
    t.deepEqual(later(net, 8), []);
    sends(net, round % 2 === 0 ? ANSWERS : ASKED, ACK);
  }
  t.is(flowsOf(net), 2);
  t.deepEqual(later(net, 13), []);
  t.is(flowsOf(net), 1, 'the backend’s own view lasts as long as any');
});

test('reset on idle: the VM is asked where it stands, and both ends get a reset that they believe', (t) => {
  const net = world(true);
  established(net);
  const [asked, ...more] = later(net, 11);
  t.deepEqual(more, []);
  t.is(asked?.port, net.device(BLUE, VM));
  t.like(read(asked), { src: INTERNAL, srcPort: 80, dst: VM, dstPort: 40_000 });
  t.is(segmentOf(asked).flags, ACK);
  const sent = sends(net, ASKED, ACK, { sequence: 1111, acknowledgment: 2222, window: 500 });
  const toVm = sent.find(({ port }) => port === net.device(BLUE, VM));
  const toBackend = sent.find(({ port }) => port === net.device(BLUE, BACKEND));
  t.is(sent.length, 2);
  t.like(read(toVm), { src: INTERNAL, srcPort: 80, dst: VM, dstPort: 40_000 });
  t.like(segmentOf(toVm), { flags: RST, sequence: 2222 });
  t.like(read(toBackend), { src: VM, srcPort: 40_000, dst: BACKEND, dstPort: 8080 });
  t.like(segmentOf(toBackend), { flags: RST | ACK, sequence: 1111 });
  later(net, 15);
  t.is(flowsOf(net), 0);
  net.core.checkInvariants();
});

test('reset on idle of a public address: the client is told by way of the edge', (t) => {
  const net = world(true);
  const request = { src: CLIENT, srcPort: 40_000, dst: PUBLIC, dstPort: 80 };
  const answer = { ...ANSWERS, dst: CLIENT };
  net.passTunnel(BLUE.webVni, fromMux(request, BACKEND), MUX);
  net.pass(net.device(BLUE, BACKEND), [fromVm(answer, SYN | ACK)]);
  net.passTunnel(BLUE.webVni, fromMux(request, BACKEND, ACK), MUX);
  const [asked] = later(net, 11);
  t.is(asked?.port, net.device(BLUE, BACKEND));
  t.like(read(asked), { src: CLIENT, srcPort: 40_000, dst: BACKEND, dstPort: 8080 });
  const sent = sends(net, answer, ACK, { sequence: 7, acknowledgment: 9 });
  t.is(sent.length, 2);
  const out = sent.find(({ uplink }) => uplink !== undefined);
  t.like(read(out), { src: PUBLIC, srcPort: 80, dst: CLIENT, dstMac: EDGE.mac });
  t.like(segmentOf(out), { flags: RST | ACK, sequence: 7 });
});

test('a VM that does not answer is asked twice, from different halves of the sequence numbers, then forgotten', (t) => {
  const net = world(true);
  established(net);
  const asked = later(net, 20);
  t.deepEqual(
    asked.map((sent) => segmentOf(sent).sequence),
    [0, 0x8000_0000],
  );
  t.is(flowsOf(net), 1);
});

test('what comes in between means that the connection is in use', (t) => {
  const net = world(true);
  established(net);
  t.is(later(net, 11).length, 1);
  const [data] = sends(net, ANSWERS, ACK | tcp.Flag.PSH);
  t.is(segmentOf(data).flags, ACK | tcp.Flag.PSH);
  const sent = sends(net, ASKED, ACK);
  t.is(sent.length, 1, 'an acknowledgment of its own');
  t.is(segmentOf(sent[0]).flags, ACK);
  t.deepEqual(later(net, 8), []);
  t.is(later(net, 3).length, 1, 'idle again');
});

test('a checksum that the VM has left to its device is right in the reset', (t) => {
  const net = world(true);
  established(net);
  later(net, 11);
  const macs = { srcMac: macOf(BLUE, VM), dstMac: ROUTER_MAC };
  const frame = tcpFrame(
    { ...macs, src: VM, dst: INTERNAL },
    { srcPort: 40_000, dstPort: 80, flags: ACK, sequence: 5 },
  );
  const view = viewOf(frame);
  let pseudo = pseudoIpv4(view, 14, 6, 20);
  while (pseudo > 0xffff) pseudo = (pseudo & 0xffff) + (pseudo >>> 16);
  tcp.setChecksum(view, 34, pseudo);
  const vnet = { flags: 1, gsoType: 0, hdrLen: 0, gsoSize: 0, csumStart: 34, csumOffset: 16 };
  const sent = net.pass(net.device(BLUE, VM), [frame], { vnet });
  t.is(sent.length, 2);
  for (const each of sent) t.true((segmentOf(each).flags & RST) !== 0);
});
