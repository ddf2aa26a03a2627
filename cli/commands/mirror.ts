/**
 * `weft mirror`: copies of packets for a collector (serviceInsertions of type PortMirror, MS-NCNBI §3.1.5.16). A mirror copies what passes the
 * subnets and interfaces that `weft subnet set` and `weft nic set` put it on. One made here has at most one rule; `weft put` makes more.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Resource } from '../../fabric/northbound-client.ts';
import { amountOption, listOption } from '../arguments.ts';
import { UsageFault } from '../fault-report.ts';
import { type Json, joinedAt, lastName, listAt, textAt } from '../fields.ts';
import { STATE_COLUMNS } from '../resources.ts';
import type { Session } from '../session.ts';
import { formatTable } from '../table.ts';
import { userNames } from '../users.ts';
import { create, remove, WHAT_IF, type WriteOptions } from '../writes.ts';

const COLLECTION = '/serviceInsertions';
const path = (mirror: string): string => `${COLLECTION}/${mirror}`;

const PROTOCOLS: Readonly<Record<string, string>> = { tcp: 'Tcp', udp: 'Udp', all: 'All' };
const PORT_MAX = 65_535;
const PRIORITY_MAX = 65_535;

export function addMirrorCommands(program: Command, session: Session): void {
  const mirror = program.command('mirror').description('copies of packets, for a collector');
  mirror
    .command('list')
    .description('all mirrors, what they copy and where to')
    .action(() => list(session));
  mirror
    .command('create <name>')
    .description('make a mirror; without a protocol, prefix or port it copies everything')
    .requiredOption('--collector <nic>', 'network interface that gets the copies')
    .option('--priority <n>', 'unique, at most 65535 (default: the lowest free)', priorityOption)
    .addOption(
      new Option('--protocol <protocol>', 'only packets of it').choices(Object.keys(PROTOCOLS)),
    )
    .option('--from <prefix>', 'only packets from it (repeatable)', listOption)
    .option('--from-port <ports>', 'only from this port, or range as in 8000-8080', portsOption)
    .option('--to <prefix>', 'only packets to it (repeatable)', listOption)
    .option('--to-port <ports>', 'only to this port or range', portsOption)
    .option(...WHAT_IF)
    .action((name: string, options: CreateOptions) => createMirror(session, name, options));
  mirror
    .command('delete <name>')
    .description('delete a mirror; refused while something uses it')
    .option(...WHAT_IF)
    .action((name: string, options: WriteOptions) => remove(session, path(name), options));
}

async function list(session: Session): Promise<void> {
  const mirrors = await session.northbound().list(COLLECTION);
  session.print(mirrors, () =>
    mirrors.length === 0
      ? 'No mirrors. Make one: weft mirror create NAME --collector NIC\n'
      : formatTable<Resource>(
          [
            { heading: 'NAME', value: (each) => each.resourceId },
            {
              heading: 'PRIORITY',
              align: 'right',
              value: (each) => textAt(each, 'properties', 'priority'),
            },
            { heading: 'COLLECTOR', value: collector },
            { heading: 'COPIES', value: copies },
            { heading: 'USED BY', value: (each) => userNames(each).join(', ') },
            ...STATE_COLUMNS,
          ],
          mirrors,
        ),
  );
}

function collector(mirror: unknown): string {
  return listAt(mirror, 'properties', 'serviceInsertionElements')
    .map((each) => lastName(textAt(each, 'properties', 'networkInterface', 'resourceRef')))
    .join(', ');
}

/** `tcp 10.1.1.0/24 → * port 80; udp * → *` */
function copies(mirror: unknown): string {
  const rules = listAt(mirror, 'properties', 'serviceInsertionRules');
  if (rules.length === 0) return 'everything';
  return rules
    .map((rule) => {
      const protocol = textAt(rule, 'properties', 'protocol').toLowerCase() || 'all';
      return `${protocol} ${endText(rule, 'source')} → ${endText(rule, 'destination')}`;
    })
    .join('; ');
}

function endText(rule: unknown, end: 'source' | 'destination'): string {
  const subnets = joinedAt(rule, 'properties', `${end}Subnets`) || '*';
  const start = textAt(rule, 'properties', `${end}PortRangeStart`);
  const last = textAt(rule, 'properties', `${end}PortRangeEnd`) || start;
  const isAny = start === '0' && (last === '0' || last === String(PORT_MAX));
  if (start === '' || isAny) return subnets;
  return `${subnets} port ${start === last ? start : `${start}-${last}`}`;
}

interface Ports {
  readonly start: number;
  readonly end: number;
}

const ANY_PORT: Ports = { start: 0, end: PORT_MAX };

interface CreateOptions extends WriteOptions {
  readonly collector: string;
  readonly priority?: number;
  readonly protocol?: string;
  readonly from?: readonly string[];
  readonly fromPort?: Ports;
  readonly to?: readonly string[];
  readonly toPort?: Ports;
}

async function createMirror(session: Session, name: string, options: CreateOptions): Promise<void> {
  const serviceInsertionRules = rules(options);
  const priority = options.priority ?? (await freePriority(session));
  const networkInterface = { resourceRef: `/networkInterfaces/${options.collector}` };
  await create(
    session,
    path(name),
    {
      type: 'PortMirror',
      priority,
      serviceInsertionRules,
      serviceInsertionElements: [
        { resourceId: 'collector', properties: { order: 1, networkInterface } },
      ],
    },
    options,
  );
}

function rules(options: CreateOptions): readonly Json[] {
  const { protocol = 'all', from, fromPort, to, toPort } = options;
  const hasPorts = fromPort !== undefined || toPort !== undefined;
  if (hasPorts && protocol === 'all') {
    throw new UsageFault('ports are of TCP or UDP', 'Name one: --protocol tcp');
  }
  const isAnything = protocol === 'all' && from === undefined && to === undefined;
  if (isAnything) return [];
  const properties = {
    protocol: PROTOCOLS[protocol],
    ...{ sourceSubnets: from ?? ['*'], destinationSubnets: to ?? ['*'] },
    ...portRange('source', fromPort),
    ...portRange('destination', toPort),
  };
  return [{ resourceId: 'rule', properties }];
}

function portRange(end: 'source' | 'destination', ports: Ports = ANY_PORT): Json {
  return { [`${end}PortRangeStart`]: ports.start, [`${end}PortRangeEnd`]: ports.end };
}

async function freePriority(session: Session): Promise<number> {
  const mirrors = await session.northbound().list(COLLECTION);
  const taken = new Set(mirrors.map((each) => Number(textAt(each, 'properties', 'priority'))));
  for (let priority = 1; priority <= PRIORITY_MAX; priority++) {
    if (!taken.has(priority)) return priority;
  }
  throw new UsageFault('every priority is taken', 'Delete a mirror first: weft mirror list');
}

function priorityOption(text: string): number {
  const value = amountOption(text);
  if (value > PRIORITY_MAX) throw new InvalidArgumentError(`At most ${PRIORITY_MAX}.`);
  return value;
}

/** `80` or `8000-8080` */
function portsOption(text: string): Ports {
  const [, first = '', last = first] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  const ports = { start: Number(first), end: Number(last) };
  if (first === '' || ports.start > ports.end || ports.end > PORT_MAX) {
    throw new InvalidArgumentError('A port, or a range as in 8000-8080, is needed.');
  }
  return ports;
}
