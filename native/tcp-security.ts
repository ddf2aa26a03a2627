/**
 * TCP sockets with signatures (RFC 2385) and TTL security (RFC 5082), for which Node has no options. The functions take descriptors, also
 * those of sockets that Node owns. And the check of the TTL of datagrams that BFD asks for (RFC 5881 §5). Called by the roles that speak BGP.
 */
import { addon } from './addon.ts';
import { deviceCall } from './device-error.ts';
import { setSocketFilter } from './socket.ts';

/** A TCP socket that is neither bound nor connected; whoever asked closes it, or hands it to a net.Socket. */
export function openTcpSocket(family: 4 | 6): number {
  return deviceCall('TCP socket', () => addon.openTcpSocket(family === 6));
}

/**
 * From now on segments to and from peers of the prefix (`address`: 4 or 16 bytes, network order) are signed with `key`, 1 to 80 bytes, and
 * unsigned ones dropped by the kernel without a word. An empty key takes it away again.
 */
export function setTcpMd5Key(
  fd: number,
  peer: { readonly address: Uint8Array; readonly prefixLen: number },
  key: Uint8Array,
): void {
  deviceCall('TCP MD5 key', () => addon.setTcpMd5Key(fd, peer.address, 0, peer.prefixLen, key));
}

/** TTL, or hop limit, of what the socket sends; 1 … 255. */
export function setTtl(fd: number, ttl: number): void {
  deviceCall('TTL', () => addon.setTtl(fd, ttl));
}

/** Segments that arrive with a smaller TTL, or hop limit, are dropped by the kernel; 0: none are. */
export function setTtlMin(fd: number, ttl: number): void {
  deviceCall('least TTL', () => addon.setTtlMin(fd, ttl));
}

/** Datagrams with another TTL, or hop limit, do not reach the UDP socket from now on: IP_MINTTL is for TCP only. */
export function acceptTtlOnly(fd: number, ttl: number): void {
  // The version of the header that came tells where its TTL is: a socket may serve both families.
  setSocketFilter(fd, [
    [LOAD_BYTE, 0, 0, NETWORK_HEADER],
    [SHIFT_RIGHT, 0, 0, 4],
    [JUMP_IF_EQUAL, 0, 2, 4],
    [LOAD_BYTE, 0, 0, NETWORK_HEADER + 8],
    [JUMP, 0, 0, 1],
    [LOAD_BYTE, 0, 0, NETWORK_HEADER + 7],
    [JUMP_IF_EQUAL, 0, 1, ttl],
    [RETURN, 0, 0, 0xffff],
    [RETURN, 0, 0, 0],
  ]);
}

/** SKF_NET_OFF of linux/filter.h: offsets from the network header on. */
const NETWORK_HEADER = 0xfff0_0000;
// Codes of linux/bpf_common.h.
const LOAD_BYTE = 0x30;
const SHIFT_RIGHT = 0x74;
const JUMP = 0x05;
const JUMP_IF_EQUAL = 0x15;
const RETURN = 0x06;
