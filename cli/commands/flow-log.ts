/**
 * `weft flow-log [NIC]`: what rules with logging have decided, and what the flows they allow have carried: the newest records of the hosts'
 * flow logs, or with --follow all that come from now on. The files that hosts write have the same records.
 */
import type { Command } from 'commander';
import { sleep } from '../../base/clock.ts';
import { countOption } from '../arguments.ts';
import { at, isObject, type Json, lastName, listAt, textAt } from '../fields.ts';
import { FLOW_LOG_POLL_INTERVAL, ROWS_DEFAULT } from '../limits.ts';
import type { Session } from '../session.ts';
import { type Column, formatTable, printable } from '../table.ts';

export function addFlowLogCommand(program: Command, session: Session): void {
  program
    .command('flow-log')
    .description('what access control rules with logging have decided')
    .argument('[nic]', "only this network interface's")
    .option('--limit <count>', 'the newest so many', countOption, ROWS_DEFAULT)
    .option('-f, --follow', 'go on with what comes; Ctrl-C ends it')
    .action((nic: string | undefined, options: FlowLogOptions) => flowLog(session, nic, options));
}

interface FlowLogOptions {
  readonly limit: number;
  readonly follow?: boolean;
}

async function flowLog(
  session: Session,
  nic: string | undefined,
  { limit, follow }: FlowLogOptions,
): Promise<void> {
  const place = nic === undefined ? '' : `networkInterfaces/${encodeURIComponent(nic)}/`;
  const ask = (query: Readonly<Record<string, string>>) => {
    const path = `/networking/weft/v1/${place}flowLog?${new URLSearchParams(query)}`;
    return session.northbound().ask('GET', path);
  };
  let body = await ask({ limit: String(limit) });
  noteHosts(session, body);
  if (follow !== true) {
    session.print(body, () => formatRecords(recordsOf(body)));
    return;
  }
  for (let isFirst = true; ; isFirst = false) {
    const records = recordsOf(body);
    if (session.json) {
      for (const record of records) session.shell.stdout.write(`${JSON.stringify(record)}\n`);
    } else {
      const text = formatRecords(records);
      session.shell.stdout.write(isFirst ? text : text.slice(text.indexOf('\n') + 1));
    }
    await sleep(session.shell.clock, FLOW_LOG_POLL_INTERVAL);
    body = await ask({ limit: String(FOLLOWED_ROWS), after: textAt(body, 'after') });
  }
}

/** Records of one host at one look; others come with the next. */
const FOLLOWED_ROWS = 1000;

/** Why there may be less to see than happened. */
function noteHosts(session: Session, body: unknown): void {
  const hosts = listAt(body, 'hosts').filter(isObject);
  const missing = listAt(body, 'missing').filter(isObject);
  for (const one of missing) {
    session.note(printable(`${textAt(one, 'host')}: ${textAt(one, 'reason')}`));
  }
  if (hosts.length > 0 && hosts.every((host) => host['isOn'] !== true)) {
    session.note(
      'No host keeps a flow log: set auditingSettings and the servers’ auditingEnabled to ["Firewall"].',
    );
  }
  for (const host of hosts) {
    const name = printable(textAt(host, 'host'));
    const fault = textAt(host, 'fault');
    if (fault !== '') session.note(`${name}: the files are not written: ${printable(fault)}`);
    const lost = ['queueFull', 'unfollowed', 'unwritten'].filter(
      (reason) => Number(textAt(host, 'losses', reason)) > 0,
    );
    for (const reason of lost) {
      session.note(`${name}: ${textAt(host, 'losses', reason)} lost (${reason})`);
    }
  }
}

function recordsOf(body: unknown): readonly Json[] {
  return listAt(body, 'value').filter(isObject);
}

const COLUMNS: readonly Column<Json>[] = [
  { heading: 'TIME', value: (row) => textAt(row, 'time').replace(/\.\d+Z$/, 'Z') },
  { heading: 'HOST', value: (row) => textAt(row, 'host') },
  { heading: 'NIC', value: (row) => lastName(textAt(row, 'resourceRef')) },
  { heading: 'RULE', value: (row) => ruleOf(textAt(row, 'ruleRef')) },
  { heading: 'DIRECTION', value: (row) => textAt(row, 'direction') },
  { heading: 'PROTO', value: (row) => textAt(row, 'protocol') },
  { heading: 'FROM', value: (row) => endpoint(row, 'src') },
  { heading: 'TO', value: (row) => endpoint(row, 'dst') },
  { heading: 'DECISION', value: (row) => textAt(row, 'decision') },
  { heading: 'STATE', value: (row) => textAt(row, 'state') },
  { heading: 'SENT', align: 'right', value: (row) => carried(row, 'Sent') },
  { heading: 'RECEIVED', align: 'right', value: (row) => carried(row, 'Received') },
];

function formatRecords(records: readonly Json[]): string {
  return formatTable(COLUMNS, records);
}

/** `/accessControlLists/web/aclRules/ssh` → `web/ssh` */
function ruleOf(ref: string): string {
  return ref
    .split('/')
    .filter((_, index) => index === 2 || index === 4)
    .join('/');
}

function endpoint(row: Json, side: 'src' | 'dst'): string {
  const address = textAt(row, side);
  const hasPorts = ['tcp', 'udp'].includes(textAt(row, 'protocol'));
  if (!hasPorts) return address;
  const host = address.includes(':') ? `[${address}]` : address;
  return `${host}:${textAt(row, `${side}Port`)}`;
}

/** `3 packets, 180 bytes` in short. */
function carried(row: Json, way: 'Sent' | 'Received'): string {
  if (at(row, 'counts') === undefined) return '';
  return `${textAt(row, 'counts', `packets${way}`)}/${textAt(row, 'counts', `bytes${way}`)}`;
}
