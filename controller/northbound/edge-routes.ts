/**
 * Questions about edge routers, under `/networking/weft/v1/edgeRouters/{id}/`: each is put to the edge itself and answered from what it decides by.
 * Part of DIAGNOSTIC_ROUTES.
 */
import { BGP_ROUTES_PAGE_MAX } from '../../schema/southbound/diagnostics/limits.ts';
import { PacketSpec } from '../../schema/southbound/diagnostics/trace.ts';
import type { Explained } from '../diagnostics/hosts.ts';
import { traceFromOutside, traceReply } from '../diagnostics/trace.ts';
import { resourceNamed } from './asked-resource.ts';
import { checkedBody, type DiagnosticRoute } from './diagnostic-route.ts';
import { fault } from './fault.ts';
import { addressOf, limitOf, required } from './query-parameters.ts';

export const EDGE_ROUTES: readonly DiagnosticRoute[] = [
  {
    method: 'GET',
    path: 'edgeRouters/{id}/bgpPeers',
    query: '',
    summary:
      'BGP sessions of an edge router: state, what was exchanged, and why one is not up with what to do about it',
    answer: async (context, { id }) => context.askEdge(edgeAt(context, id), 'bgpPeers', {}),
  },
  {
    method: 'GET',
    path: 'edgeRouters/{id}/bgpRoutes',
    query: '?limit=',
    summary: 'routes that its BGP router uses, the best of each prefix',
    answer: async (context, { id, query }) =>
      context.askEdge(edgeAt(context, id), 'bgpRoutes', { limit: limitOf(query, ROWS) }),
  },
  {
    method: 'GET',
    path: 'edgeRouters/{id}/bgpReceived',
    query: '?peer=&limit=',
    summary:
      'what a peer, by its address, has announced: accepted or refused, and which is the best',
    answer: async (context, { id, query }) =>
      context.askEdge(edgeAt(context, id), 'bgpReceived', {
        address: required(query, 'peer'),
        limit: limitOf(query, ROWS),
      }),
  },
  {
    method: 'GET',
    path: 'edgeRouters/{id}/bgpAdvertised',
    query: '?peer=&limit=',
    summary: 'what a peer, by its address, has been told',
    answer: async (context, { id, query }) =>
      context.askEdge(edgeAt(context, id), 'bgpAdvertised', {
        address: required(query, 'peer'),
        limit: limitOf(query, ROWS),
      }),
  },
  {
    method: 'GET',
    path: 'edgeRouters/{id}/bgpTrace',
    query: '?prefix=',
    summary:
      'why each path to a prefix is or is not accepted and best, and each peer is or is not told of it: every policy rule that is asked',
    answer: async (context, { id, query }) =>
      context.askEdge(edgeAt(context, id), 'bgpTrace', { prefix: required(query, 'prefix') }),
  },
  {
    method: 'GET',
    path: 'edgeRouters/{id}/bgpExports',
    query: '',
    summary:
      'BMP stations of an edge router, their state and why one is without a session; files of MRT that it writes',
    answer: async (context, { id }) => context.askEdge(edgeAt(context, id), 'bgpExports', {}),
  },
  {
    method: 'GET',
    path: 'edgeRouters/{id}/natMappings',
    query: '?inside=&limit=',
    summary:
      'mappings of shared addresses: network, address and port inside, what they are outside, and when each goes; `inside`: of one address',
    answer: async (context, { id, query }) =>
      context.askEdge(edgeAt(context, id), 'natMappings', {
        ...addressOf(query, 'inside'),
        limit: limitOf(query, ROWS),
      }),
  },
  {
    method: 'GET',
    path: 'edgeRouters/{id}/routes',
    query: '?destination=&limit=',
    summary:
      'routes by which it forwards; `destination`: only the one that a packet to this address takes',
    answer: async (context, { id, query }) =>
      context.askEdge(edgeAt(context, id), 'edgeRoutes', {
        ...addressOf(query, 'destination'),
        limit: limitOf(query, ROWS),
      }),
  },
  {
    method: 'GET',
    path: 'edgeRouters/{id}/neighbours',
    query: '',
    summary: 'who is next to it on its links, by ARP and Neighbour Discovery',
    answer: async (context, { id }) => context.askEdge(edgeAt(context, id), 'edgeNeighbours', {}),
  },
  {
    method: 'GET',
    path: 'edgeRouters/{id}/counters',
    query: '',
    summary: 'packets, bytes and drops by reason of each of its links, and how full its tables are',
    answer: async (context, { id }) => context.askEdge(edgeAt(context, id), 'edgeCounters', {}),
  },
  {
    method: 'POST',
    path: 'edgeRouters/{id}/trace',
    query: '?both=&link=',
    summary:
      'what would happen to a packet that comes from outside: what the edge, muxes and hosts do with it, to the verdict; `link`: the interface it comes by, by default ' +
      'the one whose prefix its source has; with `both=true` also of the answer; body as of a networkInterface’s trace, with `source`',
    answer: async (context, { id, query, body }) => {
      const edge = resourceNamed(context, 'edgeRouters', id);
      const { source, ...packet } = checkedBody(PacketSpec, body);
      if (source === undefined) throw fault('InvalidParameterValue', 'name a source', 'source');
      const link = query.get('link') ?? undefined;
      const trace = await traceFromOutside(context, edge, { ...packet, source }, link);
      if (query.get('both') !== 'true') return trace;
      const reply = await traceReply(context, trace, { ...packet, source });
      return { ...trace, ...(reply !== undefined && { reply }) };
    },
  },
];

const ROWS = { usual: 100, max: BGP_ROUTES_PAGE_MAX };

function edgeAt(context: Explained, id: string): string {
  return resourceNamed(context, 'edgeRouters', id).resourceId;
}
