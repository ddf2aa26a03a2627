/** `weft up | down | status | env`: the one-machine fabric as a whole. */
import type { Command } from 'commander';
import { SdnError } from '../../base/errors.ts';
import { down, status, up } from '../../fabric/commands.ts';
import { describeExposed, type FabricStatus, type RoleStatus } from '../../fabric/fabric-status.ts';
import { createNorthboundClient } from '../../fabric/northbound-client.ts';
import { DEFAULT_MUX_COUNT } from '../../fabric/settings.ts';
import { countOption } from '../arguments.ts';
import { isObject, type Json, textAt } from '../fields.ts';
import type { Session } from '../session.ts';
import { type Column, formatTable } from '../table.ts';

export function addFabricCommands(program: Command, session: Session): void {
  program
    .command('up')
    .description('make the fabric on this machine, with a sample tenant, and keep it running')
    .option('--detach', 'return once it works and leave a supervisor behind')
    .option('--no-sample', 'leave out the sample tenant')
    .option('--hosts <count>', 'hosts to make', countOption)
    .option('--port <port>', "first choice for the controller's loopback port", countOption)
    .option('--provider-prefix <prefix>', 'addresses of the provider network')
    .option('--no-offload', 'switch without segmentation offload')
    .option('--no-edge', 'leave out the edge router: nothing leads in or out')
    .option('--muxes <count>', 'muxes of load balancers (default: 2)', countOption)
    .option('--no-muxes', 'leave them out: public load balancers are served by nobody')
    .option('--expose', 'let this machine itself reach the public addresses (needs root)')
    .action((options: UpFlags) => bringUp(session, options));
  program
    .command('down')
    .description('remove everything that up made')
    .action(async () => {
      session.exitCode = await down({ state: session.state.root });
    });
  program
    .command('status')
    .description('the roles, their health and the revision they have applied')
    .action(() => showStatus(session));
  program
    .command('env')
    .description('shell exports that let curl and other clients reach the controller')
    .addHelpText('after', ENV_HELP)
    .action(() => showEnvironment(session));
}

const ENV_HELP = `
Example:
  eval "$(weft env)"
  curl --cacert $WEFT_CA --cert $WEFT_CERT --key $WEFT_KEY $WEFT_NC_URL/networking/v1/virtualNetworks`;

interface UpFlags {
  readonly detach?: boolean;
  readonly sample: boolean;
  readonly hosts?: number;
  readonly port?: number;
  readonly providerPrefix?: string;
  readonly offload: boolean;
  readonly edge: boolean;
  readonly muxes?: number | false;
  readonly expose?: boolean;
}

async function bringUp(session: Session, flags: UpFlags): Promise<void> {
  const { hosts, port, providerPrefix } = flags;
  session.exitCode = await up({
    state: session.state.root,
    detach: flags.detach === true,
    sample: flags.sample,
    offload: flags.offload,
    edge: flags.edge,
    muxes: muxCount(flags),
    expose: flags.expose === true,
    ...(hosts !== undefined && { hosts }),
    ...(port !== undefined && { port }),
    ...(providerPrefix !== undefined && { providerPrefix }),
  });
}

function muxCount({ edge, muxes }: UpFlags): number {
  if (muxes === false) return 0;
  return muxes ?? (edge ? DEFAULT_MUX_COUNT : 0);
}

const ROLE_COLUMNS: readonly Column<RoleStatus>[] = [
  { heading: 'ROLE', value: (role) => role.role },
  { heading: 'NAME', value: (role) => role.name },
  { heading: 'PID', align: 'right', value: (role) => (role.pid === 0 ? '' : String(role.pid)) },
  { heading: 'NAMESPACE', value: (role) => role.namespace },
  { heading: 'ADDRESS', value: (role) => role.address },
  { heading: 'HEALTH', value: (role) => role.health },
  { heading: 'APPLIED', align: 'right', value: (role) => String(role.appliedRevision) },
  { heading: 'RESTARTS', align: 'right', value: (role) => String(role.restarts) },
];

async function showStatus(session: Session): Promise<void> {
  const found = await status({ state: session.state.root });
  if (found === undefined) {
    session.exitCode = 1;
    session.print({ running: false, roles: [] }, () => '');
    session.note(`No fabric runs with the state directory ${session.state.root}.`);
    session.note('Start one: weft up --detach');
    return;
  }
  const isServed = found.roles.some(
    ({ role, health }) => role === 'controller' && health === 'healthy',
  );
  const programmed = isServed ? await programming(session, found.northbound) : undefined;
  session.print({ running: true, ...found, ...(programmed && { programmed }) }, () =>
    formatStatus(found, programmed),
  );
  if (found.roles.some((role) => role.health !== 'healthy')) session.exitCode = 1;
}

/** How far changes have got; undefined while the controller is away. */
async function programming(session: Session, url: string): Promise<Json | undefined> {
  const { ca, cert, key } = session.access();
  const client = createNorthboundClient({ url, ca, cert, key, clock: session.shell.clock });
  try {
    const { status: code, body } = await client.raw('GET', '/networking/weft/v1/status');
    return code === 200 && isObject(body) ? body : undefined;
  } catch (thrown) {
    if (thrown instanceof SdnError && thrown.code === 'SDN_UNREACHABLE') return undefined;
    throw thrown;
  } finally {
    client.close();
  }
}

function formatProgramming(programmed: Json): string {
  const count = textAt(programmed, 'timeToProgrammed', 'count');
  const bound = (percentile: string): string => {
    const ms = textAt(programmed, 'timeToProgrammed', percentile);
    return ms === '' ? 'beyond the scale' : `≤ ${ms} ms`;
  };
  const pace =
    count === '' || count === '0'
      ? ''
      : `\ntime to programmed: P50 ${bound('p50Ms')}, P99 ${bound('p99Ms')}, of ${count} changes`;
  return `revision ${textAt(programmed, 'revision')}, programmed everywhere ${textAt(programmed, 'programmedRevision')}${pace}\n`;
}

export function formatStatus(found: FabricStatus, programmed: Json | undefined): string {
  const { fabric, exposed, roles } = found;
  const reach = exposed === undefined ? '' : `from this machine: ${describeExposed(exposed)}\n`;
  const heading = `fabric ${fabric.name} in ${fabric.state}, up since ${fabric.startedAt}\nnorthbound ${found.northbound}\n${reach}${programmed === undefined ? '' : formatProgramming(programmed)}`;
  const reasons = roles
    .filter((role) => role.reason !== '')
    .map((role) => `${role.name} is ${role.health}: ${role.reason}\n`);
  return `${heading}\n${formatTable(ROLE_COLUMNS, roles)}${reasons.length === 0 ? '' : `\n${reasons.join('')}`}`;
}

function showEnvironment(session: Session): void {
  const { url, ca, cert, key } = session.access();
  const variables = { WEFT_NC_URL: url, WEFT_CA: ca, WEFT_CERT: cert, WEFT_KEY: key };
  session.print(variables, () =>
    Object.entries(variables)
      .map(([name, value]) => `export ${name}=${shellQuoted(value)}\n`)
      .join(''),
  );
}

/** Quoted for sh unless it needs no quotes. */
export function shellQuoted(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
