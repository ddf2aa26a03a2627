/** Flows on their way through a whole switch: state at each port, asymmetric paths, ICMP errors, fragments, floods of denied packets. */
import test from 'ava';
import { millis } from '../../../../base/units.ts';
import { DENIALS_PER_PORT_PER_BURST_MAX } from '../../../../dataplane/limits.ts';
import * as icmp from '../../../../packet/icmp.ts';
import { IpProtocol } from '../../../../packet/ip-protocol.ts';
import * as ipv4 from '../../../../packet/ipv4.ts';
import { Flag } from '../../../../packet/tcp.ts';
import { AclAction, type Resource } from '../../../../schema/southbound/messages.ts';
import { viewOf } from '../../packet/frames.ts';
import { aclResource } from './policies.ts';
import {
  type Addressing,
  BLUE,
  between,
  HOST_ADDRESS,
  hostResource,
  ipFrame,
  mappingResource,
  networkResource,
  PEER_ADDRESS,
  portId,
  portResource,
  type Rig,
  rig,
  subnetResource,
  tcpFrame,
  udpFrame,
} from './tenants.ts';

const CLIENT = '10.0.0.4';
const SERVER = '10.0.1.4';

/** Nobody may open anything to these ports: what comes in is an answer, or nothing. */
const CLOSED = aclResource('closed', {}, { inboundDefault: AclAction.ACL_DENY });
/** These may open nothing themselves. */
const SILENT = aclResource('silent', {}, { outboundDefault: AclAction.ACL_DENY });

function guarded(resource: Resource, listId: string): Resource {
  const { port } = resource;
  if (port === undefined) throw new TypeError('no port');
  const ipConfigurations = port.ipConfigurations.map((one) => ({
    ...one,
    accessControlListId: listId,
  }));
  return { ...resource, port: { ...port, ipConfigurations } };
}

/** A client that accepts no requests and a server that makes none, each here or at the other host. */
interface Pair extends Rig {
  /** Sends a frame as the VM would; how many arrived at the other one, or left for it. */
  send(from: string, frame: Uint8Array): number;
  device(text: string): number;
}

function pair(here: readonly string[]): Pair {
  const net = rig();
  const errors = net.core.applyGoal({
    upserts: [
      hostResource(),
      networkResource(BLUE),
      subnetResource(BLUE, 'web'),
      subnetResource(BLUE, 'db'),
      CLOSED,
      SILENT,
      guarded(portResource(BLUE, CLIENT), 'closed'),
      guarded(portResource(BLUE, SERVER), 'silent'),
      // Somebody else, at the other host.
      mappingResource(BLUE, '10.0.0.6', PEER_ADDRESS),
      ...[CLIENT, SERVER].map((text) =>
        mappingResource(BLUE, text, here.includes(text) ? HOST_ADDRESS : PEER_ADDRESS),
      ),
    ].filter(
      ({ port }) =>
        port === undefined || here.includes(port.ipConfigurations[0]?.address.join('.') ?? ''),
    ),
    removes: [],
  });
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  const devices = new Map(here.map((text) => [text, net.attach(portId(BLUE, text))]));
  return {
    ...net,
    device: (text) => devices.get(text) ?? -1,
    send(from, frame) {
      const device = devices.get(from);
      if (device !== undefined) return net.pass(device, [frame]).length;
      return net.passTunnel(from === CLIENT ? BLUE.dbVni : BLUE.webVni, frame).length;
    },
  };
}

const PLACEMENTS: Readonly<Record<string, readonly string[]>> = {
  'both here': [CLIENT, SERVER],
  'the client here': [CLIENT],
  'the server here': [SERVER],
};

const REQUEST = { srcPort: 4000, dstPort: 80 };
const ANSWER = { srcPort: 80, dstPort: 4000 };

