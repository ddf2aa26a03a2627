/**
 * DHCPv4 answered by the switch — RFC 2131 §4.3, options RFC 2132, client identifier RFC 6842, classless routes RFC 3442, domain search
 * RFC 3397 (uncompressed). The address
 * belongs to the NIC, so there is nothing to remember: every answer follows from the request and the port's settings.
 *
 *   DISCOVER                              → OFFER
 *   REQUEST  selecting, another server    → silence (Drop.NotForUs)
 *            selecting, init-reboot       → ACK if it names the port's address, NAK otherwise
 *            renewing, rebinding          → ACK if ciaddr is the port's address, NAK otherwise
 *   INFORM                                → ACK without address and lease
 *   DECLINE, RELEASE                      → noted, no answer: the address stays the NIC's
 *
 * The server is 168.63.129.16 with the virtual router's MAC. Relayed requests and BOOTP are not served (Drop.ServiceUnsupported).
 * The UDP checksum of a request is not verified: between a guest's kernel and its TAP it is usually still partial.
 * Called by dataplane/switch for UDP port 67; dhcp-client conformance: busybox udhcpc and ISC dhclient.
 */
import { formatIpv4, type Ipv4, ipv4Mask } from '../../base/ipv4.ts';
import type { Mac } from '../../base/mac.ts';
import { pseudoIpv4 } from '../../packet/checksum.ts';
import * as dhcp from '../../packet/dhcp.ts';
import {
  addressesOption,
  type DhcpOption,
  OptionCode,
  optionsLen,
  textOption,
  uint8Option,
  uint16Option,
  uint32Option,
} from '../../packet/dhcp-option.ts';
import { encodeDomainName } from '../../packet/domain-name.ts';
import { Drop } from '../../packet/drop.ts';
import * as ethernet from '../../packet/ethernet.ts';
import { type FlowKey, Fragment } from '../../packet/flow-key.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as udp from '../../packet/udp.ts';
import { type Answer, emitHeaders, IPV4_AT, TRANSPORT_AT } from './answer.ts';
import {
  DHCP_ANSWER_BYTES_MAX,
  DHCP_MESSAGE_BYTES_MAX,
  DNS_SERVERS_MAX,
  LEASE_TIME_SEC,
} from './limits.ts';
import { PLATFORM_ADDRESS, type PortSettings } from './port-settings.ts';

const BROADCAST_ADDRESS: Ipv4 = 0xffff_ffff;
const METADATA_ADDRESS: Ipv4 = 0xa9fe_a9fe; // 169.254.169.254
const { DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM } = dhcp.MessageType;

/** True for what this server is asked: UDP to port 67, whole. */
export function isDhcpRequest(key: FlowKey): boolean {
  return (
    key.etherType === ethernet.EtherType.IPV4 &&
    key.protocol === IpProtocol.UDP &&
    key.dstPort === dhcp.SERVER_PORT &&
    key.fragment === Fragment.NONE
  );
}

/** Answers the frame whose flow key is `key` (isDhcpRequest holds). */
export function answerDhcp(
  view: DataView,
  key: FlowKey,
  settings: PortSettings,
  answer: Answer,
): Drop {
  answer.end = answer.at;
  const at = key.l4At + udp.HEADER_LEN;
  const end = key.l4At + udp.length(view, key.l4At);
  const drop = dhcp.check(view, at, end);
  if (drop !== Drop.None) return drop;
  const request = dhcp.parse(view, at, end);
  const isServed =
    request.op === dhcp.Op.REQUEST &&
    request.htype === dhcp.HTYPE_ETHERNET &&
    request.hlen === 6 &&
    request.giaddr === 0;
  if (!isServed) return Drop.ServiceUnsupported;
  const clientMac = ethernet.readMac(view, dhcp.chaddrAt(at));
  if (clientMac !== settings.mac && !settings.macSpoofing) return Drop.SpoofedMac;
  const reply = decide(request, settings);
  if (typeof reply === 'number') return reply;
  if (reply !== undefined) emitReply(reply, clientMac, view, answer);
  return Drop.None;
}

