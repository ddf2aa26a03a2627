/**
 * Load balancers joined with what they lead to: the address of a frontend, the backends of a pool or an inboundNatRule, on which side of the
 * edge a load balancer is, and the other way round, what a change can alter. Pure; used by the nodes of load balancing.
 */
import { BACKEND_WEIGHT } from '../../schema/northbound/backend-settings.ts';
import { type AddressBytes, addressText } from './address-bytes.ts';
import { interfacesMovedBy, subnetsReidentified } from './attachment.ts';
import { publicAddressId, publicAddressRef } from './edges.ts';
import type { Frontend, LoadBalancer, LoadBalancerMux } from './load-balancer-document.ts';
import type { ModelChange } from './model-change.ts';
import type { ModelView } from './model-view.ts';
import type {
  IpConfiguration,
  NetworkInterface,
  VirtualNetwork,
  VirtualSubnet,
} from './network-document.ts';
import { internalBalancingScope, poolScope, vipScope } from './node.ts';
import type { Ref } from './ref.ts';

/** Who talks to a load balancer: the outside, by muxes, or the interfaces of a virtual network, by their own hosts. */
export type Side =
  | { readonly kind: 'public' }
  | { readonly kind: 'internal'; readonly network: VirtualNetwork };

/** A backend of a pool, attached or not. */
export interface Member {
  readonly networkInterface: NetworkInterface;
  readonly ipConfiguration: IpConfiguration;
  readonly network: VirtualNetwork;
  readonly subnet: VirtualSubnet;
  /** Undefined: the interface is attached nowhere, or to a server without one. */
  readonly providerAddress: AddressBytes | undefined;
  readonly serverId: string | undefined;
}

/** Undefined while the network of an internal one is not there. */
export function sideOf(balancer: LoadBalancer, model: ModelView): Side | undefined {
  const subnet = internalSubnetOf(balancer);
  if (subnet === undefined) return { kind: 'public' };
  const found = model.virtualSubnet(subnet);
  return found && { kind: 'internal', network: found.network };
}

/** Each backend of hundreds of frontends asks; a document is never altered, and read anew where it changes. */
const INTERNAL_SUBNETS = new WeakMap<LoadBalancer, { readonly subnet: Ref | undefined }>();

/** Of its internal frontends; undefined: it has none. */
function internalSubnetOf(balancer: LoadBalancer): Ref | undefined {
  const known = INTERNAL_SUBNETS.get(balancer);
  if (known !== undefined) return known.subnet;
  const internal = balancer.frontends.find(({ subnet }) => subnet?.startsWith('/virtualnetworks/'));
  INTERNAL_SUBNETS.set(balancer, { subnet: internal?.subnet });
  return internal?.subnet;
}

/** Where its virtual addresses are published, and where its pools and their health are. */
export function scopesOf(
  { instanceId }: LoadBalancer,
  side: Side,
): { readonly vips: string; readonly pools: string } {
  if (side.kind === 'public') return { vips: vipScope(instanceId), pools: poolScope(instanceId) };
  const scope = internalBalancingScope(side.network.instanceId);
  return { vips: scope, pools: scope };
}

export function addressOf(frontend: Frontend, model: ModelView): AddressBytes | undefined {
  const { publicAddress, address } = frontend;
  if (publicAddress === undefined) return address;
  return model.publicIpAddresses.get(publicAddressId(publicAddress))?.address;
}

/** The frontend that has the public address. */
export function frontendWith(
  publicAddress: string,
  model: ModelView,
): { readonly balancer: LoadBalancer; readonly frontend: Frontend } | undefined {
  const ref = publicAddressRef(publicAddress);
  for (const id of [...model.referring('load-balancer', ref)].sort()) {
    const balancer = model.loadBalancers.get(id);
    const frontend = balancer?.frontends.find((each) => each.publicAddress === ref);
    if (balancer !== undefined && frontend !== undefined) return { balancer, frontend };
  }
  return undefined;
}

