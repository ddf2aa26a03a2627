/**
 * Messages and their attributes under mutation: whatever comes is read or refused, never thrown at; what is read can be said again, and read as
 * the same. Twenty thousand inputs in `npm test`; 500 for each of WEFT_FUZZ_RUNS in `npm run soak`, which makes ten million a round.
 */
import test from 'ava';
import { systemClock } from '../../../base/clock.ts';
import { below, type Rng, seededRng } from '../../../base/rng.ts';
import { decodeAttributes, Outcome } from '../../../bgp/message/attribute-decoder.ts';
import { encodeShared } from '../../../bgp/message/attribute-encoder.ts';
import { emitHeader, frame, HEADER_LEN, MessageType } from '../../../bgp/message/framing.ts';
import * as notification from '../../../bgp/message/notification.ts';
import * as open from '../../../bgp/message/open.ts';
import * as routeRefresh from '../../../bgp/message/route-refresh.ts';
import * as update from '../../../bgp/message/update.ts';

const { WEFT_FUZZ_RUNS: runs } = process.env;
const INPUTS = runs === undefined ? 20_000 : Number(runs) * 500;
/** In the fuzz at large another one every time; printed with a failure. */
const SEED = runs === undefined ? 1 : systemClock.wallNow() >>> 0;

const ORIGIN = [0x40, 1, 1, 0];
const AS_PATH = [0x40, 2, 16, 2, 2, 0, 0, 0xfd, 0xe9, 0, 1, 0, 2, 1, 1, 0, 0, 0xfd, 0xea];
const NEXT_HOP = [0x40, 3, 4, 198, 51, 100, 1];
const REST = [
  ...[0x80, 4, 4, 0, 0, 0, 9, 0x40, 5, 4, 0, 0, 0, 100, 0x40, 6, 0],
  ...[0xc0, 7, 8, 0, 1, 0, 2, 192, 0, 2, 1, 0xc0, 8, 8, 0xfd, 0xe9, 0, 1, 0xff, 0xff, 0, 6],
  ...[0x80, 9, 4, 10, 0, 0, 1, 0x80, 10, 8, 10, 0, 0, 2, 10, 0, 0, 3],
  ...[0xc0, 16, 8, 0, 2, 0xfd, 0xe9, 0, 0, 0, 1, 0xc0, 32, 12, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3],
  ...[0xc0, 17, 6, 2, 1, 0, 1, 0, 2, 0xc0, 35, 4, 0, 0, 0xfd, 0xe9, 0xd0, 99, 0, 2, 1, 2],
];
const MP_REACH = [
  ...[0x80, 14, 28, 0, 2, 1, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0],
  ...[48, 0x20, 1, 0xd, 0xb8, 0, 1],
];
const MP_UNREACH = [0x80, 15, 10, 0, 2, 1, 48, 0x20, 1, 0xd, 0xb8, 0, 2];

function updateOf(attributes: readonly number[], nlri: readonly number[] = []): Uint8Array {
  const withdrawn = Uint8Array.of(16, 10, 1, 25, 10, 2, 3, 128);
  const parts = { withdrawn, attributes: Uint8Array.from(attributes), nlri: Uint8Array.from(nlri) };
  return messageOf(MessageType.Update, update.encode(parts));
}

function messageOf(type: MessageType, body: Uint8Array): Uint8Array {
  const message = new Uint8Array(HEADER_LEN + body.length);
  message.set(body, HEADER_LEN);
  emitHeader(new DataView(message.buffer), 0, type, message.length);
  return message;
}

const NLRI = [24, 203, 0, 113, 32, 192, 0, 2, 1, 0];
const CORPUS: readonly Uint8Array[] = [
  updateOf([...ORIGIN, ...AS_PATH, ...NEXT_HOP], NLRI),
  updateOf([...ORIGIN, ...AS_PATH, ...NEXT_HOP, ...REST], NLRI),
  updateOf([...MP_REACH, ...ORIGIN, ...AS_PATH, ...REST]),
  updateOf([...MP_REACH, ...MP_UNREACH, ...ORIGIN, ...AS_PATH, ...NEXT_HOP], NLRI),
  updateOf([]),
  messageOf(
    MessageType.Open,
    open.encode({
      ...{ asn: 4_200_000_001, holdTimeSec: 90, bgpIdentifier: 0x0a00_0001 },
      capabilities: [
        { kind: 'multiprotocol', afi: 2, safi: 1 },
        { kind: 'four-octet-as', asn: 4_200_000_001 },
        { kind: 'role', role: 3 },
        { kind: 'add-path', families: [{ afi: 1, safi: 1, mode: 3 }] },
        { kind: 'extended-next-hop', entries: [{ afi: 1, safi: 1, nextHopAfi: 2 }] },
        {
          ...{ kind: 'graceful-restart', restarting: true, notification: true },
          ...{ restartTimeSec: 120, families: [{ afi: 1, safi: 1, forwardingState: true }] },
        },
      ],
    }),
  ),
  messageOf(MessageType.Notification, Uint8Array.of(6, 2, 3, 0x61, 0x62, 0x63)),
  messageOf(MessageType.RouteRefresh, Uint8Array.of(0, 1, 0, 1)),
  messageOf(MessageType.Keepalive, new Uint8Array()),
];

