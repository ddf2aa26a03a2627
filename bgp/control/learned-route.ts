/** What BGP has chosen for one prefix, as forwarding tables take it. Called by bgp-control.ts and by those who forward. */
import type { IpPrefixWords, IpWords } from '../../base/ip-words.ts';

/** No next hops: the route is gone. */
export interface LearnedRoute {
  readonly prefix: IpPrefixWords;
  readonly nextHops: readonly IpWords[];
}
