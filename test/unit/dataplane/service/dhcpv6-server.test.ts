/** DHCPv6: every client situation of RFC 8415 §18.3, the options, and what is refused. */
import test from 'ava';
import fc from 'fast-check';
import { ipWordsToBytes } from '../../../../base/ip-words.ts';
import { answerDhcpv6, SERVER_DUID } from '../../../../dataplane/service/dhcpv6-server.ts';
import type { Ipv6Settings } from '../../../../dataplane/service/port-settings.ts';
import { pseudoIpv6 } from '../../../../packet/checksum.ts';
import * as dhcpv6 from '../../../../packet/dhcpv6.ts';
import { encodeDomainName } from '../../../../packet/domain-name.ts';
import { Drop } from '../../../../packet/drop.ts';
import * as ethernet from '../../../../packet/ethernet.ts';
import { IpProtocol } from '../../../../packet/ip-protocol.ts';
import * as ipv6 from '../../../../packet/ipv6.ts';
import * as udp from '../../../../packet/udp.ts';
import { ethernetFrame, ipv6Packet, viewOf } from '../../packet/frames.ts';
import { IPV6_SETTINGS, ringWith, words } from './requests.ts';

const M = dhcpv6.MessageType;
const O = dhcpv6.OptionCode;
const CLIENT = { code: O.CLIENT_ID, data: Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, 10) };
const SERVER = { code: O.SERVER_ID, data: SERVER_DUID };
const IAID = [9, 8, 7, 6];
const NO_TIMES = new Array<number>(8).fill(0);
const LEASE = [0, 1, 0x51, 0x80];

function address(text: string, lifetime: readonly number[] = [0, 0, 0, 0]): dhcpv6.Option {
  const data = Uint8Array.of(...ipWordsToBytes(words(text)), ...lifetime, ...lifetime);
  return { code: O.IA_ADDRESS, data };
}

function ia(code: number, inner: readonly dhcpv6.Option[] = [], times = NO_TIMES): dhcpv6.Option {
  return { code, data: Uint8Array.of(...IAID, ...times, ...dhcpv6.optionsBytes(inner)) };
}

const GRANTED = ia(O.IA_NA, [address('fd00::4', LEASE)], [0, 0, 0xa8, 0xc0, 0, 1, 0x0e, 0]);

function frameOf(payload: Uint8Array, src = 'fe80::a'): Uint8Array {
  const datagram = new Uint8Array(udp.HEADER_LEN + payload.length);
  datagram.set(payload, udp.HEADER_LEN);
  const ports = { srcPort: 546, dstPort: 547 };
  udp.emit({ ...ports, payloadLen: payload.length, checksum: 0 }, viewOf(datagram), 0);
  const addresses = { src: ipWordsToBytes(words(src)), dst: ipWordsToBytes(words('ff02::1:2')) };
  const packet = ipv6Packet({ ...addresses, nextHeader: IpProtocol.UDP }, datagram);
  return ethernetFrame(ethernet.EtherType.IPV6, packet);
}

function ask(
  type: number,
  options: readonly dhcpv6.Option[],
  settings: Ipv6Settings = IPV6_SETTINGS,
) {
  const message = { type, transactionId: 0xabcdef, options };
  const payload = new Uint8Array(dhcpv6.reprLen(message));
  dhcpv6.emit(message, viewOf(payload), 0);
  return askBytes(payload, settings);
}

function askBytes(payload: Uint8Array, settings: Ipv6Settings = IPV6_SETTINGS, src?: string) {
  const ring = ringWith(frameOf(payload, src));
  const drop = answerDhcpv6(ring.view, ring.frame, settings, ring.answer);
  const view = viewOf(ring.answered());
  if (view.byteLength === 0) return { drop };
  const pseudo = pseudoIpv6(view, 14, IpProtocol.UDP, udp.length(view, 54));
  const isSound =
    ipv6.check(view, 14, view.byteLength) === Drop.None &&
    udp.check(view, 54, view.byteLength) === Drop.None &&
    udp.hasValidChecksum(view, 54, pseudo) &&
    udp.srcPort(view, 54) === 547 &&
    udp.dstPort(view, 54) === 546 &&
    ethernet.dst(view, 0) === ethernet.src(ring.view, ring.frame.at) &&
    dhcpv6.check(view, 62, view.byteLength) === Drop.None;
  return { drop, isSound, reply: dhcpv6.parse(view, 62, view.byteLength) };
}

/** Of the answer; nested ones as bytes. */
function optionsOf(asked: { readonly reply?: dhcpv6.Repr }): Record<number, readonly number[]> {
  return Object.fromEntries(
    (asked.reply?.options ?? []).map(({ code, data }) => [code, [...data]]),
  );
}

