/**
 * Packet — what the layers see of a frame on the slow path: its addresses as the header actions so far have left them, and what earlier
 * layers have found out about it. Layers never touch the frame itself ("simulate on metadata", VFP): the composed transposition does,
 * once, at the end. One object, reused for every packet.
 *
 * Called by pipeline (walks it), predicate and group (read it), header-action (changes it), dataplane/switch (fills it).
 */
import type { IpWords } from '../../base/ip-words.ts';
import type { Mac } from '../../base/mac.ts';
import * as arp from '../../packet/arp.ts';
import { Drop } from '../../packet/drop.ts';
import * as ethernet from '../../packet/ethernet.ts';
import { type FlowKey, newFlowKey } from '../../packet/flow-key.ts';
import type { Rule } from './rule.ts';

/** No segment known yet. VXLAN network identifiers are 24 bits, so no segment has this number. */
export const NO_SEGMENT = 0xffff_ffff;

export interface Packet {
  /** Headers as of now. An ARP packet has its sender and target protocol address as source and destination. */
  readonly key: FlowKey;
  srcMac: Mac;
  dstMac: Mac;
  /** Sender hardware address of an ARP packet, 0 otherwise. */
  arpSenderMac: Mac;
  /** ARP opcode, 0 otherwise. */
  arpOpcode: number;
  /** Carries a VLAN tag. */
  isTagged: boolean;
  /** Answers a flow that the other side opened: stateful layers judge that flow instead. */
  isReply: boolean;
  /** Is of a flow that the port at hand remembers. */
  isKnown: boolean;
  /** What the flow's packets have been turned into by the layers of the port at hand, as far as it identifies them; valid if isKnown. */
  readonly beyond: FlowKey;
  /** Destination MAC address that they have been given; 0: none of their own. Valid if isKnown. */
  beyondMac: Mac;
  /** Does the port at hand already wait for this answer, within the packet's segment? Then no other packet may ask for it. */
  isAwaited: (answer: FlowKey) => boolean;
  /** The rule that has routed it before the layer that routes: its next hop stands for its destination. Undefined: none has yet. */
  route: Rule | undefined;
  /** It may be delivered to the port that has sent it. */
  mayReturn: boolean;
  /** Layer-2 segment (VXLAN network identifier) it comes from, and the one it goes to. */
  segment: number;
  nextSegment: number;
  /** Routing domain whose mappings say where the next hop is: 0 its own, else that of a peered network. */
  domain: number;
  /** Address that routing wants it delivered to: the destination itself, or a hop on the way. */
  nextHop: IpWords;
  /** Outer source address and network identifier of a tunnelled frame. */
  outerSource: IpWords;
  vni: number;
}

const UNSPECIFIED: IpWords = [0, 0, 0, 0];

export function newPacket(): Packet {
  return {
    key: newFlowKey(),
    srcMac: 0,
    dstMac: 0,
    arpSenderMac: 0,
    arpOpcode: 0,
    isTagged: false,
    isReply: false,
    isKnown: false,
    beyond: newFlowKey(),
    beyondMac: 0,
    isAwaited: () => false,
    route: undefined,
    mayReturn: false,
    segment: NO_SEGMENT,
    nextSegment: NO_SEGMENT,
    domain: 0,
    nextHop: UNSPECIFIED,
    outerSource: UNSPECIFIED,
    vni: 0,
  };
}

/**
 * Starts a walk: fills `packet` from the frame at [at, end) whose parse result is `key`. Returns the Drop of an ARP packet that is
 * none of ours.
 */
export function loadPacket(
  packet: Packet,
  frame: { readonly view: DataView; readonly at: number; readonly end: number },
  key: FlowKey,
): Drop {
  Object.assign(packet.key, key);
  packet.srcMac = ethernet.src(frame.view, frame.at);
  packet.dstMac = ethernet.dst(frame.view, frame.at);
  packet.isTagged = key.l3At !== frame.at + ethernet.HEADER_LEN;
  packet.isReply = false;
  packet.isKnown = false;
  packet.route = undefined;
  packet.mayReturn = false;
  packet.segment = NO_SEGMENT;
  packet.nextSegment = NO_SEGMENT;
  packet.domain = 0;
  packet.outerSource = UNSPECIFIED;
  packet.vni = 0;
  packet.arpSenderMac = 0;
  packet.arpOpcode = 0;
  const drop =
    key.etherType === ethernet.EtherType.ARP ? loadArp(packet, frame.view, frame.end) : Drop.None;
  packet.nextHop = [packet.key.dst0, packet.key.dst1, packet.key.dst2, packet.key.dst3];
  return drop;
}

function loadArp(packet: Packet, view: DataView, end: number): Drop {
  const at = packet.key.l3At;
  const drop = arp.check(view, at, end);
  if (drop !== Drop.None) return drop;
  packet.arpSenderMac = arp.senderMac(view, at);
  packet.arpOpcode = arp.opcode(view, at);
  packet.key.src2 = 0xffff;
  packet.key.src3 = arp.senderAddress(view, at);
  packet.key.dst2 = 0xffff;
  packet.key.dst3 = arp.targetAddress(view, at);
  return Drop.None;
}
