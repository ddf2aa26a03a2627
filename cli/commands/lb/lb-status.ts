/**
 * `weft lb status`: what a load balancer's address does now. Muxes say what they forward and what they announce, hosts what their probes have found
 * out; both are asked through the controller. Exit code 1 while nobody announces the address, or no backend of a rule is up.
 */
import type { Command } from 'commander';
import { parseIpWords } from '../../../base/ip-words.ts';
import { dropWords } from '../../../dataplane/explain/drop-words.ts';
import { Drop } from '../../../packet/drop.ts';
import { ExitCode, UsageFault } from '../../fault-report.ts';
import { isObject, type Json, lastName, listAt, textAt } from '../../fields.ts';
import type { Session } from '../../session.ts';
import { type Column, formatFields, formatTable } from '../../table.ts';
import { nicOf } from './lb-members.ts';
import { balancerPath, frontends } from './lb-resources.ts';

export function addStatusCommand(lb: Command, session: Session): void {
  lb.command('status <address>')
    .description(
      'what an address, or a load balancer by its name, does now: muxes, backends, health, flows',
    )
    .action((address: string) => status(session, address));
}

async function status(session: Session, wanted: string): Promise<void> {
  const { address, balancerRef } = await addressOf(session, wanted);
  const path = `/networking/weft/v1/virtualAddresses/${encodeURIComponent(address)}`;
  const asked = session.northbound().ask('GET', path);
  const body = await session.waiting('asking muxes and hosts', asked);
  const muxes = listAt(body, 'muxes').filter(isObject);
  const hosts = listAt(body, 'hosts')
    .filter(isObject)
    .filter((each) => balancerRef === undefined || isPartOf(each, balancerRef));
  session.print(body, () =>
    hosts.length === 0 ? formatStatus(body, muxes) : formatInternal(body, hosts),
  );
  const isAnnounced = hosts.length > 0 || muxes.some(({ announced }) => announced === true);
  const isServed = isAnnounced && rulesOf([...muxes, ...hosts]).every(hasBackend);
  if (!isServed) session.exitCode = ExitCode.Refused;
}

interface Asked {
  readonly address: string;
  /** Absent: it was asked by address alone, which may be one of several networks'. */
  readonly balancerRef?: string;
}

/** Of a load balancer: its first frontend's; the others' are named. */
async function addressOf(session: Session, wanted: string): Promise<Asked> {
  if (parseIpWords(wanted) !== undefined) return { address: wanted };
  if (/^[0-9.]+$|:/.test(wanted))
    throw new UsageFault(
      `'${wanted}' is no IP address`,
      'Name one, or a load balancer: weft lb list',
    );
  const client = session.northbound();
  const balancer = await client.get(balancerPath(wanted));
  const all = frontends(balancer, await client.list('/publicIPAddresses'));
  const [first, ...others] = [...new Set(all.map(({ address }) => address))].filter(
    (address) => address !== '',
  );
  for (const other of others) session.note(`${wanted} has ${other} too: weft lb status ${other}`);
  if (first !== undefined) return { address: first, balancerRef: balancer.resourceRef };
  throw new UsageFault(`${wanted} has no address`, `See weft lb show ${wanted}.`);
}

const MUX_COLUMNS: readonly Column<Json>[] = [
  { heading: 'MUX', value: (each) => textAt(each, 'mux') },
  { heading: 'STATE', value: (each) => textAt(each, 'state') || 'does not have it' },
  { heading: 'PACKETS', align: 'right', value: (each) => textAt(each, 'packets') },
  { heading: 'BYTES', align: 'right', value: (each) => textAt(each, 'bytes') },
  { heading: 'SYNS', align: 'right', value: (each) => textAt(each, 'syns') },
  { heading: 'FLOWS', align: 'right', value: (each) => textAt(each, 'flows') },
  { heading: 'DROPPED', value: drops },
];

/** Of an internal address: those who choose its backends. */
const HOST_COLUMNS: readonly Column<Json>[] = [
  { heading: 'HOST', value: (each) => textAt(each, 'host') },
  { heading: 'FLOWS', align: 'right', value: (each) => textAt(each, 'flows') },
  { heading: 'OPENED', align: 'right', value: (each) => textAt(each, 'opened') },
  { heading: 'WITHOUT BACKEND', align: 'right', value: (each) => textAt(each, 'unserved') },
];

