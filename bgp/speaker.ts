/**
 * A BGP-4 speaker as a library — RFC 4271 — for whoever must tell or learn routes: the edge, the load balancer's muxes, tenant gateways.
 *
 *   const speaker = createSpeaker({ clock, asn: 64512, routerId: '192.0.2.1', listen: { addresses: ['0.0.0.0'] } });
 *   speaker.setNeighbour({ address: '192.0.2.2', asn: 64513, importPolicy: 'accept-all', exportPolicy: 'accept-all' });
 *   await speaker.start();
 *   speaker.announce({ prefix: '203.0.113.7/32' });
 *
 * The essay. Neighbours (speaker/neighbour.ts) put what they hear into one table per family (rib/route-table.ts), where a route is a row of
 * integers; the table decides changed prefixes in slices; update groups (rib/update-group.ts) turn decisions into messages, once for all
 * neighbours that are told the same; each neighbour takes them when its socket has room. Nothing in this folder knows what routes are for:
 * `onRoutes` tells the owner which prefixes have another best route, `route` and `explain` say which and why.
 *
 * Changing one neighbour leaves all others alone. Policies are data (policy/policy.ts); without one an external neighbour gives and gets
 * nothing (RFC 8212). Omitted: confederations, more families than IPv4 and IPv6 unicast.
 */
import type { Speaker, SpeakerOptions } from './speaker/contract.ts';
import { RunningSpeaker } from './speaker/running-speaker.ts';

export function createSpeaker(options: SpeakerOptions): Speaker {
  return new RunningSpeaker(options);
}
