/** Limits of BGP as goal state asks for it. Called by bgp-control.ts. */
import { type Millis, millis } from '../../base/units.ts';

/** Time that routes of BGP are collected for before the forwarding table gets them, milliseconds. */
export const ROUTES_COLLECTED_MS: Millis = millis(20);
/** Routes that the forwarding table gets in one go, between two bursts. */
export const ROUTES_PER_CHANGE_MAX = 2_048;
/** Between BFD packets of a peer with isBfdEnabled, each way, milliseconds; the peer may want them to come less often (RFC 5880 §6.8.2). */
export const BFD_INTERVAL_MS: Millis = millis(300);
/** Missing BFD packets that are a failure: with the interval, a silent peer is noticed within 0.9 s. */
export const BFD_MULTIPLIER = 3;
/** After a restart, how often it is looked whether neighbours have told everything. */
export const RESTART_CHECK_INTERVAL: Millis = millis(200);
/** A file of MRT updates is followed by the next when it has so many bytes. */
export const MRT_FILE_BYTES_MAX: number = 64 * 1024 * 1024;
/** Files of MRT updates that are kept; the oldest goes. */
export const MRT_UPDATE_FILES_MAX = 8;
/** Dumps of tables in MRT that are kept; the oldest goes. */
export const MRT_DUMP_FILES_MAX = 4;
/** Bytes of a dump that are made before they are written. */
export const MRT_DUMP_CHUNK_BYTES: number = 256 * 1024;