/** Status of an option's inner options, whose own fixed part is `fixed` bytes. */
function statusIn(data: readonly number[] | undefined, fixed: number): number | undefined {
  const inner = dhcpv6.parseOptions(Uint8Array.from(data ?? []).slice(fixed)) ?? [];
  return inner.find(({ code }) => code === O.STATUS_CODE)?.data[1];
}

test('SOLICIT → ADVERTISE of the port’s address, preferred over any other server’s', (t) => {
  const asked = ask(M.SOLICIT, [CLIENT, ia(O.IA_NA)]);
  t.true(asked.isSound);
  t.like(asked.reply, { type: M.ADVERTISE, transactionId: 0xabcdef });
  t.deepEqual(optionsOf(asked), {
    [O.CLIENT_ID]: [...CLIENT.data],
    [O.SERVER_ID]: [0, 3, 0, 1, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc],
    [O.PREFERENCE]: [255],
    [O.IA_NA]: [...GRANTED.data],
    [O.DNS_SERVERS]: [...ipWordsToBytes(words('fd00::53'))],
    [O.DOMAIN_LIST]: [...(encodeDomainName('blue.weft.internal') ?? [])],
  });
});

test('SOLICIT with rapid commit → REPLY', (t) => {
  const rapid = { code: O.RAPID_COMMIT, data: new Uint8Array() };
  const asked = ask(M.SOLICIT, [CLIENT, ia(O.IA_NA), rapid]);
  t.is(asked.reply?.type, M.REPLY);
  t.deepEqual(optionsOf(asked)[O.RAPID_COMMIT], []);
  t.deepEqual(optionsOf(asked)[O.IA_NA], [...GRANTED.data]);
});

test('REQUEST, RENEW, REBIND → REPLY with the port’s addresses; foreign ones end', (t) => {
  for (const [type, more] of [
    [M.REQUEST, [SERVER]],
    [M.RENEW, [SERVER]],
    [M.REBIND, []],
  ] as const) {
    const asked = ask(type, [CLIENT, ...more, ia(O.IA_NA, [address('fd00::4')])]);
    t.true(asked.isSound);
    t.is(asked.reply?.type, M.REPLY);
    t.deepEqual(optionsOf(asked)[O.IA_NA], [...GRANTED.data]);
    const foreign = ask(type, [CLIENT, ...more, ia(O.IA_NA, [address('fd00::63')])]);
    const ended = dhcpv6.optionsBytes([address('fd00::63')]);
    t.deepEqual(optionsOf(foreign)[O.IA_NA], [...GRANTED.data, ...ended]);
  }
  const elsewhere = ask(M.REQUEST, [CLIENT, SERVER, ia(O.IA_NA, [address('fd99::1')])]);
  t.is(statusIn(optionsOf(elsewhere)[O.IA_NA], 12), dhcpv6.Status.NOT_ON_LINK);
});

test('several addresses of the NIC come in the first IA_NA; other IA_NA, IA_TA and IA_PD are refused', (t) => {
  const [own] = IPV6_SETTINGS.addresses;
  const second = { ...(own as (typeof IPV6_SETTINGS.addresses)[0]), address: words('fd00::44') };
  const settings = { ...IPV6_SETTINGS, addresses: [...IPV6_SETTINGS.addresses, second] };
  const temporary = { code: O.IA_TA, data: Uint8Array.from(IAID) };
  const options = [CLIENT, ia(O.IA_NA), ia(O.IA_NA), temporary, ia(O.IA_PD)];
  const { reply } = ask(M.SOLICIT, options, settings);
  const [first, other] = (reply?.options ?? []).filter(({ code }) => code === O.IA_NA);
  t.deepEqual(dhcpv6.parseOptions(first?.data.slice(12) ?? new Uint8Array()), [
    address('fd00::4', LEASE),
    address('fd00::44', LEASE),
  ]);
  t.is(statusIn([...(other?.data ?? [])], 12), dhcpv6.Status.NO_ADDRESSES);
  t.is(statusIn(optionsOf({ ...(reply && { reply }) })[O.IA_TA], 4), dhcpv6.Status.NO_ADDRESSES);
  t.is(statusIn(optionsOf({ ...(reply && { reply }) })[O.IA_PD], 12), dhcpv6.Status.NO_PREFIX);
});

test('CONFIRM → Success for the port’s addresses, NotOnLink for others, silence for none', (t) => {
  const confirm = (...texts: string[]) =>
    ask(M.CONFIRM, [
      CLIENT,
      ia(
        O.IA_NA,
        texts.map((text) => address(text)),
      ),
    ]);
  t.is(optionsOf(confirm('fd00::4'))[O.STATUS_CODE]?.[1], dhcpv6.Status.SUCCESS);
  t.is(optionsOf(confirm('fd00::4', 'fd00::5'))[O.STATUS_CODE]?.[1], dhcpv6.Status.NOT_ON_LINK);
  t.deepEqual(confirm(), { drop: Drop.None });
});

