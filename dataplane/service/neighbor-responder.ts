/**
 * Neighbor Discovery answered by the switch — RFC 4861 §7.2, duplicate address detection RFC 4862 §5.4. As with ARP nothing is flooded: the
 * mapping table knows who has an address.
 *
 *   router's link-local address, gateway   → the virtual router's MAC, router flag set
 *   a mapped address in the port's subnets → the MAC of the NIC that has it
 *   the guest's own addresses, and any link-local one it tries → silence: nobody else has it
 *   anything else                          → Drop.NdpUnanswered
 *
 * A solicitation from :: is a probe and is answered to all nodes; an advertisement of the guest's own address is noted in silence, since
 * nobody learns from packets. Whoever claims a MAC or an address that is not the port's is dropped as SpoofedNdp and learns nothing, as is
 * whoever plays router (RFC 6105). Router solicitations are answered by router-advertiser.ts.
 * Called by dataplane/switch for ICMPv6 of types 133 … 137.
 */
import {
  equalIpWords,
  type IpWords,
  isLinkLocalWords,
  isMulticastWords,
} from '../../base/ip-words.ts';
import { ipv6MulticastMac, type Mac, VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import { pseudoIpv6 } from '../../packet/checksum.ts';
import { Drop } from '../../packet/drop.ts';
import * as ethernet from '../../packet/ethernet.ts';
import { type FlowKey, Fragment } from '../../packet/flow-key.ts';
import * as icmpv6 from '../../packet/icmpv6.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import * as ndp from '../../packet/ndp.ts';
import { type Answer, emitIcmpv6 } from './answer.ts';
import { type Ipv6NeighborLookup, type Ipv6Settings, ROUTER_LINK_LOCAL } from './port-settings.ts';
import { emitAdvertisement } from './router-advertiser.ts';

export const ALL_NODES: IpWords = [0xff02_0000, 0, 0, 1];
const UNSPECIFIED: IpWords = [0, 0, 0, 0];
const { ROUTER, SOLICITED, OVERRIDE } = ndp.AdvertisementFlag;

export interface NdFrame {
  readonly at: number;
  readonly key: FlowKey;
  /** The checksum is not complete yet: the frame comes from the guest's kernel itself. */
  readonly hasPartialChecksum: boolean;
}

/** Answers the ICMPv6 message, one of Neighbor Discovery's, whose flow key is `key`. Without settings the port has no IPv6: silence. */
export function answerNeighborDiscovery(
  view: DataView,
  frame: NdFrame,
  port: {
    readonly settings: Ipv6Settings | undefined;
    readonly neighborMac: Ipv6NeighborLookup;
  },
  answer: Answer,
): Drop {
  answer.end = answer.at;
  const { l4At, l3End } = frame.key;
  const drop = checkMessage(view, frame);
  if (drop !== Drop.None) return drop;
  const { settings, neighborMac } = port;
  if (settings === undefined) return Drop.None;
  switch (icmpv6.type(view, l4At)) {
    case icmpv6.Type.ROUTER_SOLICITATION:
      return answerSolicitation(view, frame, settings, answer);
    case icmpv6.Type.NEIGHBOR_SOLICITATION:
      return answerNeighbor(view, frame, { settings, neighborMac }, answer);
    case icmpv6.Type.NEIGHBOR_ADVERTISEMENT: {
      const mac = ndp.linkLayerAddress(view, l4At, l3End, ndp.OptionType.TARGET_LINK_LAYER);
      const isOwn = maySpeakAs(settings, targetOf(view, l4At));
      return isOwn && isOwnMac(settings, mac) ? Drop.None : Drop.SpoofedNdp;
    }
    default:
      return Drop.SpoofedNdp;
  }
}

/** RFC 4861 §6.1, §7.1: what any message must look like. */
function checkMessage(view: DataView, frame: NdFrame): Drop {
  const { key } = frame;
  if (key.fragment !== Fragment.NONE) return Drop.ServiceUnsupported;
  const drop = ndp.check(view, key.l4At, key.l3End);
  if (drop !== Drop.None) return drop;
  if (key.ttl !== ndp.HOP_LIMIT || icmpv6.code(view, key.l4At) !== 0) return Drop.SpoofedNdp;
  if (frame.hasPartialChecksum) return Drop.None;
  const pseudo = pseudoIpv6(view, key.l3At, IpProtocol.ICMPV6, key.l3End - key.l4At);
  const isValid = icmpv6.hasValidChecksum(view, key.l4At, key.l3End, pseudo);
  return isValid ? Drop.None : Drop.IcmpBadChecksum;
}

function answerSolicitation(
  view: DataView,
  frame: NdFrame,
  settings: Ipv6Settings,
  answer: Answer,
): Drop {
  const { l4At, l3End } = frame.key;
  const src = sourceOf(frame.key);
  const mac = ndp.linkLayerAddress(view, l4At, l3End, ndp.OptionType.SOURCE_LINK_LAYER);
  if (!isOwnMac(settings, mac) || !maySpeakAs(settings, src)) return Drop.SpoofedNdp;
  const isAnonymous = equalIpWords(src, UNSPECIFIED);
  const dst = isAnonymous ? ALL_NODES : src;
  const dstMac = isAnonymous ? ipv6MulticastMac(ALL_NODES[3]) : ethernet.src(view, frame.at);
  emitAdvertisement(view, settings, { dst, dstMac }, answer);
  return Drop.None;
}

function answerNeighbor(
  view: DataView,
  frame: NdFrame,
  port: { readonly settings: Ipv6Settings; readonly neighborMac: Ipv6NeighborLookup },
  answer: Answer,
): Drop {
  const { settings } = port;
  const { l4At, l3End } = frame.key;
  const src = sourceOf(frame.key);
  const target = targetOf(view, l4At);
  const claimed = ndp.linkLayerAddress(view, l4At, l3End, ndp.OptionType.SOURCE_LINK_LAYER);
  const isProbe = equalIpWords(src, UNSPECIFIED);
  // §7.1.1: a probe names no link-layer address, since it has no address yet that would be at it.
  if (isProbe ? claimed !== undefined : !isOwnMac(settings, claimed)) return Drop.SpoofedNdp;
  if (!maySpeakAs(settings, src)) return Drop.SpoofedNdp;
  if (isMulticastWords(target)) return Drop.NdpUnanswered;
  if (isOwnAddress(settings, target)) return Drop.None;
  const isRouter = isRouterAddress(settings, target);
  const mac = isRouter ? VIRTUAL_ROUTER_MAC : port.neighborMac(target);
  if (mac === 0) return isProbe && isLinkLocalWords(target) ? Drop.None : Drop.NdpUnanswered;
  const flags = (isRouter ? ROUTER : 0) + (isProbe ? 0 : SOLICITED) + OVERRIDE;
  const dst = isProbe ? ALL_NODES : src;
  const dstMac = isProbe ? ipv6MulticastMac(ALL_NODES[3]) : ethernet.src(view, frame.at);
  const option = ndp.linkLayerOption(ndp.OptionType.TARGET_LINK_LAYER, mac);
  const target16 = new Uint8Array(view.buffer, view.byteOffset + l4At + 8, 16);
  emitIcmpv6(
    view,
    answer,
    { dstMac, srcMac: mac, src: target, dst, hopLimit: ndp.HOP_LIMIT },
    {
      type: icmpv6.Type.NEIGHBOR_ADVERTISEMENT,
      code: 0,
      rest: flags,
      body: Uint8Array.of(...target16, ...ndp.optionsBytes([option])),
    },
  );
  return Drop.None;
}

/** The virtual router's addresses in the port's subnets. */
export function isRouterAddress(settings: Ipv6Settings, address: IpWords): boolean {
  return (
    equalIpWords(address, ROUTER_LINK_LOCAL) ||
    settings.addresses.some(({ gateway }) => equalIpWords(gateway, address))
  );
}

function isOwnAddress(settings: Ipv6Settings, address: IpWords): boolean {
  return settings.addresses.some((own) => equalIpWords(own.address, address));
}

/** A guest makes its own link-local address; that of the router is taken. */
function maySpeakAs(settings: Ipv6Settings, source: IpWords): boolean {
  if (settings.arpGuardOff === true) return true;
  if (equalIpWords(source, UNSPECIFIED) || isOwnAddress(settings, source)) return true;
  if (settings.mayLearn?.(source) === true) return true;
  return isLinkLocalWords(source) && !equalIpWords(source, ROUTER_LINK_LOCAL);
}

function isOwnMac(settings: Ipv6Settings, mac: Mac | undefined): boolean {
  if (settings.arpGuardOff === true) return true;
  return mac === undefined || mac === settings.mac || settings.macSpoofing;
}

function sourceOf(key: FlowKey): IpWords {
  return [key.src0, key.src1, key.src2, key.src3];
}

function targetOf(view: DataView, at: number): IpWords {
  const word = (index: number) => ndp.targetWord(view, at, index);
  return [word(0), word(1), word(2), word(3)];
}