interface BackendRow {
  readonly rule: Json;
  readonly backend: Json;
  readonly probe: Json | undefined;
  /** Of all muxes, or hosts. */
  readonly flows: number;
}

const BACKEND_COLUMNS: readonly Column<BackendRow>[] = [
  { heading: 'RULE', value: ({ rule }) => lastName(textAt(rule, 'resourceRef')) },
  { heading: 'BACKEND', value: ({ backend }) => nicOf(textAt(backend, 'resourceRef')) },
  { heading: 'ADDRESS', value: ({ backend }) => textAt(backend, 'address') },
  { heading: 'HEALTH', value: ({ backend }) => health(backend) },
  { heading: 'SHARE', align: 'right', value: ({ backend }) => percent(textAt(backend, 'share')) },
  { heading: 'FLOWS', align: 'right', value: ({ flows }) => String(flows) },
  { heading: 'LAST PROBE', value: ({ probe }) => (probe === undefined ? '' : probeWords(probe)) },
];

const LEASE_COLUMNS: readonly Column<Json>[] = [
  { heading: 'GOES OUT', value: (each) => textAt(each, 'address') },
  { heading: 'HOST', value: (each) => textAt(each, 'host') },
  { heading: 'PORTS', align: 'right', value: (each) => textAt(each, 'portCount') },
  { heading: 'TCP IN USE', align: 'right', value: (each) => textAt(each, 'tcpPortsInUse') },
  { heading: 'UDP IN USE', align: 'right', value: (each) => textAt(each, 'udpPortsInUse') },
  { heading: 'EXHAUSTED', align: 'right', value: (each) => textAt(each, 'exhausted') },
];

function formatStatus(body: unknown, muxes: readonly Json[]): string {
  const known = muxes.find((each) => textAt(each, 'resourceRef') !== '');
  const head = formatFields([
    ['address', textAt(body, 'address')],
    ['frontend', textAt(known, 'resourceRef')],
  ]);
  if (known === undefined) {
    const reason = muxes.length === 0 ? 'there are no muxes' : 'no mux has this address';
    const lost = missingLines(body);
    const list = 'Addresses that exist: weft lb list\n';
    return `${head}\n${reason}, and no host serves it as an internal one\n${lost === '' ? list : lost}`;
  }
  const backends = backendRows(body, muxes);
  const leases = listAt(body, 'leases').filter(isObject);
  return [
    head,
    formatTable(MUX_COLUMNS, muxes),
    ...(backends.length === 0 ? [] : [formatTable(BACKEND_COLUMNS, backends)]),
    ...(leases.length === 0 ? [] : [formatTable(LEASE_COLUMNS, leases)]),
    ...[searchLines(muxes), exhaustedLines(leases), detailLines(body), missingLines(body)].filter(
      (text) => text !== '',
    ),
  ].join('\n');
}

/** Several networks may have the address. */
function formatInternal(body: unknown, hosts: readonly Json[]): string {
  const refs = [...new Set(hosts.map((each) => textAt(each, 'resourceRef')))];
  const parts = refs.flatMap((ref) => {
    const own = hosts.filter((each) => textAt(each, 'resourceRef') === ref);
    const backends = backendRows(body, own);
    return [
      formatFields([
        ['address', `${textAt(body, 'address')} (internal: the host of who asks chooses)`],
        ['frontend', ref],
      ]),
      formatTable(HOST_COLUMNS, own),
      ...(backends.length === 0 ? [] : [formatTable(BACKEND_COLUMNS, backends)]),
    ];
  });
  const rest = [detailLines(body), missingLines(body)].filter((text) => text !== '');
  return [...parts, ...rest].join('\n');
}

function isPartOf(each: Json, balancerRef: string): boolean {
  return textAt(each, 'resourceRef').toLowerCase().startsWith(`${balancerRef.toLowerCase()}/`);
}

function missingLines(body: unknown): string {
  return listAt(body, 'missing')
    .map((each) => `${textAt(each, 'host')} did not answer: ${textAt(each, 'reason')}\n`)
    .join('');
}

/** What the controller says of the frontend: too few ports, a backend that is not up, a target that is away. */
function detailLines(body: unknown): string {
  return listAt(body, 'details')
    .map((each) => `${textAt(each, 'code')}: ${textAt(each, 'message')}\n`)
    .join('');
}

