/**
 * `weft bgp`: what an edge router's BGP does and why, asked of the edge through the controller. `policy` is a resource like any other
 * (MS-NCNBI §3.1.5.17.3), shown in lines that can be read.
 */
import type { Command } from 'commander';
import type {
  BgpAdvertisedRow,
  BgpAnswer,
  BgpAttributes,
  BgpMethod,
  BgpReceivedRow,
  BgpRouteRow,
  BmpStationRow,
  MrtFiles,
} from '../../schema/southbound/diagnostics/bgp.ts';
import { countOption } from '../arguments.ts';
import { formatPeers, isEstablished } from '../bgp-peers.ts';
import { UsageFault } from '../fault-report.ts';
import { lastName, listAt, textAt } from '../fields.ts';
import type { Session } from '../session.ts';
import { type Column, formatTable } from '../table.ts';

export function addBgpCommands(program: Command, session: Session): void {
  const bgp = program.command('bgp').description('BGP of the edge routers');
  bgp
    .command('peers')
    .description('sessions, what was exchanged, and why one is not up')
    .option(...EDGE)
    .action((options: Options) => peers(session, options));
  bgp
    .command('routes')
    .description('routes in use, the best of each prefix')
    .option(...EDGE)
    .option(...LIMIT, countOption)
    .action((options: Options) => routes(session, options));
  bgp
    .command('received <peer>')
    .description('what a peer, by its address, has announced, accepted or refused')
    .option(...EDGE)
    .option(...LIMIT, countOption)
    .action((peer: string, options: Options) => received(session, peer, options));
  bgp
    .command('advertised <peer>')
    .description('what a peer, by its address, has been told')
    .option(...EDGE)
    .option(...LIMIT, countOption)
    .action((peer: string, options: Options) => advertised(session, peer, options));
  bgp
    .command('exports')
    .description('stations (BMP) and files (MRT) that get what peers say')
    .option(...EDGE)
    .action((options: Options) => exports(session, options));
  bgp
    .command('policy')
    .description('policy maps with their entries, and the peers that have them')
    .option(...EDGE)
    .action((options: Options) => policy(session, options));
  bgp
    .command('trace <prefix>')
    .description('why each path is or is not used, and each peer is or is not told of it')
    .option(...EDGE)
    .action((prefix: string, options: Options) => trace(session, prefix, options));
}

const EDGE = ['--edge <name>', 'edge router (default: the only one)'] as const;
const LIMIT = ['--limit <n>', 'most rows (default: 100)'] as const;

interface Options {
  readonly edge?: string;
  readonly limit?: number;
}

/** Of several, one must be named. */
export async function edgeName(session: Session, wanted: string | undefined): Promise<string> {
  if (wanted !== undefined) return wanted;
  const edges = await session.northbound().list('/edgeRouters');
  const [only, ...others] = edges;
  if (only === undefined) {
    throw new UsageFault(
      'there is no edge router',
      'Start the fabric with one, or write /edgeRouters/NAME.',
    );
  }
  if (others.length === 0) return only.resourceId;
  const names = edges.map(({ resourceId }) => resourceId).join(', ');
  throw new UsageFault('there are several edge routers', `Name one: --edge ${names}`);
}

async function ask<M extends BgpMethod>(
  session: Session,
  method: M,
  options: Options,
  query: Readonly<Record<string, string>> = {},
): Promise<BgpAnswer<M>> {
  const edge = encodeURIComponent(await edgeName(session, options.edge));
  const parameters = new URLSearchParams({
    ...query,
    ...(options.limit !== undefined && { limit: String(options.limit) }),
  }).toString();
  const path = `/networking/weft/v1/edgeRouters/${edge}/${method}`;
  const asked = session.northbound().ask('GET', parameters === '' ? path : `${path}?${parameters}`);
  return (await session.waiting('asking the edge router', asked)) as BgpAnswer<M>;
}

async function peers(session: Session, options: Options): Promise<void> {
  const answer = await ask(session, 'bgpPeers', options);
  session.print(answer, () => {
    if (answer.asNumber === 0) return 'This edge has no BGP router that is enabled.\n';
    const { asNumber, routerId, routes: known } = answer;
    const own = `AS ${asNumber}, router ${routerId}: ${known.prefixes} prefixes, ${known.paths} paths\n`;
    return `${own}\n${formatPeers(answer.peers)}`;
  });
  if (!answer.peers.every(isEstablished)) session.exitCode = 1;
}

