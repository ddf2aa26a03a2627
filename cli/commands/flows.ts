/**
 * `weft flows [NIC]`: the flow tables of the hosts' switches: what each knows of a conversation, and what it does with its packets. Hosts that
 * do not answer are named.
 */
import { type Command, InvalidArgumentError } from 'commander';
import { FLOWS_PAGE_MAX } from '../../schema/southbound/diagnostics/limits.ts';
import { countOption } from '../arguments.ts';
import { UsageFault } from '../fault-report.ts';
import { isObject, type Json, lastName, listAt, textAt } from '../fields.ts';
import { ROWS_DEFAULT } from '../limits.ts';
import type { Session } from '../session.ts';
import { type Column, formatTable, printable } from '../table.ts';

export function addFlowsCommand(program: Command, session: Session): void {
  program
    .command('flows')
    .description("flows in the hosts' switches")
    .argument('[nic]', "only this network interface's")
    .option('--host <name>', "only this host's")
    .option('--limit <count>', 'at most so many per host', limitOption, ROWS_DEFAULT)
    .action((nic: string | undefined, options: FlowsOptions) => flows(session, nic, options));
}

interface FlowsOptions {
  readonly host?: string;
  readonly limit: number;
}

function limitOption(text: string): number {
  const value = countOption(text);
  if (value > FLOWS_PAGE_MAX) throw new InvalidArgumentError(`At most ${FLOWS_PAGE_MAX}.`);
  return value;
}

async function flows(
  session: Session,
  nic: string | undefined,
  { host, limit }: FlowsOptions,
): Promise<void> {
  if (nic !== undefined && host !== undefined) {
    throw new UsageFault('an interface is at one host', 'Leave out --host.');
  }
  const of = nic === undefined ? '' : `networkInterfaces/${encodeURIComponent(nic)}/`;
  const query = new URLSearchParams({ ...(host !== undefined && { host }), limit: String(limit) });
  const path = `/networking/weft/v1/${of}flows?${query}`;
  const body = await session.northbound().ask('GET', path);
  session.print(body, () => formatFlows(body, limit));
}

const COLUMNS: readonly Column<Json>[] = [
  { heading: 'HOST', value: (flow) => textAt(flow, 'host') },
  { heading: 'NIC', value: (flow) => lastName(textAt(flow, 'resourceRef')) },
  { heading: 'DIRECTION', value: (flow) => textAt(flow, 'direction') },
  { heading: 'PROTO', value: (flow) => textAt(flow, 'protocol') },
  { heading: 'FROM', value: (flow) => endpoint(flow, 'src') },
  { heading: 'TO', value: (flow) => endpoint(flow, 'dst') },
  { heading: 'STATE', value: (flow) => textAt(flow, 'state') },
  { heading: 'PACKETS', align: 'right', value: (flow) => textAt(flow, 'packets') },
  { heading: 'BYTES', align: 'right', value: (flow) => textAt(flow, 'bytes') },
  { heading: 'IDLE', align: 'right', value: (flow) => idle(Number(flow['idleMs'])) },
  { heading: 'ACTION', value: (flow) => action(textAt(flow, 'action')) },
];

export function formatFlows(body: unknown, limit: number): string {
  const rows = listAt(body, 'value').filter(isObject);
  const table =
    rows.length === 0 ? 'No flows: nothing was sent lately.\n' : formatTable(COLUMNS, rows);
  const counts = new Map<string, number>();
  for (const row of rows) {
    const host = textAt(row, 'host');
    counts.set(host, (counts.get(host) ?? 0) + 1);
  }
  const isFull = [...counts.values()].some((count) => count >= limit);
  const more = isFull ? '… and perhaps more: --limit shows them.\n' : '';
  const gaps = listAt(body, 'missing').map(
    (each) =>
      `\n${printable(textAt(each, 'host'))} did not answer: ${printable(textAt(each, 'reason'))}\n`,
  );
  return [table, more, ...gaps].join('');
}

/** Address and, where the protocol has one, port: for ICMP the numbers stand for identifier and type. */
function endpoint(flow: Json, side: 'src' | 'dst'): string {
  const address = textAt(flow, side);
  const hasPorts = ['tcp', 'udp'].includes(textAt(flow, 'protocol'));
  if (!hasPorts) return address;
  const port = textAt(flow, `${side}Port`);
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** `deliver to web1`: an interface goes by its name here. */
function action(text: string): string {
  return text.replace(/\/networkInterfaces\/([^/ ]+)$/, '$1');
}

function idle(ms: number): string {
  return Number.isFinite(ms) ? `${Math.floor(ms / 1000)} s` : '';
}
