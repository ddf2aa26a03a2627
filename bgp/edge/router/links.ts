/**
 * The router's links: the interfaces whose frames it takes, and which of their addresses are its own. The kernel has the same addresses, speaks
 * BGP with them and answers for them; what is for them never reaches the router (ownAddressFilter). Called by router-state.ts.
 */
import { formatIpWords, type IpWords, isIpv4Words } from '../../../base/ip-words.ts';
import type { Mac } from '../../../base/mac.ts';
import { FRAME_BYTES_MAX } from '../../../dataplane/limits.ts';
import type { FilterInstruction } from '../../../native/socket.ts';
import * as ethernet from '../../../packet/ethernet.ts';
import { IpProtocol } from '../../../packet/ip-protocol.ts';

export interface LinkAddress {
  readonly words: IpWords;
  /** 0 … 128; of IPv4 96 … 128. */
  readonly len: number;
}

export interface LinkSettings {
  readonly name: string;
  /** The provider network, or the outside. */
  readonly kind: 'provider' | 'outside';
  readonly mac: Mac;
  /** Bytes of the largest IP packet. */
  readonly mtu: number;
  readonly addresses: readonly LinkAddress[];
}

/** Number of the tunnels' link; links of interfaces follow. */
export const OVERLAY_LINK = 0;

export interface Link extends LinkSettings {
  readonly number: number;
  /** Of the frame I/O. */
  readonly device: number;
}

/** An address of the router's own on the link, of the family of `like`; undefined: it has none there. */
export function ownAddress(
  { addresses }: Pick<LinkSettings, 'addresses'>,
  isIpv4: boolean,
): IpWords | undefined {
  return addresses.find(({ words }) => isIpv4Words(words) === isIpv4)?.words;
}

export function describeLink({ name, addresses }: LinkSettings): string {
  return `${name} ${addresses.map(({ words }) => formatIpWords(words)).join(', ')}`;
}

const LOAD_HALF = 0x28;
const LOAD_WORD = 0x20;
const LOAD_BYTE = 0x30;
const JUMP_EQUAL = 0x15;
const RETURN = 0x06;
const IPV4_DST_AT = ethernet.HEADER_LEN + 16;
const IPV6_NEXT_HEADER_AT = ethernet.HEADER_LEN + 6;
const IPV6_DST_AT = ethernet.HEADER_LEN + 24;
const WANTED = FRAME_BYTES_MAX + 1024;

/**
 * A classic BPF program that keeps from the router what is for the kernel: IPv4 to an own address, TCP and UDP over IPv6 to one. What it would
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
  // Each comparison of an IPv6 address: four loads and jumps, and the refusal.
  const wanted: FilterInstruction = [RETURN, 0, 0, WANTED];
  program.push([JUMP_EQUAL, 1, 0, ethernet.EtherType.IPV6], wanted);
  program.push([LOAD_BYTE, 0, 0, IPV6_NEXT_HEADER_AT]);
  program.push([JUMP_EQUAL, 2, 0, IpProtocol.TCP], [JUMP_EQUAL, 1, 0, IpProtocol.UDP], wanted);
  for (const words of ipv6) {
    for (const [index, word] of words.entries()) {
      // To the next address: what is left of this one's instructions.
      const left = (3 - index) * 2 + 1;
      program.push([LOAD_WORD, 0, 0, IPV6_DST_AT + index * 4], [JUMP_EQUAL, 0, left, word]);
    }
    program.push([RETURN, 0, 0, 0]);
  }
  program.push(wanted);
  return program;
}
