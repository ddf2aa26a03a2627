/**
 * What a write would change: the goal state compiled with and without its documents, compared for what people ask about. Only what the
 * documents concern is compiled and looked at, whatever else exists. Changes nothing (Compiler.preview).
 *
 *   goals    what switches would be told anew, differently or no longer
 *   flows    for each address that is attached before and after: packets whose verdict by access control changes
 *   routes   for each subnet that is there before and after: destinations whose next hop changes
 *
 * Called by the northbound for `?whatIf=true`.
 */
import { type Clock, sleep } from '../../base/clock.ts';
import { formatIp, ipFromBytes } from '../../base/ip-range.ts';
import { millis } from '../../base/units.ts';
import type {
  FlowChange,
  GoalChange,
  RouteChange,
  WhatIfAnswer,
} from '../../schema/northbound/what-if.ts';
import type { Port, Resource, SecurityTag } from '../../schema/southbound/messages.ts';
import type { Compiler, DocumentInput } from '../compiler/compiler.ts';
import { CompiledResources, kindOf } from './compiled-resources.ts';
import { FlowDiff, type PolicedAddress, type Policy } from './flow-changes.ts';
import { WHAT_IF_CHANGES_MAX, WHAT_IF_SLICE_LENGTH } from './limits.ts';
import { type Routing, routeChanges } from './route-changes.ts';

/** The answer without the status, which the northbound knows. */
export type WriteEffect = Omit<WhatIfAnswer, 'status'>;

/** Answers for documents as a write would leave them. Throws HeaderSpaceError where the policies are too complex to compare. */
export type WhatIf = (documents: readonly DocumentInput[]) => Promise<WriteEffect>;

export function whatIf(compiler: Compiler, clock: Clock): WhatIf {
  return async (documents) => {
    const { altered, policed, routed } = compare(compiler, documents);
    const flows = new Listing<FlowChange>();
    const diffs = new Map<string, FlowDiff>();
    for (const [index, pair] of policed.entries()) {
      if (index > 0 && index % WHAT_IF_SLICE_LENGTH === 0) await sleep(clock, millis(0));
      flows.add(...diffOf(diffs, pair).at(pair.after.address));
    }
    const routes = new Listing<RouteChange>();
    for (const { subnet, before, after } of routed) {
      routes.add(...routeChanges(subnet, before, after));
    }
    const goals = new Listing<GoalChange>();
    goals.add(...altered);
    return {
      flows: flows.listed,
      flowsOmitted: flows.omitted,
      routes: routes.listed,
      routesOmitted: routes.omitted,
      goals: goals.listed,
      goalsOmitted: goals.omitted,
    };
  };
}

/** A list that is cut and says so. */
class Listing<T> {
  readonly listed: T[] = [];
  omitted = 0;

  add(...items: readonly T[]): void {
    for (const item of items) {
      if (this.listed.length < WHAT_IF_CHANGES_MAX) this.listed.push(item);
      else this.omitted += 1;
    }
  }
}

interface Pair<T> {
  readonly before: T;
  readonly after: T;
}

interface Comparison {
  readonly altered: readonly GoalChange[];
  readonly policed: readonly Pair<PolicedPort>[];
  readonly routed: readonly (Pair<Routing> & { readonly subnet: string })[];
}

/** One ipConfiguration with what filters it. */
interface PolicedPort {
  readonly address: PolicedAddress;
  readonly policy: Policy;
  /** Names the policy within its state: addresses with one name have one policy. */
  readonly policyName: string;
}

function compare(compiler: Compiler, documents: readonly DocumentInput[]): Comparison {
  const found = compiler.preview(documents, (state) => new CompiledResources(state).altered());
  const changed = [...new Set([...found.before.keys(), ...found.after.keys()])].filter(
    (key) => !isSame(found.before.get(key), found.after.get(key)),
  );
  const altered = changed.map((key) =>
    goalChange(key, found.before.get(key), found.after.get(key)),
  );
  const concerned = compiler.preview(documents, (state) => {
    const resources = new CompiledResources(state);
    return {
      ports: changed.flatMap((key) => resources.portsConcerned(key)),
      subnets: changed.flatMap((key) => resources.subnetsConcerned(key)),
    };
  });
  const ports = union(concerned.before.ports, concerned.after.ports);
  const subnets = union(concerned.before.subnets, concerned.after.subnets);
  const states = compiler.preview(documents, (state) => {
    const resources = new CompiledResources(state);
    return {
      policed: new Map(ports.flatMap((key) => policedAddresses(key, resources))),
      routed: new Map(subnets.flatMap((key) => routingOf(key, resources))),
    };
  });
  const policed = [...states.after.policed].flatMap(([name, after]) => {
    const before = states.before.policed.get(name);
    return before === undefined ? [] : [{ before, after }];
  });
  const routed = [...states.after.routed].flatMap(([name, after]) => {
    const before = states.before.routed.get(name);
    return before === undefined ? [] : [{ subnet: name, before, after }];
  });
  return { altered, policed, routed };
}

