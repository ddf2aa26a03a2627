/**
 * What of the provider network's frames a mux takes: IPv4 and IPv6 to one station, but nothing to the mux's own address, which is the kernel's (BGP, BFD, the tunnels'
 * own port). A classic BPF program, so that what is not for the forwarder costs no copy; what the kernel gets is dataplane/port/link-filters.
 * Called by worker.ts.
 */
import { type IpWords, isIpv4Words } from '../../../base/ip-words.ts';
import { FRAME_BYTES_MAX } from '../../../dataplane/limits.ts';
import type { FilterInstruction } from '../../../native/socket.ts';
import * as ethernet from '../../../packet/ethernet.ts';

const LOAD_BYTE = 0x30;
const LOAD_HALF = 0x28;
const LOAD_WORD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_ANY_BIT = 0x45;
const RETURN = 0x06;
/** Bit of an Ethernet destination that stands for many (IEEE 802 §8.2). */
const GROUP_BIT = 0x01;
const ETHER_TYPE_AT = 12;
const IPV4_DST_AT = ethernet.HEADER_LEN + 16;
const IPV6_DST_AT = ethernet.HEADER_LEN + 24;

const WANTED: FilterInstruction = [RETURN, 0, 0, FRAME_BYTES_MAX + 1024];
const UNWANTED: FilterInstruction = [RETURN, 0, 0, 0];

export function uplinkFilter(own: IpWords): FilterInstruction[] {
  const ipv4 = isIpv4Words(own) ? notTo([own[3]], IPV4_DST_AT) : [WANTED];
  const ipv6 = isIpv4Words(own) ? [WANTED] : notTo(own, IPV6_DST_AT);
  return [
    [LOAD_BYTE, 0, 0, 0],
    [JUMP_ANY_BIT, 0, 1, GROUP_BIT],
    UNWANTED,
    [LOAD_HALF, 0, 0, ETHER_TYPE_AT],
    [JUMP_EQUAL, 0, ipv4.length, ethernet.EtherType.IPV4],
    ...ipv4,
    [JUMP_EQUAL, 0, ipv6.length, ethernet.EtherType.IPV6],
    ...ipv6,
    UNWANTED,
  ];
}

/** Wanted unless all these words are at the offset. */
function notTo(words: readonly number[], at: number): FilterInstruction[] {
  const program: FilterInstruction[] = [];
  for (const [index, word] of words.entries()) {
    // To the last instruction: two for each word after this one, and the refusal.
    const left = (words.length - 1 - index) * 2 + 1;
    program.push([LOAD_WORD, 0, 0, at + index * 4], [JUMP_EQUAL, 0, left, word]);
  }
  program.push(UNWANTED, WANTED);
  return program;
}
