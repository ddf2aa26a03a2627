/**
 * Peers that mean harm (RFC 4271 §6, RFC 7313): what each of them costs, counted in the octets that its session holds. Through a whole speaker,
 * over a simulated network.
 */
import test from 'ava';
import { millis, seconds } from '../../../base/units.ts';
import {
  ATTRIBUTE_BYTES_PER_BATCH,
  COMPLAINTS_MAX,
  SEND_PENDING_BYTES_MAX,
} from '../../../bgp/limits.ts';
import {
  capabilities,
  KEEPALIVE,
  message,
  openBody,
  PEER,
  RawPeer,
  updateBody,
} from './raw-peer.ts';

const FOUR_OCTET_AS = [65, 4, 0, 0, 0xfd, 0xea];
const OFFERED = capabilities(FOUR_OCTET_AS, [2, 0], [70, 0], [6, 0]);
/** A message of the longest kind, and what a socket gives at once, in a buffer whose length is a power of two. */
const INPUT_BYTES_MAX = 128 * 1_024;
/** What may wait, one encoding on top of it, and the attributes with which that was full. */
const OUTPUT_BYTES_MAX = SEND_PENDING_BYTES_MAX + 2 * ATTRIBUTE_BYTES_PER_BATCH;
const CHUNK = 65_536;

const ATTRIBUTES = [
  ...[0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xea, 0x40, 3, 4, 10, 0, 0, 2],
];
const update = (n: number) =>
  message(2, updateBody({ attributes: ATTRIBUTES, nlri: [24, 10, n >> 8, n & 0xff] }));

/** Chunks as a socket gives them. */
function pour(peer: RawPeer, bytes: readonly number[]): void {
  for (let at = 0; at < bytes.length; at += CHUNK) peer.send(bytes.slice(at, at + CHUNK));
}

test('a peer that says nothing after it has connected, or a byte a minute, is given up with 4/0', async (t) => {
  for (const says of [false, true]) {
    const peer = await RawPeer.connect();
    for (const byte of message(1, openBody()).slice(0, 5)) {
      if (says) peer.send([byte]);
      peer.advance(60);
    }
    t.is(peer.notification, '4/0');
    t.true(peer.isClosed);
    t.is(peer.status.heldBytes, 0);
  }
});

test('a byte a minute once the session is up: the hold timer does not take it for life', async (t) => {
  const peer = await RawPeer.established();
  for (const byte of KEEPALIVE) {
    if (peer.isClosed) break;
    t.true(peer.status.heldBytes <= INPUT_BYTES_MAX);
    peer.send([byte]);
    peer.advance(60);
  }
  t.is(peer.notification, '4/0');
});

test('the longest message a byte at a time costs one buffer', async (t) => {
  const peer = await RawPeer.established({}, OFFERED);
  const nlri = Array.from({ length: 16_000 }, (_, n) => [24, 10, n >> 8, n & 0xff]).flat();
  let most = 0;
  for (const byte of message(2, updateBody({ attributes: ATTRIBUTES, nlri }))) {
    peer.send([byte]);
    peer.clock.advance(millis(1));
    most = Math.max(most, peer.status.heldBytes);
  }
  peer.clock.advance(millis(20));
  t.is(peer.speaker.counts.prefixes, 16_000);
  t.true(most <= INPUT_BYTES_MAX, `${most}`);
});

for (const [claim, flood] of [
  ['KEEPALIVEs', KEEPALIVE],
  ['UPDATEs', update(1)],
  ['malformed UPDATEs', message(2, updateBody({ attributes: [0x40, 1, 1, 3], nlri: [8, 10] }))],
  ['requests for a refresh', message(5, [0, 1, 0, 1])],
] as const) {
  test(`a flood of ${claim} from a peer that reads nothing holds no more than the buffers of one session`, async (t) => {
    const peer = await RawPeer.established({}, OFFERED);
    for (let n = 0; n < 200; n++) peer.speaker.announce({ prefix: `203.0.${n}.0/24`, med: n });
    peer.clock.advance(millis(50));
    peer.network.frozen.add(PEER);
    const bytes = Array.from({ length: Math.floor(1_000_000 / flood.length) }, () => flood).flat();
    pour(peer, bytes);
    let most = 0;
    for (let time = 0; time < 2_000; time++) {
      peer.clock.advance(millis(1));
      most = Math.max(most, peer.status.heldBytes);
    }
    t.true(most <= INPUT_BYTES_MAX + OUTPUT_BYTES_MAX, `${most}`);
    t.is(peer.status.state, 'Established');
    t.true(peer.status.complaints.length <= COMPLAINTS_MAX);
  });
}

