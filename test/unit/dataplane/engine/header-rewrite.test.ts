/** A rewritten frame is the frame its sender would have written with the new addresses and ports, checksums included. */
import test from 'ava';
import fc from 'fast-check';
import { type IpWords, ipv4Words, ipWordsToBytes } from '../../../../base/ip-words.ts';
import {
  fold,
  type HeaderAction,
  newComposition,
} from '../../../../dataplane/engine/header-action.ts';
import { Transpositions } from '../../../../dataplane/engine/transposition.ts';
import { complement, pseudoIpv4, pseudoIpv6, sum } from '../../../../packet/checksum.ts';
import { Drop } from '../../../../packet/drop.ts';
import * as ethernet from '../../../../packet/ethernet.ts';
import { newFlowKey, parseFlow } from '../../../../packet/flow-key.ts';
import * as icmp from '../../../../packet/icmp.ts';
import * as icmpv6 from '../../../../packet/icmpv6.ts';
import { IpProtocol } from '../../../../packet/ip-protocol.ts';
import * as ipv4 from '../../../../packet/ipv4.ts';
import * as vnetHeader from '../../../../packet/vnet-header.ts';
import { ethernetFrame, ipv4Packet, ipv6Packet, viewOf } from '../../packet/frames.ts';

const AT = 16;
const { TCP, UDP, ICMP, ICMPV6 } = IpProtocol;

/** What a frame is made from. */
interface Sample {
  readonly isIpv6: boolean;
  readonly protocol: number;
  readonly src: IpWords;
  readonly dst: IpWords;
  /** The identifier of a query, in place of both. */
  readonly srcPort: number;
  readonly dstPort: number;
  readonly isReply: boolean;
  readonly payload: Uint8Array;
  readonly checksum: 'complete' | 'partial' | 'none';
  /** Bytes of the datagram, header included, that are in other fragments. */
  readonly rest: number;
}

const CHECKSUM_AT: Readonly<Record<number, number>> = {
  [TCP]: 16,
  [UDP]: 6,
  [ICMP]: 2,
  [ICMPV6]: 2,
};

function transport(sample: Sample): Uint8Array {
  const { protocol, payload } = sample;
  const bytes = new Uint8Array((protocol === TCP ? 20 : 8) + payload.length);
  const view = viewOf(bytes);
  bytes.set(payload, bytes.length - payload.length);
  if (protocol === TCP || protocol === UDP) {
    view.setUint16(0, sample.srcPort);
    view.setUint16(2, sample.dstPort);
    if (protocol === TCP) view.setUint8(12, 0x50);
    else view.setUint16(4, bytes.length + sample.rest);
  } else {
    const types = protocol === ICMP ? icmp.Type : icmpv6.Type;
    view.setUint8(0, sample.isReply ? types.ECHO_REPLY : types.ECHO_REQUEST);
    view.setUint16(4, sample.isReply ? sample.dstPort : sample.srcPort);
  }
  return bytes;
}

/** The frame, behind a virtio_net_hdr; its transport header begins at `l4At`. */
function build(sample: Sample): { readonly view: DataView; readonly l4At: number } {
  const { isIpv6, protocol, src, dst } = sample;
  const payload = transport(sample);
  const packet = isIpv6
    ? ipv6Packet(
        { nextHeader: protocol, src: ipWordsToBytes(src), dst: ipWordsToBytes(dst) },
        payload,
      )
    : ipv4Packet({ protocol, src: src[3], dst: dst[3], moreFragments: sample.rest > 0 }, payload);
  const { EtherType } = ethernet;
  const frame = ethernetFrame(isIpv6 ? EtherType.IPV6 : EtherType.IPV4, packet);
  const bytes = new Uint8Array(AT + frame.length);
  bytes.set(frame, AT);
  const view = viewOf(bytes);
  const l4At = bytes.length - payload.length;
  const checksumAt = CHECKSUM_AT[protocol] ?? 0;
  const pseudo =
    protocol === ICMP
      ? 0
      : (isIpv6 ? pseudoIpv6 : pseudoIpv4)(view, AT + 14, protocol, payload.length + sample.rest);
  if (sample.checksum === 'partial') {
    view.setUint16(l4At + checksumAt, pseudo);
    const csumStart = l4At - AT;
    const offload = { flags: 1, gsoType: 0, hdrLen: 0, gsoSize: 0, csumStart };
    vnetHeader.emit({ ...offload, csumOffset: checksumAt }, view, 0);
  } else if (sample.checksum === 'complete') {
    const field = complement(sum(view, l4At, bytes.length, pseudo));
    view.setUint16(l4At + checksumAt, protocol === UDP && field === 0 ? 0xffff : field);
  }
  return { view, l4At };
}