test('RELEASE and DECLINE → Success, NoBinding for what the port does not have', (t) => {
  for (const type of [M.RELEASE, M.DECLINE]) {
    const own = ask(type, [CLIENT, SERVER, ia(O.IA_NA, [address('fd00::4')])]);
    t.is(optionsOf(own)[O.STATUS_CODE]?.[1], dhcpv6.Status.SUCCESS);
    t.is(optionsOf(own)[O.IA_NA], undefined);
    const foreign = ask(type, [CLIENT, SERVER, ia(O.IA_NA, [address('fd00::5')])]);
    t.is(statusIn(optionsOf(foreign)[O.IA_NA], 12), dhcpv6.Status.NO_BINDING);
  }
});

test('INFORMATION-REQUEST → what is asked for, without addresses', (t) => {
  const asking = { code: O.OPTION_REQUEST, data: Uint8Array.of(0, 23, 0, 99) };
  const asked = ask(M.INFORMATION_REQUEST, [asking]);
  t.deepEqual(Object.keys(optionsOf(asked)).map(Number), [
    O.SERVER_ID,
    O.DNS_SERVERS,
    O.INFORMATION_REFRESH_TIME,
  ]);
  t.is(ask(M.INFORMATION_REQUEST, [ia(O.IA_NA)]).drop, Drop.NotForUs);
});

test('RFC 4704: a client that sends its name learns the one it has here', (t) => {
  const named = (flags: number) => {
    const fqdn = { code: O.FQDN, data: Uint8Array.of(flags, 2, 104, 105) };
    return optionsOf(ask(M.SOLICIT, [CLIENT, ia(O.IA_NA), fqdn]))[O.FQDN];
  };
  const name = encodeDomainName('vm1.blue.weft.internal') ?? [];
  t.deepEqual(named(1), [1, ...name]);
  t.deepEqual(named(0), [3, ...name]);
});

test('RFC 8415 §16: what a server discards is NotForUs, what only servers send ServiceUnsupported', (t) => {
  const other = { code: O.SERVER_ID, data: Uint8Array.of(0, 3, 0, 1, 1, 1, 1, 1, 1, 1) };
  const cases: readonly (readonly [number, readonly dhcpv6.Option[], Drop])[] = [
    [M.SOLICIT, [ia(O.IA_NA)], Drop.NotForUs],
    [M.SOLICIT, [CLIENT, SERVER], Drop.NotForUs],
    [M.REQUEST, [CLIENT, ia(O.IA_NA)], Drop.NotForUs],
    [M.REQUEST, [CLIENT, other, ia(O.IA_NA)], Drop.NotForUs],
    [M.REBIND, [CLIENT, SERVER, ia(O.IA_NA)], Drop.NotForUs],
    [M.ADVERTISE, [CLIENT, SERVER], Drop.ServiceUnsupported],
    [M.RELAY_FORWARD, [], Drop.ServiceUnsupported],
    [99, [], Drop.ServiceUnsupported],
    [M.SOLICIT, [{ ...CLIENT, data: new Uint8Array(131) }], Drop.DhcpBadOption],
    [M.SOLICIT, [CLIENT, { code: O.IA_NA, data: new Uint8Array(11) }], Drop.DhcpBadOption],
    [M.SOLICIT, [CLIENT, ia(O.IA_NA, [{ code: 5, data: new Uint8Array(23) }])], Drop.DhcpBadOption],
  ];
  for (const [type, options, drop] of cases) t.deepEqual(ask(type, options), { drop });
  const solicit = Uint8Array.of(1, 0, 0, 1, ...dhcpv6.optionsBytes([CLIENT, ia(O.IA_NA)]));
  t.is(askBytes(solicit, IPV6_SETTINGS, '::').drop, Drop.NotForUs);
});

test('no message makes an answer longer than a link’s least MTU, or a fault', (t) => {
  const own = IPV6_SETTINGS.addresses[0];
  const addresses = Array.from({ length: 40 }, () => own).filter((one) => one !== undefined);
  const dnsServers = Array.from({ length: 30 }, () => words('fd00::53'));
  const settings = { ...IPV6_SETTINGS, addresses, dnsServers };
  const foreign = Array.from({ length: 40 }, (_one, index) => address(`fd00::${index + 100}`));
  const client = { ...CLIENT, data: new Uint8Array(130) };
  const ias = Array.from({ length: 9 }, () => ia(O.IA_NA, foreign));
  const { reply, isSound } = ask(M.RENEW, [client, SERVER, ...ias], settings);
  t.true(isSound);
  t.true(dhcpv6.optionsLen(reply?.options ?? []) <= 1232);
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.integer({ min: 1, max: 11 }),
      (bytes, type) => {
        const { drop, isSound = true } = askBytes(Uint8Array.of(type, ...bytes));
        t.true(isSound && (drop === Drop.None || drop > 0));
      },
    ),
  );
});
