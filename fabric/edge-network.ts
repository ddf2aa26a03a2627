/**
 * The way in and out of a one-machine fabric: the namespace of the edge router, and one that stands for the outside world, with a plain
 * Linux client in it whose only route to the public addresses is the edge.
 *
 *   weft-F-net: br0 ── edge ═══ uplink0 :weft-F-edge: outside0 ═══ eth0 :weft-F-outside
 *               198.51.100.0/24    .2                     .2  192.0.2.0/24  .1
 *
 * Addresses are of documentation space (RFC 5737, RFC 3849). Called by deploy.ts, main.ts and the test kit.
 */
import { run } from './command.ts';
import { ipBatch, joinProviderNetwork } from './links.ts';
import { inNamespace, namespaceName } from './namespaces.ts';

export const EDGE = 'edge';
export const OUTSIDE = 'outside';
/** The edge's interface to the outside, and the client's. */
const OUTSIDE_INTERFACE = 'outside0';
export const CLIENT_INTERFACE = 'eth0';

export interface EdgeNetwork {
  /** Of the edge in the provider network. */
  readonly providerAddress: string;
  readonly outside: {
    /** Here and below, of each family one, IPv4 first. */
    readonly prefixes: readonly string[];
    /** With their prefix lengths. */
    readonly edgeAddresses: readonly string[];
    readonly clientAddresses: readonly string[];
    /** Of the edge and of the client, without length. */
    readonly edge: readonly string[];
    readonly client: readonly string[];
  };
  /** Of each family one, IPv4 first. */
  readonly publicNetworks: readonly [PublicNetwork, PublicNetwork];
  /** The load balancer manager's own. */
  readonly managerAddress: string;
  /** Shared by everybody who has no public address. */
  readonly natPool: { readonly first: string; readonly last: string };
  readonly asNumber: string;
}

/** Addresses that the outside reaches by the edge alone. */
export interface PublicNetwork {
  /** Of its subnet in PUBLIC_LOGICAL_NETWORK. */
  readonly resourceId: string;
  readonly prefix: string;
  /** For public addresses and load balancers. */
  readonly vipPool: { readonly first: string; readonly last: string };
}

/** `providerAddress`: of the edge, in the provider network. */
export function edgeNetwork(providerAddress: string): EdgeNetwork {
  const edge = ['192.0.2.2', '2001:db8:ffff::2'];
  const client = ['192.0.2.1', '2001:db8:ffff::1'];
  const withLength = (address: string) => `${address}/${address.includes(':') ? 64 : 24}`;
  return {
    providerAddress,
    outside: {
      prefixes: ['192.0.2.0/24', '2001:db8:ffff::/64'],
      edgeAddresses: edge.map(withLength),
      clientAddresses: client.map(withLength),
      ...{ edge, client },
    },
    publicNetworks: [
      {
        resourceId: 'public',
        prefix: '203.0.113.0/24',
        vipPool: { first: '203.0.113.1', last: '203.0.113.127' },
      },
      {
        resourceId: 'public6',
        prefix: '2001:db8:203::/64',
        vipPool: { first: '2001:db8:203::1', last: '2001:db8:203::7fff' },
      },
    ],
    managerAddress: '203.0.113.127',
    natPool: { first: '203.0.113.240', last: '203.0.113.247' },
    asNumber: '64600',
  };
}

/** Joins the edge to the provider network and to the outside; both namespaces exist. The edge's process gives itself its addresses. */
export async function createEdgeLinks(options: {
  readonly fabric: string;
  readonly edge: EdgeNetwork;
  /** Namespace of the provider network, and its MTU in bytes. */
  readonly network: string;
  readonly mtu: number;
}): Promise<void> {
  const { fabric, edge, network, mtu } = options;
  const [router, client] = [namespaceName(fabric, EDGE), namespaceName(fabric, OUTSIDE)];
  await joinProviderNetwork({ network, member: router, portName: EDGE, mtu });
  const { outside } = edge;
  await ipBatch(router, [
    `link add ${OUTSIDE_INTERFACE} type veth peer name ${CLIENT_INTERFACE} netns ${client}`,
    `link set ${OUTSIDE_INTERFACE} up`,
  ]);
  // The edge's process forwards, and refuses to where the kernel does.
  await setKernelForwarding(router, false);
  await ipBatch(client, [
    `link set ${CLIENT_INTERFACE} up`,
    ...outside.clientAddresses.map(
      (each) => `address add ${each} dev ${CLIENT_INTERFACE} ${once(each)}`,
    ),
    ...edge.publicNetworks.map(
      ({ prefix }, family) => `route add ${prefix} via ${outside.edge[family]}`,
    ),
  ]);
}

/** An IPv6 address is there at once, without looking for others that have it (RFC 4862 §5.4). */
function once(address: string): string {
  return address.includes(':') ? 'nodad' : '';
}

/** Namespaces take over what the machine's own was set to, so it is said either way. */
export async function setKernelForwarding(namespace: string, on: boolean): Promise<void> {
  const lines = ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'].map(
    (name) => `echo ${on ? 1 : 0} > /proc/sys/${name.replaceAll('.', '/')}`,
  );
  await run(inNamespace(namespace, ['sh', '-c', lines.join(' && ')]));
}

export const PUBLIC_LOGICAL_NETWORK = '/logicalNetworks/public';
const VIP_POOL = 'vips';

/** What the controller is told of it, in order. */
export function edgeResources(edge: EdgeNetwork): readonly (readonly [string, object])[] {
  const { outside, publicNetworks, natPool } = edge;
  return [
    [PUBLIC_LOGICAL_NETWORK, { subnets: publicNetworks.map(publicSubnet) }],
    [
      '/loadBalancerManager/config',
      {
        loadBalancerManagerIPAddress: edge.managerAddress,
        outboundNatIPExemptions: [`${edge.managerAddress}/32`],
        vipIpPools: publicNetworks.map(({ resourceId }) => ({
          resourceRef: `${PUBLIC_LOGICAL_NETWORK}/subnets/${resourceId}/ipPools/${VIP_POOL}`,
        })),
      },
    ],
    [
      `/edgeRouters/${EDGE}`,
      {
        providerAddress: edge.providerAddress,
        isProviderGateway: true,
        outsideInterfaces: [
          {
            name: OUTSIDE_INTERFACE,
            addresses: outside.edgeAddresses,
            gateways: outside.client,
          },
        ],
        bgpRouters: [
          {
            resourceId: 'bgp',
            properties: { extAsNumber: edge.asNumber, routerId: outside.edge[0] },
          },
        ],
        natPools: [
          {
            resourceId: 'shared',
            properties: {
              startIpAddress: natPool.first,
              endIpAddress: natPool.last,
              isInfrastructure: true,
            },
          },
        ],
      },
    ],
  ];
}

function publicSubnet({ resourceId, prefix, vipPool }: PublicNetwork): object {
  const { first, last } = vipPool;
  const ipPool = {
    resourceId: VIP_POOL,
    properties: { startIpAddress: first, endIpAddress: last },
  };
  return {
    resourceId,
    properties: { addressPrefix: prefix, vlanId: 0, isPublic: true, ipPools: [ipPool] },
  };
}