test('RFC 7313: however often a peer asks, one refresh is on its way and one to come', async (t) => {
  const peer = await RawPeer.established({}, OFFERED);
  for (let n = 0; n < 200; n++) peer.speaker.announce({ prefix: `203.0.${n}.0/24`, med: n });
  peer.clock.advance(millis(50));
  const before = peer.count(5);
  pour(peer, Array.from({ length: 10_000 }, () => message(5, [0, 1, 0, 1])).flat());
  peer.clock.advance(seconds(5));
  const said = peer.count(5) - before;
  // Beginning and end of each: some begin while others still come in.
  t.true(said >= 2 && said % 2 === 0 && said <= 40, `${said}`);
});

test('a reader that stops while everything has attributes of its own holds one encoding', async (t) => {
  const peer = await RawPeer.established({}, OFFERED);
  peer.network.frozen.add(PEER);
  const communities = Array.from({ length: 900 }, (_, n) => n + 1);
  let most = 0;
  for (let n = 0; n < 1_000; n++) {
    const prefix = `10.${n >> 8}.${n & 255}.0/24`;
    peer.speaker.announce({ prefix, med: n, communities });
  }
  for (let time = 0; time < 200; time++) {
    peer.clock.advance(millis(10));
    most = Math.max(most, peer.status.heldBytes);
  }
  t.true(most > SEND_PENDING_BYTES_MAX, 'there is more to say than fits');
  t.true(most <= OUTPUT_BYTES_MAX + INPUT_BYTES_MAX, `${most}`);
  peer.network.frozen.clear();
  for (const end of peer.network.ends) end.read();
  peer.advance(30);
  t.is(peer.status.families[0]?.announced, 1_000);
});

test('a peer that closes in the middle of a message leaves nothing behind', async (t) => {
  const peer = await RawPeer.established();
  peer.write([...update(1), ...update(2).slice(0, 30)]);
  t.true(peer.status.heldBytes > 0);
  peer.close();
  t.is(peer.status.heldBytes, 0);
  t.deepEqual(peer.speaker.counts, { prefixes: 0, paths: 0, attributeSets: 0 });
});

test('a thousand connections of one peer, and of strangers, leave one open', async (t) => {
  const peer = await RawPeer.established();
  for (const address of [PEER, '10.0.0.77']) {
    for (let n = 0; n < 500; n++) {
      peer.network.host(address).connect(
        { remoteAddress: '10.0.0.1', remotePort: 179, localAddress: undefined, security: {} },
        {
          onConnected: () => undefined,
          onData: () => undefined,
          onProgress: () => undefined,
          onClosed: () => undefined,
        },
      );
      peer.clock.advance(millis(5));
    }
  }
  peer.advance(1);
  t.is(peer.status.state, 'Established');
  t.is(
    peer.network.ends.filter(
      ({ isClosed, localAddress }) => !isClosed && localAddress === '10.0.0.1',
    ).length,
    1,
  );
});

test('a peer whose session ends as soon as it is up has one a second at most, however often it comes', async (t) => {
  const peer = await RawPeer.established();
  for (let tenth = 0; tenth < 1_000; tenth++) {
    if (peer.isClosed) {
      peer.connect();
      peer.open();
    }
    peer.write(message(3, [6, 4]));
    peer.clock.advance(millis(60));
  }
  const { receivedCount } = peer.status.statistics.openMessageStats;
  t.true(receivedCount > 10 && receivedCount <= 121, `${receivedCount} in 100 to 120 s`);
  t.deepEqual(peer.speaker.counts, { prefixes: 0, paths: 0, attributeSets: 0 });
});
