/** DHCPv4: every client situation of RFC 2131, the options, where the answer goes, and what is refused. */
import test from 'ava';
import fc from 'fast-check';
import { answerDhcp, isDhcpRequest } from '../../../../dataplane/service/dhcp-server.ts';
import {
  PLATFORM_ADDRESS,
  type PortSettings,
} from '../../../../dataplane/service/port-settings.ts';
import { pseudoIpv4 } from '../../../../packet/checksum.ts';
import * as dhcp from '../../../../packet/dhcp.ts';
import {
  addressesOption,
  type DhcpOption,
  OptionCode,
  uint8Option,
  uint16Option,
} from '../../../../packet/dhcp-option.ts';
import { Drop } from '../../../../packet/drop.ts';
import * as ethernet from '../../../../packet/ethernet.ts';
import { IpProtocol } from '../../../../packet/ip-protocol.ts';
import * as ipv4 from '../../../../packet/ipv4.ts';
import * as udp from '../../../../packet/udp.ts';
import { ADDRESS_A, dhcpFrame, MAC_A, viewOf } from '../../packet/frames.ts';
import { GATEWAY, ringWith, SETTINGS } from './requests.ts';

const WRONG = 0x0a00_0063;
const { DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM } = dhcp.MessageType;

interface Asked {
  readonly drop: Drop;
  readonly reply: dhcp.Repr | undefined;
  readonly dstMac: number;
  readonly dst: number;
  readonly isSound: boolean;
}

function ask(
  type: number,
  options: readonly DhcpOption[] = [],
  change: Partial<dhcp.Repr> = {},
  settings: PortSettings = SETTINGS,
): Asked {
  const all = type === 0 ? options : [uint8Option(OptionCode.MESSAGE_TYPE, type), ...options];
  const ring = ringWith(dhcpFrame({ flags: 0, ...change, options: all }));
  const drop = answerDhcp(ring.view, ring.frame.key, settings, ring.answer);
  const view = viewOf(ring.answered());
  if (view.byteLength === 0) return { drop, reply: undefined, dstMac: 0, dst: 0, isSound: true };
  const pseudo = pseudoIpv4(view, 14, IpProtocol.UDP, udp.length(view, 34));
  return {
    drop,
    reply: dhcp.parse(view, 42, view.byteLength),
    dstMac: ethernet.dst(view, 0),
    dst: ipv4.dst(view, 14),
    isSound:
      ipv4.check(view, 14, view.byteLength) === Drop.None &&
      ipv4.hasValidChecksum(view, 14) &&
      ipv4.src(view, 14) === PLATFORM_ADDRESS &&
      udp.check(view, 34, view.byteLength) === Drop.None &&
      udp.hasValidChecksum(view, 34, pseudo) &&
      dhcp.check(view, 42, view.byteLength) === Drop.None,
  };
}

const requested = (address: number) => addressesOption(OptionCode.REQUESTED_ADDRESS, [address]);
const server = (address: number) => addressesOption(OptionCode.SERVER_ID, [address]);

function optionsOf({ reply }: Asked): Record<number, readonly number[]> {
  return Object.fromEntries((reply?.options ?? []).map(({ code, data }) => [code, [...data]]));
}

test("DISCOVER → OFFER of the port's address with mask, router, DNS, MTU, host name and lease times", (t) => {
  const offer = ask(DISCOVER);
  t.true(offer.isSound);
  t.like(offer.reply, { op: 2, xid: 0xdead_beef, yiaddr: ADDRESS_A, ciaddr: 0, siaddr: 0 });
  t.deepEqual(optionsOf(offer), {
    53: [OFFER],
    54: [168, 63, 129, 16],
    51: [0, 1, 0x51, 0x80],
    58: [0, 0, 0xa8, 0xc0],
    59: [0, 1, 0x27, 0x50],
    1: [255, 255, 255, 0],
    3: [10, 0, 0, 1],
    6: [168, 63, 129, 16],
    26: [0x05, 0xaa],
    12: [...Buffer.from('vm1')],
  });
});

