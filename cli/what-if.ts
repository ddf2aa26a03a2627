/**
 * What a write would change, asked of the controller and shown: the packets that access control would newly allow or deny, the next hops that
 * would be others, what switches would be told. Called by the commands that write.
 */
import type {
  FlowChange,
  GoalChange,
  NextHop,
  PacketSet,
  RouteChange,
  WhatIfAnswer,
} from '../schema/northbound/what-if.ts';
import { lastName } from './fields.ts';
import type { Session } from './session.ts';
import { type Column, formatTable } from './table.ts';

export interface WhatIfWrite {
  readonly body?: unknown;
  readonly ifMatch?: string;
  readonly ifNoneMatch?: string;
}

/** Asks, and prints the answer. Nothing is written. */
export async function showWhatIf(
  session: Session,
  method: 'PUT' | 'DELETE',
  path: string,
  write: WhatIfWrite = {},
): Promise<void> {
  const headers = {
    ...(write.ifMatch !== undefined && { 'if-match': write.ifMatch }),
    ...(write.ifNoneMatch !== undefined && { 'if-none-match': write.ifNoneMatch }),
  };
  const question = session.northbound().ask(method, `${path}?whatIf=true`, write.body, headers);
  const label = `asking what ${method} ${path} would do`;
  const answer = (await session.waiting(label, question)) as WhatIfAnswer;
  session.print(answer, () => formatWhatIf(answer));
}

export function formatWhatIf(answer: WhatIfAnswer): string {
  const sections = [
    section('Flows, by the packets that open them:', FLOW_COLUMNS, flowLines(answer.flows)),
    omitted(answer.flowsOmitted, 'changes of flows'),
    section('Routes:', ROUTE_COLUMNS, answer.routes),
    omitted(answer.routesOmitted, 'changes of routes'),
    section('Switches would be told:', GOAL_COLUMNS, answer.goals),
    omitted(answer.goalsOmitted, 'resources'),
  ].filter((text) => text !== '');
  return sections.length === 0 ? 'Nothing would change.\n' : sections.join('\n');
}

function section<T>(title: string, columns: readonly Column<T>[], rows: readonly T[]): string {
  return rows.length === 0 ? '' : `${title}\n${formatTable(columns, rows)}`;
}

function omitted(count: number, what: string): string {
  return count === 0 ? '' : `${count} more ${what} are not listed.\n`;
}

interface FlowLine {
  readonly change: FlowChange;
  readonly verdict: string;
  /** Undefined: the line stands for so many that are not listed. */
  readonly packets: PacketSet | undefined;
  readonly omitted: number;
}

function flowLines(flows: readonly FlowChange[]): FlowLine[] {
  return flows.flatMap((change) =>
    (['allowed', 'denied'] as const).flatMap((verdict) => {
      const { packets, omitted: left } = change[verdict];
      const lines = packets.map((set) => ({ change, verdict, packets: set, omitted: 0 }));
      const rest = { change, verdict, packets: undefined, omitted: left };
      return left === 0 ? lines : [...lines, rest];
    }),
  );
}

const FLOW_COLUMNS: readonly Column<FlowLine>[] = [
  { heading: 'NOW', value: ({ verdict }) => verdict },
  { heading: 'INTERFACE', value: ({ change }) => lastName(change.networkInterface) },
  { heading: 'ADDRESS', value: ({ change }) => change.address },
  { heading: 'DIRECTION', value: ({ change }) => change.direction },
  {
    heading: 'PROTOCOL',
    value: ({ packets, omitted: left }) =>
      packets === undefined ? `${left} more` : cell(packets.protocols),
  },
  {
    heading: 'FROM',
    value: ({ packets: set }) => (set === undefined ? '' : end(set.sources, set.sourcePorts)),
  },
  {
    heading: 'TO',
    value: ({ packets: set }) =>
      set === undefined ? '' : end(set.destinations, set.destinationPorts),
  },
];

const ROUTE_COLUMNS: readonly Column<RouteChange>[] = [
  { heading: 'SUBNET', value: ({ subnet }) => subnetName(subnet) },
  { heading: 'DESTINATIONS', value: ({ destinations }) => destinations.join(', ') },
  { heading: 'BEFORE', value: ({ before }) => hop(before) },
  { heading: 'AFTER', value: ({ after }) => hop(after) },
];

const GOAL_COLUMNS: readonly Column<GoalChange>[] = [
  { heading: 'CHANGE', value: ({ change }) => change.toLowerCase() },
  { heading: 'KIND', value: ({ kind }) => kind },
  { heading: 'RESOURCE', value: ({ resourceRef }) => resourceRef },
  { heading: 'ADDRESS', value: ({ address }) => address ?? '' },
];

function cell(values: readonly string[] | undefined): string {
  return values === undefined ? 'any' : values.join(', ');
}

/** `10.1.2.0/24 port 80, 443` */
function end(
  addresses: readonly string[] | undefined,
  ports: readonly string[] | undefined,
): string {
  return ports === undefined ? cell(addresses) : `${cell(addresses)} port ${ports.join(', ')}`;
}

function hop({ type, address, peering }: NextHop): string {
  return [type, address ?? (peering === undefined ? '' : lastName(peering))].join(' ').trim();
}

/** `blue/web` */
function subnetName(resourceRef: string): string {
  const [, , network = '', , subnet = ''] = resourceRef.split('/');
  return `${network}/${subnet}`;
}
