/** Sessions over a simulated network (RFC 4271 §6, §8): coming up, refusing, colliding, noticing silence, bounded against bad peers. */
import test from 'ava';
import fc from 'fast-check';
import { ManualClock } from '../../../../base/clock.ts';
import { millis, minutes, seconds } from '../../../../base/units.ts';
import type { Capability } from '../../../../bgp/message/capability.ts';
import { MessageType } from '../../../../bgp/message/framing.ts';
import { notificationFault } from '../../../../bgp/message/notification.ts';
import type { OpenRepr } from '../../../../bgp/message/open.ts';
import type { UpdateRepr } from '../../../../bgp/message/update.ts';
import * as update from '../../../../bgp/message/update.ts';
import { failureWords } from '../../../../bgp/session/failure.ts';
import { startListener } from '../../../../bgp/session/listener.ts';
import { Session } from '../../../../bgp/session/session.ts';
import type { Connection } from '../../../../bgp/session/transport.ts';
import { WorkQueue } from '../../../../bgp/session/work-queue.ts';
import { SimulatedNetwork } from './simulated-network.ts';

interface SpeakerSpec {
  readonly address: string;
  readonly peer: string;
  readonly asn: number;
  readonly peerAsn?: number;
  readonly id: number;
  readonly isPassive?: boolean;
  readonly holdTimeSec?: number;
  readonly capabilities?: readonly Capability[];
}

interface Speaker {
  readonly session: Session;
  readonly updates: UpdateRepr[];
  readonly events: string[];
}

function speaker(clock: ManualClock, network: SimulatedNetwork, spec: SpeakerSpec): Speaker {
  const { address, peer, asn, peerAsn, id, isPassive = false, holdTimeSec = 90 } = spec;
  const updates: UpdateRepr[] = [];
  const events: string[] = [];
  const open: OpenRepr = {
    asn,
    holdTimeSec,
    bgpIdentifier: id,
    capabilities: spec.capabilities ?? [
      { kind: 'multiprotocol', afi: 1, safi: 1 },
      { kind: 'four-octet-as', asn },
      { kind: 'route-refresh' },
    ],
  };
  const session = new Session({
    clock,
    work: new WorkQueue(clock),
    transport: network.host(address),
    config: {
      isPassive,
      connectRetryTime: seconds(5),
      holdTime: seconds(holdTimeSec),
      idleHoldTime: seconds(1),
      idleHoldTimeMax: seconds(120),
      openWaitTime: minutes(4),
      sendHoldTime: minutes(8),
    },
    target: { remoteAddress: peer, remotePort: 179, localAddress: undefined, security: {} },
    expectations: { peerAsn, roleRequired: false },
    localOpen: () => open,
    updateContext: (negotiated) => ({
      fourOctetAs: negotiated.fourOctetAs,
      isInternal: negotiated.isInternal,
      families: negotiated.families,
    }),
    events: {
      onEstablished: () => events.push('up'),
      onUpdate: (received) => updates.push(received),
      onRefresh: () => events.push('refresh'),
      onDown: (failure) => events.push(`down ${failure.kind}`),
      onSendable: () => undefined,
      onStateChange: () => undefined,
    },
  });
  void startListener({
    transport: network.host(address),
    addresses: [address],
    port: 179,
    sessionOf: (remote) => (remote === peer ? session : undefined),
  });
  return { session, updates, events };
}

const A: SpeakerSpec = {
  address: '10.0.0.1',
  peer: '10.0.0.2',
  asn: 65_001,
  peerAsn: 65_002,
  id: 1,
};
const B: SpeakerSpec = {
  address: '10.0.0.2',
  peer: '10.0.0.1',
  asn: 65_002,
  peerAsn: 65_001,
  id: 2,
};

function pair(a: Partial<SpeakerSpec> = {}, b: Partial<SpeakerSpec> = {}) {
  const clock = new ManualClock();
  const network = new SimulatedNetwork(clock);
  const left = speaker(clock, network, { ...A, ...a });
  const right = speaker(clock, network, { ...B, ...b });
  return { clock, network, left, right };
}