test("the virtual network's DNS servers and domain replace the platform's", (t) => {
  const settings = { ...SETTINGS, dnsServers: [1, 2], domainName: 'weft.test', hostName: '' };
  const options = optionsOf(ask(DISCOVER, [], {}, settings));
  t.deepEqual(options[6], [0, 0, 0, 1, 0, 0, 0, 2]);
  t.deepEqual(options[15], [...Buffer.from('weft.test')]);
  t.is(options[12], undefined);
});

test('RFC 3397: the domain is a search list too, for who asks', (t) => {
  const settings = { ...SETTINGS, domainName: 'weft.test' };
  const parameters = { code: OptionCode.PARAMETER_LIST, data: Uint8Array.of(15, 119) };
  const options = optionsOf(ask(DISCOVER, [parameters], {}, settings));
  t.deepEqual(options[119], [4, ...Buffer.from('weft'), 4, ...Buffer.from('test'), 0]);
  t.is(optionsOf(ask(DISCOVER, [], {}, settings))[119], undefined);
});

test("REQUEST: selecting, init-reboot, renewing → ACK where the address is the port's, NAK otherwise", (t) => {
  const cases: readonly [string, readonly DhcpOption[], number][] = [
    ['selecting', [server(PLATFORM_ADDRESS), requested(ADDRESS_A)], 0],
    ['init-reboot', [requested(ADDRESS_A)], 0],
    ['renewing', [], ADDRESS_A],
  ];
  for (const [name, options, ciaddr] of cases) {
    const ack = ask(REQUEST, options, { ciaddr });
    t.deepEqual(optionsOf(ack)[53], [ACK], name);
    t.like(ack.reply, { yiaddr: ADDRESS_A, ciaddr }, name);
    t.true(ack.isSound, name);
  }
  const wrong: readonly [string, readonly DhcpOption[], number][] = [
    ['selecting', [server(PLATFORM_ADDRESS), requested(WRONG)], 0],
    ['init-reboot', [requested(WRONG)], 0],
    ['renewing', [], WRONG],
    ['nothing asked', [], 0],
  ];
  for (const [name, options, ciaddr] of wrong) {
    const nak = ask(REQUEST, options, { ciaddr });
    t.deepEqual(optionsOf(nak)[53], [NAK], name);
    t.like(nak.reply, { yiaddr: 0, ciaddr: 0 }, name);
    t.is(optionsOf(nak)[51], undefined, 'a NAK leases nothing');
    t.is(nak.dstMac, ethernet.BROADCAST, name);
    t.is(nak.dst, 0xffff_ffff, name);
  }
});

test('a REQUEST that chose another server is not for us', (t) => {
  const other = ask(REQUEST, [server(GATEWAY), requested(ADDRESS_A)]);
  t.is(other.drop, Drop.NotForUs);
  t.is(other.reply, undefined);
});

test('INFORM → ACK without address or lease; DECLINE and RELEASE → no answer', (t) => {
  const ack = ask(INFORM, [], { ciaddr: ADDRESS_A });
  t.like(ack.reply, { yiaddr: 0, ciaddr: ADDRESS_A });
  t.is(optionsOf(ack)[51], undefined);
  t.deepEqual(optionsOf(ack)[3], [10, 0, 0, 1]);
  t.is(ack.dst, ADDRESS_A);
  for (const type of [DECLINE, RELEASE]) {
    t.like(ask(type, [server(PLATFORM_ADDRESS)]), { drop: Drop.None, reply: undefined });
  }
  t.is(ask(INFORM).dst, 0xffff_ffff, 'a client without an address can only be reached by all');
});

test('RFC 2131 §4.1: broadcast where asked, to ciaddr where known, else to the new address', (t) => {
  const flags = dhcp.FLAG_BROADCAST;
  t.like(ask(DISCOVER, [], { flags }), { dstMac: ethernet.BROADCAST, dst: 0xffff_ffff });
  t.like(ask(DISCOVER), { dstMac: MAC_A, dst: ADDRESS_A });
  t.like(ask(REQUEST, [], { ciaddr: ADDRESS_A, flags }), { dstMac: MAC_A, dst: ADDRESS_A });
});