/** The reply, undefined for none, or why the request is dropped. */
function decide(request: dhcp.Repr, settings: PortSettings): dhcp.Repr | undefined | Drop {
  switch (messageType(request)) {
    case DISCOVER:
      return lease(OFFER, request, settings);
    case REQUEST:
      return decideRequest(request, settings);
    case INFORM:
      return reply(ACK, request, 0, configuration(request, settings));
    case DECLINE:
    case RELEASE:
      return undefined;
    default:
      return Drop.ServiceUnsupported;
  }
}

/** RFC 2131 §4.3.2: which of the four situations a REQUEST comes from shows in what it carries. */
function decideRequest(request: dhcp.Repr, settings: PortSettings): dhcp.Repr | Drop {
  const server = addressOf(request, OptionCode.SERVER_ID);
  if (server !== undefined && server !== PLATFORM_ADDRESS) return Drop.NotForUs;
  const wanted = addressOf(request, OptionCode.REQUESTED_ADDRESS) ?? request.ciaddr;
  if (wanted === settings.address) return lease(ACK, request, settings);
  const text = `${formatIpv4(wanted)} is not the address of this network interface`;
  return reply(NAK, request, 0, [textOption(OptionCode.MESSAGE, text)]);
}

/** OFFER or ACK of the port's address. */
function lease(type: number, request: dhcp.Repr, settings: PortSettings): dhcp.Repr {
  const times = [
    uint32Option(OptionCode.LEASE_TIME, LEASE_TIME_SEC),
    uint32Option(OptionCode.RENEWAL_TIME, LEASE_TIME_SEC / 2),
    uint32Option(OptionCode.REBINDING_TIME, Math.floor((LEASE_TIME_SEC * 7) / 8)),
  ];
  const options = [...times, ...configuration(request, settings)];
  return reply(type, request, settings.address, options);
}

/** Most important first: what does not fit the client's message size is left out from the end. */
function configuration(request: dhcp.Repr, settings: PortSettings): DhcpOption[] {
  const { gateway, hostName, domainName } = settings;
  const dns = settings.dnsServers.length === 0 ? [PLATFORM_ADDRESS] : settings.dnsServers;
  const options = [
    uint32Option(OptionCode.SUBNET_MASK, ipv4Mask(settings.prefixLen)),
    addressesOption(OptionCode.ROUTER, [gateway]),
    addressesOption(OptionCode.DNS_SERVERS, dns.slice(0, DNS_SERVERS_MAX)),
    uint16Option(OptionCode.INTERFACE_MTU, settings.mtu),
  ];
  if (isAsked(request, OptionCode.CLASSLESS_ROUTES)) options.push(classlessRoutes(gateway));
  if (hostName !== '') options.push(textOption(OptionCode.HOST_NAME, hostName));
  if (domainName !== '') options.push(textOption(OptionCode.DOMAIN_NAME, domainName));
  const search = encodeDomainName(domainName);
  if (search !== undefined && isAsked(request, OptionCode.DOMAIN_SEARCH)) {
    options.push({ code: OptionCode.DOMAIN_SEARCH, data: search });
  }
  return options;
}

/**
 * A client that takes option 121 ignores the router option (RFC 3442), so the default route is in it too. The host routes make the
 * platform's addresses reachable through the gateway whatever else the guest routes, 169.254/16 above all.
 */
function classlessRoutes(gateway: Ipv4): DhcpOption {
  const via = octets(gateway);
  const host = (address: Ipv4) => [32, ...octets(address), ...via];
  const data = [0, ...via, ...host(PLATFORM_ADDRESS), ...host(METADATA_ADDRESS)];
  return { code: OptionCode.CLASSLESS_ROUTES, data: Uint8Array.from(data) };
}

