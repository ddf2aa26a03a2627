/**
 * Which packets an ipConfiguration would be allowed to send or receive that it may not now, and the other way round: the difference of two
 * effective filters, exact over all packets. Many interfaces share their lists, so the difference of two pairs of lists is computed once
 * (FlowDiff) and cut to each address; and only where the rules differ, so that a change of one rule among a thousand is cheap.
 *
 * Judged are the packets that open a flow: an answer is judged by its request (docs/design/0007). Called by controller/what-if/answer.
 */

import { assert } from '../../base/assert.ts';
import type { HeaderBox } from '../../base/header-box.ts';
import type { HeaderSet } from '../../base/header-diagram.ts';
import { type HeaderRule, HeaderSpace } from '../../base/header-space.ts';
import { formatIp, ipFromBytes } from '../../base/ip-range.ts';
import type { FlowChange } from '../../schema/northbound/what-if.ts';
import { type AccessControlList, AclDirection } from '../../schema/southbound/messages.ts';
import { type Filter, type FilterContext, filterOf } from './filter.ts';
import { WHAT_IF_PACKET_SETS_MAX } from './limits.ts';
import { packetSets } from './packet-sets.ts';

/** What filters one address: as many lists as there are (its own, its subnet's), all of which must permit. */
export interface Policy extends FilterContext {
  readonly lists: readonly AccessControlList[];
}

/** One ipConfiguration of an interface that is attached both before and after. */
export interface PolicedAddress {
  readonly networkInterface: string;
  readonly ipConfiguration: string;
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  /** Sends and receives for others too: its packets have any address. */
  readonly forwards: boolean;
}

interface Difference {
  readonly allowed: HeaderSet;
  readonly denied: HeaderSet;
}

const DIRECTIONS = [
  { direction: AclDirection.ACL_INBOUND, name: 'Inbound' },
  { direction: AclDirection.ACL_OUTBOUND, name: 'Outbound' },
] as const;

/** The difference of two policies, for every address that has both. */
export class FlowDiff {
  readonly #space = new HeaderSpace();
  readonly #differences: readonly Difference[];

  /** Throws HeaderSpaceError where that would take more than its limits. */
  constructor(before: Policy, after: Policy) {
    this.#differences = DIRECTIONS.map(({ direction }) =>
      this.#difference(before, after, direction),
    );
  }

  /** Nothing differs, whatever the address. */
  get isEmpty(): boolean {
    const { none } = this.#space;
    return this.#differences.every(({ allowed, denied }) => allowed === none && denied === none);
  }

  /** What changes for one address; a direction in which nothing does is left out. */
  at(policed: PolicedAddress): FlowChange[] {
    const { networkInterface, ipConfiguration } = policed;
    const own = ipFromBytes(policed.address);
    assert(own !== undefined, 'an address has 4 or 16 bytes');
    const address = formatIp(own.family, own.value);
    return DIRECTIONS.flatMap(({ direction, name }, index) => {
      const part = this.#space.of(policed.forwards ? BOTH_FAMILIES : [ownPackets(own, direction)]);
      const cut = (set: HeaderSet) =>
        this.#space.boxes(this.#space.intersection(set, part), WHAT_IF_PACKET_SETS_MAX);
      const { allowed = 0, denied = 0 } = this.#differences[index] ?? {};
      const change = { allowed: packetSets(cut(allowed)), denied: packetSets(cut(denied)) };
      if (change.allowed.packets.length + change.denied.packets.length === 0) return [];
      return [{ networkInterface, ipConfiguration, address, direction: name, ...change }];
    });
  }

  #difference(before: Policy, after: Policy, direction: AclDirection): Difference {
    const was = filters(before, direction);
    const will = filters(after, direction);
    const within = differing(was, will);
    const permitted = (list: readonly Filter[]) =>
      list
        .map(({ rules, otherwise }) => this.#space.firstMatch(rules, otherwise, within))
        .reduce((a, b) => this.#space.intersection(a, b), this.#space.of(within ?? BOTH_FAMILIES));
    const a = permitted(was);
    const b = permitted(will);
    return { allowed: this.#space.difference(b, a), denied: this.#space.difference(a, b) };
  }
}

const BOTH_FAMILIES: readonly HeaderBox[] = [{ family: 4 }, { family: 6 }];

function ownPackets(
  { family, value }: NonNullable<ReturnType<typeof ipFromBytes>>,
  direction: AclDirection,
): HeaderBox {
  const own = [{ from: value, to: value }];
  return direction === AclDirection.ACL_INBOUND
    ? { family, destinations: own }
    : { family, sources: own };
}

function filters(policy: Policy, direction: AclDirection): Filter[] {
  return policy.lists.map((list) => filterOf(list, direction, policy));
}

/**
 * Boxes outside of which both policies decide every packet alike; undefined: there are none. Lists are compared one by one: rules that
 * both have in the same order need no second look, whatever stands between them.
 */
function differing(was: readonly Filter[], will: readonly Filter[]): HeaderBox[] | undefined {
  if (was.length !== will.length) return undefined;
  const boxes: HeaderBox[] = [];
  for (const [index, a] of was.entries()) {
    const b = will[index];
    if (b === undefined || a.otherwise !== b.otherwise) return undefined;
    const common = commonRules(a.rules, b.rules);
    if (common === undefined) return undefined;
    for (const rule of [...a.rules, ...b.rules]) {
      if (!common.has(textOf(rule))) boxes.push(...rule.boxes);
    }
  }
  return boxes;
}

/** Texts of rules that stand in both lists, if they stand in the same order and none twice; else undefined. */
function commonRules(
  a: readonly HeaderRule[],
  b: readonly HeaderRule[],
): ReadonlySet<string> | undefined {
  const left = a.map(textOf);
  const right = b.map(textOf);
  const inLeft = new Set(left);
  const inRight = new Set(right);
  if (inLeft.size < left.length || inRight.size < right.length) return undefined;
  const shared = left.filter((text) => inRight.has(text));
  const sharedRight = right.filter((text) => inLeft.has(text));
  return shared.every((text, index) => text === sharedRight[index]) ? new Set(shared) : undefined;
}

function textOf(rule: HeaderRule): string {
  return JSON.stringify(rule, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString(16) : value,
  );
}
