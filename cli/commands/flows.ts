/** `weft flows`: the flow tables of the hosts' switches: what each knows of a conversation, and what it does with its packets. */
import type { Command } from 'commander';
import { rowsOption } from '../arguments.ts';
import { type Json, listAt, textAt } from '../fields.ts';
import { askHosts, fabricHosts, listPorts, portName } from '../hosts.ts';
import { ROWS_DEFAULT } from '../limits.ts';
import type { Session } from '../session.ts';
import { type Column, formatTable } from '../table.ts';

export function addFlowsCommand(program: Command, session: Session): void {
  program
    .command('flows')
    .description("flows in the hosts' switches")
    .option('--nic <name>', "only this network interface's")
    .option('--host <name>', "only this host's")
    .option('--limit <count>', 'at most so many per host', rowsOption, ROWS_DEFAULT)
    .action((options: FlowsOptions) => flows(session, options));
}

interface FlowsOptions {
  readonly nic?: string;
  readonly host?: string;
  readonly limit: number;
}

interface Flow {
  readonly host: string;
  readonly flow: Json;
}

async function flows(session: Session, options: FlowsOptions): Promise<void> {
  const ports = await listPorts(session, options.host);
  const names = new Map(ports.map(({ port }) => [textAt(port, 'portId'), portName(port)]));
  const portId =
    options.nic === undefined
      ? undefined
      : (await session.northbound().get(`/networkInterfaces/${options.nic}`)).instanceId;
  const holders = new Set(
    ports.filter(({ port }) => textAt(port, 'portId') === portId).map(({ host }) => host),
  );
  const hosts = fabricHosts(session, options.host).filter(
    ({ name }) => portId === undefined || holders.has(name),
  );
  const { limit } = options;
  const found = await askHosts(session, hosts, async ({ name, control }) => {
    const body = await control.flows({ limit, ...(portId !== undefined && { portId }) });
    return listAt(body, 'flows').map((flow): Flow => ({ host: name, flow: flow as Json }));
  });
  session.print(
    found.map(({ host, flow }) => ({ host, ...flow })),
    () =>
      found.length === 0
        ? 'No flows: no VM has sent anything lately.\n'
        : formatFlows(found, names),
  );
}

export function formatFlows(found: readonly Flow[], names: ReadonlyMap<string, string>): string {
  const named = (text: string): string =>
    text.replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi, (id) => names.get(id) ?? id);
  const columns: readonly Column<Flow>[] = [
    { heading: 'HOST', value: ({ host }) => host },
    { heading: 'NIC', value: ({ flow }) => named(textAt(flow, 'portId')) },
    { heading: 'DIRECTION', value: ({ flow }) => textAt(flow, 'direction') },
    { heading: 'PROTO', value: ({ flow }) => textAt(flow, 'protocol') },
    { heading: 'FROM', value: ({ flow }) => endpoint(flow, 'src') },
    { heading: 'TO', value: ({ flow }) => endpoint(flow, 'dst') },
    { heading: 'STATE', value: ({ flow }) => textAt(flow, 'state') },
    { heading: 'PACKETS', align: 'right', value: ({ flow }) => textAt(flow, 'packets') },
    { heading: 'BYTES', align: 'right', value: ({ flow }) => textAt(flow, 'bytes') },
    { heading: 'IDLE', align: 'right', value: ({ flow }) => idle(Number(flow['idleMs'])) },
    { heading: 'ACTION', value: ({ flow }) => named(textAt(flow, 'action')) },
  ];
  return formatTable(columns, found);
}

/** Address and, where the protocol has one, port: for ICMP the numbers stand for identifier and type. */
function endpoint(flow: Json, side: 'src' | 'dst'): string {
  const address = textAt(flow, side);
  const hasPorts = ['tcp', 'udp'].includes(textAt(flow, 'protocol'));
  return hasPorts ? `${address}:${textAt(flow, `${side}Port`)}` : address;
}

function idle(ms: number): string {
  return Number.isFinite(ms) ? `${Math.floor(ms / 1000)} s` : '';
}
