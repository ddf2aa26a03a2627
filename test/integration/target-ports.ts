/** Ports of probe-target.ts, by how it answers there; nobody listens on `refuses`. */
export const TARGET_PORTS = {
  accepts: 8001,
  refuses: 8002,
  hangs: 8003,
  unavailable: 8004,
  redirects: 8005,
  drips: 8006,
  tls: 8007,
  switchable: 8008,
  trickles: 8009,
} as const;
