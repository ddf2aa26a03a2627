/**
 * The neighbours of a speaker, by address and by the number that tables know them by; configured ones, and those that exist for as long as
 * they are connected because a prefix allows their address. Called by running-speaker.ts.
 */
import { defined } from '../../base/assert.ts';
import { SdnError } from '../../base/errors.ts';
import { formatIpWords, parseIpWords } from '../../base/ip-words.ts';
import { DYNAMIC_NEIGHBOURS_MAX, NEIGHBOURS_MAX } from '../limits.ts';
import type { NotificationFault } from '../message/notification.ts';
import { matchingPrefix } from '../session/listener.ts';
import type { SecuredPeers } from '../session/transport.ts';
import { Neighbour, type NeighbourHost } from './neighbour.ts';
import {
  type CheckedNeighbour,
  checkNeighbour,
  type DynamicNeighbourOptions,
  prefixOf,
  securityOf,
} from './options.ts';

/** Number of the speaker's own routes in the tables: no neighbour has it. */
export const LOCAL = 0;

export class NeighbourSet {
  readonly #host: NeighbourHost;
  readonly #byAddress = new Map<string, Neighbour>();
  readonly #byNumber: (Neighbour | undefined)[] = [undefined];
  /** Those that exist because a prefix allows them. */
  readonly #dynamic = new Set<Neighbour>();
  #dynamicEntries: readonly DynamicNeighbourOptions[] = [];

  constructor(host: NeighbourHost) {
    this.#host = host;
  }

  all(): Iterable<Neighbour> {
    return this.#byAddress.values();
  }

  get(address: string): Neighbour | undefined {
    return this.#byAddress.get(address);
  }

  at(number: number): Neighbour {
    return defined(this.#byNumber[number], 'the peer of a path');
  }

  /** Address of a neighbour; undefined: the speaker's own routes. */
  addressAt(number: number): string | undefined {
    return this.#byNumber[number]?.checked.options.address;
  }

  isDynamic(neighbour: Neighbour): boolean {
    return this.#dynamic.has(neighbour);
  }

  /** A neighbour that must exist. */
  known(address: string): Neighbour {
    const neighbour = this.#byAddress.get(canonical(address) ?? address);
    if (neighbour !== undefined) return neighbour;
    throw new SdnError('SDN_BGP_NEIGHBOUR_UNKNOWN', `there is no BGP neighbour ${address}`, {
      remedy: 'Look at the list of neighbours.',
    });
  }

  add(checked: CheckedNeighbour): Neighbour {
    if (this.#byAddress.size >= NEIGHBOURS_MAX) {
      throw new SdnError('SDN_BGP_CONFIG', `a speaker has at most ${NEIGHBOURS_MAX} neighbours`, {
        remedy: 'Remove some, or divide them among several speakers.',
      });
    }
    const free = this.#byNumber.indexOf(undefined, LOCAL + 1);
    const number = free === -1 ? this.#byNumber.length : free;
    const neighbour = new Neighbour(number, checked, this.#host);
    this.#byNumber[number] = neighbour;
    this.#byAddress.set(formatIpWords(checked.words), neighbour);
    return neighbour;
  }

  remove(neighbour: Neighbour, fault: NotificationFault): void {
    this.#byAddress.delete(formatIpWords(neighbour.checked.words));
    this.#dynamic.delete(neighbour);
    neighbour.remove(fault);
    this.#byNumber[neighbour.number] = undefined;
  }

  /** Replaces the prefixes whose addresses may connect; returns the neighbours that none allows any more. */
  setDynamicEntries(entries: readonly DynamicNeighbourOptions[]): readonly Neighbour[] {
    for (const { prefix } of entries) prefixOf(prefix);
    this.#dynamicEntries = entries;
    return [...this.#dynamic].filter(
      ({ checked }) => this.#entryFor(checked.options.address) === undefined,
    );
  }

  /** What connections must prove, by who they come from: all that is wanted. */
  secured(): readonly SecuredPeers[] {
    const configured = [...this.#byAddress.values()].filter((each) => !this.#dynamic.has(each));
    return [
      ...configured.map(({ checked }) => ({
        peers: { words: checked.words, len: 128 },
        security: checked.security,
      })),
      ...this.#dynamicEntries.map((entry) => ({
        peers: prefixOf(entry.prefix),
        security: securityOf(entry),
      })),
    ];
  }

  /** Whoever connects from there: known, or made because a prefix allows it. */
  forConnection(
    remoteAddress: string,
  ): { readonly neighbour: Neighbour; readonly isNew: boolean } | undefined {
    const address = canonical(remoteAddress);
    if (address === undefined) return undefined;
    const known = this.#byAddress.get(address);
    if (known !== undefined) return { neighbour: known, isNew: false };
    const entry = this.#entryFor(address);
    if (entry === undefined) return undefined;
    const { prefix: _, countMax = DYNAMIC_NEIGHBOURS_MAX, ...peer } = entry;
    if (this.#dynamic.size >= Math.min(countMax, DYNAMIC_NEIGHBOURS_MAX)) return undefined;
    const neighbour = this.add(checkNeighbour({ ...peer, address, isPassive: true }));
    this.#dynamic.add(neighbour);
    return { neighbour, isNew: true };
  }

  #entryFor(address: string): DynamicNeighbourOptions | undefined {
    const entries = this.#dynamicEntries.map((entry) => ({
      entry,
      prefix: prefixOf(entry.prefix),
    }));
    return matchingPrefix(address, entries)?.entry;
  }
}

function canonical(address: string): string | undefined {
  const words = parseIpWords(address);
  return words === undefined ? undefined : formatIpWords(words);
}
