/**
 * What a connection proves of its peer beyond its address: a shared key on every segment (TCP MD5 signatures, RFC 2385) and how far away
 * it can be at most (TTL security, RFC 5082). The kernel checks both; the socket options, which Node lacks, come from whoever makes the
 * transport. Called by tcp-transport.ts and the speaker's options.
 */

export interface PeerSecurity {
  /** 1 to 80 bytes. */
  readonly md5Key?: Uint8Array;
  /** 1: the peer is on this link. */
  readonly hopsMax?: number;
}

/** Socket options that Node does not have. Addresses: 4 or 16 bytes, network order. */
export interface SocketOptions {
  /** A TCP socket that is neither bound nor connected. */
  openTcpSocket(family: 4 | 6): number;
  /** For peers of the prefix; an empty key takes it away. */
  setTcpMd5Key(
    fd: number,
    peer: { readonly address: Uint8Array; readonly prefixLen: number },
    key: Uint8Array,
  ): void;
  setTtl(fd: number, ttl: number): void;
  setTtlMin(fd: number, ttl: number): void;
}

export const MD5_KEY_BYTES_MAX = 80;

/** Sent by whoever wants to be believed (RFC 5082 §3). */
export const TTL_MAX = 255;

/** The TTL below which a packet has come from further away than `hopsMax`. */
export function ttlMinOf(hopsMax: number): number {
  return TTL_MAX - hopsMax + 1;
}
