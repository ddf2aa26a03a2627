/**
 * The load balancer's muxes of a one-machine fabric: each in a namespace of its own, on the provider network alone, beside the edge router that
 * it tells of the virtual addresses.
 *
 *   weft-F-net: br0 ── mux1 ═══ uplink0 :weft-F-mux1
 *   198.51.100.0/24      .3
 *
 * Called by settings.ts, deploy.ts and the test kit.
 */
import { EDGE, type EdgeNetwork, setKernelForwarding } from './edge-network.ts';
import { joinProviderNetwork } from './links.ts';
import { namespaceName } from './namespaces.ts';

export interface MuxNetwork {
  /** mux1, mux2, … */
  readonly name: string;
  readonly providerAddress: string;
}

/** Of all muxes: to each other they say nothing, to the edge each is a neighbour of its own. */
export const MUX_AS = '64650';
/** What a mux may announce to the edge. */
const IMPORT_MAP = 'virtual-addresses';

/** Joins a mux to the provider network; its namespace exists, and its process gives itself its address. */
export async function createMuxLink(options: {
  readonly fabric: string;
  readonly mux: MuxNetwork;
  /** Namespace of the provider network, and its MTU in bytes. */
  readonly network: string;
  readonly mtu: number;
}): Promise<void> {
  const { fabric, mux, network, mtu } = options;
  const member = namespaceName(fabric, mux.name);
  await joinProviderNetwork({ network, member, portName: mux.name, mtu });
  // The mux's process forwards; the kernel has nothing to say to what comes for virtual addresses.
  await setKernelForwarding(member, false);
}

/** What the controller is told of them, in order, after the edge: muxes peer with it, and it hears of virtual addresses from them alone. */
export function muxResources(
  edge: EdgeNetwork,
  muxes: readonly MuxNetwork[],
): readonly (readonly [string, object])[] {
  if (muxes.length === 0) return [];
  const importMap = `/edgeRouters/${EDGE}/policyMaps/${IMPORT_MAP}`;
  const ranges = edge.publicNetworks.map(({ prefix }) => {
    return `${prefix} ge ${prefix.includes(':') ? 128 : 32}`;
  });
  const isOneAddress = { property: 'MatchPrefix', value: ranges };
  const entry = { policyName: IMPORT_MAP, action: 'Allow', matchCriteria: [isOneAddress] };
  return [
    [importMap, { policyMapEntryList: [entry] }],
    ...muxes.flatMap(({ name, providerAddress }) => [
      [
        `/edgeRouters/${EDGE}/bgpRouters/bgp/bgpPeers/${name}`,
        {
          peerIpAddress: providerAddress,
          extAsNumber: MUX_AS,
          policyMapIn: { resourceRef: importMap },
          isBfdEnabled: true,
          addressFamilies: ['IPv4', 'IPv6'],
        },
      ] as const,
      [`/virtualServers/${name}`, { connections: [{ managementAddresses: [name] }] }] as const,
      [
        `/loadBalancerMuxes/${name}`,
        {
          providerAddress,
          virtualServer: { resourceRef: `/virtualServers/${name}` },
          routerConfiguration: {
            localASN: Number(MUX_AS),
            peerRouterConfigurations: [
              {
                routerName: EDGE,
                routerIPAddress: edge.providerAddress,
                peerASN: Number(edge.asNumber),
                isBfdEnabled: true,
              },
            ],
          },
        },
      ] as const,
    ]),
  ];
}
