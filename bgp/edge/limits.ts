/** Limits of the edge router: every one is a counted outcome. Called by everything in bgp/edge. */

/** Address and port mappings of NAT44, of all pools together: about 70 MB if all are ever in use at once. */
export const NAT_MAPPINGS_MAX = 1_048_576;
/** An established TCP connection through NAT44: 2 hours 4 minutes without a packet from inside (RFC 5382 REQ-5). */
export const NAT_TCP_ESTABLISHED_IDLE_SEC = 7_440;
/** A TCP connection that is being opened, has been closed by both sides, or was reset (RFC 5382 REQ-5, RFC 7857 §2). */
export const NAT_TCP_TRANSITORY_IDLE_SEC = 240;
/** A UDP mapping without a packet from inside (RFC 4787 REQ-5: 5 minutes are recommended). */
export const NAT_UDP_IDLE_SEC = 300;
/** A mapping of ICMP queries without a packet from inside (RFC 5508 REQ-2: at least 60 s). */
export const NAT_ICMP_IDLE_SEC = 60;
/** A port block that nobody uses stays with its inside address for so long, so that nobody else gets its ports (RFC 6888 REQ-8). */
export const NAT_BLOCK_HOLD_SEC = 120;
/** Mappings forgotten in one go; the rest waits for the next round of the loop. */
export const NAT_EXPIRY_BURST = 256;
/** Ports of one block of a pool. */
export const NAT_PORTS_PER_BLOCK_MAX = 4_096;
/** Public addresses of one pool. */
export const NAT_POOL_ADDRESSES_MAX = 4_096;