/** A peer whose every byte the test writes. */
function rawPeer(spec: Partial<SpeakerSpec> = {}) {
  const clock = new ManualClock();
  const network = new SimulatedNetwork(clock);
  const { session, updates, events } = speaker(clock, network, { ...A, isPassive: true, ...spec });
  const received: number[] = [];
  let closed = false;
  session.start();
  const connection: Connection = network.host(A.peer).connect(
    { remoteAddress: A.address, remotePort: 179, localAddress: undefined, security: {} },
    {
      onConnected: () => undefined,
      onData: (bytes) => received.push(...bytes),
      onProgress: () => undefined,
      onClosed: () => {
        closed = true;
      },
    },
  );
  clock.advance(millis(20));
  const write = (bytes: readonly number[] | Uint8Array): void => {
    connection.write(Uint8Array.from(bytes));
    clock.advance(millis(20));
  };
  return {
    clock,
    network,
    session,
    updates,
    events,
    received,
    write,
    connection,
    isClosed: () => closed,
  };
}

function message(type: number, body: readonly number[] | Uint8Array = []): number[] {
  const length = 19 + body.length;
  return [...new Array<number>(16).fill(0xff), length >> 8, length & 0xff, type, ...body];
}

/** Version 4, AS 65002, hold time 90, identifier 2, no capability but four-octet AS. */
const RAW_OPEN = message(1, [4, 0xfd, 0xea, 0, 90, 0, 0, 0, 2, 8, 2, 6, 65, 4, 0, 0, 0xfd, 0xea]);
const KEEPALIVE = message(4);
const END_OF_RIB = message(2, update.encode({}));

/** The last message that the raw peer got, as code/subcode where it is a NOTIFICATION. */
function lastNotification(received: readonly number[]): string {
  const at = received.length - 21;
  return received[at + 18] === 3 ? `${received[at + 19]}/${received[at + 20]}` : 'none';
}

test('two speakers that both connect end up with one session, whoever is first (§6.8)', (t) => {
  for (const delay of [0, 1, 2, 3, 5, 10]) {
    const { clock, network, left, right } = pair();
    left.session.start();
    clock.advance(millis(delay));
    right.session.start();
    clock.advance(seconds(10));
    t.is(left.session.status.state, 'Established', `${delay} ms`);
    t.is(right.session.status.state, 'Established', `${delay} ms`);
    t.is(network.ends.filter((end) => !end.isClosed).length, 2, 'one connection is left');
    clock.advance(minutes(10));
    t.deepEqual(
      [left.events, right.events].map((each) => each.filter((e) => e === 'up')),
      [['up'], ['up']],
    );
  }
});

test('a passive neighbour waits; the other one connects', (t) => {
  const { clock, left, right } = pair({ isPassive: true });
  left.session.start();
  right.session.start();
  clock.advance(seconds(1));
  t.is(left.session.status.state, 'Established');
  t.is(left.session.negotiated?.families.length, 1);
});

test('keepalives hold an idle session for an hour', (t) => {
  const { clock, left, right } = pair({ holdTimeSec: 3 });
  left.session.start();
  right.session.start();
  clock.advance(minutes(60));
  t.deepEqual(left.events, ['up']);
  t.true((left.session.statistics.messages[MessageType.Keepalive].sentCount ?? 0) > 3_000);
});

test('hold time 0: no keepalives, and the session stands', (t) => {
  const { clock, left, right } = pair({ holdTimeSec: 0 });
  left.session.start();
  right.session.start();
  clock.advance(minutes(60));
  t.is(left.session.status.state, 'Established');
  t.is(left.session.statistics.messages[MessageType.Keepalive].sentCount, 1);
});

test('nothing listens at the peer: the reason is data, and the session comes up once it does', (t) => {
  const clock = new ManualClock();
  const network = new SimulatedNetwork(clock);
  const left = speaker(clock, network, A);
  left.session.start();
  clock.advance(seconds(1));
  t.deepEqual(left.session.status.failure, { kind: 'connect', cause: { kind: 'refused' } });
  const right = speaker(clock, network, { ...B, isPassive: true });
  right.session.start();
  clock.advance(seconds(10));
  t.is(left.session.status.state, 'Established');
  t.is(left.session.status.failure, undefined);
});

test('wrong AS: 2/2 is sent, both sides say why, the pause between tries doubles', (t) => {
  const { clock, left, right } = pair({ peerAsn: 65_009 });
  left.session.start();
  right.session.start();
  clock.advance(minutes(5));
  const { failure } = left.session.status;
  t.true(failure?.kind === 'sent' && failure.notification.subcode === 2, JSON.stringify(failure));
  const theirs = right.session.status.failure;
  t.regex(
    failureWords(failure ?? { kind: 'connection-lost' }, {}, 65_001).message,
    /AS 65009 is configured, the peer is AS 65002/,
  );
  t.true(theirs !== undefined && failureWords(theirs, {}, 65_002).message.length > 0);
  t.true(left.session.statistics.messages[MessageType.Open].sentCount < 40, 'damped');
});

