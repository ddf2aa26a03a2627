/**
 * `weft mux`: the load balancers' muxes. `list` reads the resources, whose state says whether a router knows each; `status` asks one mux, through
 * the controller, for its sessions, addresses and counters. What all of them make of one address is `weft lb status`.
 */
import type { Command } from 'commander';
import type { Resource } from '../../fabric/northbound-client.ts';
import type { BgpAnswer } from '../../schema/southbound/diagnostics/bgp.ts';
import type {
  MuxAddress,
  MuxAnswer,
  MuxRule,
  MuxStatus,
} from '../../schema/southbound/diagnostics/slb.ts';
import { formatPeers, isEstablished } from '../bgp-peers.ts';
import { ExitCode } from '../fault-report.ts';
import { listAt, nameIn, textAt } from '../fields.ts';
import { formatLinks } from '../link-tables.ts';
import { configurationReasons, STATE_COLUMNS } from '../resources.ts';
import type { Session } from '../session.ts';
import { type Column, formatFields, formatTable, printable } from '../table.ts';
import { reasonWords } from '../verdict.ts';

const COLLECTION = '/loadBalancerMuxes';

export function addMuxCommands(program: Command, session: Session): void {
  const mux = program
    .command('mux')
    .description('muxes: where packets to load balancers’ public addresses arrive');
  mux
    .command('list')
    .description('all muxes, and whether a router knows each')
    .action(() => list(session));
  mux
    .command('status <name>')
    .description('what one mux does now: BGP sessions, addresses, packets, drops, memory of flows')
    .action((name: string) => status(session, name));
}

const LIST_COLUMNS: readonly Column<Resource>[] = [
  { heading: 'NAME', value: (each) => each.resourceId },
  { heading: 'ADDRESS', value: (each) => textAt(each, 'properties', 'providerAddress') },
  { heading: 'AS', align: 'right', value: asNumber },
  { heading: 'ROUTERS', value: (each) => routers(each).map(routerName).join(', ') },
  { heading: 'ACTIVITY', value: (each) => textAt(each, 'properties', 'activityState') },
  ...STATE_COLUMNS,
];

async function list(session: Session): Promise<void> {
  const asked = session.northbound().list(COLLECTION);
  const all = await session.waiting('asking muxes', asked);
  session.print(all, () => {
    if (all.length === 0) return 'No muxes: public addresses of load balancers lead nowhere.\n';
    const why = all.flatMap((each) =>
      configurationReasons(each).map(
        ({ code, message }) => `\n${each.resourceId}: ${code}: ${printable(message)}\n`,
      ),
    );
    return [formatTable(LIST_COLUMNS, all), ...why].join('');
  });
}

function routers(mux: Resource): readonly unknown[] {
  return listAt(mux, 'properties', 'routerConfiguration', 'peerRouterConfigurations');
}

function routerName(router: unknown): string {
  return textAt(router, 'routerName') || textAt(router, 'routerIPAddress');
}

/** The number of four octets counts where there are both. */
function asNumber(mux: Resource): string {
  const number = (name: string): string => textAt(mux, 'properties', 'routerConfiguration', name);
  const four = number('localASN4');
  return four === '' || four === '0' ? number('localASN') : four;
}

const ADDRESS_COLUMNS: readonly Column<MuxAddress>[] = [
  { heading: 'ADDRESS', value: ({ address }) => address },
  { heading: 'OF', value: ({ resourceRef }) => nameIn(resourceRef, 'loadBalancers') },
  { heading: 'STATE', value: ({ state }) => state },
  { heading: 'UNEVEN', align: 'right', value: ({ rules }) => unevenness(rules) },
  { heading: 'PACKETS', align: 'right', value: ({ packets }) => String(packets) },
  { heading: 'BYTES', align: 'right', value: ({ bytes }) => String(bytes) },
  { heading: 'SYNS', align: 'right', value: ({ syns }) => String(syns) },
  { heading: 'FLOWS', align: 'right', value: ({ flows }) => String(flows) },
  { heading: 'DROPPED', value: ({ drops }) => dropCounts(drops) },
];

