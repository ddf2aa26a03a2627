/**
 * `weft route-table`: routes of a tenant (MS-NCNBI §3.1.5.10). A table applies where `weft subnet set` puts it; of its routes and the system's
 * the one with the longest prefix decides, whatever their order.
 */
import { type Command, InvalidArgumentError } from 'commander';
import { parseIp, parseIpPrefix } from '../../base/ip.ts';
import type { Resource } from '../../fabric/northbound-client.ts';
import { type Json, textAt } from '../fields.ts';
import { formatResource, inline, STATE_COLUMNS } from '../resources.ts';
import type { Session } from '../session.ts';
import { type Column, formatTable } from '../table.ts';
import { userNames } from '../users.ts';
import { create, remove, WHAT_IF, type WriteOptions } from '../writes.ts';

const COLLECTION = '/routeTables';
const path = (table: string): string => `${COLLECTION}/${table}`;
const routePath = (table: string, route: string): string => `${path(table)}/routes/${route}`;

const NEXT_HOPS: Readonly<Record<string, string>> = {
  'vnet-local': 'VnetLocal',
  internet: 'Internet',
  gateway: 'VirtualNetworkGateway',
  none: 'None',
};
const APPLIANCE = 'appliance:';

export function addRouteTableCommands(program: Command, session: Session): void {
  const table = program.command('route-table').description('routes of your own for subnets');
  table
    .command('list')
    .description('all route tables, and the subnets that use them')
    .action(() => list(session));
  table
    .command('show <name>')
    .description('one route table with its routes')
    .action((name: string) => show(session, name));
  table
    .command('create <name>')
    .description('make a route table without routes')
    .option(...WHAT_IF)
    .action((name: string, options: WriteOptions) => create(session, path(name), {}, options));
  table
    .command('delete <name>')
    .description('delete a route table; refused while a subnet uses it')
    .option(...WHAT_IF)
    .action((name: string, options: WriteOptions) => remove(session, path(name), options));
  addRouteCommands(table, session);
}

function addRouteCommands(table: Command, session: Session): void {
  const route = table.command('route').description('routes of a route table');
  route
    .command('add <table> <name>')
    .description('add a route to a table')
    .requiredOption('--prefix <prefix>', 'destinations, e.g. 10.9.0.0/16 or 0.0.0.0/0')
    .requiredOption(
      '--next-hop <hop>',
      'appliance:ADDRESS, vnet-local, internet, gateway, or none to drop',
      nextHopOption,
    )
    .option(...WHAT_IF)
    .action((name: string, routeName: string, options: RouteOptions) =>
      create(
        session,
        routePath(name, routeName),
        { addressPrefix: options.prefix, ...options.nextHop },
        options,
      ),
    );
  route
    .command('remove <table> <name>')
    .description('take a route out of a table')
    .option(...WHAT_IF)
    .action((name: string, routeName: string, options: WriteOptions) =>
      remove(session, routePath(name, routeName), options),
    );
}

interface RouteOptions extends WriteOptions {
  readonly prefix: string;
  readonly nextHop: Json;
}

function nextHopOption(text: string): Json {
  if (text.startsWith(APPLIANCE)) {
    const nextHopIpAddress = text.slice(APPLIANCE.length);
    if (parseIp(nextHopIpAddress) !== undefined) {
      return { nextHopType: 'VirtualAppliance', nextHopIpAddress };
    }
    throw new InvalidArgumentError(`'${nextHopIpAddress}' is no address.`);
  }
  if (Object.hasOwn(NEXT_HOPS, text)) return { nextHopType: NEXT_HOPS[text] };
  throw new InvalidArgumentError(
    `Write ${APPLIANCE}ADDRESS, or one of ${Object.keys(NEXT_HOPS).join(', ')}.`,
  );
}

async function list(session: Session): Promise<void> {
  const tables = await session.northbound().list(COLLECTION);
  session.print(tables, () =>
    tables.length === 0
      ? 'No route tables. Make one: weft route-table create NAME\n'
      : formatTable<Resource>(
          [
            { heading: 'NAME', value: (each) => each.resourceId },
            {
              heading: 'ROUTES',
              align: 'right',
              value: (each) => String(inline(each, 'routes').length),
            },
            { heading: 'USED BY', value: (each) => userNames(each).join(', ') },
            ...STATE_COLUMNS,
          ],
          tables,
        ),
  );
}

async function show(session: Session, name: string): Promise<void> {
  const table = await session.northbound().get(path(name));
  session.print(table, () => {
    const text = formatResource(table, [
      ['name', table.resourceId],
      ['used by', userNames(table).join(', ')],
    ]);
    const routes = [...inline(table, 'routes')].sort(byPrefix);
    return routes.length === 0 ? text : `${text}\n${formatTable(ROUTE_COLUMNS, routes)}`;
  });
}

const ROUTE_COLUMNS: readonly Column<unknown>[] = [
  { heading: 'ROUTE', value: (each) => textAt(each, 'resourceId') },
  { heading: 'PREFIX', value: (each) => textAt(each, 'properties', 'addressPrefix') },
  { heading: 'NEXT HOP', value: nextHop },
];

/** `VirtualAppliance 10.1.1.9` */
function nextHop(route: unknown): string {
  const type = textAt(route, 'properties', 'nextHopType');
  return `${type} ${textAt(route, 'properties', 'nextHopIpAddress')}`.trim();
}

/** IPv4 first; then by address, the wider prefix before those inside it. */
function byPrefix(a: unknown, b: unknown): number {
  const [left, right] = [a, b].map((each) =>
    parseIpPrefix(textAt(each, 'properties', 'addressPrefix')),
  );
  if (left === undefined || right === undefined) return 0;
  if (left.family !== right.family) return left.family - right.family;
  if (left.first !== right.first) return left.first < right.first ? -1 : 1;
  return left.len - right.len;
}