/** Whether a load balancer has the public address, by its id. */
export function isBalanced(publicAddress: string, model: ModelView): boolean {
  return frontendWith(publicAddress, model) !== undefined;
}

/** `/loadbalancers/web/backendaddresspools/p` → `web`. */
export function balancerId(ref: Ref): string {
  const start = ref.indexOf('/', 1) + 1;
  return ref.slice(start, ref.indexOf('/', start));
}

interface KnownMembers {
  generation: number;
  readonly byTarget: Map<Ref, readonly Member[]>;
}

/** Several nodes ask for the same backends after one change. */
const KNOWN_MEMBERS = new WeakMap<ModelView, KnownMembers>();

/** Backends of a pool, or of an inboundNatRule, in the order of their addresses; each address once. */
export function membersOf(target: Ref, model: ModelView): readonly Member[] {
  let known = KNOWN_MEMBERS.get(model);
  if (known === undefined || known.generation !== model.generation) {
    known = { generation: model.generation, byTarget: new Map() };
    KNOWN_MEMBERS.set(model, known);
  }
  const members = known.byTarget.get(target) ?? findMembers(target, model);
  known.byTarget.set(target, members);
  return members;
}

function findMembers(target: Ref, model: ModelView): readonly Member[] {
  const found: Member[] = [];
  for (const id of model.referring('network-interface', target)) {
    addMembers(found, id, target, model);
  }
  found.sort(
    (a, b) =>
      compareText(textOf(a.ipConfiguration.address), textOf(b.ipConfiguration.address)) ||
      compareText(a.ipConfiguration.resourceRef, b.ipConfiguration.resourceRef),
  );
  return found.filter(
    ({ ipConfiguration: { address } }, at) =>
      textOf(address) !== textOf(found[at - 1]?.ipConfiguration.address ?? NO_ADDRESS),
  );
}

const NO_ADDRESS = new Uint8Array(0);
/** An address is written out once, however many pools its interface is in. */
const TEXTS = new WeakMap<AddressBytes, string>();

