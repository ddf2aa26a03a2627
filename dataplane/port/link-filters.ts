/**
 * Who gets what of a link's frames, as programs of classic BPF: a router what it forwards, the kernel what is for its own addresses. Each is spared
 * what it would only throw away: the router a copy, the kernel a route lookup and an ICMP error for every packet that is forwarded.
 * What is for many, and what finds neighbours, both get. Called by the workers of edge and mux.
 */
import { type IpWords, isIpv4Words } from '../../base/ip-words.ts';
import type { FilterInstruction } from '../../native/socket.ts';
import * as ethernet from '../../packet/ethernet.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import { FRAME_BYTES_MAX } from '../limits.ts';

const LOAD_HALF = 0x28;
const LOAD_WORD = 0x20;
const LOAD_BYTE = 0x30;
const JUMP_EQUAL = 0x15;
const JUMP_ANY_BIT = 0x45;
const AND = 0x54;
const RETURN = 0x06;
const IPV4_DST_AT = ethernet.HEADER_LEN + 16;
const IPV6_NEXT_HEADER_AT = ethernet.HEADER_LEN + 6;
const IPV6_DST_AT = ethernet.HEADER_LEN + 24;
const WANTED = FRAME_BYTES_MAX + 1024;

/**
 * Keeps from the router what is for the kernel: IPv4 to an own address, TCP and UDP over IPv6 to one. What it would
 * only throw away, all tunnelled traffic among it, so costs no copy.
 */
export function ownAddressFilter(addresses: readonly IpWords[]): FilterInstruction[] {
  const ipv4 = addresses.filter(isIpv4Words).map(([, , , word]) => word);
  const ipv6 = addresses.filter((words) => !isIpv4Words(words));
  const program: FilterInstruction[] = [
    [LOAD_HALF, 0, 0, 12],
    [JUMP_EQUAL, 0, 1 + ipv4.length * 2 + 1, ethernet.EtherType.IPV4],
    [LOAD_WORD, 0, 0, IPV4_DST_AT],
  ];
  for (const word of ipv4) program.push([JUMP_EQUAL, 0, 1, word], [RETURN, 0, 0, 0]);
  program.push([RETURN, 0, 0, WANTED]);
  const wanted: FilterInstruction = [RETURN, 0, 0, WANTED];
  program.push([JUMP_EQUAL, 1, 0, ethernet.EtherType.IPV6], wanted);
  program.push([LOAD_BYTE, 0, 0, IPV6_NEXT_HEADER_AT]);
  program.push([JUMP_EQUAL, 2, 0, IpProtocol.TCP], [JUMP_EQUAL, 1, 0, IpProtocol.UDP], wanted);
  for (const words of ipv6) program.push(...unlessIpv6(words), [RETURN, 0, 0, 0]);
  program.push(wanted);
  return program;
}

/** Bit of an Ethernet destination that stands for many (IEEE 802 §8.2). */
const GROUP_BIT = 0x01;
/** fe80::/10 (RFC 4291 §2.5.6): addresses that the kernel gives itself. */
const LINK_LOCAL_MASK = 0xffc0_0000;
const LINK_LOCAL = 0xfe80_0000;

/** So that no jump is longer than a byte tells. */
const KERNEL_ADDRESSES_MAX = 24;

/**
 * What the kernel still has to see: all that is not IP, is for many, or for one of these addresses or a link-local one. Undefined: it has so many
 * addresses that it shall see everything.
 */
export function kernelFilter(
  addresses: readonly IpWords[],
): readonly FilterInstruction[] | undefined {
  if (addresses.length > KERNEL_ADDRESSES_MAX) return undefined;
  const ipv4 = addresses.filter(isIpv4Words).map(([, , , word]) => word);
  const ipv6 = addresses.filter((words) => !isIpv4Words(words));
  const wanted: FilterInstruction = [RETURN, 0, 0, WANTED];
  const refused: FilterInstruction = [RETURN, 0, 0, 0];
  const program: FilterInstruction[] = [
    [LOAD_BYTE, 0, 0, 0],
    [JUMP_ANY_BIT, 0, 1, GROUP_BIT],
    wanted,
    [LOAD_HALF, 0, 0, 12],
    [JUMP_EQUAL, 0, 1 + ipv4.length * 2 + 1, ethernet.EtherType.IPV4],
    [LOAD_WORD, 0, 0, IPV4_DST_AT],
  ];
  for (const word of ipv4) program.push([JUMP_EQUAL, 0, 1, word], wanted);
  program.push(refused, [JUMP_EQUAL, 1, 0, ethernet.EtherType.IPV6], wanted);
  program.push([LOAD_WORD, 0, 0, IPV6_DST_AT], [AND, 0, 0, LINK_LOCAL_MASK]);
  program.push([JUMP_EQUAL, 0, 1, LINK_LOCAL], wanted);
  for (const words of ipv6) program.push(...unlessIpv6(words), wanted);
  program.push(refused);
  return program;
}

/** To be followed by what happens if the destination is the address. */
function unlessIpv6(words: IpWords): FilterInstruction[] {
  return words.flatMap((word, index): FilterInstruction[] => [
    [LOAD_WORD, 0, 0, IPV6_DST_AT + index * 4],
    [JUMP_EQUAL, 0, (3 - index) * 2 + 1, word],
  ]);
}
