/**
 * ARP answered by the switch — RFC 826, RFC 5227. A request is never flooded: the mapping table knows who has an address.
 *
 *   gateway of the subnet             → the virtual router's MAC
 *   a mapped address in the subnet    → the MAC of the NIC that has it
 *   the guest's own address           → silence, so that its duplicate address detection finds it free; so too one that
 *                                       it has learned, or announces (RFC 5227 §2.3)
 *   anything else                     → Drop.ArpUnanswered
 *
 * Whoever claims a MAC or an address that is not the port's is dropped as SpoofedArp and learns nothing.
 * Called by dataplane/switch for ARP that the anti-spoofing layer let through; checks again, so that it is safe by itself.
 */
import { ipv4Words } from '../../base/ip-words.ts';
import { VIRTUAL_ROUTER_MAC } from '../../base/mac.ts';
import * as arp from '../../packet/arp.ts';
import { Drop } from '../../packet/drop.ts';
import * as ethernet from '../../packet/ethernet.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import type { Answer } from './answer.ts';
import type { NeighborLookup, PortSettings } from './port-settings.ts';

/** Answers the ARP frame at `at` whose flow key is `key`. */
export function answerArp(
  view: DataView,
  frame: { readonly at: number; readonly end: number; readonly key: FlowKey },
  port: { readonly settings: PortSettings; readonly neighborMac: NeighborLookup },
  answer: Answer,
): Drop {
  const request = frame.key.l3At;
  answer.end = answer.at;
  const drop = arp.check(view, request, frame.end);
  if (drop !== Drop.None) return drop;
  if (isSpoofed(view, frame.at, request, port.settings)) return Drop.SpoofedArp;
  const target = arp.targetAddress(view, request);
  const isQuestion =
    arp.opcode(view, request) === arp.Opcode.REQUEST && !port.settings.addresses.includes(target);
  if (!isQuestion) return Drop.ArpUnanswered;
  const mac = target === port.settings.gateway ? VIRTUAL_ROUTER_MAC : port.neighborMac(target);
  const isOwn = mac === port.settings.mac || target === arp.senderAddress(view, request);
  if (mac === 0 || isOwn) return Drop.ArpUnanswered;
  const targetMac = arp.senderMac(view, request);
  const etherType = ethernet.EtherType.ARP;
  ethernet.emit({ dst: targetMac, src: mac, etherType }, view, answer.at);
  const reply = {
    opcode: arp.Opcode.REPLY,
    senderMac: mac,
    senderAddress: target,
    targetMac,
    targetAddress: arp.senderAddress(view, request),
  };
  arp.emit(reply, view, answer.at + ethernet.HEADER_LEN);
  answer.end = answer.at + ethernet.HEADER_LEN + arp.PACKET_LEN;
  return Drop.None;
}

function isSpoofed(
  view: DataView,
  frameAt: number,
  arpAt: number,
  settings: PortSettings,
): boolean {
  if (settings.arpGuardOff === true) return false;
  const senderMac = arp.senderMac(view, arpAt);
  const isForeignMac = senderMac !== settings.mac || senderMac !== ethernet.src(view, frameAt);
  if (isForeignMac && !settings.macSpoofing) return true;
  const sender = arp.senderAddress(view, arpAt);
  // 0 in a probe (RFC 5227 §2.1.1): claims nothing.
  if (sender === 0 || settings.addresses.includes(sender)) return false;
  return settings.mayLearn?.(ipv4Words(sender)) !== true;
}
