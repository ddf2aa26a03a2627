/**
 * Goal state as the reference model looks at it: the messages of weft.proto, taken apart, and the questions that more than one of its steps
 * asks of them. Plain loops over lists. Called by test/model/reference and comparison.
 */
import type {
  AccessControlList,
  HostSettings,
  Mapping,
  Port,
  Resource,
  RouteTable,
  SecurityTag,
  VirtualNetwork,
  VirtualSubnet,
} from '../../schema/southbound/messages.ts';
import { type Address, isIpv6, textOf } from './address.ts';
import type { History } from './history.ts';

/** Goal state, taken apart. */
export interface World {
  readonly host: HostSettings | undefined;
  readonly networks: readonly VirtualNetwork[];
  readonly subnets: readonly VirtualSubnet[];
  readonly ports: readonly Port[];
  readonly mappings: readonly Mapping[];
  readonly lists: readonly AccessControlList[];
  readonly securityTags: readonly SecurityTag[];
  readonly routeTables: readonly RouteTable[];
  readonly history: History;
  readonly nowSec: number;
  /** Ids of ports with a device behind them. */
  readonly attached: ReadonlySet<string>;
}

export function worldOf(
  goal: Iterable<Resource>,
  present: Pick<World, 'attached' | 'history' | 'nowSec'>,
): World {
  const resources = [...goal];
  return {
    ...present,
    host: resources.flatMap(({ host }) => host ?? [])[0],
    networks: resources.flatMap(({ virtualNetwork }) => virtualNetwork ?? []),
    subnets: resources.flatMap(({ virtualSubnet }) => virtualSubnet ?? []),
    ports: resources.flatMap(({ port }) => port ?? []),
    mappings: resources.flatMap(({ mapping }) => mapping ?? []),
    lists: resources.flatMap(({ accessControlList }) => accessControlList ?? []),
    securityTags: resources.flatMap(({ securityTag }) => securityTag ?? []),
    routeTables: resources.flatMap(({ routeTable }) => routeTable ?? []),
  };
}

/** Is it this host's own provider address? */
export function isHere({ host }: World, providerAddress: Uint8Array): boolean {
  return host !== undefined && textOf(host.providerAddress) === textOf(providerAddress);
}

export function networkOf(world: World, port: Port): VirtualNetwork | undefined {
  return world.networks.find(({ id }) => id === port.vnetId);
}

/** Subnets that the port has an address in. */
export function subnetsOf(world: World, port: Port): VirtualSubnet[] {
  return world.subnets.filter(({ id }) =>
    port.ipConfigurations.some(({ subnetId }) => subnetId === id),
  );
}

/** The subnet that a packet of the port comes from: of what it sends for others, that of its primary address of the family. */
export function sourceSubnet(world: World, port: Port, src: Address): VirtualSubnet | undefined {
  const configuration =
    port.ipConfigurations.find(({ address }) => textOf(address) === src) ??
    port.ipConfigurations.find(({ address }) => isIpv6(textOf(address)) === isIpv6(src));
  return world.subnets.find(({ id }) => id === configuration?.subnetId);
}

/** The mapping of an address in a network. */
export function mappingOf(world: World, vnetId: string, address: Address): Mapping | undefined {
  return world.mappings.find((own) => own.vnetId === vnetId && textOf(own.address) === address);
}

/** The port here that has the mapped address, if a VM is behind it. */
export function attachedOwner(world: World, mapping: Mapping): Port | undefined {
  const owner = world.ports.find(
    ({ vnetId, ipConfigurations }) =>
      vnetId === mapping.vnetId &&
      ipConfigurations.some(({ address }) => textOf(address) === textOf(mapping.address)),
  );
  return owner !== undefined && world.attached.has(owner.id) ? owner : undefined;
}

/** The port here that takes what is for others, from tunnels into this subnet, under this MAC address. */
export function forwarderAt(
  world: World,
  subnet: VirtualSubnet | undefined,
  mac: number,
): Port | undefined {
  return world.ports.find(
    (port) =>
      port.ipForwarding &&
      port.mac === mac &&
      port.ipConfigurations.some(({ subnetId }) => subnetId === subnet?.id),
  );
}
