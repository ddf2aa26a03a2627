/**
 * Which policy applies where: the access control lists of an interface, its own, its security tags' and its subnets', and the other way
 * round, which interfaces and networks a change of policy concerns. Goal state refers to lists by instanceId, so a list with other rules
 * concerns nobody here, and one made again under its name everybody. Pure; used by the nodes.
 */
import type { TagList } from '../../schema/southbound/messages.ts';
import type { Attachment } from './attachment.ts';
import type { Document } from './document.ts';
import type { ModelChange } from './model-change.ts';
import type { ModelView } from './model-view.ts';
import type { NetworkInterface, VirtualNetwork } from './network-document.ts';
import type { AccessControlList, SecurityTag } from './policy-document.ts';
import type { Ref } from './ref.ts';

export interface Replaced<D> {
  readonly before?: D;
  readonly after?: D;
}

export function listRef(id: string): Ref {
  return `/accesscontrollists/${id}`;
}

export function tagRef(id: string): Ref {
  return `/securitytags/${id}`;
}

/** instanceId of the list; empty for no reference and for a list that does not exist. */
export function listId(ref: Ref | undefined, model: ModelView): string {
  return listAt(ref, model)?.instanceId ?? '';
}

export function tagAt(ref: Ref, model: ModelView): SecurityTag | undefined {
  return model.securityTags.get(idOf(ref));
}

/** instanceIds of the lists that filter an interface with these addresses. */
export function listsOf(attachment: Attachment, model: ModelView): readonly string[] {
  const { networkInterface, addresses } = attachment;
  return [
    ...addresses.flatMap(({ subnet, ipConfiguration }) => [
      listId(subnet.accessControlList, model),
      listId(ipConfiguration.accessControlList, model),
    ]),
    ...tagListsOf(networkInterface, model).map(({ accessControlListId }) => accessControlListId),
  ].filter((id) => id !== '');
}

/** The lists of an interface's security tags, in order of the tags' names. */
export function tagListsOf(
  { securityTags }: NetworkInterface,
  model: ModelView,
): readonly TagList[] {
  return [...new Set(securityTags)].sort().flatMap((tag) =>
    [...listsAppliedTo(tag, model)].map(({ instanceId }) => ({
      securityTagRef: tagAt(tag, model)?.resourceRef ?? tag,
      accessControlListId: instanceId,
    })),
  );
}

/** By their names: in which order they came to be must not show. */
function listsAppliedTo(tag: Ref, model: ModelView): readonly AccessControlList[] {
  return [...model.referring('access-control-list', tag)]
    .sort()
    .flatMap((id) => model.accessControlLists.get(id) ?? [])
    .filter(({ securityTags }) => securityTags.includes(tag));
}

/** Whether goal state knows the resource by another instanceId after the change. */
export function reidentified({
  before,
  after,
}: Replaced<{ readonly instanceId: string }>): boolean {
  return before?.instanceId !== after?.instanceId;
}

/** Ids of documents of a kind that refer to the list. */
export function listUsers(
  kind: Document['kind'],
  { before, after }: Replaced<AccessControlList>,
  model: ModelView,
): readonly string[] {
  const id = before?.id ?? after?.id;
  return id === undefined ? [] : [...model.referring(kind, listRef(id))];
}

/** Ids of interfaces that other lists filter after the change. */
export function interfacesPolicedBy(change: ModelChange, model: ModelView): readonly string[] {
  switch (change.kind) {
    case 'virtual-network':
      return subnetsRelisted(change).flatMap((ref) => [...model.interfacesInSubnet(ref)]);
    case 'access-control-list': {
      const byTag = tagsRelisted(change).flatMap((tag) => [
        ...model.referring('network-interface', tag),
      ]);
      if (!reidentified(change)) return byTag;
      const ref = listRef(change.before?.id ?? change.after?.id ?? '');
      const inSubnets = listUsers('virtual-network', change, model).flatMap((network) =>
        (model.virtualNetworks.get(network)?.subnets ?? [])
          .filter(({ accessControlList }) => accessControlList === ref)
          .flatMap((subnet) => [...model.interfacesInSubnet(subnet.ref)]),
      );
      return [...listUsers('network-interface', change, model), ...inSubnets, ...byTag];
    }
    case 'security-tag': {
      // Its name is part of what ports are told.
      const id = change.before?.id ?? change.after?.id ?? '';
      return reidentified(change) ? [...model.referring('network-interface', tagRef(id))] : [];
    }
    default:
      return [];
  }
}

/** Security tags that the list is applied to before or after the change, but not as the same list both times. */
function tagsRelisted(change: Replaced<AccessControlList>): Ref[] {
  const was = new Set(change.before?.securityTags);
  const will = new Set(change.after?.securityTags);
  const all = [...new Set([...was, ...will])];
  return reidentified(change) ? all : all.filter((tag) => was.has(tag) !== will.has(tag));
}

/** Subnets whose list is another one; those that come or go move their interfaces anyway. */
function subnetsRelisted({ before, after }: Replaced<VirtualNetwork>): Ref[] {
  const was = new Map(before?.subnets.map((subnet) => [subnet.ref, subnet.accessControlList]));
  return (after?.subnets ?? [])
    .filter(({ ref, accessControlList }) => was.has(ref) && was.get(ref) !== accessControlList)
    .map(({ ref }) => ref);
}

function listAt(ref: Ref | undefined, model: ModelView): AccessControlList | undefined {
  return ref === undefined ? undefined : model.accessControlLists.get(idOf(ref));
}

/** `/securitytags/web` → `web`. */
function idOf(ref: Ref): string {
  return ref.slice(ref.lastIndexOf('/') + 1);
}