function diffOf(diffs: Map<string, FlowDiff>, { before, after }: Pair<PolicedPort>): FlowDiff {
  const name = `${before.policyName} → ${after.policyName}`;
  const diff = diffs.get(name) ?? new FlowDiff(before.policy, after.policy);
  diffs.set(name, diff);
  return diff;
}

/** By reference of the ipConfiguration and address: one that gets another address is another. */
function policedAddresses(key: string, resources: CompiledResources): [string, PolicedPort][] {
  const port = resources.get(key)?.port;
  const network = resources.get(`vnet/${port?.vnetId}`)?.virtualNetwork;
  if (port === undefined || network === undefined) return [];
  return port.ipConfigurations.map((configuration) => {
    const subnet = resources.get(`subnet/${configuration.subnetId}`)?.virtualSubnet;
    const ids = [
      configuration.accessControlListId,
      subnet?.accessControlListId ?? '',
      ...port.tagLists.map(({ accessControlListId }) => accessControlListId),
    ];
    const lists = ids.flatMap((id) => resources.get(`acl/${id}`)?.accessControlList ?? []);
    const { resourceRef, address } = configuration;
    const own = ipFromBytes(address);
    const text = own === undefined ? '' : formatIp(own.family, own.value);
    const policed: PolicedPort = {
      address: policedAddress(port, resourceRef, address),
      policy: { network, lists, securityTags: tagsOf(lists, network.id, resources) },
      policyName: `${network.id} ${ids.join(' ')}`,
    };
    return [`${resourceRef} ${text}`, policed];
  });
}

function policedAddress(
  { resourceRef, ipForwarding }: Port,
  ipConfiguration: string,
  address: Uint8Array,
): PolicedAddress {
  return {
    networkInterface: resourceRef,
    ipConfiguration,
    address,
    forwards: ipForwarding,
  };
}

/** The security tags that the lists speak of. */
function tagsOf(
  lists: Policy['lists'],
  vnetId: string,
  resources: CompiledResources,
): Map<string, SecurityTag> {
  const ids = lists.flatMap(({ rules }) =>
    rules.flatMap(({ source, destination }) => [
      ...(source?.securityTagIds ?? []),
      ...(destination?.securityTagIds ?? []),
    ]),
  );
  return new Map(
    ids.flatMap((id) => {
      const tag = resources.get(`tag/${vnetId}/${id}`)?.securityTag;
      return tag === undefined ? [] : [[id, tag]];
    }),
  );
}

function routingOf(key: string, resources: CompiledResources): [string, Routing][] {
  const subnet = resources.get(key)?.virtualSubnet;
  const network = resources.get(`vnet/${subnet?.vnetId}`)?.virtualNetwork;
  if (subnet === undefined || network === undefined) return [];
  const table = resources.get(`routetable/${subnet.routeTableId}`)?.routeTable;
  return [[subnet.resourceRef, { network, table }]];
}

const KIND_NAMES: Readonly<Record<string, string>> = {
  host: 'HostSettings',
  vnet: 'VirtualNetwork',
  subnet: 'VirtualSubnet',
  port: 'Port',
  mapping: 'Mapping',
  acl: 'AccessControlList',
  routetable: 'RouteTable',
  tag: 'SecurityTag',
  mirror: 'Mirror',
};

function goalChange(
  key: string,
  before: Resource | undefined,
  after: Resource | undefined,
): GoalChange {
  const kind = kindOf(key);
  const change = before === undefined ? 'Added' : after === undefined ? 'Removed' : 'Changed';
  const address = kind === 'mapping' ? { address: key.split('/')[2] ?? '' } : {};
  const resourceRef = referenceOf(after ?? before) ?? `/servers/${key.slice(kind.length + 1)}`;
  return { kind: KIND_NAMES[kind] ?? kind, resourceRef, ...address, change };
}

/** What the user calls it. */
function referenceOf(resource: Resource | undefined): string | undefined {
  if (resource === undefined) return undefined;
  if (resource.mapping !== undefined) return resource.mapping.portRef;
  return (
    resource.virtualNetwork ??
    resource.virtualSubnet ??
    resource.port ??
    resource.accessControlList ??
    resource.routeTable ??
    resource.securityTag ??
    resource.mirror
  )?.resourceRef;
}

/** As they go to a target, but for the version. */
function isSame(a: Resource | undefined, b: Resource | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return JSON.stringify(a) === JSON.stringify(b);
}

function union(a: readonly string[], b: readonly string[]): string[] {
  return [...new Set([...a, ...b])];
}
