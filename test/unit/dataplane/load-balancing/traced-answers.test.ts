/** A trace of an answer whose request has not been sent foretells what becomes of it when it has been. */
import test, { type ExecutionContext } from 'ava';
import { defined } from '../../../../base/assert.ts';
import { parseIpWords } from '../../../../base/ip-words.ts';
import type {
  AnsweredRequest,
  Entrance,
  RequestEnds,
} from '../../../../dataplane/explain/trace-walk.ts';
import type { SentFrame } from '../../../../dataplane/port/memory-frame-io.ts';
import { Flag } from '../../../../packet/tcp.ts';
import type { Resource } from '../../../../schema/southbound/messages.ts';
import {
  BLUE,
  macOf,
  PEER_ADDRESS,
  portId,
  ROUTER_MAC,
  type TenantRig,
  tenantRig,
} from '../switch/tenants.ts';
import {
  apply,
  backend,
  balancedHost,
  CLIENT,
  type Ends,
  fromMux,
  fromVm,
  INTERNAL,
  lease,
  MUX,
  PUBLIC,
  pool,
  ruleOf,
  segmentFrom,
  virtualIp,
} from './balanced.ts';
import { ANSWER, DIP, OTHER, REQUEST, THERE } from './public-world.ts';

const SYN_ACK = Flag.SYN | Flag.ACK;

function world(...resources: readonly Resource[]): TenantRig {
  const net = tenantRig();
  apply(net, [balancedHost(), ...resources]);
  return net;
}

function words({ src, srcPort, dst, dstPort }: Ends): RequestEnds {
  return {
    ...{ source: defined(parseIpWords(src), src), sourcePort: srcPort },
    ...{ destination: defined(parseIpWords(dst), dst), destinationPort: dstPort },
  };
}

interface Claim {
  readonly entrance: Entrance;
  readonly answer: Uint8Array;
  readonly answers: AnsweredRequest;
  /** Sends the request. */
  readonly ask: () => unknown;
  /** Sends the answer. */
  readonly send: () => readonly SentFrame[];
}

function foretells(t: ExecutionContext, net: TenantRig, claim: Claim): void {
  const { entrance, answer, answers } = claim;
  const { bytes } = net.core.tracer.trace(entrance, answer, { answers });
  claim.ask();
  const [sent] = claim.send();
  const { uplink } = defined(sent, 'the answer is sent');
  const frame = sent?.bytes.subarray(uplink === undefined ? 0 : 8);
  t.deepEqual(bytes && Buffer.from(bytes), frame && Buffer.from(frame));
  t.deepEqual(net.drops(), {});
}

test('of a backend to a client outside', (t) => {
  const net = world(virtualIp(PUBLIC), pool([backend(DIP), backend(OTHER)]));
  const answer = fromVm(ANSWER, SYN_ACK);
  foretells(t, net, {
    entrance: { kind: 'port', portId: portId(BLUE, DIP) },
    answer,
    answers: { came: words(REQUEST) },
    ask: () => net.passTunnel(BLUE.webVni, fromMux(REQUEST, DIP), MUX),
    send: () => net.pass(net.device(BLUE, DIP), [answer]),
  });
});

test('of a backend that has been asked by the floating address', (t) => {
  const rule = ruleOf({ floatingIp: true, backendPort: 80 });
  const net = world(virtualIp(PUBLIC, [rule]), pool([backend(DIP), backend(OTHER)]));
  const ends = { src: PUBLIC, srcPort: 80, dst: CLIENT, dstPort: 40_000 };
  const answer = segmentFrom(ends, { srcMac: macOf(BLUE, DIP), dstMac: ROUTER_MAC }, SYN_ACK);
  foretells(t, net, {
    entrance: { kind: 'port', portId: portId(BLUE, DIP) },
    answer,
    answers: { came: words(REQUEST) },
    ask: () => net.passTunnel(BLUE.webVni, fromMux(REQUEST, DIP), MUX),
    send: () => net.pass(net.device(BLUE, DIP), [answer]),
  });
});

const TO_INTERNAL = { src: DIP, srcPort: 40_000, dst: INTERNAL, dstPort: 80 };

test('of a backend of an internal address on this host, judged at both ports', (t) => {
  const net = world(virtualIp(INTERNAL), pool([backend(OTHER)]));
  const answer = fromVm({ src: OTHER, srcPort: 8080, dst: DIP, dstPort: 40_000 }, SYN_ACK);
  foretells(t, net, {
    entrance: { kind: 'port', portId: portId(BLUE, OTHER) },
    answer,
    answers: {
      sent: words(TO_INTERNAL),
      came: words({ ...TO_INTERNAL, dst: OTHER, dstPort: 8080 }),
    },
    ask: () => net.pass(net.device(BLUE, DIP), [fromVm(TO_INTERNAL)]),
    send: () => net.pass(net.device(BLUE, OTHER), [answer]),
  });
});

test('of a backend of an internal address on another host', (t) => {
  const net = world(virtualIp(INTERNAL), pool([backend(THERE)]));
  const answer = fromVm({ src: THERE, srcPort: 8080, dst: DIP, dstPort: 40_000 }, SYN_ACK);
  foretells(t, net, {
    entrance: fromTunnel(PEER_ADDRESS),
    answer,
    answers: { sent: words(TO_INTERNAL) },
    ask: () => net.pass(net.device(BLUE, DIP), [fromVm(TO_INTERNAL)]),
    send: () => net.passTunnel(BLUE.webVni, answer),
  });
});

test('of a server outside, to a leased port', (t) => {
  const net = world(lease());
  const asked = { src: DIP, srcPort: 40_000, dst: CLIENT, dstPort: 443 };
  const port = portId(BLUE, DIP);
  const { leaves } = net.core.tracer.trace({ kind: 'port', portId: port }, fromVm(asked)).answer;
  const dstPort = defined(leaves?.sourcePort, 'a leased port');
  const answer = fromMux({ src: CLIENT, srcPort: 443, dst: PUBLIC, dstPort }, DIP, SYN_ACK);
  foretells(t, net, {
    entrance: fromTunnel(MUX),
    answer,
    answers: { sent: words(asked) },
    ask: () => net.pass(net.device(BLUE, DIP), [fromVm(asked)]),
    send: () => net.passTunnel(BLUE.webVni, answer, MUX),
  });
});

function fromTunnel(source: string): Entrance {
  return { kind: 'tunnel', source: defined(parseIpWords(source), source), vni: BLUE.webVni };
}