/** How far a table is from what the weights ask for, at the backend where it is farthest; '' where nobody gets new connections. */
function unevenness(rules: readonly MuxRule[]): string {
  const deviations = rules.flatMap(({ backends }) => {
    const chosen = backends.filter(({ share }) => share > 0);
    const weights = chosen.reduce((sum, { weight }) => sum + weight, 0);
    return chosen.map(({ share, weight }) => Math.abs((share * weights) / weight - 1));
  });
  return deviations.length === 0 ? '' : `${(Math.max(...deviations) * 100).toFixed(1)} %`;
}

function dropCounts(drops: MuxAddress['drops']): string {
  return Object.entries(drops)
    .map(([reason, count]) => `${count} ${reason}`)
    .join(', ');
}

/** What the drops of addresses mean, each reason once. */
function dropReasons(addresses: MuxStatus['addresses']): string {
  const reasons = new Set(addresses.flatMap(({ drops }) => Object.keys(drops)));
  return [...reasons]
    .map((reason) => ({ reason, ...reasonWords(reason) }))
    .filter(({ meaning }) => meaning !== '')
    .map(({ reason, meaning, remedy }) => `${reason}: ${meaning}\n  ${remedy}\n`)
    .join('');
}

async function status(session: Session, name: string): Promise<void> {
  const client = session.northbound();
  const mux = await client.get(`${COLLECTION}/${encodeURIComponent(name)}`);
  const ask = (what: string) =>
    client.ask(
      'GET',
      `/networking/weft/v1/loadBalancerMuxes/${encodeURIComponent(mux.resourceId)}/${what}`,
    );
  const [state, counters, bgp] = (await session.waiting(
    `asking ${mux.resourceId}`,
    Promise.all([ask('status'), ask('counters'), ask('bgpPeers')]),
  )) as [MuxStatus, MuxAnswer<'muxCounters'>, BgpAnswer<'bgpPeers'>];
  const { peers } = bgp;
  session.print({ mux, status: state, counters, bgp }, () => {
    const names = new Map(
      routers(mux).map((each) => [textAt(each, 'routerIPAddress'), routerName(each)]),
    );
    const reasons = configurationReasons(mux);
    return [
      formatFields([
        ['mux', mux.resourceId],
        ['provider address', textAt(mux, 'properties', 'providerAddress')],
        ['AS', asNumber(mux)],
        ['activity', textAt(mux, 'properties', 'activityState')],
        ['in sync with the controller', state.inSync ? 'yes' : 'no: it announces nothing'],
      ]),
      ...reasons.map(({ code, message }) => `${code}: ${printable(message)}\n`),
      formatPeers(peers, ({ address }) => names.get(address) ?? ''),
      state.addresses.length === 0
        ? 'No addresses.\n'
        : formatTable(ADDRESS_COLUMNS, state.addresses),
      dropReasons(state.addresses),
      formatLinks(counters.links),
      memoryFields(counters),
    ]
      .filter((part) => part !== '')
      .join('\n');
  });
  const isKnown = peers.some(isEstablished);
  if (!state.inSync || !isKnown) session.exitCode = ExitCode.Refused;
}

function memoryFields({ memory, addresses, targets, hosts }: MuxAnswer<'muxCounters'>): string {
  return formatFields([
    ['connections remembered', `${memory.confirmed} of at most ${memory.confirmedMax}`],
    ['flows of one packet', `${memory.unconfirmed} of at most ${memory.unconfirmedMax}`],
    ['of these displaced by others', String(memory.displaced)],
    ['packets without a place', String(memory.unplaced)],
    ['addresses, targets, hosts', `${addresses}, ${targets}, ${hosts}`],
  ]);
}
