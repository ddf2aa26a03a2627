/** Neighbor Discovery: who is answered, with what, who is not, and what a router advertisement says. */
import test from 'ava';
import fc from 'fast-check';
import { type IpWords, ipWordsToBytes } from '../../../../base/ip-words.ts';
import { VIRTUAL_ROUTER_MAC } from '../../../../base/mac.ts';
import { answerNeighborDiscovery } from '../../../../dataplane/service/neighbor-responder.ts';
import type { Ipv6Settings } from '../../../../dataplane/service/port-settings.ts';
import { pseudoIpv6 } from '../../../../packet/checksum.ts';
import { Drop } from '../../../../packet/drop.ts';
import * as ethernet from '../../../../packet/ethernet.ts';
import * as icmpv6 from '../../../../packet/icmpv6.ts';
import { IpProtocol } from '../../../../packet/ip-protocol.ts';
import * as ipv6 from '../../../../packet/ipv6.ts';
import * as ndp from '../../../../packet/ndp.ts';
import {
  ethernetFrame,
  icmpv6Frame,
  ipv6Packet,
  MAC_A,
  MAC_B,
  viewOf,
} from '../../packet/frames.ts';
import { IPV6_SETTINGS, NEIGHBOR_MAC, neighborMacV6, ringWith, words } from './requests.ts';

const LINK_LOCAL = 'fe80::a';
const ROUTER = 'fe80::1234:5678:9abc';
const { ROUTER_SOLICITATION, NEIGHBOR_SOLICITATION, NEIGHBOR_ADVERTISEMENT } = icmpv6.Type;
const { SOURCE_LINK_LAYER, TARGET_LINK_LAYER } = ndp.OptionType;

interface Question {
  readonly type?: number;
  readonly code?: number;
  readonly src?: string;
  readonly target?: string;
  readonly hopLimit?: number;
  readonly options?: readonly ndp.NdOption[];
  readonly settings?: Ipv6Settings | undefined;
  readonly isCorrupt?: boolean;
  readonly isPartial?: boolean;
}

function frameOf(question: Question): Uint8Array {
  const { type = NEIGHBOR_SOLICITATION, src = 'fd00::4', target, hopLimit = 255 } = question;
  const { code = 0, options = [ndp.linkLayerOption(SOURCE_LINK_LAYER, MAC_A)] } = question;
  const body = Uint8Array.of(
    ...(target === undefined ? [] : ipWordsToBytes(words(target))),
    ...ndp.optionsBytes(options),
  );
  const repr = { type, code, checksum: 0, rest: 0, body };
  const message = new Uint8Array(icmpv6.reprLen(repr));
  icmpv6.emit(repr, viewOf(message), 0);
  const dst = ipWordsToBytes(words('ff02::1:ff00:1'));
  const packet = ipv6Packet({ src: ipWordsToBytes(words(src)), dst, hopLimit }, message);
  const view = viewOf(packet);
  const pseudo = pseudoIpv6(view, 0, IpProtocol.ICMPV6, message.length);
  icmpv6.fillChecksum(view, 40, packet.length, pseudo + (question.isCorrupt === true ? 1 : 0));
  const frame = ethernetFrame(ethernet.EtherType.IPV6, packet);
  ethernet.setDst(viewOf(frame), 0, 0x3333_ff00_0001);
  ethernet.setSrc(viewOf(frame), 0, MAC_A);
  return frame;
}