for (const [claim, spec, subcode] of [
  ['same BGP identifier in the same AS', { asn: 65_001, peerAsn: 65_001, id: 1 }, 3],
  ['no common address family', { capabilities: [{ kind: 'multiprotocol', afi: 2, safi: 1 }] }, 7],
  [
    'roles that do not fit (RFC 9234)',
    {
      capabilities: [
        { kind: 'multiprotocol', afi: 1, safi: 1 },
        { kind: 'role', role: 0 },
      ],
    },
    11,
  ],
] as const) {
  test(`${claim} → OPEN Message Error ${subcode}`, (t) => {
    const isRole = subcode === 11;
    const { clock, left, right } = pair(
      {
        peerAsn: 'peerAsn' in spec ? 65_001 : 65_002,
        isPassive: true,
        ...(isRole && { capabilities: spec.capabilities }),
      },
      spec,
    );
    left.session.start();
    right.session.start();
    clock.advance(millis(100));
    const { failure } = left.session.status;
    t.is(failure?.kind === 'sent' ? failure.notification.subcode : failure?.kind, subcode);
  });
}

test('a silent peer: the hold timer ends the session with 4/0', (t) => {
  const peer = rawPeer({ holdTimeSec: 9 });
  peer.write([...RAW_OPEN, ...KEEPALIVE]);
  peer.clock.advance(seconds(8));
  t.deepEqual(peer.events, ['up']);
  peer.clock.advance(seconds(2));
  t.is(lastNotification(peer.received), '4/0');
  t.deepEqual(peer.events, ['up', 'down sent']);
});

test('RFC 9687: a peer that talks but never reads is given up by the send hold timer', (t) => {
  const peer = rawPeer();
  peer.write(RAW_OPEN);
  peer.write(KEEPALIVE);
  t.deepEqual(peer.events, ['up']);
  peer.network.frozen.add(A.peer);
  for (let minute = 0; minute < 10; minute++) {
    peer.connection.write(Uint8Array.from(KEEPALIVE));
    peer.clock.advance(seconds(59));
  }
  const { failure } = peer.session.status;
  t.is(failure?.kind === 'sent' ? failure.notification.code : undefined, 8);
});

test('a message a byte at a time is understood', (t) => {
  const peer = rawPeer();
  for (const byte of [...RAW_OPEN, ...KEEPALIVE, ...END_OF_RIB]) peer.write([byte]);
  t.deepEqual(peer.events, ['up']);
  t.is(peer.updates.length, 1);
});

test('a connection that ends within a message goes down as lost', (t) => {
  const peer = rawPeer();
  peer.write([...RAW_OPEN, ...KEEPALIVE, ...END_OF_RIB.slice(0, 20)]);
  peer.connection.close();
  peer.clock.advance(millis(10));
  t.deepEqual(peer.events, ['up', 'down connection-lost']);
});

test('what was written before the end is heard: a NOTIFICATION says why', (t) => {
  const peer = rawPeer();
  peer.write([...RAW_OPEN, ...KEEPALIVE]);
  peer.connection.write(Uint8Array.from(message(3, [6, 2])));
  peer.connection.close();
  peer.clock.advance(millis(10));
  const { failure } = peer.session.status;
  t.is(failure?.kind, 'received');
  t.regex(
    failureWords(failure ?? { kind: 'connection-lost' }, {}, 65_001).message,
    /Administrative Shutdown/,
  );
});

test('a flood is read no faster than it is dealt with, and keepalives go out meanwhile', (t) => {
  const peer = rawPeer({ holdTimeSec: 3 });
  peer.write([...RAW_OPEN, ...KEEPALIVE]);
  const flood = Uint8Array.from(Array.from({ length: 500 }, () => END_OF_RIB).flat());
  for (let time = 0; time < 100; time++) peer.connection.write(flood);
  peer.clock.advance(seconds(10));
  t.is(peer.updates.length, 50_000);
  t.true(peer.session.statistics.messages[MessageType.Keepalive].sentCount >= 3);
});

test('a second connection of an established peer is refused with 6/7', (t) => {
  const { clock, network, left, right } = pair();
  left.session.start();
  right.session.start();
  clock.advance(seconds(1));
  const heard: number[] = [];
  network.host(A.peer).connect(
    { remoteAddress: A.address, remotePort: 179, localAddress: undefined, security: {} },
    {
      onConnected: () => undefined,
      onData: (bytes) => heard.push(...bytes),
      onProgress: () => undefined,
      onClosed: () => undefined,
    },
  );
  clock.advance(seconds(1));
  t.is(lastNotification(heard), '6/7');
  t.is(left.session.status.state, 'Established');
});

