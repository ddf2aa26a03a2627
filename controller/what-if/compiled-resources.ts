/**
 * Goal-state messages of one compiled state by their keys, each compiled and read when it is first asked for; and which interfaces and subnets
 * something with a key matters to. Works while its state lasts. Called by what-if/answer.
 */

import { resourceCodec } from '../../schema/southbound/codec.ts';
import type { Resource } from '../../schema/southbound/messages.ts';
import type { CompiledState, UnitName } from '../compiler/compiled-state.ts';
import type { Document } from '../compiler/document.ts';
import { listRef } from '../compiler/policy.ts';
import type { Ref } from '../compiler/ref.ts';
import { HOST_KEY, portKey } from '../goal-state/resource.ts';

/** The node that makes resources with a key of this kind, and the kind of document that is its unit. */
const MAKERS: Readonly<
  Record<string, { readonly node: string; readonly kind: Document['kind'] } | undefined>
> = {
  vnet: { node: 'virtual-networks', kind: 'virtual-network' },
  // A subnet is known by its network's document.
  subnet: { node: 'virtual-subnets', kind: 'virtual-network' },
  port: { node: 'ports', kind: 'network-interface' },
  acl: { node: 'access-control-lists', kind: 'access-control-list' },
  routetable: { node: 'route-tables', kind: 'route-table' },
  tag: { node: 'security-tags', kind: 'security-tag' },
};

export class CompiledResources {
  readonly #state: CompiledState;
  readonly #units = new Map<string, ReadonlyMap<string, Resource>>();

  constructor(state: CompiledState) {
    this.#state = state;
  }

  get(key: string): Resource | undefined {
    const document = this.#documentOf(key);
    const maker = MAKERS[kindOf(key)];
    if (document === undefined || maker === undefined || document.kind !== maker.kind) {
      return undefined;
    }
    return this.#unit({ node: maker.node, unit: document.id }).get(key);
  }

  /** Everything that the change can alter, by key; that of a host's own settings with the server's name behind it. */
  altered(): Map<string, Resource> {
    return new Map(
      this.#state.dirty.flatMap((name) =>
        [...this.#unit(name)].map(([key, resource]): [string, Resource] => [
          key === HOST_KEY ? `${key}/${name.unit}` : key,
          resource,
        ]),
      ),
    );
  }

  /** Keys of the ports that something with this key matters to, itself included. */
  portsConcerned(key: string): string[] {
    return this.#interfacesConcerned(key).flatMap((id) => {
      const found = this.#state.model.networkInterfaces.get(id);
      return found === undefined ? [] : [portKey(found.instanceId)];
    });
  }

  /** Keys of the subnets whose routing something with this key matters to. */
  subnetsConcerned(key: string): string[] {
    const document = this.#documentOf(key);
    if (kindOf(key) === 'subnet') return [key];
    if (kindOf(key) === 'routetable' && document !== undefined) {
      return this.#subnetsRouted(`/routetables/${document.id}`);
    }
    if (kindOf(key) !== 'vnet' || document?.kind !== 'virtual-network') return [];
    return document.subnets.map(({ instanceId }) => `subnet/${instanceId}`);
  }

  #interfacesConcerned(key: string): string[] {
    const { model } = this.#state;
    const document = this.#documentOf(key);
    switch (kindOf(key)) {
      case 'port':
        return document === undefined ? [] : [document.id];
      case 'subnet': {
        if (document?.kind !== 'virtual-network') return [];
        const id = key.slice(key.indexOf('/') + 1);
        const subnet = document.subnets.find(({ instanceId }) => instanceId === id);
        return subnet === undefined ? [] : [...model.interfacesInSubnet(subnet.ref)];
      }
      case 'vnet':
        return document === undefined ? [] : this.#interfacesIn(document);
      case 'tag': {
        const network = model.byInstanceId(key.split('/')[1] ?? '');
        return network === undefined ? [] : this.#interfacesIn(network);
      }
      case 'acl':
        return document === undefined ? [] : this.#interfacesFiltered(listRef(document.id));
      default:
        return [];
    }
  }

  #subnetsRouted(table: Ref): string[] {
    const { model } = this.#state;
    return [...model.referring('virtual-network', table)].flatMap((id) =>
      (model.virtualNetworks.get(id)?.subnets ?? [])
        .filter(({ routeTable }) => routeTable === table)
        .map(({ instanceId }) => `subnet/${instanceId}`),
    );
  }

  #interfacesIn(network: Document): string[] {
    if (network.kind !== 'virtual-network') return [];
    return network.subnets.flatMap(({ ref }) => [...this.#state.model.interfacesInSubnet(ref)]);
  }

  #interfacesFiltered(list: Ref): string[] {
    const { model } = this.#state;
    const inSubnets = [...model.referring('virtual-network', list)].flatMap((id) =>
      (model.virtualNetworks.get(id)?.subnets ?? [])
        .filter(({ accessControlList }) => accessControlList === list)
        .flatMap(({ ref }) => [...model.interfacesInSubnet(ref)]),
    );
    const tags =
      model.accessControlLists.get(list.slice(list.lastIndexOf('/') + 1))?.securityTags ?? [];
    const byTag = tags.flatMap((tag) => [...model.referring('network-interface', tag)]);
    return [...model.referring('network-interface', list), ...inSubnets, ...byTag];
  }

  #documentOf(key: string): Document | undefined {
    return this.#state.model.byInstanceId(key.slice(key.lastIndexOf('/') + 1));
  }

  #unit(name: UnitName): ReadonlyMap<string, Resource> {
    const text = `${name.node} ${name.unit}`;
    const known = this.#units.get(text);
    if (known !== undefined) return known;
    const made = new Map(
      this.#state.compile(name).map(({ key, bytes }) => [key, resourceCodec.decode(bytes)]),
    );
    this.#units.set(text, made);
    return made;
  }
}

/** `acl/…` → `acl`. */
export function kindOf(key: string): string {
  return key.split('/', 1)[0] ?? '';
}