/** Connections that have changed their mux are looked for: said where it has happened. */
function searchLines(muxes: readonly Json[]): string {
  return muxes
    .map((each) => {
      const [back, unclaimed] = [textAt(each, 'returned'), textAt(each, 'unclaimed')].map(Number);
      if (!back) return '';
      const nobody = unclaimed ? `; ${unclaimed} connections no backend knew` : '';
      return `${textAt(each, 'mux')} looked for connections of other muxes: hosts returned ${back} packets${nobody}\n`;
    })
    .join('');
}

/** A column of numbers says that packets were refused; this says what that means. */
function exhaustedLines(leases: readonly Json[]): string {
  if (leases.every((each) => Number(textAt(each, 'exhausted')) === 0)) return '';
  const { meaning, remedy } = dropWords(Drop.SnatPortsExhausted);
  return `SnatPortsExhausted: ${meaning}. ${remedy}\n`;
}

function drops(mux: Json): string {
  const all = isObject(mux['drops']) ? Object.entries(mux['drops']) : [];
  return all.map(([reason, count]) => `${String(count)} ${reason}`).join(', ');
}

function rulesOf(muxes: readonly Json[]): readonly Json[] {
  return muxes.flatMap((mux) => listAt(mux, 'rules').filter(isObject));
}

function hasBackend(rule: Json): boolean {
  return listAt(rule, 'backends').some((each) => Number(textAt(each, 'share')) > 0);
}

/** Muxes, and hosts, have the same tables: the rows are the first one's that has the address, and the flows those of all. */
function backendRows(body: unknown, muxes: readonly Json[]): readonly BackendRow[] {
  const probes = listAt(body, 'probes').filter(isObject);
  const first = muxes.find((mux) => listAt(mux, 'rules').length > 0);
  return listAt(first, 'rules')
    .filter(isObject)
    .flatMap((rule) =>
      listAt(rule, 'backends')
        .filter(isObject)
        .map((backend) => ({
          ...{ rule, backend, flows: flowsOf(muxes, rule, backend) },
          probe: probes.find((each) => isProbeOf(each, rule, backend)),
        })),
    );
}

function flowsOf(muxes: readonly Json[], rule: Json, backend: Json): number {
  return rulesOf(muxes)
    .filter((each) => textAt(each, 'resourceRef') === textAt(rule, 'resourceRef'))
    .flatMap((each) => listAt(each, 'backends'))
    .filter((each) => textAt(each, 'resourceRef') === textAt(backend, 'resourceRef'))
    .reduce<number>((sum, each) => sum + Number(textAt(each, 'flows')), 0);
}

/** Of the rule's own probe; addresses may be others' too. */
function isProbeOf(probe: Json, rule: Json, backend: Json): boolean {
  const isOwn =
    textAt(rule, 'probeId') !== '' && textAt(probe, 'probeId') === textAt(rule, 'probeId');
  return isOwn && textAt(probe, 'address') === textAt(backend, 'address');
}

function health(backend: Json): string {
  const state = textAt(backend, 'health');
  return textAt(backend, 'draining') === 'true' ? `${state}, draining` : state;
}

function probeWords(probe: Json): string {
  const took = textAt(probe, 'lastTookMs');
  const time = took === '' ? '' : ` in ${Number(took).toFixed(1)} ms`;
  return `${textAt(probe, 'reason') || textAt(probe, 'state')}${time}${turnWords(probe)}`;
}

/** Where the last answers contradict what is believed: how many more it takes to believe them. */
function turnWords(probe: Json): string {
  const [streak, needed] = [textAt(probe, 'streak'), textAt(probe, 'streakNeeded')].map(Number);
  if (!streak || !needed || streak >= needed) return '';
  const left = needed - streak;
  const [state, noun] =
    textAt(probe, 'state') === 'down'
      ? ['up', left === 1 ? 'success' : 'successes']
      : ['down', left === 1 ? 'failure' : 'failures'];
  const why = textAt(probe, 'isFlapping') === 'true' ? ', since it flaps' : '';
  return `; ${state} after ${left} more ${noun}${why}`;
}

function percent(share: string): string {
  return `${(Number(share) * 100).toFixed(1)} %`;
}
