/**
 * Which interfaces are a load balancer's backends, and what each gets: `weft lb add`, `remove`, `drain` and `weight`. A backend is said so on its
 * own ipConfiguration (MS-NCNBI §3.1.5.11.2); that it is draining, or its weight, is a resource of Weft's own (backendSettings).
 */
import type { Command } from 'commander';
import type { Resource } from '../../../fabric/northbound-client.ts';
import { countOption, listOption } from '../../arguments.ts';
import { UsageFault } from '../../fault-report.ts';
import { isObject, type Json, lastName, listAt, nameIn, textAt } from '../../fields.ts';
import type { Session } from '../../session.ts';
import {
  type BackendName,
  backendName,
  backendRef,
  balancerPath,
  children,
  same,
} from './lb-resources.ts';

const MEMBERSHIP = 'loadBalancerBackendAddressPools';
export const SETTINGS = '/backendSettings';

export function addMemberCommands(lb: Command, session: Session): void {
  lb.command('add <name>')
    .description('make interfaces its backends')
    .requiredOption('--backend <nic>', 'network interface that serves (repeatable)', listOption)
    .option(...POOL_OPTION)
    .action((name: string, options: MemberOptions) => add(session, name, options));
  lb.command('remove <name>')
    .description('take backends away at once: their connections end; `drain` lets them finish')
    .requiredOption('--backend <nic>', 'network interface (repeatable)', listOption)
    .action((name: string, options: MemberOptions) => removeMembers(session, name, options));
  lb.command('drain <name> <nic>')
    .description('a backend keeps the connections it has and gets no new ones')
    .option('--undo', 'let it have new ones again')
    .action((name: string, nic: string, options: { readonly undo?: boolean }) =>
      drain(session, name, nic, options.undo !== true),
    );
  lb.command('weight <name> <nic>')
    .description('share of new connections, 1 to 100, relative to the others’ (default: 10)')
    .argument('<weight>', '1 to 100', countOption)
    .action((name: string, nic: string, weight: number) =>
      setSettings(session, name, nic, { weight }, `has weight ${weight}`),
    );
}

const POOL_OPTION = ['--pool <name>', 'backend pool (default: the only one)'] as const;

interface MemberOptions {
  readonly backend: readonly string[];
  readonly pool?: string;
}

async function add(
  session: Session,
  name: string,
  { backend, pool }: MemberOptions,
): Promise<void> {
  const balancer = await session.northbound().get(balancerPath(name));
  const poolRef = poolOf(balancer, pool);
  const members: BackendName[] = [];
  for (const each of backend) members.push(await backendName(session, each));
  for (const member of members) await joinPool(session, poolRef, member);
  const refs = members.map(backendRef);
  session.print({ added: refs }, () => refs.map((ref) => `added ${ref}\n`).join(''));
}

function poolOf(balancer: Resource, wanted: string | undefined): string {
  const names = children(balancer, 'backendAddressPools').map((each) => textAt(each, 'resourceId'));
  const chosen = wanted === undefined ? names : names.filter((each) => same(each, wanted));
  const [only, ...others] = chosen;
  if (only !== undefined && others.length === 0)
    return `${balancer.resourceRef}/backendAddressPools/${only}`;
  throw new UsageFault(
    only === undefined
      ? `${balancer.resourceRef} has no pool ${wanted ?? ''}`.trimEnd()
      : `${balancer.resourceRef} has several pools`,
    names.length === 0 ? undefined : `Name one: --pool ${names.join(', ')}`,
  );
}

async function removeMembers(
  session: Session,
  name: string,
  { backend }: MemberOptions,
): Promise<void> {
  const balancer = await session.northbound().get(balancerPath(name));
  const removed: string[] = [];
  for (const each of backend) {
    const ref = backendRef(await backendName(session, each));
    if (!(await leavePool(session, balancer.resourceRef, ref)))
      throw notBackend(balancer.resourceRef, each);
    removed.push(ref);
  }
  session.print({ removed }, () => removed.map((ref) => `removed ${ref}\n`).join(''));
}

function notBackend(balancerRef: string, name: string): UsageFault {
  return new UsageFault(
    `${name} is no backend of ${balancerRef}`,
    `See weft lb show ${lastName(balancerRef)}.`,
  );
}

/** Says on the ipConfiguration that it is in the pool; it may be already. */
export async function joinPool(
  session: Session,
  poolRef: string,
  member: BackendName,
): Promise<void> {
  await changeMembership(session, backendRef(member), (present) =>
    present.some((ref) => same(ref, poolRef)) ? undefined : [...present, poolRef],
  );
}