for (const [name, here] of Object.entries(PLACEMENTS)) {
  test(`${name}: an answer passes where a request would not, for as long as the flow is known`, (t) => {
    const net = pair(here);
    const there = between(BLUE, CLIENT, SERVER);
    const back = between(BLUE, SERVER, CLIENT);
    const unasked = tcpFrame(back, { ...ANSWER, flags: Flag.ACK });
    t.is(net.send(SERVER, unasked), 0, 'nobody has asked');
    t.is(net.send(CLIENT, tcpFrame(there, { ...REQUEST, flags: Flag.SYN })), 1);
    t.is(net.send(SERVER, tcpFrame(back, { ...ANSWER, flags: Flag.SYN | Flag.ACK })), 1);
    t.is(net.send(CLIENT, tcpFrame(there, { ...REQUEST, flags: Flag.ACK })), 1);
    t.is(net.send(SERVER, tcpFrame(back, { ...ANSWER, flags: Flag.ACK })), 1);
    t.is(net.send(SERVER, tcpFrame(back, { ...ANSWER, dstPort: 4001 })), 0, 'another port');
    t.is(net.core.flowTable.count, here.length, 'a pair of each port');
    t.true(net.core.flows({ limit: 9 }).every(({ state }) => state === 'established'));
    net.clock.advance(millis(8_000_000));
    net.core.forward(0);
    while (net.core.expireFlows());
    t.is(net.core.flowTable.count, 0);
    t.is(net.send(SERVER, unasked), 0);
    net.core.checkInvariants();
  });
}

test('a request that another path brings is answered directly: state is the ports’, not the path’s', (t) => {
  // The server got the request by an appliance at another host; the client sent it to that appliance.
  const server = pair([SERVER]);
  t.is(server.send(CLIENT, tcpFrame(between(BLUE, CLIENT, SERVER), REQUEST)), 1);
  const answer = tcpFrame(between(BLUE, SERVER, CLIENT), { ...ANSWER, flags: Flag.SYN | Flag.ACK });
  t.is(server.send(SERVER, answer), 1, 'its own request says so');
  const both = pair([CLIENT, SERVER]);
  // What left the client went elsewhere, what came to the server came from elsewhere; their own pairs meet in the answer.
  both.core.applyGoal({ upserts: [mappingResource(BLUE, SERVER, PEER_ADDRESS)], removes: [] });
  t.is(both.send(CLIENT, tcpFrame(between(BLUE, CLIENT, SERVER), REQUEST)), 1);
  both.core.applyGoal({ upserts: [mappingResource(BLUE, SERVER, HOST_ADDRESS)], removes: [] });
  const viaAppliance = tcpFrame(between(BLUE, CLIENT, SERVER), REQUEST);
  t.is(both.passTunnel(BLUE.dbVni, viaAppliance).length, 1);
  t.is(both.send(SERVER, answer), 1);
  both.core.checkInvariants();
});

/** An ICMP error of `from` about `frame`, which it has received. */
function errorAbout(frame: Uint8Array, to: Addressing): Uint8Array {
  const repr = {
    type: icmp.Type.DESTINATION_UNREACHABLE,
    code: 3,
    rest: 0,
    data: frame.slice(14, 42),
  };
  const bytes = new Uint8Array(icmp.reprLen(repr));
  icmp.emit(repr, viewOf(bytes), 0);
  return ipFrame(to, IpProtocol.ICMP, bytes);
}

for (const [name, here] of Object.entries(PLACEMENTS)) {
  test(`${name}: an ICMP error passes exactly if the flow exists whose packet it quotes`, (t) => {
    const net = pair(here);
    const probe = udpFrame(between(BLUE, CLIENT, SERVER), { src: 5000, dst: 9 });
    const received = probe.slice();
    const error = errorAbout(received, between(BLUE, SERVER, CLIENT));
    t.is(net.send(SERVER, error), 0, 'about nothing');
    t.is(net.send(CLIENT, probe), 1);
    t.is(net.send(SERVER, error), 1);
    t.is(net.send(SERVER, error), 1, 'again, from the flow as remembered');
    const other = udpFrame(between(BLUE, CLIENT, SERVER), { src: 5001, dst: 9 });
    t.is(net.send(SERVER, errorAbout(other, between(BLUE, SERVER, CLIENT))), 0);
    const counts = here.includes(SERVER)
      ? net.counters(portId(BLUE, SERVER))
      : net.uplinkCounters();
    t.is(counts.drops['IcmpErrorUnrelated'], 2);
    t.true(net.core.flows({ limit: 9 }).every(({ state }) => state === ''));
    t.is(net.counters(portId(BLUE, here[0] ?? '')).flows.halfOpen, 1, 'an error answers nothing');
    const broken = error.slice();
    broken[60] = (broken[60] ?? 0) ^ 1;
    t.is(net.send(SERVER, broken), 0);
    net.core.checkInvariants();
  });
}