const port = fc.oneof(fc.nat(0xffff), fc.constantFrom(0, 1, 0xffff, 0xfffe));
const word = fc.oneof(fc.nat(0xffff_ffff), fc.constantFrom(0, 0xffff_ffff, 0xffff_0000));
const addresses = {
  4: word.map((one): IpWords => ipv4Words(one)),
  // Never of IPv4's form.
  6: fc.tuple(
    fc.nat(0xffff).map((n) => 0xfd00_0000 + n),
    word,
    word,
    word,
  ),
} as const;

const sample: fc.Arbitrary<Sample> = fc
  .tuple(fc.boolean(), fc.constantFrom(TCP, UDP, ICMP))
  .chain(([isIpv6, kind]) => {
    const protocol = isIpv6 && kind === ICMP ? ICMPV6 : kind;
    const address = addresses[isIpv6 ? 6 : 4];
    return fc.record<Sample>({
      isIpv6: fc.constant(isIpv6),
      protocol: fc.constant(protocol),
      src: address,
      dst: address,
      srcPort: port,
      dstPort: port,
      isReply: fc.boolean(),
      payload: fc.uint8Array({ maxLength: 40 }),
      checksum: fc.constantFrom('complete', 'partial', protocol === UDP ? 'none' : 'complete'),
      // Fragments have complete checksums; only the first of them is built here.
      rest: fc.constant(0),
    });
  });

type Change = Partial<Pick<Sample, 'src' | 'dst' | 'srcPort' | 'dstPort'>>;

function actionOf({ src, dst, srcPort, dstPort }: Change): HeaderAction {
  return {
    ip: { ...(src && { src }), ...(dst && { dst }) },
    transport: {
      ...(srcPort !== undefined && { srcPort }),
      ...(dstPort !== undefined && { dstPort }),
    },
  };
}

function change(of: Sample): fc.Arbitrary<Change> {
  const address = addresses[of.isIpv6 ? 6 : 4];
  return fc.record(
    { src: address, dst: address, srcPort: port, dstPort: port },
    { requiredKeys: [] },
  );
}

/** What the switch makes of the frame. */
function rewritten(before: Sample, changes: readonly Change[]) {
  const { view, l4At } = build(before);
  const key = newFlowKey();
  const parsed = parseFlow(view, AT, view.byteLength, key);
  const walked = { ...key };
  const composition = newComposition();
  for (const one of changes) fold(composition, actionOf(one), walked);
  const table = new Transpositions(1);
  const frame = { view, at: AT, end: view.byteLength, vnetAt: 0 };
  table.apply(table.intern(composition), frame, key);
  const seen = newFlowKey();
  parseFlow(view, AT, view.byteLength, seen);
  return { view, l4At, parsed, walked, seen };
}

test('property: a translated frame equals the one made with its new addresses and ports', (t) => {
  const cases = sample.chain((before) =>
    fc.tuple(fc.constant(before), fc.array(change(before), { minLength: 1, maxLength: 3 })),
  );
  fc.assert(
    fc.property(cases, ([before, changes]) => {
      const after: Sample = Object.assign({ ...before }, ...changes);
      const { view, l4At, parsed, walked, seen } = rewritten(before, changes);
      const expected = build(after).view;
      const checksumAt = l4At + (CHECKSUM_AT[before.protocol] ?? 0);
      t.is(parsed, Drop.None);
      // The two forms of zero are the same sum (RFC 1071 §2); what may not be zero is a UDP checksum that is there.
      t.is(view.getUint16(checksumAt) % 0xffff, expected.getUint16(checksumAt) % 0xffff);
      if (before.protocol === UDP && before.checksum !== 'partial') {
        t.is(view.getUint16(checksumAt) === 0, before.checksum === 'none');
      }
      if (!before.isIpv6) t.true(ipv4.hasValidChecksum(view, AT + 14));
      for (const one of [view, expected]) {
        one.setUint16(checksumAt, 0);
        if (!before.isIpv6) one.setUint16(AT + 14 + 10, 0);
      }
      t.deepEqual(Buffer.from(view.buffer), Buffer.from(expected.buffer));
      // What later layers see is what the frame has become.
      const { srcPort, dstPort, src0, src3, dst0, dst3 } = walked;
      t.like(seen, { srcPort, dstPort, src0, src3, dst0, dst3 });
    }),
    { numRuns: 2000 },
  );
});

