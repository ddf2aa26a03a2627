/**
 * Addresses that ports speak with besides their own, where goal state lets them (Port.learns_addresses; MS-NCNBI learnedIpAddresses): a VM
 * whose addresses nobody configured, such as a container host or a cluster's floating address. Accepted are those of the port's subnets
 * that no other interface has; what is seen is reported up, and the controller then maps it, so that others reach it.
 *
 * An address is noted by the first packet of each flow and by every ARP or ND message; one that has not been seen for long is forgotten.
 * Called by goal-parser (who may), forwarder (notes), switch-core (reports).
 */
import { type IpWords, isIpv4Words, prefixHasWords } from '../../base/ip-words.ts';
import type { Mac } from '../../base/mac.ts';
import type { FlowKey } from '../../packet/flow-key.ts';
import type { Learning } from '../layers/port-policy.ts';
import { LEARNED_ADDRESS_IDLE_SEC_MAX, LEARNED_ADDRESSES_PER_PORT_MAX } from '../limits.ts';
import {
  type AddressKey,
  addressKey,
  type ConfiguredPort,
  type Network,
  type Subnet,
} from './network-state.ts';

/** What a port with this MAC address, in these subnets, may learn. */
export function learningIn(subnets: readonly Subnet[], network: Network, mac: Mac): Learning {
  return {
    segmentOf(...address) {
      const subnet = subnets.find(({ prefix }) => prefixHasWords(prefix, address));
      if (subnet === undefined || address.join() === subnet.gateway.join()) return undefined;
      const holder = network.mappings.get(addressKey(address));
      return holder === undefined || holder.mac === mac ? subnet.vni : undefined;
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
  note(port: ConfiguredPort, { src0, src1, src2, src3 }: FlowKey, nowSec: number): void {
    if (port.policy.learning?.segmentOf(src0, src1, src2, src3) === undefined) return;
    const address: IpWords = [src0, src1, src2, src3];
    const key = addressKey(address);
    if (port.policy.addresses.some((own) => addressKey(own.address) === key)) return;
    let seen = this.#ports.get(port.index);
    if (seen === undefined) {
      seen = new Map();
      this.#ports.set(port.index, seen);
    }
    const known = seen.get(key);
    if (known !== undefined) known.lastSec = nowSec;
    else if (seen.size < LEARNED_ADDRESSES_PER_PORT_MAX) {
      seen.set(key, { address, lastSec: nowSec });
      this.#changed.add(port.index);
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

  /** The port has gone, or does not learn any more. */
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
