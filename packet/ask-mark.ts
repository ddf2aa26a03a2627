/**
 * Ask mark: how a load balancer's mux tells a backend's host that it does not know whether a packet's connection is there, and that the host shall return
 * the packet if it is not (docs/design/0027).
 *
 * It is the source address of the inner Ethernet header (RFC 7348 §5), which else is the virtual router's: locally administered, so nobody's. Faild tells hosts
 * by MAC addresses whom else to try (Araújo et al., NSDI 2018); here it is the mux that tries.
 *
 *   0                   4         6
 *   | 02:57:45:46       | step    |       step: how far the mux has come with its search, big-endian; the host returns it as it is
 *
 * A host believes it from muxes alone, and takes it off before anybody else sees the frame. Called by slb/mux and dataplane/load-balancing.
 */
import * as ethernet from './ethernet.ts';

/** The address' first four octets. */
const PREFIX = 0x0257_4546;
const PREFIX_AT = 6;
const STEP_AT = 10;
/** Highest step that the mark can tell. */
export const STEP_MAX = 0xffff;

/** Has the frame whose Ethernet header is at [at, end) a mark? */
export function isMarked(view: DataView, at: number, end: number): boolean {
  return end - at >= ethernet.HEADER_LEN && view.getUint32(at + PREFIX_AT) === PREFIX;
}

/** 0 … STEP_MAX; of a marked frame. */
export function step(view: DataView, at: number): number {
  return view.getUint16(at + STEP_AT);
}

/** Instead of the source address. */
export function write(view: DataView, at: number, value: number): void {
  view.setUint32(at + PREFIX_AT, PREFIX);
  view.setUint16(at + STEP_AT, value);
}
