/**
 * `weft edge`: the edge routers, and what each has learnt and decided: shared addresses' mappings, routes, neighbours, counters. `list` and
 * `show` read the resource; the rest is asked of the edge through the controller, and so answered from the tables that forward.
 */
import type { Command } from 'commander';
import type Type from 'typebox';
import { parseAsNumber } from '../../base/as-number.ts';
import type { Resource } from '../../fabric/northbound-client.ts';
import type {
  EDGE_DIAGNOSTICS,
  EdgeMethod,
  EdgeNeighbour,
  EdgeRoute,
  NatMapping,
} from '../../schema/southbound/diagnostics/edge.ts';
import { BGP_ROUTES_PAGE_MAX } from '../../schema/southbound/diagnostics/limits.ts';
import { countOption } from '../arguments.ts';
import { joinedAt, lastName, listAt, textAt } from '../fields.ts';
import { formatLinks } from '../link-tables.ts';
import { formatResource, STATE_COLUMNS } from '../resources.ts';
import type { Session } from '../session.ts';
import { type Column, formatFields, formatTable } from '../table.ts';
import { edgeName } from './bgp.ts';

export function addEdgeCommands(program: Command, session: Session): void {
  const edge = program.command('edge').description('edge routers: the way in and out');
  edge
    .command('list')
    .description('all edge routers')
    .action(() => list(session));
  edge
    .command('show [name]')
    .description('one edge router (default: the only one), its interfaces and shared addresses')
    .action((name?: string) => show(session, name));
  edge
    .command('nat')
    .description('mappings of shared addresses: who is whom outside')
    .option(...EDGE)
    .option('--inside <address>', 'of this address alone')
    .option(...LIMIT, countOption)
    .action((options: Options) => nat(session, options));
  edge
    .command('routes')
    .description('routes by which it forwards')
    .option(...EDGE)
    .option('--destination <address>', 'only the one that a packet to it takes')
    .option(...LIMIT, countOption)
    .action((options: Options) => routes(session, options));
  edge
    .command('neighbours')
    .description('who is next to it on its links, by MAC')
    .option(...EDGE)
    .action((options: Options) => neighbours(session, options));
  edge
    .command('counters')
    .description('packets, bytes and drops of each link; mappings, flows and tables')
    .option(...EDGE)
    .action((options: Options) => counters(session, options));
}

const EDGE = ['--edge <name>', 'edge router (default: the only one)'] as const;
const LIMIT = ['--limit <n>', 'most rows (default: 100)'] as const;
const LIMIT_DEFAULT = 100;

interface Options {
  readonly edge?: string;
  readonly inside?: string;
  readonly destination?: string;
  readonly limit?: number;
}

/** Of each method, the last part of its path below the edge router's. */
const PATHS = {
  natMappings: 'natMappings',
  edgeRoutes: 'routes',
  edgeNeighbours: 'neighbours',
  edgeCounters: 'counters',
} as const satisfies Partial<Record<EdgeMethod, string>>;

type Answer<M extends EdgeMethod> = Type.Static<(typeof EDGE_DIAGNOSTICS)[M]['answer']>;

async function ask<M extends keyof typeof PATHS>(
  session: Session,
  method: M,
  { edge, ...query }: Options,
): Promise<Answer<M>> {
  const name = encodeURIComponent(await edgeName(session, edge));
  const given = Object.entries(query).map(([key, value]): [string, string] => [key, String(value)]);
  const parameters = new URLSearchParams(given).toString();
  const path = `/networking/weft/v1/edgeRouters/${name}/${PATHS[method]}`;
  const asked = session.northbound().ask('GET', parameters === '' ? path : `${path}?${parameters}`);
  return (await session.waiting('asking the edge router', asked)) as Answer<M>;
}

const OUTSIDE_COLUMNS: readonly Column<unknown>[] = [
  { heading: 'INTERFACE', value: (each) => textAt(each, 'name') },
  { heading: 'ADDRESSES', value: (each) => joinedAt(each, 'addresses') },
  { heading: 'GATEWAYS', value: (each) => joinedAt(each, 'gateways') },
];

async function list(session: Session): Promise<void> {
  const all = await session.northbound().list('/edgeRouters');
  session.print(all, () =>
    all.length === 0
      ? 'No edge routers: nothing leads in or out.\n'
      : formatTable<Resource>(
          [
            { heading: 'NAME', value: (each) => each.resourceId },
            { heading: 'PROVIDER', value: (each) => textAt(each, 'properties', 'providerAddress') },
            {
              heading: 'OUTSIDE',
              value: (each) =>
                listAt(each, 'properties', 'outsideInterfaces')
                  .flatMap((outside) => listAt(outside, 'addresses'))
                  .join(', '),
            },
            ...STATE_COLUMNS,
          ],
          all,
        ),
  );
}

