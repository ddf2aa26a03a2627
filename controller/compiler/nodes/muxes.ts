/**
 * Node `muxes`: a mux's own settings, its BGP, and its interest in what is announced, once every host takes packets from it. One unit per
 * loadBalancerMux (MS-NCNBI §3.1.5.7). A mux that has no provider address yet gets nothing, and so is no target. It tells its routers of virtual
 * addresses and takes no routes.
 */
import { ipFromBytes } from '../../../base/ip.ts';
import { VIRTUAL_ROUTER_MAC } from '../../../base/mac.ts';
import { type BgpPeer, PeerFamily } from '../../../schema/southbound/messages.ts';
import { NO_OUTPUT } from '../../goal-state/goal-states.ts';
import { bgpPeerKey, bgpRouterKey, MUX_KEY, resourceContent } from '../../goal-state/resource.ts';
import { type AddressBytes, addressText } from '../address-bytes.ts';
import { admissionId, admittedMux } from '../balancing.ts';
import type { LoadBalancerMux, MuxPeer } from '../load-balancer-document.ts';
import { ANNOUNCEMENT_SCOPE, type CompilerNode, muxScope, muxTarget, VXLAN_PORT } from '../node.ts';

const EMPTY = new Uint8Array(0);
/** RFC 4271 §4.2 wants an identifier other than 0; an IPv6 provider address lends its last four bytes. */
const ROUTER_ID_LEN = 4;

export const muxes: CompilerNode = {
  name: 'muxes',
  handle(change) {
    switch (change.kind) {
      case 'load-balancer-mux':
        return [change.before, change.after].flatMap((mux) => mux?.id ?? []);
      case 'announcement':
        return [change.vipId].flatMap((id) => admittedMux(id) ?? []);
      case 'logical-network':
        // Rare, and muxes are few.
        return 'unhandled';
      default:
        return [];
    }
  },
  units: (model) => model.loadBalancerMuxes.keys(),
  compile(id, model, { providerMtu }) {
    const mux = model.loadBalancerMuxes.get(id);
    if (mux?.providerAddress === undefined) return NO_OUTPUT;
    const { providerAddress, providerSubnet } = mux;
    const subnet = providerSubnet === undefined ? undefined : model.logicalSubnet(providerSubnet);
    const contents = [
      resourceContent({
        key: MUX_KEY,
        mux: {
          providerAddress,
          // Without a known subnet the address stands alone.
          providerPrefixLen: subnet?.prefix.len ?? 8 * providerAddress.length,
          providerGateway: subnet?.gateway ?? EMPTY,
          vxlanPort: VXLAN_PORT,
          providerMtu,
          mac: VIRTUAL_ROUTER_MAC,
        },
      }),
      resourceContent({
        key: bgpRouterKey(mux.instanceId),
        bgpRouter: {
          id: mux.instanceId,
          resourceRef: mux.resourceRef,
          asNumber: mux.asNumber,
          routerId: providerAddress.slice(-ROUTER_ID_LEN),
          enabled: true,
          networks: [],
          // The specification has neither for muxes.
          ...{ bmpStations: [], bmpStatisticsSec: 0, mrtUpdates: false, mrtDumpMinutes: 0 },
        },
      }),
      ...mux.peers
        .filter(({ address }) => isPeer(address, providerAddress))
        .map((peer) => peerMessage(peer, mux))
        .map((bgpPeer) => resourceContent({ key: bgpPeerKey(bgpPeer.id), bgpPeer })),
    ];
    const target = muxTarget(id);
    const scope = muxScope(id);
    return {
      published: contents.map((content) => ({ scope, content })),
      subscriptions: (model.balancing.isAnnounced(admissionId(id))
        ? [scope, ANNOUNCEMENT_SCOPE]
        : [scope]
      ).map((each) => ({ target, scope: each })),
    };
  },
};

function isPeer(address: AddressBytes, own: AddressBytes): boolean {
  return address.length === own.length && ipFromBytes(address) !== ipFromBytes(own);
}

/** instanceId of a peer: peers of a mux are known by their addresses, and have none of the client's. */
export function muxPeerId({ instanceId }: LoadBalancerMux, { address }: MuxPeer): string {
  return `${instanceId}.${addressText(address)}`;
}

function peerMessage(peer: MuxPeer, mux: LoadBalancerMux): BgpPeer {
  const { address, asNumber, holdTimeSec, bfd } = peer;
  return {
    id: muxPeerId(mux, peer),
    resourceRef: mux.resourceRef,
    routerId: mux.instanceId,
    ...{ address, asNumber, holdTimeSec, bfd },
    importMapId: '',
    exportMapId: '',
    acceptAllIn: false,
    acceptAllOut: true,
    md5Key: '',
    ttlSecurityHops: 0,
    prefixesMax: 0,
    prefixRestartSec: 0,
    passive: false,
    bfdIntervalMs: 0,
    bfdMultiplier: 0,
    gracefulRestartSec: 0,
    families: [PeerFamily.PEER_IPV4_UNICAST, PeerFamily.PEER_IPV6_UNICAST],
  };
}
