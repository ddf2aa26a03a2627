/**
 * DHCPv6 answered by the switch — RFC 8415 §18.3, DNS options RFC 3646, FQDN RFC 4704. As with IPv4 the addresses belong to the NIC, so there
 * is nothing to remember: every answer follows from the message and the port's settings.
 *
 *   SOLICIT                → ADVERTISE, with rapid commit REPLY
 *   REQUEST, RENEW, REBIND → REPLY with the port's addresses; REQUEST for one of another link: NotOnLink
 *   CONFIRM                → REPLY: Success if all addresses named are the port's, NotOnLink otherwise
 *   RELEASE, DECLINE       → REPLY Success, NoBinding for what the port does not have; the addresses stay the NIC's
 *   INFORMATION-REQUEST    → REPLY without addresses
 *
 * The server is the virtual router: DUID-LL of its MAC, preference 255, so that clients do not wait for others. Relayed messages and
 * types that servers send are not served (ServiceUnsupported); messages that RFC 8415 §16 has a server discard are NotForUs. The
 * UDP checksum is not verified: between a guest's kernel and its TAP it is usually still partial.
 * Called by dataplane/switch for UDP port 547; conformance: ISC dhclient.
 */
import { type IpWords, ipWordsToBytes } from '../../base/ip-words.ts';
import { VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import { pseudoIpv6 } from '../../packet/checksum.ts';
import * as dhcpv6 from '../../packet/dhcpv6.ts';
import { encodeDomainName } from '../../packet/domain-name.ts';
import { Drop } from '../../packet/drop.ts';
import * as ethernet from '../../packet/ethernet.ts';
import { type FlowKey, Fragment } from '../../packet/flow-key.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as udp from '../../packet/udp.ts';
import { type Answer, emitIpv6Headers, IPV6_AT, IPV6_TRANSPORT_AT } from './answer.ts';
import {
  type Association,
  associationsOf,
  grant,
  hasAddress,
  isOnLink,
  refused,
} from './identity-association.ts';
import {
  DHCPV6_ANSWER_BYTES_MAX,
  DNS_SERVERS_MAX,
  DUID_BYTES_MAX,
  LEASE_TIME_SEC,
} from './limits.ts';
import { type Ipv6Settings, ROUTER_LINK_LOCAL } from './port-settings.ts';

const { SOLICIT, ADVERTISE, REQUEST, CONFIRM, RENEW, REBIND, REPLY, RELEASE, DECLINE } =
  dhcpv6.MessageType;
const { INFORMATION_REQUEST } = dhcpv6.MessageType;
const { CLIENT_ID, SERVER_ID, OPTION_REQUEST, RAPID_COMMIT } = dhcpv6.OptionCode;
const { SUCCESS, NO_BINDING, NOT_ON_LINK } = dhcpv6.Status;

/** All_DHCP_Relay_Agents_and_Servers, RFC 8415 §7.1. */
export const SERVERS_ADDRESS: IpWords = [0xff02_0000, 0, 0, 0x0001_0002];

/** DUID-LL, RFC 8415 §11.4: type 3, hardware type 1, the virtual router's MAC. */
export const SERVER_DUID: Uint8Array = serverDuid();

/** Types that must name this server, those that must name none, and INFORMATION-REQUEST, which may do either (RFC 8415 §16). */
const NAMES_SERVER: ReadonlySet<number> = new Set([REQUEST, RENEW, RELEASE, DECLINE]);
const NAMES_NO_SERVER: ReadonlySet<number> = new Set([SOLICIT, CONFIRM, REBIND]);

/** Answers the datagram to UDP port 547 whose flow key is `key`, sent by `frame`. */
export function answerDhcpv6(
  view: DataView,
  frame: { readonly at: number; readonly key: FlowKey },
  settings: Ipv6Settings,
  answer: Answer,
): Drop {
  answer.end = answer.at;
  const { key } = frame;
  if (key.fragment !== Fragment.NONE) return Drop.ServiceUnsupported;
  // Nobody there to answer.
  if ((key.src0 | key.src1 | key.src2 | key.src3) === 0) return Drop.NotForUs;
  const at = key.l4At + udp.HEADER_LEN;
  const end = key.l4At + udp.length(view, key.l4At);
  const drop = dhcpv6.check(view, at, end);
  if (drop !== Drop.None) return drop;
  const kind = dhcpv6.type(view, at);
  const isServed =
    NAMES_SERVER.has(kind) || NAMES_NO_SERVER.has(kind) || kind === INFORMATION_REQUEST;
  if (!isServed) return Drop.ServiceUnsupported;
  const message = dhcpv6.parse(view, at, end);
  const reply = decide(message, settings);
  if (typeof reply === 'number') return reply;
  if (reply !== undefined) emitReply(reply, view, frame, answer);
  return Drop.None;
}

/** The reply, undefined for none, or why the message is dropped. */
function decide(message: dhcpv6.Repr, settings: Ipv6Settings): dhcpv6.Repr | undefined | Drop {
  const discarded = checkIdentities(message);
  if (discarded !== Drop.None) return discarded;
  const associations = associationsOf(message.options);
  if (associations === undefined) return Drop.DhcpBadOption;
  switch (message.type) {
    case SOLICIT:
      return solicited(message, associations, settings);
    case REQUEST:
      return reply(REPLY, message, settings, requested(associations, settings));
    case RENEW:
    case REBIND:
      return reply(REPLY, message, settings, grant(associations, settings));
    case CONFIRM:
      return confirmed(message, associations, settings);
    case INFORMATION_REQUEST:
      // RFC 8415 §16.12: whoever asks for nothing but information names no association.
      if (associations.length > 0) return Drop.NotForUs;
      return reply(REPLY, message, settings, [refreshTime()]);
    default:
      return reply(REPLY, message, undefined, returned(associations, settings));
  }
}

function checkIdentities(message: dhcpv6.Repr): Drop {
  const client = optionOf(message, CLIENT_ID);
  const server = optionOf(message, SERVER_ID);
  if ((client?.length ?? 0) > DUID_BYTES_MAX) return Drop.DhcpBadOption;
  const isAnonymous = client === undefined || client.length === 0;
  if (isAnonymous && message.type !== INFORMATION_REQUEST) return Drop.NotForUs;
  if (server === undefined) return NAMES_SERVER.has(message.type) ? Drop.NotForUs : Drop.None;
  const isUs =
    server.length === SERVER_DUID.length && server.every((byte, at) => byte === SERVER_DUID[at]);
  return isUs && !NAMES_NO_SERVER.has(message.type) ? Drop.None : Drop.NotForUs;
}

function solicited(
  message: dhcpv6.Repr,
  associations: readonly Association[],
  settings: Ipv6Settings,
): dhcpv6.Repr {
  const granted = grant(associations, settings);
  if (optionOf(message, RAPID_COMMIT) !== undefined) {
    const committed = { code: RAPID_COMMIT, data: new Uint8Array() };
    return reply(REPLY, message, settings, [committed, ...granted]);
  }
  const preference = { code: dhcpv6.OptionCode.PREFERENCE, data: Uint8Array.of(255) };
  return reply(ADVERTISE, message, settings, [preference, ...granted]);
}

/** RFC 8415 §18.3.2. */
function requested(
  associations: readonly Association[],
  settings: Ipv6Settings,
): readonly dhcpv6.Option[] {
  const elsewhere = associations.some(({ addresses }) =>
    addresses.some((address) => !isOnLink(settings, address)),
  );
  if (!elsewhere) return grant(associations, settings);
  const text = 'an address is none of this link';
  return associations.map((association) => refused(association, NOT_ON_LINK, text));
}

/** RFC 8415 §18.3.3: without an address there is nothing to confirm, and no answer. */
function confirmed(
  message: dhcpv6.Repr,
  associations: readonly Association[],
  settings: Ipv6Settings,
): dhcpv6.Repr | undefined {
  const named = associations.flatMap(({ addresses }) => addresses);
  if (named.length === 0) return undefined;
  const isRight = named.every((address) => hasAddress(settings, address));
  const status = isRight
    ? dhcpv6.statusOption(SUCCESS, 'the addresses are those of this network interface')
    : dhcpv6.statusOption(NOT_ON_LINK, 'an address is none of this network interface');
  return reply(REPLY, message, undefined, [status]);
}

/** RFC 8415 §18.3.7, §18.3.8. */
function returned(
  associations: readonly Association[],
  settings: Ipv6Settings,
): readonly dhcpv6.Option[] {
  const foreign = associations.filter(
    ({ addresses }) => !addresses.some((address) => hasAddress(settings, address)),
  );
  return [
    dhcpv6.statusOption(SUCCESS, 'noted'),
    ...foreign.map((association) =>
      refused(association, NO_BINDING, 'not an address of this network interface'),
    ),
  ];
}

/** Identities and `details` always; with `settings` also what the client shall be told, as far as it asks for it and it fits. */
function reply(
  type: number,
  message: dhcpv6.Repr,
  settings: Ipv6Settings | undefined,
  details: readonly dhcpv6.Option[],
): dhcpv6.Repr {
  const options: dhcpv6.Option[] = [{ code: SERVER_ID, data: SERVER_DUID }];
  const client = optionOf(message, CLIENT_ID);
  if (client !== undefined) options.push({ code: CLIENT_ID, data: client });
  options.push(...details);
  const told = settings === undefined ? [] : configuration(message, settings);
  for (const option of told) {
    const fits = dhcpv6.optionsLen([...options, option]) <= DHCPV6_ANSWER_BYTES_MAX;
    if (fits && isAsked(message, option.code)) options.push(option);
  }
  return { type, transactionId: message.transactionId, options };
}

function configuration(message: dhcpv6.Repr, settings: Ipv6Settings): dhcpv6.Option[] {
  const { DNS_SERVERS, DOMAIN_LIST } = dhcpv6.OptionCode;
  const { dnsServers, domainName } = settings;
  const options: dhcpv6.Option[] = [];
  if (dnsServers.length > 0) {
    const bytes = dnsServers.slice(0, DNS_SERVERS_MAX).flatMap((own) => [...ipWordsToBytes(own)]);
    options.push({ code: DNS_SERVERS, data: Uint8Array.from(bytes) });
  }
  const domain = encodeDomainName(domainName);
  if (domain !== undefined) options.push({ code: DOMAIN_LIST, data: domain });
  const name = fullName(message, settings);
  if (name !== undefined) options.push(name);
  return options;
}

/** RFC 4704 §6: a client that sends its name learns the one it has here. */
function fullName(message: dhcpv6.Repr, settings: Ipv6Settings): dhcpv6.Option | undefined {
  const { FQDN } = dhcpv6.OptionCode;
  const own = optionOf(message, FQDN);
  const { hostName, domainName } = settings;
  const name = encodeDomainName(domainName === '' ? hostName : `${hostName}.${domainName}`);
  if (own === undefined || own.length === 0 || name === undefined) return undefined;
  const { SERVER_UPDATES, OVERRIDDEN } = dhcpv6.FqdnFlag;
  const wanted = (own[0] ?? 0) & SERVER_UPDATES;
  const flags = SERVER_UPDATES | (wanted === 0 ? OVERRIDDEN : 0);
  return { code: FQDN, data: Uint8Array.of(flags, ...name) };
}

/** Without an option request, whatever there is. */
function isAsked(message: dhcpv6.Repr, code: number): boolean {
  const codes = optionOf(message, OPTION_REQUEST);
  if (codes === undefined || code === dhcpv6.OptionCode.FQDN) return true;
  for (let at = 0; at + 1 < codes.length; at += 2) {
    if ((codes[at] ?? 0) * 256 + (codes[at + 1] ?? 0) === code) return true;
  }
  return false;
}

/** RFC 8415 §21.23. */
function refreshTime(): dhcpv6.Option {
  const data = new Uint8Array(4);
  new DataView(data.buffer).setUint32(0, LEASE_TIME_SEC);
  return { code: dhcpv6.OptionCode.INFORMATION_REFRESH_TIME, data };
}

function emitReply(
  message: dhcpv6.Repr,
  view: DataView,
  frame: { readonly at: number; readonly key: FlowKey },
  answer: Answer,
): void {
  const { key } = frame;
  const bytes = dhcpv6.reprLen(message);
  const payloadLen = udp.HEADER_LEN + bytes;
  const addressing = {
    dstMac: ethernet.src(view, frame.at),
    src: ROUTER_LINK_LOCAL,
    dst: [key.src0, key.src1, key.src2, key.src3] as const,
  };
  emitIpv6Headers(view, answer, addressing, { nextHeader: IpProtocol.UDP, payloadLen });
  const udpAt = answer.at + IPV6_TRANSPORT_AT;
  const ports = { srcPort: dhcpv6.SERVER_PORT, dstPort: dhcpv6.CLIENT_PORT };
  udp.emit({ ...ports, payloadLen: bytes, checksum: 0 }, view, udpAt);
  dhcpv6.emit(message, view, udpAt + udp.HEADER_LEN);
  udp.fillChecksum(view, udpAt, pseudoIpv6(view, answer.at + IPV6_AT, IpProtocol.UDP, payloadLen));
}

function optionOf(message: dhcpv6.Repr, code: number): Uint8Array | undefined {
  return message.options.find((option) => option.code === code)?.data;
}

function serverDuid(): Uint8Array {
  const bytes = new Uint8Array(10);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 3);
  view.setUint16(2, 1);
  ethernet.writeMac(view, 4, VIRTUAL_ROUTER_MAC);
  return bytes;
}