test('an ICMP error in the name of somebody on the way comes only from a port that forwards', (t) => {
  const net = pair([CLIENT, SERVER]);
  const probe = udpFrame(between(BLUE, CLIENT, SERVER), { src: 5000, dst: 9 });
  net.send(CLIENT, probe);
  const error = errorAbout(probe, { ...between(BLUE, SERVER, CLIENT), src: '10.0.1.99' });
  t.is(net.send(SERVER, error), 0);
  t.is(net.counters(portId(BLUE, SERVER)).drops['SpoofedIpv4'], 1);
});

/** The datagram cut in two, as its sender would. */
function fragments(frame: Uint8Array, id = 7): [Uint8Array, Uint8Array] {
  const cut = 34 + 16;
  const first = frame.slice(0, cut);
  const later = Uint8Array.of(...frame.slice(0, 34), ...frame.slice(cut));
  for (const [index, fragment] of [first, later].entries()) {
    const view = viewOf(fragment);
    view.setUint16(14 + 2, fragment.length - 14);
    view.setUint16(14 + 4, id);
    view.setUint16(14 + 6, index === 0 ? 0x2000 : 2);
    ipv4.fillChecksum(view, 14);
  }
  return [first, later];
}

for (const [name, here] of Object.entries(PLACEMENTS)) {
  test(`${name}: fragments follow their first one, as requests and as answers`, (t) => {
    const net = pair(here);
    const payload = new Uint8Array(40).fill(3);
    const [first, later] = fragments(
      udpFrame(between(BLUE, CLIENT, SERVER), { src: 4000, dst: 80 }, payload),
    );
    const [answer, rest] = fragments(
      udpFrame(between(BLUE, SERVER, CLIENT), { src: 80, dst: 4000 }, payload),
    );
    t.is(net.send(CLIENT, later), 0, 'before its first one');
    t.is(net.send(SERVER, answer) + net.send(SERVER, rest), 0, 'of an answer to nothing');
    t.is(net.send(CLIENT, first) + net.send(CLIENT, later), 2);
    t.is(net.send(SERVER, answer) + net.send(SERVER, rest), 2);
    t.is(net.core.flowTable.count, here.length, 'of one flow');
    net.clock.advance(millis(40_000));
    t.is(net.send(CLIENT, later), 0, 'long after');
    const counts = here.includes(CLIENT)
      ? net.counters(portId(BLUE, CLIENT))
      : net.uplinkCounters();
    t.is(counts.drops['FragmentWithoutFirst'], 2);
  });
}

test('a port that floods what is denied soon does not walk any more, and its known flows go on', (t) => {
  const net = pair([CLIENT, SERVER]);
  const open = tcpFrame(between(BLUE, CLIENT, SERVER), REQUEST);
  t.is(net.send(CLIENT, open), 1);
  const answer = tcpFrame(between(BLUE, SERVER, CLIENT), { ...ANSWER, flags: Flag.SYN | Flag.ACK });
  t.is(net.send(SERVER, answer), 1);
  const flood = Array.from({ length: 60 }, (_, index) =>
    udpFrame(between(BLUE, SERVER, CLIENT), { src: 1000 + index, dst: 9 }),
  );
  const sent = net.pass(net.device(SERVER), [...flood, answer]);
  t.is(sent.length, 1);
  const { drops } = net.counters(portId(BLUE, SERVER));
  t.is(drops['AclDenied'], DENIALS_PER_PORT_PER_BURST_MAX);
  t.is(drops['DenialsLimited'], flood.length - DENIALS_PER_PORT_PER_BURST_MAX);
});
