/**
 * virtualNetworkPeerings — MS-NCNBI §3.1.5.18.3. Two networks are connected when each has a peering that refers to the other. A peering
 * outlives the network it refers to; it remembers by instanceId which one that was, so that a network made again under the name is
 * not taken for it, and whether it ever was connected, which tells Disconnected from Initiated.
 *
 *     Initiated ──the other side appears──► Connected ──the other side goes──► Disconnecting ──hosts know──► Disconnected
 *                                               ▲─────────────── the other side appears again ───────────────────┘
 *
 * All is checked when a peering is written, not later: what the other side does then is its own write.
 */
import { VirtualNetworkPeeringSchema } from '../../../schema/northbound/virtual-networks.ts';
import type { DesiredState, Resource } from '../../model/desired-state.ts';
import { ConfigurationStatus } from '../../model/realised-state.ts';
import { refKey } from '../../model/resource-ref.ts';
import type { JsonObject, JsonValue } from '../../store/store.ts';
import { detail, type FaultDetail } from '../fault.ts';
import { PEERINGS_MAX } from '../limits.ts';
import { childrenIn, documentOf, loadNode, typed } from '../resource-node.ts';
import type {
  AllocateContext,
  CompanionContext,
  DocumentChange,
  Properties,
  ReadContext,
  ResourceNode,
  ResourceType,
  WriteContext,
} from '../resource-type.ts';
import { spacesOverlap } from './reachable-spaces.ts';

export const virtualNetworkPeerings: ResourceType = {
  collection: 'virtualNetworkPeerings',
  section: '3.1.5.18.3',
  summary: 'One side of a connection between two virtual networks.',
  schema: VirtualNetworkPeeringSchema,
  references: [{ property: 'remoteVirtualNetwork' }],
  normalise,
  allocate: joinRemote,
  derive,
};

/** What the whole list of a network must fulfil, and what the network may not do while it has one. */
export function peeringListFaults(node: ResourceNode, { previous }: WriteContext): FaultDetail[] {
  const peerings = childrenIn(node, virtualNetworkPeerings.collection);
  if (peerings.length > PEERINGS_MAX) {
    const message = `${node.ref} has ${peerings.length} peerings; ${PEERINGS_MAX} are allowed`;
    return [detail('InvalidParameterValue', message, node.ref)];
  }
  const before = new Set(previous?.children.map(({ key }) => key));
  const kept = peerings.find(({ key }) => before.has(key));
  if (previous === undefined || kept === undefined) return [];
  const was = JSON.stringify(previous.properties['addressSpace']);
  if (was === JSON.stringify(node.properties['addressSpace'])) return [];
  const message = `addressSpace of ${node.ref} cannot change while it has ${kept.ref}`;
  return [detail('VnetAddressSpaceCannotChangeDueToPeerings', message, node.ref)];
}

/** The other side learns that it is connected, in the same commit. */
export function acknowledgePeers(
  root: ResourceNode,
  { desired }: CompanionContext,
): DocumentChange[] {
  return childrenIn(root, virtualNetworkPeerings.collection).flatMap((peering) => {
    const remote = remoteOf(peering, desired);
    const back = remote === undefined ? undefined : backOf(remote, root);
    const tree = remote === undefined ? undefined : desired.tree(remote.treeKey);
    if (back === undefined || tree === undefined) return [];
    if (!isMatch(back, root) || internalOf(back)['connected'] === true) return [];
    const document = loadNode(root.type, tree.root.body);
    for (const child of document.children) {
      if (child.key === back.key) child.internal = { ...child.internal, connected: true };
    }
    return [{ key: tree.key, value: documentOf(document) }];
  });
}

function normalise(properties: Properties): Properties {
  properties['allowVirtualNetworkAccess'] ??= true;
  for (const name of ['allowForwardedTraffic', 'allowGatewayTransit', 'useRemoteGateways']) {
    properties[name] ??= false;
  }
  return properties;
}

