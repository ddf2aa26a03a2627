/**
 * What a BGP session needs of TCP, as an interface: kernel sockets (tcp-transport.ts), a simulated network in tests, or sockets with TTL
 * security and MD5 for which a role brings the options (peer-security.ts). RFC 4271 §3: TCP, port 179.
 *
 * Invariants: no handler is called inside `write`, `pause`, `resume` or `close`; after `onClosed`, or after `close`, none is called any more.
 */
import type { IpPrefixWords } from '../../base/ip-words.ts';
import type { PeerSecurity } from './peer-security.ts';

export type ClosedBy =
  | { readonly kind: 'refused' }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'unreachable'; readonly detail: string }
  /** The peer ended it, in order or not. */
  | { readonly kind: 'ended' };

export interface ConnectionHandlers {
  onConnected(): void;
  /** `bytes` is the handler's only until it returns. */
  onData(bytes: Uint8Array): void;
  /** The system has taken bytes: `pendingBytes` is smaller now. */
  onProgress(): void;
  onClosed(by: ClosedBy): void;
}

export interface Connection {
  /** Text of the addresses; known once connected. */
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** 0 until connected. */
  readonly localPort: number;
  readonly remotePort: number;
  /** Written, but not yet taken by the system. */
  readonly pendingBytes: number;
  /** Never refused: whoever writes looks at pendingBytes. */
  write(bytes: Uint8Array): void;
  /** No more onData until `resume`. */
  pause(): void;
  resume(): void;
  /** What was written still goes out; the peer's last bytes are not read. */
  close(): void;
  /** Sets who hears of an accepted connection. */
  attach(handlers: ConnectionHandlers): void;
}

/** What whom must prove. */
export interface SecuredPeers {
  readonly peers: IpPrefixWords;
  readonly security: PeerSecurity;
}

export interface ConnectTarget {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string | undefined;
  readonly security: PeerSecurity;
}

export interface Listening {
  readonly port: number;
  /** What connections from these must prove from now on; undefined: nothing any more. */
  secure(peers: IpPrefixWords, security: PeerSecurity | undefined): void;
  close(): Promise<void>;
}

export interface Transport {
  /** False: it has no way to set a key or a TTL. */
  readonly isSecurable: boolean;
  connect(target: ConnectTarget, handlers: ConnectionHandlers): Connection;
  /** Rejects when the address cannot be bound. Accepted connections are paused until they are attached. */
  listen(
    where: { readonly address: string; readonly port: number },
    onConnection: (connection: Connection) => void,
  ): Promise<Listening>;
}
