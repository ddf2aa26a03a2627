/**
 * Ports as goal state describes them: each with its policy, the pipeline made of it, and what it holds of others — access control lists, mirrors,
 * the addresses that are its own, the MAC that its subnets forward to where it is an appliance.
 *
 * A port that is replaced gives back what it no longer has, and keeps its last good form when it cannot be; all its flows learn of the change by
 * its epoch cell. A port that waits for something (a list, a route table, a mirror) is configured but closed, and says what it
 * waits for. Called by realiser.
 */
import type { Port, TagList } from '../../schema/southbound/messages.ts';
import type { Epochs } from '../engine/epochs.ts';
import { portPipeline } from '../layers/order.ts';
import type { PortPolicy } from '../layers/port-policy.ts';
import { forwarderRule } from '../layers/tunnel.ts';
import { MIRRORS_PER_PORT_MAX, TAG_LISTS_PER_PORT_MAX } from '../limits.ts';
import type { VirtualAddresses } from '../load-balancing/virtual-addresses.ts';
import type { AccessLists } from './access-lists.ts';
import type { ForwardingPorts } from './forwarding-ports.ts';
import * as parse from './goal-parser.ts';
import type { LearnedAddresses } from './learned-addresses.ts';
import type { Mappings } from './mappings.ts';
import type { Mirrors } from './mirrors.ts';
import {
  addressKey,
  type ConfiguredPort,
  type HostState,
  type ListInNetwork,
  type Network,
  type PortRecord,
  type Subnet,
} from './network-state.ts';
import type { PortRegistry } from './port-registry.ts';
import { servicePort } from './service-port.ts';

export interface ConfiguredPortsParts {
  readonly epochs: Epochs;
  readonly ports: PortRegistry;
  readonly lists: AccessLists;
  readonly mirrors: Mirrors;
  readonly mappings: Mappings;
  readonly forwarding: ForwardingPorts;
  readonly virtualAddresses: Pick<VirtualAddresses, 'floatingAt'>;
  /** Flows a port may have; undefined: as many as any. */
  readonly setFlowLimit: (index: number, flowsMax: number | undefined) => void;
  readonly learned: Pick<LearnedAddresses, 'keep'>;
  /** Undefined until the host's own settings have arrived. */
  readonly host: () => HostState | undefined;
  /** Is this resource still to be realised within the change at hand? Then what it holds now may be taken from it. */
  readonly isPending: (key: string) => boolean;
}

export class ConfiguredPorts {
  readonly #parts: ConfiguredPortsParts;

  constructor(parts: ConfiguredPortsParts) {
    this.#parts = parts;
  }

  /** Reason why not, or what the port waits for; undefined: the port is as goal state has it. */
  set(settings: Port, network: Network): string | undefined {
    const { epochs, forwarding, learned, mappings, mirrors, ports, setFlowLimit } = this.#parts;
    const shape = parse.portShape(settings, network);
    if (typeof shape === 'string') return shape;
    const refused = this.#conflict(settings.id, shape, network) ?? excess(settings);
    if (refused !== undefined) return refused;
    const record = ports.ensure(settings.id);
    if (record === undefined) return 'the switch has no room for another port';
    const { index, cell } = record;
    const old = record.configured;
    const shapeWithMirrors = { ...shape, mirrors: mirrors.hold(record, settings.mirrorIds) };
    const { policy, lists } = this.#withLists(shapeWithMirrors, settings.tagLists, network, record);
    if (old !== undefined) this.#disown(record, old, lists);
    const isFoundByMac = policy.ipForwarding || policy.floating !== undefined;
    const configured: ConfiguredPort = {
      isFoundByMac,
      index,
      cell,
      goal: settings,
      policy,
      pipeline: portPipeline(policy),
      network,
      service: servicePort(settings, policy, network),
      lists,
    };
    record.configured = configured;
    learned.keep(index, policy.learnable);
    network.ports.add(record);
    setFlowLimit(index, settings.flowsMax === 0 ? undefined : settings.flowsMax);
    if (isFoundByMac) {
      const segments = new Set(policy.addresses.map(({ segment }) => segment));
      forwarding.set(index, policy.mac, [...segments]);
    }
    if (policy.ipForwarding) {
      const { resourceRef, mac } = policy;
      const rule = forwarderRule({ resourceRef, mac, port: index });
      for (const subnet of subnetsOf(configured)) subnet.destinations.setForwarder(mac, rule);
    }
    for (const own of policy.addresses) network.owners.set(addressKey(own.address), record);
    epochs.bump(cell);
    if (old !== undefined) mappings.placeAddresses(old);
    mappings.placeAddresses(configured);
    // Configured, but closed.
    const list = [...lists].find(({ pending }) => pending !== undefined);
    const waits = shape.addresses.find(({ subnet }) => subnet.routes.pending !== undefined);
    return list?.pending ?? waits?.subnet.routes.pending ?? mirrors.pendingOf(record);
  }