async function show(session: Session, wanted: string | undefined): Promise<void> {
  const name = await edgeName(session, wanted);
  const edge = await session.northbound().get(`/edgeRouters/${name}`);
  session.print(edge, () => {
    const children = (type: string): readonly unknown[] => listAt(edge, 'properties', type);
    const own = formatResource(edge, [
      ['name', edge.resourceId],
      ['provider address', textAt(edge, 'properties', 'providerAddress')],
      ['provider gateway', textAt(edge, 'properties', 'isProviderGateway')],
      ['BGP', children('bgpRouters').map(autonomousSystem).join(', ')],
      ['shared addresses', children('natPools').map(range).join(', ')],
      ['port forwards', children('portForwards').map(forward).join(', ')],
    ]);
    const outside = children('outsideInterfaces');
    return outside.length === 0 ? own : `${own}\n${formatTable(OUTSIDE_COLUMNS, outside)}`;
  });
}

function autonomousSystem(router: unknown): string {
  const text = textAt(router, 'properties', 'extAsNumber');
  // RFC 5396 §3: plain, whatever form it was written in.
  return `AS ${parseAsNumber(text) ?? text}`;
}

function range(pool: unknown): string {
  const end = (name: string): string => textAt(pool, 'properties', `${name}IpAddress`);
  return `${end('start')} - ${end('end')}`;
}

function forward(each: unknown): string {
  const property = (name: string): string => textAt(each, 'properties', name);
  return `${property('frontendIPAddress')}:${property('frontendPort')}`;
}

const NAT_COLUMNS: readonly Column<NatMapping>[] = [
  { heading: 'PROTOCOL', value: ({ protocol }) => protocol },
  { heading: 'NETWORK', value: ({ network }) => lastName(network) || 'provider' },
  { heading: 'INSIDE', value: ({ inside, insidePort }) => `${inside}:${insidePort}` },
  { heading: 'OUTSIDE', value: ({ outside, outsidePort }) => `${outside}:${outsidePort}` },
  { heading: 'STATE', value: ({ state }) => state ?? '' },
  {
    heading: 'EXPIRES',
    align: 'right',
    value: ({ expiresSec }) => (expiresSec === undefined ? 'never' : seconds(expiresSec)),
  },
];

async function nat(session: Session, options: Options): Promise<void> {
  const answer = await ask(session, 'natMappings', options);
  session.print(answer, () => rows(NAT_COLUMNS, answer.mappings, 'No mappings.\n', options));
}

const ROUTE_COLUMNS: readonly Column<EdgeRoute>[] = [
  { heading: 'PREFIX', value: ({ prefix }) => prefix },
  { heading: 'SOURCE', value: ({ source }) => source },
  {
    heading: 'NEXT HOPS',
    value: ({ nextHops }) =>
      nextHops
        .map(({ link, gateway }) => (gateway === undefined ? link : `${gateway} by ${link}`))
        .join(', '),
  },
];

async function routes(session: Session, options: Options): Promise<void> {
  const answer = await ask(session, 'edgeRoutes', options);
  session.print(answer, () => rows(ROUTE_COLUMNS, answer.routes, 'No routes.\n', options));
}

const NEIGHBOUR_COLUMNS: readonly Column<EdgeNeighbour>[] = [
  { heading: 'LINK', value: ({ link }) => link },
  { heading: 'ADDRESS', value: ({ address }) => address },
  { heading: 'MAC', value: ({ mac, state }) => (state === 'incomplete' ? '' : mac) },
  { heading: 'STATE', value: ({ state }) => state },
  { heading: 'FOR', align: 'right', value: ({ forSec }) => seconds(forSec) },
];

async function neighbours(session: Session, options: Options): Promise<void> {
  const answer = await ask(session, 'edgeNeighbours', options);
  session.print(answer, () =>
    answer.neighbours.length === 0
      ? 'No neighbours.\n'
      : formatTable(NEIGHBOUR_COLUMNS, answer.neighbours),
  );
}

function seconds(count: number): string {
  return `${Math.round(count)} s`;
}

/** An answer says nothing of what it leaves out: as many rows as it may have are perhaps not all. */
function rows<Row>(
  columns: readonly Column<Row>[],
  found: readonly Row[],
  none: string,
  { limit = LIMIT_DEFAULT }: Options,
): string {
  if (found.length === 0) return none;
  const next = Math.min(limit * 2, BGP_ROUTES_PAGE_MAX);
  const how = limit < next ? `--limit ${next}` : 'ask for one address';
  const rest = found.length < limit ? '' : `Perhaps there are more: ${how}\n`;
  return `${formatTable(columns, found)}${rest}`;
}

async function counters(session: Session, options: Options): Promise<void> {
  const answer = await ask(session, 'edgeCounters', options);
  session.print(answer, () => {
    const { nat: shared } = answer;
    const tables = formatFields([
      ['mappings of shared addresses', `${shared.mappings} of at most ${shared.mappingsMax}`],
      ['made and ended since', `${shared.created}, ${shared.removed}`],
      ['inside addresses with ports', String(shared.subscribers)],
      ['blocks of ports given', `${shared.blocksLeased} of ${shared.blocksTotal}`],
      ['public addresses', String(answer.public)],
      ['flows', String(answer.flows)],
      ['packets decided anew', String(answer.slowPackets)],
      ['routes, neighbours', `${answer.routes}, ${answer.neighbours}`],
      ['networks, their interfaces', `${answer.networks}, ${answer.mappings}`],
      ['hosts', String(answer.hosts)],
    ]);
    return `${formatLinks(answer.links)}\n${tables}`;
  });
}