function joinRemote(node: ResourceNode, context: AllocateContext): readonly FaultDetail[] {
  const { desired, previous, root } = context;
  const orphan = previous !== undefined && remoteRefOf(previous, desired) === undefined;
  if (orphan) return keepOrphan(node, previous);
  const ref = typed(VirtualNetworkPeeringSchema, node).remoteVirtualNetwork?.resourceRef;
  if (ref === undefined) {
    const message = `${node.ref} has no remoteVirtualNetwork`;
    return [detail('RemoteVirtualNetworkNotSpecified', message, node.ref)];
  }
  if (refKey(ref) === root.key) {
    const message = `${node.ref} refers to the network it is in`;
    return [detail('PeeringRemoteVnetIsSameAsParentVnet', message, ref)];
  }
  const was = previous === undefined ? undefined : remoteRefOf(previous, desired);
  if (was !== undefined && refKey(was) !== refKey(ref)) {
    const message = `remoteVirtualNetwork of ${node.ref} stays ${was}`;
    return [detail('ChangingRemoteVirtualNetworkNotAllowed', message, node.ref)];
  }
  const remote = desired.byRef(ref);
  if (remote === undefined) {
    return [detail('InvalidResourceReference', `${node.ref}: there is no ${ref}`, ref)];
  }
  const faults = [...networkFaults(node, remote, context), ...gatewayFaults(node, remote, context)];
  const back = backOf(remote, root);
  const wasThis = previous?.internal?.['remoteInstanceId'] === remote.instanceId;
  const wasConnected = wasThis && previous?.internal?.['connected'] === true;
  node.internal = {
    remoteInstanceId: remote.instanceId,
    connected: back !== undefined || wasConnected,
  };
  return faults;
}

/** A peering whose remote network is gone may be written back as it is, with its network, and deleted: nothing else. */
function keepOrphan(node: ResourceNode, previous: ResourceNode): FaultDetail[] {
  const { remoteVirtualNetwork: _given, ...flags } = node.properties;
  const { remoteVirtualNetwork: kept, ...flagsBefore } = previous.properties;
  if (sameFlags(flags, flagsBefore)) {
    if (kept !== undefined) node.properties['remoteVirtualNetwork'] = kept;
    return [];
  }
  const message = `the network that ${node.ref} was peered with is gone; delete the peering`;
  return [detail('CannotUpdateDisconnectedPeeringWithNullRemoteVnet', message, node.ref)];
}

function sameFlags(a: JsonObject, b: JsonObject): boolean {
  return Object.keys({ ...a, ...b }).every((name) => a[name] === b[name]);
}

function networkFaults(
  node: ResourceNode,
  remote: Resource,
  { desired, root }: AllocateContext,
): FaultDetail[] {
  const others = childrenIn(root, virtualNetworkPeerings.collection).filter(
    ({ key }) => key !== node.key,
  );
  const back = backOf(remote, root);
  if (back !== undefined && !isMatch(back, root)) {
    const message = `${back.ref} is for a network that was ${root.ref} before; write it again first`;
    return [detail('RemotePeeringIsStaleBecauseVnetWasRecreated', message, back.ref)];
  }
  if (spacesOverlap(root, remote)) {
    const message = `address spaces of ${root.ref} and ${remote.ref} overlap`;
    return [detail('VnetAddressSpacesOverlap', message, node.ref)];
  }
  for (const other of others) {
    const peer = remoteOf(other, desired);
    if (peer?.key === remote.key) {
      const message = `${other.ref} refers to ${remote.ref} already`;
      return [detail('AnotherPeeringAlreadyReferencesRemoteVnet', message, node.ref)];
    }
    if (peer !== undefined && spacesOverlap(peer, remote)) {
      const message = `address spaces of ${remote.ref} and of ${peer.ref}, peered already, overlap`;
      return [detail('VnetAddressSpaceOverlapsWithAlreadyPeeredVnet', message, node.ref)];
    }
  }
  return [];
}

