/** Limits of the BGP speaker: every one is a counted outcome. Called by everything in bgp/. */
import { type Millis, seconds } from '../base/units.ts';

/** Messages of one peer dealt with before another has its turn. */
export const MESSAGES_PER_TURN = 8;
/** Turns taken in one go before sockets and timers have theirs. */
export const TURNS_PER_SLICE = 64;
/** Work done in one go before sockets and timers have their turn, milliseconds; a hold time of 3 s survives with 100 busy peers. */
export const SLICE_TIME_MS = 8;
/** Bytes waiting in a peer's socket above which nothing more is encoded for it. */
export const SEND_PENDING_BYTES_MAX: number = 256 * 1024;
/** Connections from one listener that wait for an answer of the kernel. */
export const ACCEPT_BACKLOG = 128;
/** A connection that was closed with data still in it is cut off after this time. */
export const LINGER_TIME: Millis = seconds(2);