test('RFC 3442: classless routes only for who asks, with the default route among them', (t) => {
  const asks = { code: OptionCode.PARAMETER_LIST, data: Uint8Array.of(1, 121) };
  const via = [10, 0, 0, 1];
  const expected = [0, ...via, 32, 168, 63, 129, 16, ...via, 32, 169, 254, 169, 254, ...via];
  t.deepEqual(optionsOf(ask(DISCOVER, [asks]))[121], expected);
  t.is(optionsOf(ask(DISCOVER))[121], undefined);
});

test('RFC 6842: the client identifier comes back', (t) => {
  const id = { code: OptionCode.CLIENT_ID, data: Uint8Array.of(1, 2, 0, 0, 0, 0, 10) };
  t.deepEqual(optionsOf(ask(DISCOVER, [id]))[61], [...id.data]);
  t.deepEqual(optionsOf(ask(REQUEST, [id, requested(WRONG)]))[61], [...id.data]);
});

test("what does not fit the client's message size is left out, most important options first", (t) => {
  const settings = {
    ...SETTINGS,
    dnsServers: Array.from({ length: 40 }, (_, index) => index),
    domainName: 'd'.repeat(250),
  };
  const small = ask(DISCOVER, [], {}, settings);
  t.is(optionsOf(small)[6]?.length, 64, 'DNS_SERVERS_MAX');
  t.is(optionsOf(small)[15], undefined);
  t.true(small.isSound);
  const large = ask(DISCOVER, [uint16Option(OptionCode.MESSAGE_SIZE_MAX, 1500)], {}, settings);
  t.is(optionsOf(large)[15]?.length, 250);
});

test('foreign hardware addresses, relays, replies and BOOTP are refused by name', (t) => {
  const chaddr = Uint8Array.of(2, 0, 0, 0, 0, 0xff, ...new Array<number>(10).fill(0));
  t.is(ask(DISCOVER, [], { chaddr }).drop, Drop.SpoofedMac);
  t.is(ask(DISCOVER, [], { chaddr }, { ...SETTINGS, macSpoofing: true }).drop, Drop.None);
  for (const change of [{ giaddr: 1 }, { op: dhcp.Op.REPLY }, { htype: 6 }, { hlen: 16 }]) {
    t.is(ask(DISCOVER, [], change).drop, Drop.ServiceUnsupported);
  }
  t.is(ask(0).drop, Drop.ServiceUnsupported, 'BOOTP');
  t.is(ask(OFFER).drop, Drop.ServiceUnsupported, "a server's message");
  t.is(ask(99).drop, Drop.ServiceUnsupported);
});

test('isDhcpRequest: UDP to port 67 only', (t) => {
  const ring = ringWith(dhcpFrame());
  t.true(isDhcpRequest(ring.frame.key));
  t.false(isDhcpRequest({ ...ring.frame.key, dstPort: 68 }));
  t.false(isDhcpRequest({ ...ring.frame.key, protocol: 6 }));
});

test('any mutated request is answered soundly or dropped', (t) => {
  const frame = dhcpFrame();
  const place = fc.integer({ min: 42, max: frame.length - 1 });
  fc.assert(
    fc.property(place, fc.uint8Array({ minLength: 1, maxLength: 6, size: 'max' }), (at, bytes) => {
      const mutated = frame.slice();
      mutated.set(bytes.slice(0, mutated.length - at), at);
      const ring = ringWith(mutated);
      answerDhcp(ring.view, ring.frame.key, SETTINGS, ring.answer);
      const view = viewOf(ring.answered());
      return view.byteLength === 0 || dhcp.check(view, 42, view.byteLength) === Drop.None;
    }),
    { numRuns: 3000 },
  );
  t.pass();
});