function gatewayFaults(
  node: ResourceNode,
  remote: Resource,
  { desired, root }: AllocateContext,
): FaultDetail[] {
  const { useRemoteGateways, allowGatewayTransit } = typed(VirtualNetworkPeeringSchema, node);
  if (useRemoteGateways !== true) return [];
  if (allowGatewayTransit === true) {
    const message = 'useRemoteGateways and allowGatewayTransit cannot both be true';
    return [detail('UseRemoteAndAllowTransitCannotBeTrue', message, node.ref)];
  }
  const other = childrenIn(root, virtualNetworkPeerings.collection).find(
    (sibling) => sibling.key !== node.key && sibling.properties['useRemoteGateways'] === true,
  );
  if (other !== undefined) {
    const message = `${other.ref} uses remote gateways already`;
    return [detail('AnotherPeeringAlreadyUsesRemoteGateways', message, node.ref)];
  }
  if (hasGateway(root.children, desired)) {
    const message = `${root.ref} has a gateway of its own`;
    return [detail('ParentVnetAlreadyHasGateways', message, root.ref)];
  }
  if (!hasGateway(remote.children, desired)) {
    const message = `${remote.ref} has no gateway`;
    return [detail('RemoteVnetHasNoGateways', message, remote.ref)];
  }
  const back = backOf(remote, root);
  if (back === undefined || back.properties['allowGatewayTransit'] === true) return [];
  const message = `${back.ref} does not allow gateway transit`;
  return [detail('RemotePeeringDoesNotAllowGatewayTransit', message, back.ref)];
}

/** A virtual gateway refers to the subnets it is in (§3.1.5.17, gatewaySubnets). */
function hasGateway(children: readonly { readonly ref: string }[], desired: DesiredState): boolean {
  return children.some(({ ref }) =>
    [...desired.referrers(ref)].some(({ from }) => from.type === 'virtualgateways'),
  );
}

interface Network {
  readonly key: string;
  readonly instanceId: string;
}

/** The peering of `remote` that refers to a network of this name. */
function backOf(remote: Resource, { key }: Network): Resource | undefined {
  return remote.children.find((child) => {
    if (child.type !== 'virtualnetworks/virtualnetworkpeerings') return false;
    const { remoteVirtualNetwork } = typed(VirtualNetworkPeeringSchema, child);
    return remoteVirtualNetwork !== undefined && refKey(remoteVirtualNetwork.resourceRef) === key;
  });
}

/** Whether it means the network that has the name now. */
function isMatch(back: Resource, { instanceId }: Network): boolean {
  return internalOf(back)['remoteInstanceId'] === instanceId;
}

/** The reference as the client sees it: none once the network is gone. */
function remoteRefOf(
  peering: { readonly properties: JsonObject },
  desired: DesiredState,
): string | undefined {
  const { remoteVirtualNetwork } = typed(VirtualNetworkPeeringSchema, peering);
  const ref = remoteVirtualNetwork?.resourceRef;
  return ref === undefined || desired.byRef(ref) === undefined ? undefined : ref;
}

function remoteOf(
  peering: { readonly properties: JsonObject },
  desired: DesiredState,
): Resource | undefined {
  return desired.byRef(remoteRefOf(peering, desired) ?? '');
}

function internalOf({ body }: Resource): JsonObject {
  const { internal } = body;
  const isObject = typeof internal === 'object' && internal !== null && !Array.isArray(internal);
  return isObject ? (internal as JsonObject) : {};
}

function derive(resource: Resource, context: ReadContext): JsonObject {
  const remote = remoteOf(resource, context.desired);
  return {
    ...(remote === undefined && { remoteVirtualNetwork: null }),
    peeringState: stateOf(resource, remote, context),
    ...(remote !== undefined && { remoteAddressSpace: addressSpaceOf(remote) }),
  };
}

function stateOf(
  resource: Resource,
  remote: Resource | undefined,
  { realised }: ReadContext,
): string {
  const { parent } = resource;
  const { remoteInstanceId, connected } = internalOf(resource);
  if (parent === undefined) return 'Disconnected';
  if (remote !== undefined && remote.instanceId === remoteInstanceId) {
    const back = backOf(remote, parent);
    if (back !== undefined && isMatch(back, parent)) return 'Connected';
    if (connected !== true) return 'Initiated';
  }
  const status = realised.configurationState(parent.instanceId)?.status;
  return status === ConfigurationStatus.InProgress ? 'Disconnecting' : 'Disconnected';
}

function addressSpaceOf({ properties }: Resource): JsonValue {
  return properties['addressSpace'] ?? { addressPrefixes: [] };
}
