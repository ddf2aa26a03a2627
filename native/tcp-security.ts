/**
 * TCP sockets with signatures (RFC 2385) and TTL security (RFC 5082), for which Node has no options. The functions take descriptors, also
 * those of sockets that Node owns. And the check of the TTL of datagrams that BFD asks for (RFC 5881 §5). Called by the roles that speak BGP.
 */
import { addon } from './addon.ts';
import { deviceCall } from './device-error.ts';

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

/** Datagrams with another TTL, or hop limit, do not reach the UDP socket from now on. */
export function acceptTtlOnly(fd: number, ttl: number): void {
  deviceCall('accepted TTL', () => addon.acceptTtlOnly(fd, ttl));
}
