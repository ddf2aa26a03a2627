/** Routes of the speaker's own, and where a prefix is that somebody names by its text. RFC 4271 §9.4. Called by running-speaker.ts. */
import { assert } from '../../base/assert.ts';
import { Afi } from '../message/capability.ts';
import { Origin, type PathAttributes } from '../message/path-attributes.ts';
import type { AttributeTable } from '../rib/attribute-table.ts';
import { NONE } from '../rib/prefix-table.ts';
import type { RouteTable } from '../rib/route-table.ts';
import type { LocalRoute } from './contract.ts';
import { LOCAL } from './neighbour-set.ts';
import { bytesOfAddress, prefixOf } from './options.ts';
import type { FamilyRib } from './rib.ts';

/** By AFI. */
type RibOf = (afi: number) => FamilyRib;

interface Place {
  readonly rib: FamilyRib;
  readonly table: RouteTable;
  /** NONE where the table has it not. */
  readonly prefix: number;
}

export class LocalRoutes {
  readonly #attributes: AttributeTable;
  readonly #ribOf: RibOf;

  constructor(attributes: AttributeTable, ribOf: RibOf) {
    this.#attributes = attributes;
    this.#ribOf = ribOf;
  }

  announce(route: LocalRoute): void {
    const { table, prefix } = locate(this.#ribOf, route.prefix, true);
    assert(prefix !== NONE, 'the table has room for local routes');
    const attributes = attributesOf(route, table.prefixes.afi);
    const received = this.#attributes.retain(attributes);
    const accepted = this.#attributes.retain(attributes);
    table.announce({ prefix, peer: LOCAL, pathId: 0, received, accepted });
  }

  /** False when it was not announced. */
  withdraw(prefixText: string): boolean {
    const { table, prefix } = locate(this.#ribOf, prefixText, false);
    return prefix !== NONE && table.withdraw(prefix, LOCAL, 0);
  }
}

function attributesOf(
  { nextHop, med, localPref, communities }: LocalRoute,
  afi: number,
): PathAttributes {
  return {
    origin: Origin.Igp,
    asPath: [],
    // All zeros: whoever sends it puts itself there.
    nextHop:
      nextHop === undefined ? new Uint8Array(afi === Afi.Ipv4 ? 4 : 16) : bytesOfAddress(nextHop),
    ...(med !== undefined && { multiExitDisc: med }),
    ...(localPref !== undefined && { localPref }),
    ...(communities !== undefined && {
      communities: [...new Set(communities)].sort((a, b) => a - b),
    }),
  };
}

/** `makes`: gives the prefix an identifier where it has none. Throws when the text is no prefix. */
export function locate(ribOf: RibOf, text: string, makes: boolean): Place {
  const { words, len } = prefixOf(text);
  const isIpv4 = !text.includes(':');
  const rib = ribOf(isIpv4 ? Afi.Ipv4 : Afi.Ipv6);
  const { table } = rib;
  const [w0, w1, w2, w3] = isIpv4 ? [words[3], 0, 0, 0] : words;
  const bits = isIpv4 ? len - 96 : len;
  const prefix = makes
    ? table.prefixes.intern(w0, w1, w2, w3, bits)
    : table.prefixes.find(w0, w1, w2, w3, bits);
  return { rib, table, prefix };
}
