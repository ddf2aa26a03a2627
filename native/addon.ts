/**
 * The C addon, loaded and typed. What each function does is told where it is defined (native/*.c); the other files of this folder
 * give them names, checks and faults. Nobody else imports this file.
 */
import { createRequire } from 'node:module';
import { SdnError } from '../base/errors.ts';

/** A burst engine: native/burst.h. */
export interface Burst {
  readonly arena: ArrayBuffer;
  readonly wakeFd: number;
  readonly txAt: number;
  readonly scratchAt: number;
  readonly scratchBytes: number;
  readonly burstMax: number;
  readonly txMax: number;
  readonly rxStride: number;
  readonly txStride: number;
  readonly headroom: number;
  /** −1: a transmit descriptor pointed outside the arena. */
  exchange(txCount: number, timeoutMs: number): number;
  attachTap(fd: number, hasOffload: boolean, hasUso: boolean): number;
  attachPacketSocket(fd: number): number;
  attachUplink(
    namespacePath: string | null,
    address: Uint8Array,
    port: number,
    sendPort: number,
    sendCount: number,
    hasOffload: boolean,
    hasUso: boolean,
  ): number;
  detach(port: number): void;
  transmitDrops(port: number): [number, number, number];
  receiveDrops(port: number): number;
  isGone(port: number): boolean;
  setPeer(peer: number, address: Uint8Array, udpPort: number): void;
  setShaping(
    port: number,
    outboundBytesPerSec: number,
    inboundBytesPerSec: number,
    weight: number,
  ): void;
  setLink(bytesPerSec: number): void;
  waitingDrops(port: number): number;
  close(): void;
}

interface OpenedTap {
  readonly fd: number;
  readonly wasCreated: boolean;
  readonly hasUso: boolean;
  readonly mac: ArrayBuffer;
}

interface Addon {
  openBurst(): Burst;
  openTap(
    name: string,
    namespacePath: string | null,
    mac: Uint8Array | null,
    mustExist: boolean,
    isPersistent: boolean,
    isMultiQueue: boolean,
    hasOffload: boolean,
  ): OpenedTap;
  deleteTap(name: string, namespacePath: string | null): void;
  probeTap(): number;
  openPacketSocket(name: string, namespacePath: string | null): number;
  listenTcp(address: Uint8Array, port: number, backlog: number): number;
  openTcpSocket(isIpv6: boolean): number;
  /** The port is of no account. */
  setTcpMd5Key(
    fd: number,
    address: Uint8Array,
    port: number,
    prefixLen: number,
    key: Uint8Array,
  ): void;
  setTtl(fd: number, ttl: number): void;
  setTtlMin(fd: number, ttl: number): void;
  /** Instructions of classic BPF, 8 bytes each, host order. */
  setSocketFilter(fd: number, instructions: Uint8Array): void;
  openIngressFilter(name: string, namespacePath: string | null, instructions: Uint8Array): number;
  closeFd(fd: number): void;
  wake(fd: number): void;
  checksum(bytes: Uint8Array): number;
}

function load(): Addon {
  try {
    return createRequire(import.meta.url)('./weft_native.node') as Addon;
  } catch (cause) {
    throw new SdnError('SDN_ADDON_MISSING', 'the packet addon could not be loaded', {
      cause,
      remedy: 'Run `npm run build:native`; it needs a C compiler and make.',
    });
  }
}

export const addon: Addon = load();