test('RFC 4724 §4.2: a restarted peer that connects again replaces the session that still stood', (t) => {
  const capabilities: readonly Capability[] = [
    { kind: 'multiprotocol', afi: 1, safi: 1 },
    {
      kind: 'graceful-restart',
      restarting: false,
      notification: true,
      restartTimeSec: 120,
      families: [{ afi: 1, safi: 1, forwardingState: true }],
    },
  ];
  const { clock, network, left, right } = pair({ capabilities, isPassive: true }, { capabilities });
  left.session.start();
  right.session.start();
  clock.advance(seconds(1));
  const restarted = new Session({
    clock,
    work: new WorkQueue(clock),
    transport: network.host(B.address),
    config: {
      isPassive: false,
      connectRetryTime: seconds(5),
      holdTime: seconds(90),
      idleHoldTime: seconds(1),
      idleHoldTimeMax: seconds(120),
      openWaitTime: minutes(4),
      sendHoldTime: minutes(8),
    },
    target: { remoteAddress: A.address, remotePort: 179, localAddress: undefined, security: {} },
    expectations: { peerAsn: undefined, roleRequired: false },
    localOpen: () => ({ asn: 65_002, holdTimeSec: 90, bgpIdentifier: 2, capabilities }),
    updateContext: ({ fourOctetAs, isInternal, families }) => ({
      fourOctetAs,
      isInternal,
      families,
    }),
    events: {
      onEstablished: () => undefined,
      onUpdate: () => undefined,
      onRefresh: () => undefined,
      onDown: () => undefined,
      onSendable: () => undefined,
      onStateChange: () => undefined,
    },
  });
  restarted.start();
  clock.advance(millis(100));
  t.deepEqual(left.events, ['up', 'down connection-lost', 'up']);
});

test('an administrator stops it: 6/2, and it stays down', (t) => {
  const { clock, left, right } = pair();
  left.session.start();
  right.session.start();
  clock.advance(seconds(1));
  left.session.stop(notificationFault(6, 2));
  clock.advance(minutes(5));
  t.is(left.session.status.state, 'Idle');
  t.is(right.session.status.failure?.kind, 'received');
  left.session.start();
  clock.advance(minutes(5));
  t.is(left.session.status.state, 'Established');
});

test('any bytes: the session answers with a NOTIFICATION or waits; it never throws', (t) => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.constantFrom(RAW_OPEN, KEEPALIVE, END_OF_RIB, message(5, [0, 1, 0, 1])),
          fc.uint8Array({ maxLength: 60 }).map((bytes) => [...bytes]),
          fc
            .tuple(fc.integer({ min: 0, max: 6 }), fc.uint8Array({ maxLength: 80 }))
            .map(([type, body]) => message(type, body)),
        ),
        { maxLength: 12 },
      ),
      fc.boolean(),
      (pieces, opensFirst) => {
        const peer = rawPeer();
        if (opensFirst) peer.write([...RAW_OPEN, ...KEEPALIVE]);
        for (const piece of pieces) if (!peer.isClosed()) peer.write(piece);
        peer.clock.advance(seconds(1));
        const { state } = peer.session.status;
        // Closed from this side means a reason was given.
        if (peer.isClosed()) return peer.session.status.failure !== undefined;
        return state !== 'Idle';
      },
    ),
    { numRuns: 300 },
  );
  t.pass();
});

test('any order of starts, stops, cuts and time ends Established once both are started again', (t) => {
  const action = fc.record({
    what: fc.constantFrom('start', 'stop', 'reset', 'cut'),
    side: fc.constantFrom('left', 'right'),
    afterMs: fc.integer({ min: 0, max: 4_000 }),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 15 }), (actions) => {
      const { clock, network, left, right } = pair();
      for (const { what, side, afterMs } of actions) {
        const { session } = side === 'left' ? left : right;
        if (what === 'start') session.start();
        else if (what === 'stop') session.stop(notificationFault(6, 2));
        else if (what === 'reset') session.reset(notificationFault(6, 4));
        else network.cut(side === 'left' ? A.address : B.address);
        clock.advance(millis(afterMs));
      }
      left.session.start();
      right.session.start();
      clock.advance(minutes(10));
      return (
        left.session.status.state === 'Established' &&
        right.session.status.state === 'Established' &&
        network.ends.filter((end) => !end.isClosed).length === 2
      );
    }),
    { numRuns: 60 },
  );
  t.pass();
});