/** One or two changes: a byte, a bit, a cut, a piece of another message, a piece twice. */
function mutated(rng: Rng): Uint8Array {
  const any = (): Uint8Array => CORPUS[below(rng, CORPUS.length)] ?? new Uint8Array();
  let bytes = [...any()];
  for (let change = 1 + below(rng, 2); change > 0; change--) {
    const at = below(rng, bytes.length + 1);
    const len = below(rng, 24);
    switch (below(rng, 5)) {
      case 0:
        bytes[at] = below(rng, 256);
        break;
      case 1:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << below(rng, 8));
        break;
      case 2:
        bytes.splice(at, len);
        break;
      case 3: {
        const other = any();
        const from = below(rng, other.length);
        bytes.splice(at, 0, ...other.slice(from, from + len));
        break;
      }
      default:
        bytes.splice(at, 0, ...bytes.slice(at, at + len));
    }
  }
  // A header that frames it, mostly: what lies behind is what is meant.
  if (below(rng, 8) > 0 && bytes.length >= HEADER_LEN) {
    bytes = [...Array(16).fill(0xff), bytes.length >>> 8, bytes.length & 0xff, ...bytes.slice(18)];
  }
  return Uint8Array.from(bytes);
}

const FAMILIES = [false, true].map((addPathReceive) => [
  { afi: 1, safi: 1, addPathReceive },
  { afi: 2, safi: 1, addPathReceive },
]);
const CONTEXTS: readonly update.UpdateContext[] = FAMILIES.flatMap((families) =>
  [false, true].flatMap((fourOctetAs) =>
    [false, true].map((isInternal) => ({ families, fourOctetAs, isInternal })),
  ),
);
const OWN_FORM = { fourOctetAs: true, isInternal: true };

/** Undefined: nothing of it may be used. */
function readUpdate(view: DataView, at: number, end: number, context: update.UpdateContext) {
  const result = update.parse(view, at, end, context);
  if ('fault' in result || result.update.outcome === Outcome.TreatAsWithdraw) return undefined;
  return result.update.routes.some(({ announced }) => announced.count > 0)
    ? result.update.attributes
    : undefined;
}

test('mutated messages are read or refused, and what is read is said again as the same', (t) => {
  const rng = seededRng(SEED);
  let readCount = 0;
  for (let input = 0; input < INPUTS; input++) {
    const bytes = mutated(rng);
    const view = new DataView(bytes.buffer);
    try {
      const framing = frame(view, 0, bytes.length, 4_096);
      if (framing.kind !== 'message') continue;
      const { at, end } = framing;
      if (framing.type === MessageType.Open) open.parse(view, at, end);
      if (framing.type === MessageType.Notification) {
        notification.shutdownText(notification.parse(view, at, end));
      }
      if (framing.type === MessageType.RouteRefresh) routeRefresh.parse(view, at, end);
      if (framing.type !== MessageType.Update) continue;
      const context = CONTEXTS[input % CONTEXTS.length];
      const attributes = context && readUpdate(view, at, end, context);
      if (attributes === undefined) continue;
      readCount += 1;
      const said = encodeShared(attributes, { fourOctetAs: true });
      const again = decodeAttributes(new DataView(said.buffer), 0, said.length, OWN_FORM);
      if (again.outcome !== Outcome.Accept) throw new Error(again.complaints.join());
      const twice = encodeShared(again.attributes, { fourOctetAs: true });
      if (Buffer.compare(said, twice) !== 0) throw new Error('it is said in another way');
    } catch (thrown) {
      t.fail(`seed ${SEED}, input ${input}: ${Buffer.from(bytes).toString('hex')}: ${thrown}`);
      return;
    }
  }
  t.true(readCount > INPUTS / 100, `${readCount} of ${INPUTS} were UPDATEs with routes`);
});
