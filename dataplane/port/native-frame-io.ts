/**
 * FrameIo over the addon's burst engine (native/burst.h): TAP devices, existing interfaces, and VXLAN uplinks (RFC 7348).
 *
 * One thread owns it and spends its life in exchange(); another may end a wait with `wake(io.wakeFd)` of native/burst.ts. With
 * `offload: 'on'` ports take super-frames as far as a probe at start shows that this kernel does (UDP ones separately); with 'off' every
 * frame everywhere is a plain one. Called by the host, mux and gateway roles.
 */
import { statSync } from 'node:fs';
import { assert } from '../../base/assert.ts';
import type { Mac } from '../../base/mac.ts';
import { type Burst, openBurst, wake } from '../../native/burst.ts';
import { deviceCall } from '../../native/device-error.ts';
import {
  closeFd,
  type FilterInstruction,
  openIngressFilter,
  openPacketSocket,
  setSocketFilter,
} from '../../native/socket.ts';
import {
  namespacePath,
  openTap,
  probeTapAbilities,
  type TapAbilities,
} from '../../native/tap-device.ts';
import {
  BURST_MAX,
  type FrameIo,
  HEADROOM,
  RX_STRIDE,
  type Shaping,
  TX_STRIDE,
} from './frame-io.ts';

export type OffloadMode = 'on' | 'off';

export interface TapPortOptions {
  readonly name: string;
  /** Name under /run/netns or absolute path; default: the calling thread's own. */
  readonly namespace?: string;
  readonly mac?: Mac;
  /** Re-attach only: a DeviceError with errno ENODEV if there is no such device. */
  readonly mustExist?: boolean;
  /** Default true: the device outlives this process, and a later attach finds it again. */
  readonly isPersistent?: boolean;
}

export interface AttachedTap {
  readonly port: number;
  readonly mac: Mac;
  readonly wasCreated: boolean;
}

export interface NetdevPortOptions {
  readonly name: string;
  readonly namespace?: string;
  /** What of the interface's frames is received; default: all. */
  readonly filter?: readonly FilterInstruction[];
  /** What of them the kernel's own stack gets as well, where it can be told (native/socket.ts); default: all. */
  readonly kernelFilter?: readonly FilterInstruction[];
}

export interface UplinkPortOptions {
  /** Provider address of this host, 4 or 16 bytes, network order. */
  readonly address: Uint8Array;
  /** Where VXLAN is received; default 4789. */
  readonly udpPort?: number;
  /** Where its sockets live; default: the calling thread's own. */
  readonly namespace?: string;
}

export interface NativeFrameIo extends FrameIo {
  /** For native/burst.ts wake() in another thread; valid until close(). */
  readonly wakeFd: number;
  readonly abilities: TapAbilities;
  attachTap(options: TapPortOptions): AttachedTap;
  attachNetdev(options: NetdevPortOptions): number;
  attachUplink(options: UplinkPortOptions): number;
}

export const VXLAN_UDP_PORT = 4789;
/** Sending sockets of an uplink, each with its own source port from the dynamic range (RFC 7348 §5, RFC 6335 §6). */
export const UPLINK_SENDERS = 16;
const UPLINK_SENDER_PORT = 49_152;

const NO_ABILITIES: TapAbilities = { takesTcpSuperFrames: false, takesUdpSuperFrames: false };

export function nativeFrameIo(options: { readonly offload: OffloadMode }): NativeFrameIo {
  return new BurstFrameIo(options.offload === 'on' ? probeTapAbilities() : NO_ABILITIES);
}