  remove(id: string): void {
    const { epochs, learned, mappings, mirrors, ports } = this.#parts;
    const record = ports.get(id);
    const old = record?.configured;
    if (record === undefined || old === undefined) return;
    this.#disown(record, old, NO_LISTS);
    mirrors.hold(record, []);
    learned.keep(record.index, []);
    record.configured = undefined;
    epochs.bump(record.cell);
    mappings.placeAddresses(old);
    ports.collect(record);
  }

  /** Why another port stands in the way. */
  #conflict(id: string, shape: parse.PortShape, network: Network): string | undefined {
    for (const own of shape.addresses) {
      const owner = network.owners.get(addressKey(own.address));
      if (owner === undefined || owner.id === id) continue;
      if (this.#parts.isPending(portKey(owner.id))) continue;
      return `${own.resourceRef}: the address is that of ${owner.configured?.policy.resourceRef}`;
    }
    return undefined;
  }

  /** The policy with the lists that its ids name, now held by the port. */
  #withLists(
    shape: parse.PortShape & Pick<PortPolicy, 'mirrors'>,
    ofTags: readonly TagList[],
    network: Network,
    record: PortRecord,
  ): { readonly policy: PortPolicy; readonly lists: ReadonlySet<ListInNetwork> } {
    const lists = new Set<ListInNetwork>();
    const hold = (id: string) => {
      const list = this.#parts.lists.acquire(id, network, record);
      lists.add(list);
      return list;
    };
    const listOf = (id: string) => (id === '' ? undefined : hold(id));
    const withLists = ({ interfaceListId, subnet, ...own }: parse.AddressShape) => ({
      ...own,
      accessLists: { interface: listOf(interfaceListId), subnet: listOf(subnet.accessListId) },
    });
    const addresses = shape.addresses.map(withLists);
    const learnable = shape.learnable.map(withLists);
    const tagLists = ofTags.map(({ securityTagRef, accessControlListId }) => ({
      securityTagRef,
      list: hold(accessControlListId),
    }));
    const floating = this.#parts.virtualAddresses.floatingAt(record.id);
    const meter = this.#parts.host()?.hasMetering === true ? network.meter : undefined;
    const policy = { ...shape, addresses, learnable, tagLists, meter, floating };
    return { policy, lists };
  }

  /** Takes from the port what it had; lists that it keeps are in `kept`. */
  #disown(record: PortRecord, configured: ConfiguredPort, kept: ReadonlySet<ListInNetwork>): void {
    const { network, policy, lists } = configured;
    this.#parts.forwarding.remove(record.index);
    network.ports.delete(record);
    if (policy.ipForwarding) {
      for (const subnet of subnetsOf(configured)) subnet.destinations.removeForwarder(policy.mac);
    }
    for (const list of lists) if (!kept.has(list)) this.#parts.lists.release(list, record);
    for (const own of policy.addresses) {
      const key = addressKey(own.address);
      // Within one change another port may already have taken the address over.
      if (network.owners.get(key) === record) network.owners.delete(key);
    }
  }
}

/** Key of the resource. */
export function portKey(id: string): string {
  return `port/${id}`;
}

const NO_LISTS: ReadonlySet<ListInNetwork> = new Set();

/** What the port has more of than one port may have. */
function excess({ mirrorIds, tagLists }: Port): string | undefined {
  if (mirrorIds.length > MIRRORS_PER_PORT_MAX) {
    return `${mirrorIds.length} mirrors are more than the ${MIRRORS_PER_PORT_MAX} of one port`;
  }
  if (tagLists.length > TAG_LISTS_PER_PORT_MAX) {
    return `${tagLists.length} lists of security tags are more than the ${TAG_LISTS_PER_PORT_MAX} of one port`;
  }
  return undefined;
}

/** Subnets that the port has an address in. */
function subnetsOf({ network, policy }: ConfiguredPort): readonly Subnet[] {
  const segments = policy.addresses.map(({ segment }) => segment);
  return [...network.subnets].filter(({ vni }) => segments.includes(vni));
}
