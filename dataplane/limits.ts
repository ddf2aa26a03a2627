/** Named maxima of the host switch. Reaching one is a tested, counted outcome (docs/limits.md). */

/** Ports of one host's switch: tenant NICs and uplinks. */
export const PORTS_MAX = 4096;
/** Remote hosts one host tunnels to. */
export const PEERS_MAX = 65_536;
/** Largest frame incl. Ethernet header that enters the switch: 64 KiB IP packet and one VLAN tag. */
export const FRAME_BYTES_MAX = 65_553;