const STATION_COLUMNS: readonly Column<BmpStationRow>[] = [
  { heading: 'STATION', value: ({ address, port }) => `${address} port ${port}` },
  { heading: 'STATE', value: ({ state }) => state },
  { heading: 'MESSAGES', align: 'right', value: (station) => String(station.messagesSentCount) },
  { heading: 'BYTES', align: 'right', value: ({ bytesSent }) => String(bytesSent) },
  { heading: 'WAITING', align: 'right', value: ({ pendingBytes }) => String(pendingBytes) },
  { heading: 'SESSIONS', align: 'right', value: (station) => String(station.connectedCount) },
  { heading: 'FAILURE', value: ({ failure }) => failure ?? '' },
];

async function exports(session: Session, options: Options): Promise<void> {
  const answer = await ask(session, 'bgpExports', options);
  const { stations, updates, tables } = answer;
  session.print(answer, () => {
    const files = [
      ...(updates === undefined ? [] : [`updates: ${filesText(updates)}\n`]),
      ...(tables === undefined ? [] : [`tables: ${filesText(tables)}\n`]),
    ];
    if (stations.length === 0 && files.length === 0) {
      return 'Nothing is exported: a bgpRouter may have bmpStations and mrtExport.\n';
    }
    const table = stations.length === 0 ? '' : formatTable(STATION_COLUMNS, stations);
    return [table, files.join('')].filter((part) => part !== '').join('\n');
  });
  const isWell =
    stations.every(({ state }) => state === 'up' || state === 'dumping') &&
    [updates, tables].every((each) => each?.failure === undefined);
  if (!isWell) session.exitCode = 1;
}

function filesText({ latest, recordCount, lostCount, failure }: MrtFiles): string {
  const lost = lostCount === 0 ? '' : `, ${lostCount} lost`;
  const why = failure === undefined ? '' : `; ${failure}`;
  return `${latest === '' ? 'no file yet' : latest}, ${recordCount} records${lost}${why}`;
}

const ATTRIBUTE_COLUMNS: readonly Column<{ readonly attributes: BgpAttributes }>[] = [
  { heading: 'AS PATH', value: ({ attributes }) => attributes.asPath },
  { heading: 'MED', align: 'right', value: ({ attributes }) => String(attributes.med ?? '') },
  {
    heading: 'LOCAL',
    align: 'right',
    value: ({ attributes }) => String(attributes.localPref ?? ''),
  },
  { heading: 'COMMUNITIES', value: ({ attributes }) => attributes.communities.join(' ') },
];

/** A table, and how much it leaves out. */
function rows<Row>(
  session: Session,
  answer: { readonly routes: readonly Row[]; readonly total: number },
  columns: readonly Column<Row>[],
): void {
  session.print(answer, () => {
    if (answer.total === 0) return 'No routes.\n';
    const more = answer.total - answer.routes.length;
    const rest = more > 0 ? `${more} more: --limit ${answer.total}\n` : '';
    return `${formatTable(columns, answer.routes)}${rest}`;
  });
}

async function routes(session: Session, options: Options): Promise<void> {
  rows<BgpRouteRow>(session, await ask(session, 'bgpRoutes', options), [
    { heading: 'PREFIX', value: ({ prefix }) => prefix },
    {
      heading: 'NEXT HOPS',
      value: ({ nextHops, neighbour }) => (neighbour === undefined ? 'own' : nextHops.join(' ')),
    },
    { heading: 'FROM', value: ({ neighbour }) => neighbour ?? '' },
    ...ATTRIBUTE_COLUMNS,
  ]);
}

async function received(session: Session, peer: string, options: Options): Promise<void> {
  rows<BgpReceivedRow>(session, await ask(session, 'bgpReceived', options, { peer }), [
    { heading: 'PREFIX', value: ({ prefix }) => prefix },
    { heading: 'USED', value: usage },
    { heading: 'NEXT HOP', value: ({ attributes }) => attributes.nextHop },
    ...ATTRIBUTE_COLUMNS,
  ]);
}

