/** Limits of the BGP speaker: every one is a counted outcome. Called by everything in bgp/. */
import { type Millis, minutes, seconds } from '../base/units.ts';

/** BFD packets come no more often than this: a stall of the process must not look like a broken path. */
export const BFD_INTERVAL_MS_MIN = 10;
export const BFD_INTERVAL_MS_MAX = 60_000;
/** BGP port (RFC 4271 §4). */
export const BGP_PORT = 179;
/** Time between two tries to connect (RFC 4271 §10 suggests 120 s; a data centre has no reason to wait that long). */
export const CONNECT_RETRY_TIME: Millis = seconds(5);
/** Hold time offered unless configured (RFC 4271 §10). */
export const HOLD_TIME: Millis = seconds(90);
/** First pause after a fault; doubles up to IDLE_HOLD_TIME_MAX (RFC 4271 §8.1.1 DampPeerOscillations). */
export const IDLE_HOLD_TIME: Millis = seconds(1);
/** Longest pause after faults that repeat. */
export const IDLE_HOLD_TIME_MAX: Millis = seconds(120);
/** A peer that has connected and sends no OPEN is given up after this time (RFC 4271 §8.2.2). */
export const OPEN_WAIT_TIME: Millis = minutes(4);
/**
 * The same for a peer with TTL security: the kernel lets its connection in, and drops what comes on it from too far or with the usual TTL, so that
 * silence means that it has none most often, which its operator should not hear after minutes.
 */
export const OPEN_WAIT_TIME_SECURED: Millis = seconds(10);
/** A peer that reads nothing for this long is given up, unless another time is configured or twice the hold time is longer (RFC 9687). */
export const SEND_HOLD_TIME: Millis = minutes(8);
/** Bytes of one peer's messages dealt with before another has its turn: some two hundred UPDATEs as they are in a full table, about a millisecond. */
export const INPUT_BYTES_PER_TURN: number = 32 * 1024;
/** Turns taken in one go before sockets and timers have theirs. */
export const TURNS_PER_SLICE = 64;
/** Work done in one go before sockets and timers have their turn, milliseconds; a hold time of 3 s survives with 100 busy peers. */
export const SLICE_TIME_MS = 8;
/** Bytes waiting in a peer's socket above which nothing more is encoded for it. */
export const SEND_PENDING_BYTES_MAX: number = 256 * 1024;
/** Prefixes taken from the change log for one encoding. */
export const PREFIXES_PER_BATCH = 2_048;
/** Bytes of attributes after which an encoding takes no more prefixes. */
export const ATTRIBUTE_BYTES_PER_BATCH: number = 256 * 1024;
/** Attribute blocks of a neighbour remembered by their bytes, so that a known one is not decoded again; the latest stay. A power of two. */
export const ATTRIBUTE_BLOCKS_MAX = 64;
/** Bytes of an attribute block that is worth remembering. */
export const ATTRIBUTE_BLOCK_BYTES_MAX = 1_024;
/** Connections from one listener that wait for an answer of the kernel. */
export const ACCEPT_BACKLOG = 128;
/** Neighbours that may exist because a prefix allows them. */
export const DYNAMIC_NEIGHBOURS_MAX = 1_024;
/** Configured and dynamic neighbours of one speaker. */
export const NEIGHBOURS_MAX = 4_096;
/** Prefixes of one family in the shared table. */
export const PREFIXES_MAX = 4_194_304;
/** Paths of one family in the shared table. */
export const PATHS_MAX = 16_777_216;
/** Routes a peer may hold stale after its session was lost, unless its restart time is shorter (RFC 4724 §4.2). */
export const STALE_TIME_MAX: Millis = minutes(6);
/** After an own restart, how long neighbours that have not told everything are waited for (RFC 4724 §4.1 Selection_Deferral_Timer). */
export const SELECTION_DEFERRAL_TIME: Millis = minutes(2);
/** MRT records that wait for their sink; beyond, records are lost and counted. */
export const MRT_PENDING_BYTES_MAX: number = 4 * 1024 * 1024;
/** Bytes that wait for a BMP station; one that lets more gather loses its session and begins anew (RFC 7854 §3.2). */
export const BMP_PENDING_BYTES_MAX: number = 16 * 1024 * 1024;
/** First pause before a BMP station is tried again; doubles up to BMP_RETRY_TIME_MAX (RFC 7854 §3.2). */
export const BMP_RETRY_TIME: Millis = seconds(30);
export const BMP_RETRY_TIME_MAX: Millis = seconds(720);
/** BMP stations of one speaker. */
export const BMP_STATIONS_MAX = 16;
/** Between two BMP Statistics Reports of a peer, unless configured (RFC 7854 §4.8). */
export const BMP_STATISTICS_TIME: Millis = seconds(60);
export const BMP_STATISTICS_TIME_MIN: Millis = seconds(1);
/** What the 24 bits of the capability can say (RFC 9494 §3). */
export const LONG_LIVED_STALE_SEC_MAX = 0xff_ffff;
/** Paths used side by side for one prefix at most. */
export const MULTIPATH_MAX = 64;
/** Paths of one prefix that a neighbour is told (RFC 7911). */
export const ADD_PATHS_MAX = 8;
/** Complaints about malformed attributes kept per peer for an operator. */
export const COMPLAINTS_MAX = 16;
/** A connection that was closed with data still in it is cut off after this time. */
export const LINGER_TIME: Millis = seconds(2);
/** Prefixes of one peer and family unless configured (RFC 4271 §6.7); the session ends when there are more. */
export const PREFIXES_PER_PEER_MAX = 2_000_000;
