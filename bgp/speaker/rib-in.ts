/**
 * Adj-RIB-In — RFC 4271 §3.2: what one neighbour has announced, as its rows in the speaker's tables. Each row keeps the attributes as they
 * came beside those that import policy made of them, so that another policy needs no refresh. Called by neighbour.ts.
 */

import { PREFIX_STRIDE, type PrefixBatch, PrefixField } from '../message/nlri.ts';
import { type PathAttributes, WellKnownCommunity } from '../message/path-attributes.ts';
import { dependsOnPrefix } from '../policy/policy.ts';
import type { AttributeTable } from '../rib/attribute-table.ts';
import { NONE } from '../rib/prefix-table.ts';
import { type ImportContext, importRoute } from './import.ts';
import type { FamilyRib } from './rib.ts';
import type { RouteCounts } from './route-counts.ts';

/** The neighbour whose routes these are. */
export interface RibInOwner {
  /** In the tables. */
  readonly number: number;
  /** By AFI. */
  readonly routeCounts: Readonly<Record<number, RouteCounts>>;
  /** What its routes are judged by from now on. */
  importContext(): ImportContext;
}

/** What a neighbour's routes need of the speaker. */
export interface RibInHost {
  readonly attributes: AttributeTable;
  /** By AFI. */
  rib(afi: number): FamilyRib;
  /** Routes wait to be decided. */
  onRoutes(): void;
}

export class RibIn {
  readonly #owner: RibInOwner;
  readonly #host: RibInHost;
  /** Paths in the table, by AFI. */
  readonly #counts = new Map<number, number>();
  /** Families whose stale routes are a last resort now. */
  readonly #longLived = new Set<number>();

  constructor(owner: RibInOwner, host: RibInHost) {
    this.#owner = owner;
    this.#host = host;
  }

  /** Paths of that family in the table, refused ones too. */
  pathCount(afi: number): number {
    return this.#counts.get(afi) ?? 0;
  }

  /** Families it has had paths of. */
  families(): Iterable<number> {
    return this.#counts.keys();
  }

  withdraw(afi: number, batch: PrefixBatch): void {
    if (batch.count === 0) return;
    const { table } = this.#host.rib(afi);
    let removed = 0;
    const { words } = batch;
    for (let index = 0, at = 0; index < batch.count; index++, at += PREFIX_STRIDE) {
      const len = words[at + PrefixField.LEN] ?? 0;
      const prefix = table.prefixes.find(
        words[at] ?? 0,
        words[at + 1] ?? 0,
        words[at + 2] ?? 0,
        words[at + 3] ?? 0,
        len,
      );
      if (prefix === NONE) continue;
      if (table.withdraw(prefix, this.#owner.number, words[at + PrefixField.PATH_ID] ?? 0))
        removed += 1;
    }
    this.#count(afi, -removed);
    const counts = this.#owner.routeCounts[afi];
    if (counts !== undefined) counts.withdrawalReceivedCount += batch.count;
  }

  announce(afi: number, batch: PrefixBatch, attributes: PathAttributes): void {
    if (batch.count === 0) return;
    const { table } = this.#host.rib(afi);
    const { attributes: sets } = this.#host;
    const verdict = this.#importVerdict(afi);
    const { words } = batch;
    const received = sets.retain(attributes);
    let added = 0;
    for (let index = 0, at = 0; index < batch.count; index++, at += PREFIX_STRIDE) {
      const prefix = table.prefixes.intern(
        words[at] ?? 0,
        words[at + 1] ?? 0,
        words[at + 2] ?? 0,
        words[at + 3] ?? 0,
        words[at + PrefixField.LEN] ?? 0,
      );
      if (prefix === NONE) break; // the table is full: the limit of the table, not of this peer
      sets.retainId(received);
      const outcome = table.announce({
        prefix,
        peer: this.#owner.number,
        pathId: words[at + PrefixField.PATH_ID] ?? 0,
        received,
        accepted: verdict(attributes, prefix),
      });
      if (outcome === 'added') added += 1;
    }
    sets.release(received);
    this.#count(afi, added);
    const counts = this.#owner.routeCounts[afi];
    if (counts !== undefined) counts.updateReceivedCount += batch.count;
  }

  /** The accepted set (retained) of a route, NONE when it is refused; worked out once where the prefix does not matter. */
  #importVerdict(afi: number): (attributes: PathAttributes, prefix: number) => number {
    const context = this.#owner.importContext();
    const { attributes: sets } = this.#host;
    const { prefixes } = this.#host.rib(afi).table;
    const { policy } = context;
    const perPrefix = typeof policy === 'object' && dependsOnPrefix(policy);
    let lastFrom: PathAttributes | undefined;
    let last = NONE;
    let lastSerial = NONE;
    return (attributes, prefix) => {
      // Another prefix of the same message: the same set, unless it is gone again meanwhile.
      if (!perPrefix && attributes === lastFrom) {
        if (last === NONE) return NONE;
        if (sets.serialOf(last) === lastSerial) {
          sets.retainId(last);
          return last;
        }
      }
      const result = importRoute(attributes, prefixes.prefix(prefix), context);
      lastFrom = attributes;
      last = result === undefined ? NONE : sets.retain(result.attributes, result.weight);
      lastSerial = last === NONE ? NONE : sets.serialOf(last);
      return last;
    };
  }

  /** The policy is another one: every row is judged again. */
  reimport(): void {
    for (const afi of this.#counts.keys()) {
      const { table } = this.#host.rib(afi);
      const verdict = this.#importVerdict(afi);
      table.reimport(this.#owner.number, (prefix, received, isStale) => {
        const { attributes } = this.#host.attributes.get(received);
        const accepted = verdict(attributes, prefix);
        return isStale && this.#longLived.has(afi) ? this.#lastResort(accepted) : accepted;
      });
    }
    this.#host.onRoutes();
  }

  /** RFC 9494 §4.2: stale routes stay as a last resort, marked as such, but for those that must not. */
  beginLongLived(afi: number): void {
    this.#longLived.add(afi);
    this.reimport();
  }

  #lastResort(accepted: number): number {
    if (accepted === NONE) return NONE;
    const { attributes: sets } = this.#host;
    const { attributes, weight } = sets.get(accepted);
    const { communities = [] } = attributes;
    sets.release(accepted);
    if (communities.includes(WellKnownCommunity.NoLongLivedStale)) return NONE;
    const marked = new Set([...communities, WellKnownCommunity.LongLivedStale]);
    return sets.retain({ ...attributes, communities: [...marked].sort((a, b) => a - b) }, weight);
  }

  /** Rows not announced again by the next sweep go with it. */
  markStale(afi: number): void {
    this.#host.rib(afi).table.markStale(this.#owner.number);
  }

  sweep(afi: number, which: 'stale' | 'all'): void {
    this.#longLived.delete(afi);
    if (this.pathCount(afi) === 0) return;
    const { table } = this.#host.rib(afi);
    this.#count(afi, -table.sweep(this.#owner.number, which === 'stale'));
    this.#host.onRoutes();
  }

  sweepFamilies(which: 'stale' | 'all'): void {
    for (const afi of this.#counts.keys()) this.sweep(afi, which);
  }

  #count(afi: number, change: number): void {
    if (change !== 0) this.#counts.set(afi, this.pathCount(afi) + change);
  }
}