class BurstFrameIo implements NativeFrameIo {
  readonly abilities: TapAbilities;
  readonly #burst: Burst = openBurst();
  readonly wakeFd = this.#burst.wakeFd;
  readonly view = new DataView(this.#burst.arena);
  readonly bytes = new Uint8Array(this.#burst.arena);
  readonly rx = new Uint32Array(this.#burst.arena, 0, BURST_MAX * RX_STRIDE);
  readonly tx = new Uint32Array(this.#burst.arena, this.#burst.txAt, this.#burst.txMax * TX_STRIDE);
  readonly scratchAt = this.#burst.scratchAt;
  readonly scratchBytes = this.#burst.scratchBytes;
  readonly txMax = this.#burst.txMax;
  readonly exchange: (txCount: number, timeoutMs: number) => number;

  /** By port: which namespace its device was found in. */
  readonly #homes = new Map<number, NamespaceIdentity>();
  /** By port: the descriptor that its kernel filter lives by. */
  readonly #hooks = new Map<number, number>();

  constructor(abilities: TapAbilities) {
    this.abilities = abilities;
    const burst = this.#burst;
    assert(burst.burstMax === BURST_MAX, 'addon and frame-io.ts agree on BURST_MAX');
    assert(burst.rxStride === RX_STRIDE, 'addon and frame-io.ts agree on RX_STRIDE');
    assert(burst.txStride === TX_STRIDE, 'addon and frame-io.ts agree on TX_STRIDE');
    assert(burst.headroom === HEADROOM, 'addon and frame-io.ts agree on HEADROOM');
    const exchange = burst.exchange;
    this.exchange = (txCount, timeoutMs) => {
      const received = exchange(txCount, timeoutMs);
      assert(received >= 0, 'transmit descriptor lies in the ring');
      return received;
    };
  }

  attachTap(options: TapPortOptions): AttachedTap {
    const tap = openTap({
      isPersistent: true,
      ...options,
      hasOffload: this.abilities.takesTcpSuperFrames,
    });
    const { takesTcpSuperFrames, takesUdpSuperFrames } = this.abilities;
    const port = this.#burst.attachTap(
      tap.fd,
      takesTcpSuperFrames,
      takesUdpSuperFrames && tap.hasUso,
    );
    this.#remember(port, options.namespace);
    return { port, mac: tap.mac, wasCreated: tap.wasCreated };
  }

  attachNetdev({ name, namespace, filter, kernelFilter }: NetdevPortOptions): number {
    const fd = openPacketSocket(name, namespace);
    if (filter !== undefined) setSocketFilter(fd, filter);
    const port = this.#burst.attachPacketSocket(fd);
    this.#remember(port, namespace);
    if (kernelFilter !== undefined) {
      const hook = openIngressFilter(name, kernelFilter, namespace);
      if (hook !== undefined) this.#hooks.set(port, hook);
    }
    return port;
  }

  attachUplink(options: UplinkPortOptions): number {
    const { takesTcpSuperFrames, takesUdpSuperFrames } = this.abilities;
    const port = deviceCall(`uplink on ${formatAddress(options.address)}`, () =>
      this.#burst.attachUplink(
        namespacePath(options.namespace),
        options.address,
        options.udpPort ?? VXLAN_UDP_PORT,
        UPLINK_SENDER_PORT,
        UPLINK_SENDERS,
        takesTcpSuperFrames,
        takesUdpSuperFrames,
      ),
    );
    this.#remember(port, options.namespace);
    return port;
  }

  wake(): void {
    wake(this.wakeFd);
  }

  transmitDrops(port: number): readonly [number, number, number] {
    return this.#burst.transmitDrops(port);
  }

  receiveDrops(port: number): number {
    return this.#burst.receiveDrops(port);
  }

  isGone(port: number): boolean {
    return this.#burst.isGone(port) || this.#isNamespaceGone(port);
  }

  setPeer(peer: number, address: Uint8Array, udpPort: number): void {
    this.#burst.setPeer(peer, address, udpPort);
  }

  setShaping(port: number, shaping: Shaping): void {
    const { outboundKbps, inboundKbps, weight } = shaping;
    const bytesPerSec = (kbps: number) => (kbps * 1000) / 8;
    this.#burst.setShaping(port, bytesPerSec(outboundKbps), bytesPerSec(inboundKbps), weight);
  }

  setLinkSpeed(kbps: number): void {
    this.#burst.setLink((kbps * 1000) / 8);
  }

  shapingDrops(port: number): number {
    return this.#burst.waitingDrops(port);
  }

  detach(port: number): void {
    this.#burst.detach(port);
    this.#homes.delete(port);
    this.#unhook(port);
  }

  close(): void {
    for (const port of [...this.#hooks.keys()]) this.#unhook(port);
    this.#burst.close();
  }

  #unhook(port: number): void {
    const hook = this.#hooks.get(port);
    if (hook === undefined) return;
    this.#hooks.delete(port);
    closeFd(hook);
  }

  #remember(port: number, namespace: string | undefined): void {
    const path = namespacePath(namespace);
    const inode = path === null ? undefined : inodeOf(path);
    if (path !== null && inode !== undefined) this.#homes.set(port, { path, inode });
  }

  /**
   * A descriptor that was opened inside a namespace keeps it alive, so the kernel does not report its end: the namespace counts as gone
   * when its name is gone or names another.
   */
  #isNamespaceGone(port: number): boolean {
    const home = this.#homes.get(port);
    return home !== undefined && inodeOf(home.path) !== home.inode;
  }
}

function formatAddress(address: Uint8Array): string {
  return address.length === 4 ? address.join('.') : Buffer.from(address).toString('hex');
}

interface NamespaceIdentity {
  readonly path: string;
  readonly inode: number;
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
