/**
 * How BGP sessions of edge routers are at this moment, for answers that show bgpPeers: asked of the edges themselves when somebody looks, since their
 * counters change all the time and nobody else needs them. An edge that does not answer leaves its peers without a state. Called by api.ts.
 */
import type { BgpPeerRow } from '../../schema/southbound/diagnostics/bgp.ts';
import type { Explained } from '../diagnostics/hosts.ts';
import { QuestionFault } from '../southbound/questions.ts';

/** By instanceId of the bgpPeers resource; of several sessions of one, the one that is up. */
export type ObservedPeers = ReadonlyMap<string, BgpPeerRow>;

/** `ref`: what is asked for; empty for all edges. Undefined where no answer to it has peers in it. */
export async function observedPeers(
  { desired, realised, askEdge }: Explained,
  typeKey: string,
  ref: string,
): Promise<ObservedPeers | undefined> {
  const [top, ...below] = typeKey.split('/');
  if (top !== 'edgerouters' || !below.every((each) => each.startsWith('bgp'))) return undefined;
  const [, , name] = ref.split('/');
  const connected = new Set(
    realised
      .targets()
      .flatMap(({ kind, id, connected }) => (kind === 'edge' && connected ? [id] : [])),
  );
  const edges = [...desired.list('edgeRouters').values()].filter(
    ({ resourceId }) =>
      connected.has(resourceId.toLowerCase()) &&
      (name === undefined || name.toLowerCase() === resourceId.toLowerCase()),
  );
  const rows = await Promise.all(edges.map(({ resourceId }) => peersOf(resourceId, askEdge)));
  const peers = new Map<string, BgpPeerRow>();
  for (const row of rows.flat()) {
    if (peers.get(row.peerId)?.state !== 'Established') peers.set(row.peerId, row);
  }
  return peers;
}

async function peersOf(edge: string, ask: Explained['askEdge']): Promise<readonly BgpPeerRow[]> {
  try {
    return (await ask(edge, 'bgpPeers', {})).peers;
  } catch (thrown) {
    if (thrown instanceof QuestionFault) return [];
    throw thrown;
  }
}