const UDP_SAMPLE: Sample = {
  isIpv6: false,
  protocol: UDP,
  src: ipv4Words(0x0a00_0004),
  dst: ipv4Words(0x0a00_0005),
  srcPort: 5000,
  dstPort: 53,
  isReply: false,
  payload: Uint8Array.of(1, 2, 3, 4),
  checksum: 'complete',
  rest: 0,
};

test('a UDP checksum that comes out as zero is sent as 0xffff', (t) => {
  for (let srcPort = 0; srcPort < 0x1_0000; srcPort += 1) {
    const { view, l4At } = build({ ...UDP_SAMPLE, srcPort });
    if (view.getUint16(l4At + 6) !== 0xffff) continue;
    const after = rewritten(UDP_SAMPLE, [{ srcPort }]);
    t.is(after.view.getUint16(after.l4At + 6), 0xffff);
    return;
  }
  t.fail('no such port');
});

test('a first fragment’s checksum, which covers the whole datagram, is updated with its ports', (t) => {
  const before = { ...UDP_SAMPLE, rest: 1000 };
  const changes = { src: ipv4Words(0x0a09_0909), dstPort: 5353 };
  const { view, l4At } = rewritten(before, [changes]);
  const expected = build({ ...before, ...changes });
  t.is(view.getUint16(l4At + 6), expected.view.getUint16(expected.l4At + 6));
});

test('a later fragment gets new addresses; what lies where ports would be is left alone', (t) => {
  const { view, l4At } = build(UDP_SAMPLE);
  const packetAt = AT + 14;
  view.setUint16(packetAt + 6, 100);
  ipv4.fillChecksum(view, packetAt);
  const payload = Buffer.from(view.buffer).subarray(l4At).toString('hex');
  const key = newFlowKey();
  t.is(parseFlow(view, AT, view.byteLength, key), Drop.None);
  const composition = newComposition();
  const first = { ...key, fragment: 0 as const };
  fold(composition, actionOf({ dst: ipv4Words(0x0a09_0909), dstPort: 9 }), first);
  const table = new Transpositions(1);
  table.apply(table.intern(composition), { view, at: AT, end: view.byteLength, vnetAt: 0 }, key);
  t.is(ipv4.dst(view, packetAt), 0x0a09_0909);
  t.true(ipv4.hasValidChecksum(view, packetAt));
  t.is(Buffer.from(view.buffer).subarray(l4At).toString('hex'), payload);
});

test('the partial checksum of a packet that a guest tunnels is not that of the packet that carries it', (t) => {
  const { view, l4At } = build({ ...UDP_SAMPLE, payload: new Uint8Array(60) });
  const inner = { flags: 1, gsoType: 0, hdrLen: 0, gsoSize: 0, csumStart: 34 + 8 + 20 };
  vnetHeader.emit({ ...inner, csumOffset: 6 }, view, 0);
  const key = newFlowKey();
  parseFlow(view, AT, view.byteLength, key);
  const composition = newComposition();
  fold(composition, actionOf({ dstPort: 5353 }), { ...key });
  const table = new Transpositions(1);
  table.apply(table.intern(composition), { view, at: AT, end: view.byteLength, vnetAt: 0 }, key);
  const pseudo = pseudoIpv4(view, AT + 14, UDP, view.byteLength - l4At);
  t.is(sum(view, l4At, view.byteLength, pseudo), 0xffff);
});
