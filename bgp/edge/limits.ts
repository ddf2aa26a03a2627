/** Limits of the edge router: every one is a counted outcome. Called by everything in bgp/edge. */
import { type Millis, minutes, seconds } from '../../base/units.ts';

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
/** Flows the router remembers, each with its reverse: a cache in front of its tables; a packet of a flow without a place takes the slow path. */
export const EDGE_FLOWS_MAX = 262_144;
/** Of these, of one routing domain: half of all. */
export const EDGE_FLOWS_PER_DOMAIN_MAX = 131_072;
/** Routing domains that have flows of their own accounted; further ones share these accounts. */
export const EDGE_FLOW_ACCOUNTS = 4_096;
/** Interfaces of one edge router: the provider network and the outside. */
export const EDGE_LINKS_MAX = 17;
/** Neighbours on all links together. */
export const NEIGHBOURS_MAX = 8_192;
/** Requests for one address, a second apart, before it counts as unreachable (RFC 4861 §10, MAX_MULTICAST_SOLICIT). */
export const NEIGHBOUR_TRIES_MAX = 3;
/** A neighbour is asked again after this time (RFC 4861 §10, REACHABLE_TIME). */
export const NEIGHBOUR_REACHABLE_SEC = 30;
/** A next hop of routes is asked again after this time: one that dies silently loses its flows within five seconds. */
export const GATEWAY_REACHABLE_SEC = 2;
/** One that has not answered is not asked again for so long. */
export const NEIGHBOUR_FAILED_SEC = 5;
/** One that has not answered, and that nothing has been sent to for so long, is forgotten. */
export const NEIGHBOUR_FAILED_UNUSED_SEC = 60;
/** A neighbour that no new flow has needed for so long is forgotten. */
export const NEIGHBOUR_UNUSED_SEC = 1_200;
/** Frames that wait for one neighbour's MAC address (RFC 4861 §7.2.2: at least one). */
export const NEIGHBOUR_PENDING_FRAMES_MAX = 3;
/** Bytes of all frames that wait for neighbours. */
export const PENDING_BYTES_MAX: number = 4 * 1024 * 1024;
/** ICMP errors of the router's own in one second (RFC 1812 §4.3.2.8). */
export const EDGE_ICMP_ERRORS_PER_SEC_MAX = 1_000;
/** Of these, to one of 256 groups of senders, so that one cannot keep the others from hearing theirs. */
export const EDGE_ICMP_ERRORS_PER_SENDER_PER_SEC_MAX = 50;
/** Hosts that the router tunnels to. */
export const EDGE_PEERS_MAX = 65_536;
/** Mappings told in one answer. */
export const ANSWERED_MAPPINGS_MAX = 10_000;
/** Routes told in one answer. */
export const ANSWERED_ROUTES_MAX = 10_000;
/** Resources that the router gets in one go, between two bursts. */
export const RESOURCES_PER_CHANGE_MAX = 4_096;
/** One message between the agent and the router process, bytes. */
export const ROUTER_MESSAGE_BYTES_MAX: number = 256 * 1024 * 1024;
/** A router process whose agent has gone forwards on for so long; one whose agent does not come back ends itself. */
export const ROUTER_ALONE_MAX: Millis = minutes(10);
/** A router process says what it is, and ends when it is told to, within this time. */
export const ROUTER_ANSWER_TIMEOUT: Millis = seconds(5);
/** Time for a router process to start; a busy machine takes seconds. */
export const ROUTER_START_TIMEOUT: Millis = seconds(30);
