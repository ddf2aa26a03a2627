/** BFD (RFC 5880, 5881): packets, the state machine between two ends on a clock that the test moves, and what bad packets cost. */
import test from 'ava';
import fc from 'fast-check';
import { ManualClock } from '../../../../base/clock.ts';
import { seededRng } from '../../../../base/rng.ts';
import { millis, seconds } from '../../../../base/units.ts';
import { Bfd, type BfdOptions } from '../../../../bgp/bfd/bfd.ts';
import { encode, type PacketRepr, parse, State } from '../../../../bgp/bfd/packet.ts';
import type { BfdTransport } from '../../../../bgp/bfd/transport.ts';

function read(bytes: Uint8Array) {
  return parse(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
}

const PACKET: PacketRepr = {
  diagnostic: 1,
  state: State.Init,
  isPoll: true,
  isFinal: false,
  detectMultiplier: 3,
  myDiscriminator: 0x0102_0304,
  yourDiscriminator: 0xa0b0_c0d0,
  desiredMinTxUs: 1_000_000,
  requiredMinRxUs: 300_000,
};
const BYTES = Uint8Array.of(
  ...[0x21, 0xa0, 3, 24, 1, 2, 3, 4, 0xa0, 0xb0, 0xc0, 0xd0],
  ...[0x00, 0x0f, 0x42, 0x40, 0x00, 0x04, 0x93, 0xe0, 0, 0, 0, 0],
);

test('§4.1: a packet is read and written', (t) => {
  t.deepEqual(read(BYTES), PACKET);
  t.deepEqual(encode(PACKET), BYTES);
});

function changed(at: number, value: number): Uint8Array {
  const bytes = BYTES.slice();
  bytes[at] = value;
  return bytes;
}

for (const [why, bytes] of [
  ['another version', changed(0, 0x41)],
  ['wrong length', changed(3, 23)],
  ['wrong length', changed(3, 25)],
  ['no detect multiplier', changed(2, 0)],
  ['multipoint', changed(1, 0xa1)],
  ['demand mode', changed(1, 0xa2)],
  ['poll and final', changed(1, 0xb0)],
  ['no discriminator', Uint8Array.of(...BYTES.slice(0, 4), 0, 0, 0, 0, ...BYTES.slice(8))],
] as const) {
  test(`§6.8.6: ${why} (${[...bytes.slice(0, 8)]}) is refused`, (t) => {
    t.is(read(bytes), why);
  });
}

test('§6.8.6: authentication is refused by name, and must have room', (t) => {
  const bytes = Uint8Array.of(...changed(1, 0xa4), 1, 3, 1);
  t.is(read(bytes), 'wrong length');
  bytes[3] = 27;
  t.is(read(bytes), 'authentication');
});

test('§6.8.6: who is up and knows no discriminator of ours is refused', (t) => {
  const without = { ...PACKET, yourDiscriminator: 0 };
  t.is(read(encode(without)), 'no discriminator of ours in this state');
  t.deepEqual(read(encode({ ...without, state: State.Down })), { ...without, state: State.Down });
});

test('every truncation, and any bytes, are refused or read, never thrown at', (t) => {
  for (let end = 0; end < BYTES.length; end++) t.is(read(BYTES.slice(0, end)), 'too short');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const packet = read(bytes);
      if (typeof packet === 'string') return;
      t.deepEqual(read(encode(packet)), packet);
    }),
  );
});

/** Two ends of a link that can be cut. */
class Link {
  readonly clock = new ManualClock();
  readonly #ears = new Map<string, (bytes: Uint8Array, remoteAddress: string) => void>();
  readonly log: string[] = [];
  isCut = false;
  sentCount = 0;