/** Takes the ipConfiguration out of the load balancer's pools; false where it is in none. */
export function leavePool(
  session: Session,
  balancerRef: string,
  memberRef: string,
): Promise<boolean> {
  const isOwn = (ref: string): boolean =>
    ref.toLowerCase().startsWith(`${balancerRef.toLowerCase()}/`);
  return changeMembership(session, memberRef, (present) =>
    present.some(isOwn) ? present.filter((ref) => !isOwn(ref)) : undefined,
  );
}

/** `changed` gets the pools it is in and returns those it shall be in, or undefined to leave them. */
async function changeMembership(
  session: Session,
  memberRef: string,
  changed: (present: readonly string[]) => readonly string[] | undefined,
): Promise<boolean> {
  const client = session.northbound();
  const found = await client.get(memberRef);
  const present = listAt(found, 'properties', MEMBERSHIP).map((each) =>
    textAt(each, 'resourceRef'),
  );
  const wanted = changed(present);
  if (wanted === undefined) return false;
  const references = wanted.map((resourceRef) => ({ resourceRef }));
  const body = { ...found, properties: { ...found.properties, [MEMBERSHIP]: references } };
  await session.waiting(
    `changing ${memberRef}`,
    client.put(memberRef, body, { ifMatch: found.etag }),
  );
  return true;
}

function drain(session: Session, name: string, nic: string, isDraining: boolean): Promise<void> {
  const words = isDraining
    ? 'drains: it keeps its connections and gets no new ones'
    : 'gets new connections';
  return setSettings(session, name, nic, { isDraining }, words);
}

async function setSettings(
  session: Session,
  name: string,
  nic: string,
  change: Json,
  words: string,
): Promise<void> {
  const client = session.northbound();
  const balancer = await client.get(balancerPath(name));
  const member = await backendName(session, nic);
  const ref = backendRef(member);
  const poolRef = membershipIn(balancer, ref);
  if (poolRef === undefined) throw notBackend(balancer.resourceRef, nic);
  const known = (await client.list(SETTINGS)).find((each) => isAbout(each, ref, poolRef));
  const resourceId =
    known?.resourceId ?? `${name}.${lastName(poolRef)}.${member.nic}.${member.configuration}`;
  const properties = {
    ...known?.properties,
    ipConfiguration: { resourceRef: ref },
    backendAddressPool: { resourceRef: poolRef },
    ...change,
  };
  const put = client.put(`${SETTINGS}/${resourceId}`, { resourceId, properties });
  const written = await session.waiting(`changing ${ref}`, put);
  session.print(written, () => `${member.nic} ${words}\n`);
}

/** The load balancer's pool that an ipConfiguration is in. */
function membershipIn(balancer: Resource, memberRef: string): string | undefined {
  const pool = children(balancer, 'backendAddressPools').find((each) =>
    listAt(each, 'properties', 'backendIPConfigurations').some((one) =>
      same(textAt(one, 'resourceRef'), memberRef),
    ),
  );
  return pool === undefined
    ? undefined
    : `${balancer.resourceRef}/backendAddressPools/${textAt(pool, 'resourceId')}`;
}

function isAbout(settings: Resource, memberRef: string, poolRef: string): boolean {
  const reference = (property: string): string =>
    textAt(settings, 'properties', property, 'resourceRef');
  const pool = reference('backendAddressPool');
  return same(reference('ipConfiguration'), memberRef) && (pool === '' || same(pool, poolRef));
}

/** Whether it is about a backend in one of the load balancer's pools. */
export function isSettingOf(settings: Resource, balancer: Resource): boolean {
  const pool = textAt(settings, 'properties', 'backendAddressPool', 'resourceRef').toLowerCase();
  return pool.startsWith(`${balancer.resourceRef.toLowerCase()}/`);
}

/** Of each backend of a pool, what an administrator has said; empty where nothing. */
export function settingsWords(
  all: readonly Resource[],
  memberRef: string,
  poolRef: string,
): string {
  return all
    .filter((each) => isAbout(each, memberRef, poolRef) && isObject(each.properties))
    .flatMap((each) => [
      ...(textAt(each, 'properties', 'isDraining') === 'true' ? ['draining'] : []),
      ...(textAt(each, 'properties', 'weight') === ''
        ? []
        : [`weight ${textAt(each, 'properties', 'weight')}`]),
    ])
    .join(', ');
}

/** The interface that an ipConfiguration belongs to. */
export function nicOf(memberRef: string): string {
  return nameIn(memberRef, 'networkInterfaces');
}
