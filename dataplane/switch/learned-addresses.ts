/**
 * Addresses that ports share (IpConfiguration.learned; MS-NCNBI §3.1.5.32 learnedIpAddresses): the floating address of a cluster, which one
 * of its VMs has at a time. Which one, the VMs say themselves: by ARP or ND whoever had it before, by other packets only while nobody has
 * it. What is seen is reported up, and the controller then maps the address to the port, so that others reach it there.
 *
 * An address is noted by the first packet of each flow and by every ARP or ND message; one that has not been seen for long is forgotten, and
 * at once when a mapping says that another port has it now, so that this one must claim it anew.
 * Called by goal-parser (who may), forwarder (notes), configured-ports and mappings (another has it), switch-core (reports).
 */
import { equalIpWords, type IpWords, isIpv4Words } from '../../base/ip-words.ts';
import type { Mac } from '../../base/mac.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import type { Learning, PortAddress } from '../layers/port-policy.ts';
import { LEARNED_ADDRESS_IDLE_SEC_MAX } from '../limits.ts';
import { type AddressKey, addressKey, type ConfiguredPort, type Network } from './network-state.ts';

/** What a port with this MAC address may say it has; undefined where it shares nothing. */
export function learningOf(
  learnable: readonly Pick<PortAddress, 'address' | 'segment'>[],
  network: Network,
  mac: Mac,
): Learning | undefined {
  if (learnable.length === 0) return undefined;
  return {
    segmentOf(w0, w1, w2, w3, how) {
      const address: IpWords = [w0, w1, w2, w3];
      const own = learnable.find((candidate) => equalIpWords(candidate.address, address));
      if (own === undefined || how === 'claim') return own?.segment;
      const holder = network.mappings.get(addressKey(address));
      return holder === undefined || holder.mac === mac ? own.segment : undefined;
    },
  };
}

interface Seen {
  readonly address: IpWords;
  lastSec: number;
}

/** Each 4 or 16 bytes, network order. */
export type AddressBytes = readonly Uint8Array[];

export class LearnedAddresses {
  /** By port number. */
  readonly #ports = new Map<number, Map<AddressKey, Seen>>();
  readonly #changed = new Set<number>();

  /** A port that learns has sent a packet, which its layers have let pass. */
  note(
    port: ConfiguredPort,
    { src0, src1, src2, src3 }: FlowKey,
    how: 'traffic' | 'claim',
    nowSec: number,
  ): void {
    if (port.policy.learning?.segmentOf(src0, src1, src2, src3, how) === undefined) return;
    const address: IpWords = [src0, src1, src2, src3];
    const key = addressKey(address);
    let seen = this.#ports.get(port.index);
    if (seen === undefined) {
      seen = new Map();
      this.#ports.set(port.index, seen);
    }
    const known = seen.get(key);
    if (known !== undefined) known.lastSec = nowSec;
    else {
      seen.set(key, { address, lastSec: nowSec });
      this.#changed.add(port.index);
    }
  }

  /** Another port has the address now. */
  lose(port: number, address: IpWords): void {
    if (this.#ports.get(port)?.delete(addressKey(address)) === true) this.#changed.add(port);
  }

  /** Keeps of what the port has said it has only what it still shares. */
  keep(port: number, learnable: readonly Pick<PortAddress, 'address'>[]): void {
    const kept = new Set(learnable.map(({ address }) => addressKey(address)));
    for (const [key, { address }] of this.#ports.get(port) ?? []) {
      if (!kept.has(key)) this.lose(port, address);
    }
  }

  /** Forgets what has not been seen for long. */
  age(nowSec: number): void {
    for (const [port, seen] of this.#ports) {
      for (const [key, { lastSec }] of seen) {
        if (nowSec - lastSec < LEARNED_ADDRESS_IDLE_SEC_MAX) continue;
        seen.delete(key);
        this.#changed.add(port);
      }
    }
  }

  /** The port has gone. */
  forget(port: number): void {
    if (this.#ports.delete(port)) this.#changed.add(port);
  }

  /** Ports whose addresses have changed since the last call. */
  takeChanged(): readonly number[] {
    if (this.#changed.size === 0) return NONE;
    const changed = [...this.#changed];
    this.#changed.clear();
    return changed;
  }

  of(port: number): AddressBytes {
    return [...(this.#ports.get(port)?.values() ?? [])].map(({ address }) => bytesOf(address));
  }
}

const NONE: readonly number[] = [];

function bytesOf(address: IpWords): Uint8Array {
  const words = isIpv4Words(address) ? [address[3]] : address;
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, word] of words.entries()) view.setUint32(index * 4, word);
  return bytes;
}
