/**
 * `weft drops [NIC]`: which packets the switches have dropped since each port was attached, by reason, with what the reason means and what to
 * do about it. Without a name: of every port and uplink of all hosts. Hosts that do not answer are named.
 */
import type { Command } from 'commander';
import { at, isObject, lastName, listAt, textAt } from '../fields.ts';
import type { Session } from '../session.ts';
import { type Column, formatTable, printable } from '../table.ts';
import { reasonWords } from '../verdict.ts';

export function addDropsCommand(program: Command, session: Session): void {
  program
    .command('drops')
    .description('dropped packets by reason, and what to do about each')
    .argument('[nic]', "only this network interface's")
    .action((nic: string | undefined) => drops(session, nic));
}

async function drops(session: Session, nic: string | undefined): Promise<void> {
  const of = nic === undefined ? '' : `networkInterfaces/${encodeURIComponent(nic)}/`;
  const body = await session.northbound().ask('GET', `/networking/weft/v1/${of}counters`);
  const rows = listAt(body, 'value').flatMap(rowsOf);
  const missing = listAt(body, 'missing').map((each) => ({
    host: textAt(each, 'host'),
    reason: textAt(each, 'reason'),
  }));
  session.print({ value: rows, missing }, () => formatDrops(rows, missing));
}

interface Row {
  readonly host: string;
  /** resourceRef of the interface; `uplink`. */
  readonly port: string;
  readonly reason: string;
  readonly packets: number;
  /** '' for a reason that this version does not know. */
  readonly meaning: string;
  readonly remedy: string;
}

function rowsOf(counters: unknown): Row[] {
  const found = at(counters, 'drops');
  if (!isObject(found)) return [];
  const host = textAt(counters, 'host');
  const port = textAt(counters, 'resourceRef') || textAt(counters, 'portId');
  return Object.entries(found)
    .map(([reason, packets]) => ({
      ...{ host, port, reason, packets: Number(packets) },
      ...reasonWords(reason),
    }))
    .sort((a, b) => b.packets - a.packets);
}

const COLUMNS: readonly Column<Row>[] = [
  { heading: 'HOST', value: ({ host }) => host },
  { heading: 'PORT', value: ({ port }) => lastName(port) },
  { heading: 'REASON', value: ({ reason }) => reason },
  { heading: 'PACKETS', align: 'right', value: ({ packets }) => String(packets) },
];

function formatDrops(
  rows: readonly Row[],
  missing: readonly { readonly host: string; readonly reason: string }[],
): string {
  const table = rows.length === 0 ? 'Nothing was dropped.\n' : formatTable(COLUMNS, rows);
  const reasons = new Map(rows.map((row) => [row.reason, row]));
  const words = [...reasons.values()]
    .filter(({ meaning }) => meaning !== '')
    .map(({ reason, meaning, remedy }) => `\n${reason}: ${meaning}\n  ${remedy}\n`);
  const gaps = missing.map(
    ({ host, reason }) => `\n${printable(host)} did not answer: ${printable(reason)}\n`,
  );
  return [table, ...words, ...gaps].join('');
}
