/** The mux's links, by the numbers that their counters and the transmit queue know them by. Called by everything in forwarder. */

/** The provider network. */
export const UPLINK = 0;
/** Tunnels to hosts. */
export const OVERLAY = 1;
export const LINK_NAMES: readonly string[] = ['uplink', 'overlay'];
