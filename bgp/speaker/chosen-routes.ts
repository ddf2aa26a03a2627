/** What the speaker has chosen for prefixes, and why, as its owner asks. Called by running-speaker.ts. */
import { formatIpPrefixWords, formatIpWords, ipWordsFromBytes } from '../../base/ip-words.ts';
import type { AttributeTable } from '../rib/attribute-table.ts';
import { NONE } from '../rib/prefix-table.ts';
import type { ExplainedRoute, Route } from './contract.ts';
import type { FamilyRib } from './rib.ts';

export interface ChosenRoutesHost {
  readonly attributes: AttributeTable;
  readonly ribs: readonly FamilyRib[];
  /** Undefined: the speaker's own routes. */
  addressAt(peer: number): string | undefined;
}

export class ChosenRoutes {
  readonly #host: ChosenRoutesHost;

  constructor(host: ChosenRoutesHost) {
    this.#host = host;
  }

  *all(): Iterable<Route> {
    for (const rib of this.#host.ribs) {
      for (let prefix = 0; prefix < rib.table.prefixes.idEnd; prefix++) {
        const route = this.route(rib, prefix);
        if (route !== undefined) yield route;
      }
    }
  }

  /** `prefix`: in the table of the family. Undefined: no usable path. */
  route({ table }: FamilyRib, prefix: number): Route | undefined {
    const { attributes, addressAt } = this.#host;
    const [best, ...beside] = table.used(prefix);
    const set = best === undefined ? NONE : table.acceptedOf(best);
    if (best === undefined || set === NONE) return undefined;
    const nextHops = [best, ...beside].map((path) =>
      formatNextHop(attributes.get(table.acceptedOf(path)).nextHop),
    );
    return {
      prefix: formatIpPrefixWords(table.prefixes.prefix(prefix)),
      nextHops: [...new Set(nextHops)],
      attributes: attributes.get(set).attributes,
      neighbour: addressAt(table.peerOf(best)),
    };
  }

  explain({ table }: FamilyRib, prefix: number): readonly ExplainedRoute[] {
    const { attributes, addressAt } = this.#host;
    return table.explain(prefix).map(({ path, peer, ...verdict }) => {
      const set = table.acceptedOf(path);
      return {
        ...verdict,
        neighbour: addressAt(peer),
        attributes: set === NONE ? undefined : attributes.get(set).attributes,
      };
    });
  }
}

function formatNextHop(bytes: Uint8Array): string {
  const words = ipWordsFromBytes(bytes.length === 32 ? bytes.slice(0, 16) : bytes);
  return words === undefined ? '' : formatIpWords(words);
}
