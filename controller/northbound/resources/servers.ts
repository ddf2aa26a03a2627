/**
 * servers and their physical networkInterfaces — MS-NCNBI §3.1.5.15. A server's provider address (the outer address of its VXLAN
 * packets) comes from the ipPools of a logical network with `networkVirtualizationEnabled`: one that its interfaces are
 * connected to where they say so, else the first with room. It is kept beside the properties, for the compiler, for the server's life.
 */
import { formatIp, parseIp } from '../../../base/ip.ts';
import { LogicalNetworkSchema } from '../../../schema/northbound/logical-networks.ts';
import { ServerNetworkInterfaceSchema, ServerSchema } from '../../../schema/northbound/servers.ts';
import { addressSpaceOf } from '../../allocation/claims.ts';
import type { Resource } from '../../model/desired-state.ts';
import { refKey } from '../../model/resource-ref.ts';
import type { JsonObject } from '../../store/store.ts';
import { dynamicRange } from '../address-rules.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { childrenIn, typed } from '../resource-node.ts';
import type {
  AllocateContext,
  ReadContext,
  ResourceNode,
  ResourceType,
  WriteContext,
} from '../resource-type.ts';
import { gatewaysOf, poolRangesOf } from './logical-networks.ts';

const networkInterfaces: ResourceType = {
  collection: 'networkInterfaces',
  section: '3.1.5.15.2',
  summary: 'A physical network card of a server.',
  schema: ServerNetworkInterfaceSchema,
  references: [
    {
      property: 'logicalSubnets',
      backReference: 'networkInterfaces',
      inUse: 'InUseSubnetCannotBeDeleted',
    },
  ],
};

export const servers: ResourceType = {
  collection: 'servers',
  section: '3.1.5.15',
  summary: 'A host that runs the virtual switch.',
  schema: ServerSchema,
  children: [networkInterfaces],
  references: [
    {
      property: 'connections.credential',
      backReference: 'connections',
      inUse: 'InUseCredentialCannotBeDeleted',
    },
  ],
  allocate: allocateProviderAddress,
  guardRemoval,
  derive,
};

/** A server without one is no fault: its configurationState says PAIpAddressExhausted until a pool has room. */
function allocateProviderAddress(
  node: ResourceNode,
  context: AllocateContext,
): readonly FaultDetail[] {
  if (keepProviderAddress(node, context)) return [];
  for (const subnet of candidateSubnets(node, context)) {
    const space = addressSpaceOf(subnet.ref);
    const gateways = gatewaysOf(subnet);
    for (const range of poolRangesOf(subnet, context)) {
      const address = context.draft.takeLowest(space, dynamicRange(range), node.key, (ip) =>
        gateways.has(ip),
      );
      if (address === undefined) continue;
      node.internal = {
        ...node.internal,
        providerAddress: formatIp(address),
        providerSubnetRef: subnet.ref,
      };
      return [];
    }
  }
  return [];
}

function keepProviderAddress(node: ResourceNode, { draft, desired }: AllocateContext): boolean {
  const { providerAddress, providerSubnetRef } = node.internal ?? {};
  if (typeof providerAddress !== 'string' || typeof providerSubnetRef !== 'string') return false;
  const address = parseIp(providerAddress);
  if (address === undefined || desired.byRef(providerSubnetRef) === undefined) return false;
  return draft.take(addressSpaceOf(providerSubnetRef), address, node.key) === undefined;
}

/** Subnets of provider networks: those the server says it is connected to first, then by name. */
function candidateSubnets(node: ResourceNode, { desired }: ReadContext): Resource[] {
  const connected = new Set(
    childrenIn(node, networkInterfaces.collection)
      .flatMap((card) => typed(ServerNetworkInterfaceSchema, card).logicalSubnets ?? [])
      .map(({ resourceRef }) => refKey(resourceRef)),
  );
  const rank = (subnet: Resource) => (connected.has(subnet.key) ? 0 : 1);
  return [...desired.list('logicalNetworks').values()]
    .filter((one) => typed(LogicalNetworkSchema, one).networkVirtualizationEnabled === true)
    .flatMap((network) => network.children)
    .sort((a, b) => rank(a) - rank(b) || (a.key < b.key ? -1 : 1));
}

function guardRemoval(node: ResourceNode, context: WriteContext): FaultDetail | undefined {
  const [attached] = interfacesOn(node.resourceId, context);
  if (attached === undefined) return undefined;
  const message = `${attached.ref} is attached to ${node.ref}`;
  return detail('InUseServerCannotBeDeleted', message, node.ref);
}

function derive({ resourceId, body }: Resource, context: ReadContext): JsonObject {
  const { internal } = body;
  const kept = typeof internal === 'object' && internal !== null && !Array.isArray(internal);
  const address = kept && 'providerAddress' in internal ? internal['providerAddress'] : undefined;
  const attached = interfacesOn(resourceId, context);
  return {
    ...(address === undefined ? {} : { providerAddress: address }),
    virtualNetworkInterfaces: attached.map(({ ref }) => ({ resourceRef: ref })),
  };
}

const BY_SERVER = new WeakMap<ReadContext, ReadonlyMap<string, readonly Resource[]>>();

/** Worked out once for each answer, which may show many servers. */
function interfacesOn(serverId: string, context: ReadContext): readonly Resource[] {
  const known = BY_SERVER.get(context);
  const byServer = known ?? interfacesByServer(context);
  if (known === undefined) BY_SERVER.set(context, byServer);
  return byServer.get(serverId.toLowerCase()) ?? [];
}

function interfacesByServer({ desired, realised }: ReadContext): Map<string, Resource[]> {
  const byServer = new Map<string, Resource[]>();
  for (const nic of desired.list('networkInterfaces').values()) {
    const server = realised.serverOf(nic.instanceId)?.toLowerCase();
    if (server === undefined) continue;
    const attached = byServer.get(server);
    if (attached === undefined) byServer.set(server, [nic]);
    else attached.push(nic);
  }
  return byServer;
}