function ask(question: Question) {
  const ring = ringWith(frameOf(question));
  const settings = 'settings' in question ? question.settings : IPV6_SETTINGS;
  const frame = { ...ring.frame, hasPartialChecksum: question.isPartial ?? false };
  const port = { settings, neighborMac: neighborMacV6 };
  const drop = answerNeighborDiscovery(ring.view, frame, port, ring.answer);
  const bytes = ring.answered();
  if (bytes.length === 0) return { drop };
  const view = viewOf(bytes);
  const pseudo = pseudoIpv6(view, 14, IpProtocol.ICMPV6, bytes.length - 54);
  const address = (at: number): IpWords =>
    [0, 4, 8, 12].map((o) => view.getUint32(at + o)) as never;
  return {
    drop,
    isSound:
      ipv6.check(view, 14, bytes.length) === Drop.None &&
      ipv6.hopLimit(view, 14) === 255 &&
      icmpv6.hasValidChecksum(view, 54, bytes.length, pseudo) &&
      ndp.check(view, 54, bytes.length) === Drop.None,
    srcMac: ethernet.src(view, 0),
    dstMac: ethernet.dst(view, 0),
    src: address(14 + 8),
    dst: address(14 + 24),
    type: icmpv6.type(view, 54),
    rest: view.getUint32(58),
    targetMac: ndp.linkLayerAddress(view, 54, bytes.length, TARGET_LINK_LAYER),
    options: ndp.parseOptions(view, 54, bytes.length),
  };
}

test('RFC 4861 §7.2: the gateway and the link-local router are the virtual router', (t) => {
  for (const target of ['fd00::1', ROUTER]) {
    t.like(ask({ target }), {
      drop: Drop.None,
      isSound: true,
      type: NEIGHBOR_ADVERTISEMENT,
      srcMac: VIRTUAL_ROUTER_MAC,
      dstMac: MAC_A,
      src: words(target),
      dst: words('fd00::4'),
      rest: 0xe000_0000,
      targetMac: VIRTUAL_ROUTER_MAC,
    });
  }
});

test('a mapped neighbour is answered with its own MAC and is no router', (t) => {
  t.like(ask({ target: 'fd00::5', src: LINK_LOCAL }), {
    isSound: true,
    targetMac: NEIGHBOR_MAC,
    srcMac: NEIGHBOR_MAC,
    dst: words(LINK_LOCAL),
    rest: 0x6000_0000,
  });
});

test('an address nobody has is NdpUnanswered', (t) => {
  for (const target of ['fd00::63', 'fe80::99', 'ff02::1']) {
    t.deepEqual(ask({ target }), { drop: Drop.NdpUnanswered }, target);
  }
});

test('RFC 4862 §5.4: a probe of the own or a link-local address is silence, of a taken one an answer to all', (t) => {
  const probe = (target: string) => ask({ target, src: '::', options: [] });
  t.deepEqual(probe('fd00::4'), { drop: Drop.None });
  t.deepEqual(probe(LINK_LOCAL), { drop: Drop.None });
  for (const [target, mac, rest] of [
    ['fd00::5', NEIGHBOR_MAC, 0x2000_0000],
    [ROUTER, VIRTUAL_ROUTER_MAC, 0xa000_0000],
  ] as const) {
    t.like(probe(target), {
      isSound: true,
      dst: words('ff02::1'),
      dstMac: 0x3333_0000_0001,
      targetMac: mac,
      rest,
    });
  }
  t.is(ask({ target: 'fd00::5', src: '::' }).drop, Drop.SpoofedNdp, 'a probe has no MAC option');
});

