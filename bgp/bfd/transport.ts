/**
 * What BFD needs of UDP, as an interface: kernel sockets (udp-transport.ts) or a simulated network in tests. RFC 5881 §4 and §5: port 3784, one
 * source port of the dynamic range per session, TTL 255 out and nothing less in.
 */

/** RFC 5881 §4. */
export const BFD_PORT = 3_784;
export const SOURCE_PORT_MIN = 49_152;
export const SOURCE_PORT_MAX = 65_535;

export interface BfdSender {
  send(bytes: Uint8Array): void;
  close(): void;
}

export interface BfdTransport {
  /** Rejects when the port cannot be bound. Only packets that came with TTL 255 are handed on. */
  listen(onPacket: (bytes: Uint8Array, remoteAddress: string) => void): Promise<void>;
  open(path: { readonly localAddress: string; readonly remoteAddress: string }): BfdSender;
  close(): Promise<void>;
}