  async end(address: string, seed: number): Promise<Bfd> {
    const transport: BfdTransport = {
      listen: async (onPacket) => {
        this.#ears.set(address, onPacket);
      },
      open: ({ remoteAddress }) => ({
        send: (bytes) => {
          this.sentCount += 1;
          if (this.isCut) return;
          this.clock.after(millis(1), () => this.#ears.get(remoteAddress)?.(bytes, address));
        },
        close: () => undefined,
      }),
      close: async () => undefined,
    };
    const bfd = new Bfd(this.clock, seededRng(seed), transport);
    await bfd.start();
    return bfd;
  }

  watch(bfd: Bfd, localAddress: string, remoteAddress: string, options: BfdOptions = {}): void {
    bfd.watch({ localAddress, remoteAddress }, options, {
      onUp: () => this.log.push(`${localAddress} up`),
      onDown: ({ diagnostic, isOrderly }) =>
        this.log.push(`${localAddress} down ${diagnostic}${isOrderly ? ' orderly' : ''}`),
    });
  }
}

async function pair(options: BfdOptions = {}) {
  const link = new Link();
  const [a, b] = [await link.end('A', 1), await link.end('B', 2)];
  link.watch(a, 'A', 'B', options);
  link.watch(b, 'B', 'A', options);
  link.clock.advance(seconds(5));
  return { link, a, b };
}

test('§6.2: both ends come up, and agree on the configured interval', async (t) => {
  const { link, a, b } = await pair();
  t.deepEqual([...link.log].sort(), ['A up', 'B up']);
  t.is(a.status('B')?.state, 'Up');
  t.is(a.status('B')?.peerState, 'Up');
  t.is(a.status('B')?.detectionTimeMs, 900);
  t.is(b.status('A')?.detectionTimeMs, 900);
  const before = link.sentCount;
  link.clock.advance(seconds(30));
  // 75 to 100 % of 300 ms, two ends.
  const sent = link.sentCount - before;
  t.true(sent >= 200 && sent <= 267, String(sent));
});

test('§6.8.4: silence for the detection time is a failure, at both ends, and it heals', async (t) => {
  const { link } = await pair({ intervalMs: 50, multiplier: 3 });
  link.log.length = 0;
  link.isCut = true;
  link.clock.advance(millis(90));
  t.deepEqual(link.log, []);
  link.clock.advance(millis(70));
  t.deepEqual([...link.log].sort(), ['A down 1', 'B down 1']);
  link.log.length = 0;
  link.isCut = false;
  link.clock.advance(seconds(5));
  t.deepEqual([...link.log].sort(), ['A up', 'B up']);
});

test('RFC 5882 §3.2: an end that stops on purpose says so, and nobody takes it for a failure', async (t) => {
  const { link, a, b } = await pair();
  link.log.length = 0;
  a.unwatch('B');
  link.clock.advance(seconds(5));
  t.deepEqual(link.log, ['B down 3 orderly']);
  t.is(b.status('A')?.state, 'Down');
});

test('§6.8.7: the slower end sets the pace', async (t) => {
  const link = new Link();
  const [a, b] = [await link.end('A', 1), await link.end('B', 2)];
  link.watch(a, 'A', 'B', { intervalMs: 50 });
  link.watch(b, 'B', 'A', { intervalMs: 1_000, multiplier: 5 });
  link.clock.advance(seconds(10));
  t.is(a.status('B')?.detectionTimeMs, 5_000);
  t.is(b.status('A')?.detectionTimeMs, 3_000);
});

test('packets of strangers and for other sessions are counted and change nothing', async (t) => {
  const { link, a, b } = await pair();
  const stranger = await link.end('C', 3);
  link.watch(stranger, 'C', 'A');
  link.clock.advance(seconds(3));
  t.true(a.refused['unknown peer'] > 0);
  t.is(stranger.status('A')?.state, 'Down');
  t.is(b.status('A')?.state, 'Up');
});

test('any packets that reach a session leave it in a state of §6.2, with a time to come back at', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.uint8Array({ minLength: 24, maxLength: 30 }), fc.nat(2_000)), {
        maxLength: 40,
      }),
      async (packets) => {
        const link = new Link();
        let hear: (bytes: Uint8Array, remoteAddress: string) => void = () => undefined;
        const bfd = new Bfd(link.clock, seededRng(4), {
          listen: async (onPacket) => {
            hear = onPacket;
          },
          open: () => ({ send: () => undefined, close: () => undefined }),
          close: async () => undefined,
        });
        await bfd.start();
        link.watch(bfd, 'A', 'B');
        for (const [bytes, pause] of packets) {
          // Mostly well-formed in front, so that more than the first check is met.
          bytes[0] = 0x20 | ((bytes[0] ?? 0) & 0x1f);
          bytes[3] = 24;
          hear(bytes, 'B');
          link.clock.advance(millis(pause));
        }
        t.true(['Down', 'Init', 'Up'].includes(bfd.status('B')?.state ?? ''));
        await bfd.stop();
      },
    ),
    { numRuns: Number(process.env['WEFT_FUZZ_RUNS'] ?? 100) },
  );
});
