/** Named maxima of the host switch. Reaching one is a tested, counted outcome (docs/limits.md). */

/** Ports of one host's switch: tenant NICs and uplinks. */
export const PORTS_MAX = 4096;
/** Remote hosts one host tunnels to. */
export const PEERS_MAX = 65_536;
/** Largest frame incl. Ethernet header that enters the switch: 64 KiB IP packet and one VLAN tag. */
export const FRAME_BYTES_MAX = 65_553;
/** Flows a switch remembers, each with its reverse: 128 bytes a direction, 32 MB when all are in use. */
export const FLOWS_MAX = 131_072;
/** Flows of one port: half of all, so that no single VM can take the whole table. */
export const FLOWS_PER_PORT_MAX = 65_536;
/** Timers of flows looked at between two bursts: bounds the pause that ageing may cause. */
export const FLOW_EXPIRY_BURST = 256;
/** ICMP errors a switch sends in one second (RFC 1812 §4.3.2.8); packets beyond are dropped and counted without one. */
export const ICMP_ERRORS_PER_SEC_MAX = 1000;
/** Flows listed for one question. */
export const FLOWS_LISTED_MAX = 10_000;
