/** Who is where in the network of balancer-lab.ts. Called by everything in bench/slb that speaks of an address. */

export const CLIENT = '192.0.2.1';
/** Of the balancer on the client's side; a mux's provider address. */
export const BALANCER = '192.0.2.2';
export const VIP = '203.0.113.10';
export const BACKENDS = 2;

/** New connections and datagrams, to any backend. */
export const WEB_PORT = 80;
/** The same, for who comes by a backend's own address: with one port, what a backend still remembers of a client's port would be met again by another way. */
export const OWN_WEB_PORT = 81;
export const DATAGRAM_PORT = 9;
/** To the first backend only: what has more than one connection, or is compared with the direct path. */
export const IPERF_PORT = 5201;
export const ECHO_PORT = 7;

export const VNI = 5001;
/** Of what fits into a tunnel through a provider network of 1500 bytes. */
export const TUNNEL_MTU = 1450;

/** A backend's address on the link to the balancer. `at`: 1 … BACKENDS. */
export function backendAddress(at: number): string {
  return `198.51.100.${16 * at + 2}`;
}

export function backendGateway(at: number): string {
  return `198.51.100.${16 * at + 1}`;
}

/** Its address on the link to the client, by which answers go straight. */
export function directAddress(at: number): string {
  return `100.64.${at}.2`;
}

export function directGateway(at: number): string {
  return `100.64.${at}.1`;
}

export function backendMac(at: number): number {
  return 0x0200_0000_0100 + at;
}