test('who claims a foreign MAC or address, plays router or has been forwarded is SpoofedNdp', (t) => {
  const foreign = [ndp.linkLayerOption(SOURCE_LINK_LAYER, MAC_B)];
  const target = 'fd00::1';
  t.is(ask({ target, options: foreign }).drop, Drop.SpoofedNdp);
  t.is(ask({ target, src: 'fd00::5' }).drop, Drop.SpoofedNdp);
  t.is(ask({ target, src: ROUTER }).drop, Drop.SpoofedNdp);
  t.is(ask({ target, hopLimit: 254 }).drop, Drop.SpoofedNdp);
  t.is(ask({ target, code: 1 }).drop, Drop.SpoofedNdp);
  t.is(ask({ type: ROUTER_SOLICITATION, options: foreign, src: LINK_LOCAL }).drop, Drop.SpoofedNdp);
  const claim = [ndp.linkLayerOption(TARGET_LINK_LAYER, MAC_B)];
  const type = NEIGHBOR_ADVERTISEMENT;
  t.is(ask({ type, target: 'fd00::5', options: [] }).drop, Drop.SpoofedNdp);
  t.is(ask({ type, target: 'fd00::4', options: claim }).drop, Drop.SpoofedNdp);
  for (const [router, bytes] of [
    [icmpv6.Type.ROUTER_ADVERTISEMENT, 8],
    [icmpv6.Type.REDIRECT, 32],
  ] as const) {
    const body = [{ type: 0, data: new Uint8Array(bytes - 2) }];
    t.is(ask({ type: router, options: body, src: LINK_LOCAL }).drop, Drop.SpoofedNdp);
  }
  const settings = { ...IPV6_SETTINGS, macSpoofing: true };
  t.is(ask({ target, options: foreign, settings }).drop, Drop.None, 'MAC spoofing is allowed');
});

test('an advertisement of an own address is noted in silence', (t) => {
  const options = [ndp.linkLayerOption(TARGET_LINK_LAYER, MAC_A)];
  for (const target of ['fd00::4', LINK_LOCAL]) {
    t.deepEqual(ask({ type: NEIGHBOR_ADVERTISEMENT, target, options }), { drop: Drop.None });
  }
});

test('a wrong checksum is IcmpBadChecksum, one still to be completed is not looked at', (t) => {
  t.is(ask({ target: 'fd00::1', isCorrupt: true }).drop, Drop.IcmpBadChecksum);
  t.is(ask({ target: 'fd00::1', isCorrupt: true, isPartial: true }).drop, Drop.None);
});

test('a port without IPv6 is silent', (t) => {
  t.deepEqual(ask({ type: ROUTER_SOLICITATION, src: LINK_LOCAL, settings: undefined }), {
    drop: Drop.None,
  });
});

test('RFC 4861 §6.2.6: a router solicitation is answered to the asker: managed, on-link, MTU, resolvers', (t) => {
  const answer = ask({ type: ROUTER_SOLICITATION, src: LINK_LOCAL });
  t.like(answer, {
    isSound: true,
    type: icmpv6.Type.ROUTER_ADVERTISEMENT,
    srcMac: VIRTUAL_ROUTER_MAC,
    dstMac: MAC_A,
    src: words(ROUTER),
    dst: words(LINK_LOCAL),
    rest: 0x40c0_0708,
  });
  t.deepEqual(answer.options, [
    ndp.linkLayerOption(SOURCE_LINK_LAYER, VIRTUAL_ROUTER_MAC),
    ndp.mtuOption(1450),
    ndp.prefixOption({
      prefix: { words: words('fd00::'), len: 64 },
      flags: ndp.PrefixFlag.ON_LINK,
      validSec: 0xffff_ffff,
      preferredSec: 0xffff_ffff,
    }),
    ndp.rdnssOption(1800, [words('fd00::53')]),
    ndp.dnsslOption(1800, ['blue.weft.internal']),
  ]);
  t.like(ask({ type: ROUTER_SOLICITATION, src: '::', options: [] }), {
    dst: words('ff02::1'),
    dstMac: 0x3333_0000_0001,
  });
});

test('any neighbour discovery message is answered or dropped, never a fault', (t) => {
  const types = fc.integer({ min: 133, max: 137 });
  fc.assert(
    fc.property(types, fc.uint8Array({ maxLength: 100 }), (type, body) => {
      const ring = ringWith(icmpv6Frame({ type, body }));
      const frame = { ...ring.frame, hasPartialChecksum: false };
      const port = { settings: IPV6_SETTINGS, neighborMac: neighborMacV6 };
      const drop = answerNeighborDiscovery(ring.view, frame, port, ring.answer);
      t.true(drop === Drop.None || ring.answered().length === 0);
    }),
  );
});
