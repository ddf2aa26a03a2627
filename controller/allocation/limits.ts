/** Named maxima and times of allocation (docs/limits.md). */
import { type Millis, minutes } from '../../base/units.ts';

/** Ports of a public address that outbound connections use: 64,000 of them (Azure), above the well-known ones. */
export const SNAT_PORT_FIRST = 1024;
export const SNAT_PORT_LAST = 65_023;
/** Ports are given out in aligned blocks of so many (Ananta §3.5.1); a rule that leads in by a port takes its whole block. */
export const SNAT_BLOCK_PORTS = 8;
/** Ports that one backend has lost are given to no other for so long: whoever answers them late must not reach a stranger. */
export const SNAT_REST: Millis = minutes(4);