function usage({ isBest, isMultipath, isStale, lostBy }: BgpReceivedRow): string {
  const used = isBest
    ? 'best'
    : isMultipath
      ? 'beside the best'
      : `no: ${lostBy ?? 'not decided yet'}`;
  return isStale ? `${used}, stale` : used;
}

async function advertised(session: Session, peer: string, options: Options): Promise<void> {
  rows<BgpAdvertisedRow>(session, await ask(session, 'bgpAdvertised', options, { peer }), [
    { heading: 'PREFIX', value: ({ prefix }) => prefix },
    { heading: 'NEXT HOP', value: ({ attributes }) => attributes.nextHop },
    ...ATTRIBUTE_COLUMNS,
  ]);
}

async function policy(session: Session, options: Options): Promise<void> {
  const edge = await edgeName(session, options.edge);
  const maps = await session.northbound().list(`/edgeRouters/${edge}/policyMaps`);
  session.print(maps, () =>
    maps.length === 0
      ? 'No policy maps. Without one, external peers are told and believed nothing (RFC 8212).\n'
      : maps
          .map((map) => {
            const users = (['In', 'Out'] as const).flatMap((way) =>
              listAt(map, 'properties', `bgpPeersWithPolicyMap${way}`).map(
                (peer) => `${way.toLowerCase()} of ${lastName(textAt(peer, 'resourceRef'))}`,
              ),
            );
            const entries = listAt(map, 'properties', 'policyMapEntryList').map(entryText);
            const heading = `${map.resourceId}${users.length === 0 ? '' : ` (${users.join(', ')})`}`;
            return `${heading}\n${entries.map((line, at) => `  ${at + 1}  ${line}\n`).join('')}`;
          })
          .join('\n'),
  );
}

/** `Deny if MatchPrefix 10.0.0.0/8: MED 10` */
function entryText(entry: unknown): string {
  const properties = (name: string): string =>
    listAt(entry, name)
      .map((each) => `${textAt(each, 'property')} ${listAt(each, 'value').join(' ')}`.trim())
      .join(' and ');
  const name = textAt(entry, 'policyName');
  const conditions = properties('matchCriteria');
  const changes = properties('setActions');
  return [
    ...(name === '' ? [] : [`${name}:`]),
    textAt(entry, 'action'),
    ...(conditions === '' ? [] : [`if ${conditions}`]),
    ...(changes === '' ? [] : [`with ${changes}`]),
  ].join(' ');
}

async function trace(session: Session, prefix: string, options: Options): Promise<void> {
  const answer = await ask(session, 'bgpTrace', options, { prefix });
  session.print(answer, () => {
    if (answer.paths.length === 0) return `Nobody has announced ${answer.prefix}.\n`;
    const paths = answer.paths.map((path) => {
      const from = path.neighbour === undefined ? 'own route' : `from ${path.neighbour}`;
      const verdict = path.isBest
        ? 'best'
        : path.isMultipath
          ? 'used beside the best'
          : `not used: ${path.lostBy ?? 'not decided yet'}`;
      return block(`${from}: ${verdict}${path.isStale ? ', stale' : ''}`, [
        `as announced: ${attributesText(path.received)}`,
        ...path.steps,
        ...(path.result === undefined ? [] : [`as used: ${attributesText(path.result)}`]),
      ]);
    });
    const told = answer.exports.map(({ neighbour, isTold, steps, result }) =>
      block(`to ${neighbour}: ${isTold ? 'told' : 'not told'}`, [
        ...steps,
        ...(result === undefined ? [] : [`as told: ${attributesText(result)}`]),
      ]),
    );
    return `${answer.prefix}\n${[...paths, ...told].join('')}`;
  });
}

function block(heading: string, lines: readonly string[]): string {
  return `  ${heading}\n${lines.map((line) => `    ${line}\n`).join('')}`;
}

function attributesText({ asPath, nextHop, med, localPref, communities }: BgpAttributes): string {
  return [
    `path ${asPath === '' ? '(empty)' : asPath}`,
    `next hop ${nextHop}`,
    ...(med === undefined ? [] : [`MED ${med}`]),
    ...(localPref === undefined ? [] : [`local preference ${localPref}`]),
    ...(communities.length === 0 ? [] : [`communities ${communities.join(' ')}`]),
  ].join(', ');
}