function textOf(address: AddressBytes): string {
  let text = TEXTS.get(address);
  if (text === undefined) {
    text = addressText(address);
    TEXTS.set(address, text);
  }
  return text;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function addMembers(found: Member[], id: string, target: Ref, model: ModelView): void {
  const networkInterface = model.networkInterfaces.get(id);
  for (const ipConfiguration of networkInterface?.ipConfigurations ?? []) {
    if (networkInterface === undefined || !ipConfiguration.balancedBy.has(target)) continue;
    const member = memberOf(networkInterface, ipConfiguration, model);
    if (member !== undefined) found.push(member);
  }
}

/** Undefined while its virtual subnet is not there. */
export function memberOf(
  networkInterface: NetworkInterface,
  ipConfiguration: IpConfiguration,
  model: ModelView,
): Member | undefined {
  const place = model.virtualSubnet(ipConfiguration.subnet);
  if (place === undefined) return undefined;
  const serverId = model.serverIdOf(networkInterface.instanceId);
  const providerAddress =
    serverId === undefined ? undefined : model.servers.get(serverId)?.providerAddress;
  return { networkInterface, ipConfiguration, ...place, providerAddress, serverId };
}

/** Network of the backends; of several, for as long as the desired state is inconsistent, always the same. */
export function backendNetwork(
  balancer: LoadBalancer,
  model: ModelView,
): VirtualNetwork | undefined {
  let first: VirtualNetwork | undefined;
  for (const target of targetsOf(balancer)) {
    for (const subnet of model.subnetsBalancedBy(target)) {
      const network = model.virtualSubnet(subnet)?.network;
      if (network === undefined) continue;
      if (first === undefined || network.instanceId < first.instanceId) first = network;
    }
  }
  return first;
}

/** Refs of what can have backends. */
export function targetsOf(balancer: LoadBalancer | undefined): readonly Ref[] {
  return [
    ...(balancer?.pools ?? []).map(({ ref }) => ref),
    ...(balancer?.rules ?? []).filter(({ isNat }) => isNat).map(({ ref }) => ref),
  ];
}

const PLAIN = { weight: BACKEND_WEIGHT, draining: false } as const;

/** What administrators say of a backend: of the pool first, else of every pool. */
export function settingsOf(
  { resourceRef }: IpConfiguration,
  target: Ref,
  model: ModelView,
): { readonly weight: number; readonly draining: boolean } {
  // Rare, and asked of every backend of every pool.
  if (model.backendSettings.size === 0) return PLAIN;
  const of = [...model.referring('backend-settings', resourceRef.toLowerCase())]
    .sort()
    .flatMap((id) => model.backendSettings.get(id) ?? []);
  const general = of.find(({ pool }) => pool === undefined);
  const special = of.find(({ pool }) => pool === target);
  return {
    weight: special?.weight ?? general?.weight ?? BACKEND_WEIGHT,
    draining: special?.draining ?? general?.draining ?? false,
  };
}

/** Without a provider address a mux is no target. */
export function isMuxServing(mux: LoadBalancerMux | undefined): boolean {
  return mux?.providerAddress !== undefined;
}

/** What is decided about a mux stands beside virtual addresses, whose ids are instanceIds and have no slash. */
const ADMISSION = 'mux/';

/** That a mux is told what to announce, since every host takes packets from it. */
export function admissionId(muxId: string): string {
  return `${ADMISSION}${muxId}`;
}

/** Id of the mux; undefined where a virtual address is decided about. */
export function admittedMux(id: string): string | undefined {
  return id.startsWith(ADMISSION) ? id.slice(ADMISSION.length) : undefined;
}

/** Refs of pools and inboundNatRules whose backends may differ after the change. */
export function targetsMovedBy(change: ModelChange, model: ModelView): Iterable<Ref> {
  if (change.kind === 'network-interface') {
    return [change.before, change.after].flatMap(balancedBy);
  }
  if (change.kind === 'backend-settings') {
    return [change.before, change.after].flatMap((settings) => {
      const [, , id = ''] = settings?.ipConfiguration.split('/') ?? [];
      return balancedBy(model.networkInterfaces.get(id));
    });
  }
  const refs = new Set<Ref>();
  for (const id of backendsMovedBy(change, model)) {
    for (const ref of balancedBy(model.networkInterfaces.get(id))) refs.add(ref);
  }
  return refs;
}

/** Ids of interfaces that a backend's host is told otherwise of after the change. */
export function backendsMovedBy(change: ModelChange, model: ModelView): Iterable<string> {
  if (change.kind !== 'virtual-network') return interfacesMovedBy(change, model);
  return new Set([
    ...interfacesMovedBy(change, model),
    ...subnetsRenumbered(change.before, change.after).flatMap((ref) => [
      ...model.interfacesInSubnet(ref),
    ]),
  ]);
}

/** Backends are told with the VNI of their subnet. */
function subnetsRenumbered(
  before: VirtualNetwork | undefined,
  after: VirtualNetwork | undefined,
): Ref[] {
  const was = new Map(before?.subnets.map(({ ref, vni }) => [ref, vni]));
  return (after?.subnets ?? []).flatMap(({ ref, vni }) => (was.get(ref) === vni ? [] : [ref]));
}

export function balancedBy(networkInterface: NetworkInterface | undefined): readonly Ref[] {
  return (networkInterface?.ipConfigurations ?? []).flatMap((each) => [...each.balancedBy]);
}

/** Ids of load balancers that may have another side after the change. */
export function balancersTurnedBy(change: ModelChange, model: ModelView): readonly string[] {
  if (change.kind !== 'virtual-network') return [];
  return subnetsReidentified(change.before, change.after).flatMap((subnet) => [
    ...model.referring('load-balancer', subnet),
  ]);
}
