/**
 * What both the edge under measurement and the size of its tables are configured with: a provider network behind NAT44 and one way out. Called by
 * edge.ts and table-size.ts.
 */
import { defined } from '../../base/assert.ts';
import { type IpWords, ipAddressBytes, parseIpWords } from '../../base/ip-words.ts';
import type { LinkAddress } from '../../bgp/edge/router/links.ts';
import type { RouterSettings } from '../../bgp/edge/router/router-state.ts';
import type { Resource } from '../../schema/southbound/messages.ts';

export const CLIENT = '198.51.100.11';
export const EDGE_INSIDE = '198.51.100.1';
export const EDGE_OUTSIDE = '192.0.2.2';
export const SERVER = '192.0.2.1';
export const POOL = '203.0.113.100';

export function words(text: string): IpWords {
  return defined(parseIpWords(text), text);
}

export const SETTINGS: RouterSettings = {
  mac: 0x0200_5e00_0002,
  vxlanPort: 4789,
  providerMtu: 1500,
  providerAddress: undefined,
  natExemptions: [],
};

/** A link's addresses in a /24. */
export function addressOf(text: string): readonly LinkAddress[] {
  return [{ words: words(text), len: 120 }];
}

/** `count` public addresses from POOL on. */
export function natPool(count: number): Resource {
  const first = words(POOL)[3];
  return {
    key: 'natpool/p',
    version: 1,
    natPool: {
      id: 'p',
      resourceRef: '/natPools/p',
      addresses: Array.from({ length: count }, (_, index) =>
        ipAddressBytes([0, 0, 0xffff, first + index]),
      ),
      portFirst: 1024,
      portLast: 65_535,
      portsPerBlock: 512,
      blocksPerAddressMax: 126,
      infrastructure: true,
    },
  };
}