function reply(
  type: number,
  request: dhcp.Repr,
  yiaddr: Ipv4,
  details: readonly DhcpOption[],
): dhcp.Repr {
  const options: DhcpOption[] = [
    uint8Option(OptionCode.MESSAGE_TYPE, type),
    uint32Option(OptionCode.SERVER_ID, PLATFORM_ADDRESS),
  ];
  const clientId = optionOf(request, OptionCode.CLIENT_ID);
  if (clientId !== undefined) options.push({ code: OptionCode.CLIENT_ID, data: clientId });
  const room = messageBytesMax(request) - dhcp.HEADER_LEN;
  for (const option of details) {
    if (optionsLen([...options, option]) <= room) options.push(option);
  }
  return {
    op: dhcp.Op.REPLY,
    htype: dhcp.HTYPE_ETHERNET,
    hlen: 6,
    hops: 0,
    xid: request.xid,
    secs: 0,
    // A NAK goes to everybody: the client's address is the one thing that is certainly wrong (RFC 2131 §4.1).
    flags: type === NAK ? request.flags | dhcp.FLAG_BROADCAST : request.flags,
    ciaddr: type === ACK ? request.ciaddr : 0,
    yiaddr,
    siaddr: 0,
    giaddr: 0,
    chaddr: request.chaddr,
    sname: new Uint8Array(64),
    file: new Uint8Array(128),
    options,
  };
}

/** UDP payload bytes the client takes: option 57 counts the IP packet, and may only raise the limit. */
function messageBytesMax(request: dhcp.Repr): number {
  const option = optionOf(request, OptionCode.MESSAGE_SIZE_MAX);
  const [high = 0, low = 0] = option ?? [];
  const offered = option?.length === 2 ? high * 256 + low - 28 : 0;
  return Math.min(DHCP_ANSWER_BYTES_MAX, Math.max(DHCP_MESSAGE_BYTES_MAX, offered));
}

/** RFC 2131 §4.1: to ciaddr where the client has it, to everybody where it asks so, else to the new address at the client's MAC. */
function emitReply(message: dhcp.Repr, clientMac: Mac, view: DataView, answer: Answer): void {
  const unicast = message.ciaddr === 0 ? message.yiaddr : message.ciaddr;
  const wantsAll = message.ciaddr === 0 && (message.flags & dhcp.FLAG_BROADCAST) !== 0;
  const isBroadcast = wantsAll || unicast === 0;
  const addressing = {
    dstMac: isBroadcast ? ethernet.BROADCAST : clientMac,
    src: PLATFORM_ADDRESS,
    dst: isBroadcast ? BROADCAST_ADDRESS : unicast,
  };
  const bytes = dhcp.reprLen(message);
  const payloadLen = udp.HEADER_LEN + bytes;
  emitHeaders(view, answer, addressing, { protocol: IpProtocol.UDP, payloadLen });
  const udpAt = answer.at + TRANSPORT_AT;
  const ports = { srcPort: dhcp.SERVER_PORT, dstPort: dhcp.CLIENT_PORT };
  udp.emit({ ...ports, payloadLen: bytes, checksum: 0 }, view, udpAt);
  dhcp.emit(message, view, udpAt + udp.HEADER_LEN);
  const pseudo = pseudoIpv4(view, answer.at + IPV4_AT, IpProtocol.UDP, payloadLen);
  udp.fillChecksum(view, udpAt, pseudo);
}

function messageType(request: dhcp.Repr): number {
  const data = optionOf(request, OptionCode.MESSAGE_TYPE);
  return data?.length === 1 ? (data[0] ?? 0) : 0;
}

function isAsked(request: dhcp.Repr, code: number): boolean {
  return optionOf(request, OptionCode.PARAMETER_LIST)?.includes(code) ?? false;
}

function addressOf(request: dhcp.Repr, code: number): Ipv4 | undefined {
  const data = optionOf(request, code);
  if (data?.length !== 4) return undefined;
  return new DataView(data.buffer, data.byteOffset, 4).getUint32(0);
}

function optionOf(request: dhcp.Repr, code: number): Uint8Array | undefined {
  return request.options.find((option) => option.code === code)?.data;
}

function octets(address: Ipv4): number[] {
  return [address >>> 24, (address >>> 16) & 0xff, (address >>> 8) & 0xff, address & 0xff];
}
