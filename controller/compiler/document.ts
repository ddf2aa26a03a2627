/**
 * Reads the parts of desired documents that a goal state is made of: the compiler's narrow view of the store. Documents are
 * MS-NCNBI envelopes (§2.2.2) with what the controller allocated; the northbound has validated them. Still nothing here trusts
 * them: what cannot be read is left out, so that one document cannot stop the others, and the caller counts it.
 *
 * What is read of each is in network-document.ts, policy-document.ts, mirror-document.ts, edge-document.ts, load-balancer-document.ts and
 * settings-document.ts. Other resources do not reach a goal state and are ignored.
 */
import type { JsonObject } from '../store/store.ts';
import {
  type EdgeRouter,
  type PublicIpAddress,
  partsOfEdge,
  readEdgeRouter,
  readPublicIpAddress,
} from './edge-document.ts';
import {
  type BackendSettings,
  type LoadBalancer,
  type LoadBalancerMux,
  partsOfBalancer,
  readBackendSettings,
  readLoadBalancer,
  readLoadBalancerMux,
} from './load-balancer-document.ts';
import { readServiceInsertion, type ServiceInsertion } from './mirror-document.ts';
import {
  type LogicalNetwork,
  type NetworkInterface,
  readLogicalNetwork,
  readNetworkInterface,
  readServer,
  readVirtualNetwork,
  type Server,
  type VirtualNetwork,
} from './network-document.ts';
import {
  type AccessControlList,
  type RouteTable,
  readAccessControlList,
  readRouteTable,
  readSecurityTag,
  type SecurityTag,
} from './policy-document.ts';
import type { Ref } from './ref.ts';
import {
  readAuditingSettings,
  readLoadBalancerManager,
  readVirtualNetworkManager,
  readVirtualSwitchManager,
  type Settings,
} from './settings-document.ts';

export type Document =
  | Server
  | LogicalNetwork
  | VirtualNetwork
  | NetworkInterface
  | AccessControlList
  | SecurityTag
  | Settings
  | RouteTable
  | ServiceInsertion
  | EdgeRouter
  | PublicIpAddress
  | LoadBalancer
  | LoadBalancerMux
  | BackendSettings;

/** Which of the resources a document is about. */
export type Kind = Document['kind'];

export type DocumentOf<K extends Kind> = Extract<Document, { readonly kind: K }>;

const READERS: Readonly<Record<string, (id: string, value: JsonObject) => Document | undefined>> = {
  servers: readServer,
  logicalnetworks: readLogicalNetwork,
  virtualnetworks: readVirtualNetwork,
  networkinterfaces: readNetworkInterface,
  accesscontrollists: readAccessControlList,
  securitytags: readSecurityTag,
  virtualswitchmanager: readVirtualSwitchManager,
  virtualnetworkmanager: readVirtualNetworkManager,
  auditingsettings: readAuditingSettings,
  routetables: readRouteTable,
  serviceinsertions: readServiceInsertion,
  edgerouters: readEdgeRouter,
  publicipaddresses: readPublicIpAddress,
  loadbalancermanager: readLoadBalancerManager,
  loadbalancers: readLoadBalancer,
  loadbalancermuxes: readLoadBalancerMux,
  backendsettings: readBackendSettings,
};

/** `'ignored'`: a kind of resource that no goal state is made of. `'unreadable'`: ours, but not as it should be. */
export function readDocument(key: string, value: JsonObject): Document | 'ignored' | 'unreadable' {
  const [collection = '', id = ''] = key.split('/');
  const read = READERS[collection];
  if (read === undefined) return 'ignored';
  return read(id, value) ?? 'unreadable';
}

export function isOfKind<K extends Kind>(document: Document, kind: K): document is DocumentOf<K> {
  return document.kind === kind;
}

/** Of the document and of everything below it that can have a state of its own. */
export function instanceIdsOf(document: Document): readonly string[] {
  const own = 'instanceId' in document ? [document.instanceId] : [];
  return [...own, ...partsOf(document).map(({ instanceId }) => instanceId)];
}

function partsOf(document: Document): readonly { readonly instanceId: string }[] {
  switch (document.kind) {
    case 'virtual-network':
      return document.subnets;
    case 'edge-router':
      return partsOfEdge(document);
    case 'load-balancer':
      return partsOfBalancer(document);
    default:
      return [];
  }
}

/** What a document refers to, as far as goal states are concerned; with repetitions. */
export function referencesOf(document: Document): readonly Ref[] {
  switch (document.kind) {
    case 'network-interface':
      return [
        ...document.securityTags,
        ...document.ipConfigurations.flatMap((each) => [
          each.subnet,
          ...present(
            each.learnedIp,
            each.accessControlList,
            each.serviceInsertion,
            each.publicAddress,
          ),
          ...each.balancedBy,
        ]),
      ];
    case 'virtual-network':
      return [
        ...document.subnets.flatMap(({ accessControlList, serviceInsertion }) =>
          present(accessControlList, serviceInsertion),
        ),
        ...document.routeTables,
        ...document.peerings.map(({ remote }) => remote),
      ];
    case 'access-control-list':
      return [
        ...document.securityTags,
        ...document.rules.flatMap(({ source, destination }) => [
          ...source.securityTags,
          ...destination.securityTags,
        ]),
      ];
    case 'service-insertion':
      return [document.collector];
    case 'edge-router':
      return document.portForwards.flatMap(({ to }) => present(to));
    case 'load-balancer':
      return document.frontends.flatMap(({ publicAddress, subnet }) =>
        present(publicAddress, subnet),
      );
    case 'backend-settings':
      return [document.ipConfiguration, ...present(document.pool)];
    case 'load-balancer-mux':
    case 'server':
    case 'logical-network':
    case 'security-tag':
    case 'settings':
    case 'route-table':
    case 'public-ip-address':
      return [];
  }
}

function present(...refs: readonly (Ref | undefined)[]): readonly Ref[] {
  return refs.filter((ref) => ref !== undefined);
}
