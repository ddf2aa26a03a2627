/**
 * `weft routes NIC`: every route that an interface's packets could meet, with what asks for it and whether it counts. `weft next-hop`: the one
 * that counts for a destination. Both as the switch of the interface's host has them. Exit code of `next-hop` 3: packets that follow
 * the route are dropped, or no route is in force.
 */
import type { Command } from 'commander';
import { countOption } from '../arguments.ts';
import { ExitCode } from '../fault-report.ts';
import { at, isObject, type Json, listAt, textAt } from '../fields.ts';
import type { Session } from '../session.ts';
import { type Column, formatFields, formatTable, printable } from '../table.ts';

export function addRouteQuestions(program: Command, session: Session): void {
  program
    .command('routes')
    .description('effective routes of a network interface')
    .argument('<nic>', 'network interface')
    .option('--limit <count>', 'at most so many', countOption)
    .action(async (nic: string, { limit }: { readonly limit?: number }) => {
      const query = limit === undefined ? {} : { limit: String(limit) };
      const body = await ask(session, nic, 'effectiveRoutes', query);
      session.print(body, () => formatSubnets(body));
    });
  program
    .command('next-hop')
    .description('where a network interface’s packets to an address go')
    .requiredOption('--from <nic>', 'network interface that sends them')
    .requiredOption('--to <address>', 'destination')
    .option('--source <address>', 'which of its addresses; default: the first of the family')
    .action((options: NextHopOptions) => nextHop(session, options));
}

interface NextHopOptions {
  readonly from: string;
  readonly to: string;
  readonly source?: string;
}

async function nextHop(session: Session, { from, to, source }: NextHopOptions): Promise<void> {
  const query = { destination: to, ...(source !== undefined && { source }) };
  const body = await ask(session, from, 'nextHop', query);
  session.print(body, () => formatNextHop(body));
  const leads = textAt(body, 'nextHopType') !== 'None' && at(body, 'route', 'drop') === undefined;
  if (!leads) session.exitCode = ExitCode.Denied;
}

function ask(
  session: Session,
  nic: string,
  question: string,
  query: Readonly<Record<string, string>>,
): Promise<unknown> {
  const search = new URLSearchParams(query).toString();
  const path = `/networking/weft/v1/networkInterfaces/${encodeURIComponent(nic)}/${question}`;
  const url = search === '' ? path : `${path}?${search}`;
  return session.northbound().ask('GET', url);
}

const COLUMNS: readonly Column<Json>[] = [
  { heading: 'PREFIX', value: (route) => textAt(route, 'prefix') },
  { heading: 'ORIGIN', value: (route) => textAt(route, 'origin') },
  { heading: 'STATE', value: (route) => (route['isActive'] === true ? 'active' : 'overridden') },
  { heading: 'NEXT HOP', value: (route) => textAt(route, 'nextHopType') },
  { heading: 'ADDRESS', value: (route) => textAt(route, 'nextHopAddress') },
  { heading: 'DROPS', value: (route) => textAt(route, 'drop', 'reason') },
  { heading: 'OF', value: (route) => textAt(route, 'resourceRef') },
];

function formatSubnets(body: unknown): string {
  return listAt(body, 'value').map(formatSubnet).join('\n');
}

function formatSubnet(subnet: unknown): string {
  const routes = listAt(subnet, 'routes').filter(isObject);
  const title = printable(textAt(subnet, 'resourceRef'));
  const pending = textAt(subnet, 'pending');
  if (pending !== '') return `${title}: nothing is routed: ${printable(pending)}\n`;
  const hidden = Number(textAt(subnet, 'total')) - routes.length;
  const more = hidden > 0 ? `… and ${hidden} more: --limit shows them.\n` : '';
  return `${title}\n${formatTable(COLUMNS, routes)}${more}`;
}

function formatNextHop(answer: unknown): string {
  const text = (...path: readonly string[]) => textAt(answer, ...path);
  const prefix = text('route', 'prefix');
  return formatFields([
    ['source', text('source')],
    ['destination', text('destination')],
    ['next hop', text('nextHopType')],
    ['address', text('nextHopAddress')],
    ['route', prefix === '' ? '' : `${prefix} (${text('route', 'origin')})`],
    ['of', text('route', 'resourceRef')],
    ['not routed', text('pending')],
    ['dropped', text('route', 'drop', 'reason')],
    ['because', text('route', 'drop', 'meaning')],
    ['remedy', text('route', 'drop', 'remedy')],
  ]);
}
