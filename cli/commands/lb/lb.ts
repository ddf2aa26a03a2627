/** `weft lb`: load balancers (MS-NCNBI §3.1.5.5): what there is, what belongs to it, and what it does. */
import type { Command } from 'commander';
import type { Resource } from '../../../fabric/northbound-client.ts';
import { lastName, listAt, textAt } from '../../fields.ts';
import {
  configuration,
  configurationReasons,
  formatReasons,
  formatResource,
  provisioning,
} from '../../resources.ts';
import type { Session } from '../../session.ts';
import { type Column, formatTable } from '../../table.ts';
import { DISTRIBUTIONS } from './lb-body.ts';
import { addCreateCommand, addDeleteCommand } from './lb-create.ts';
import { addMemberCommands, nicOf, settingsWords } from './lb-members.ts';
import {
  backendRefs,
  balancerPath,
  COLLECTION,
  children,
  type Frontend,
  frontends,
  probeLine,
  ruleLine,
} from './lb-resources.ts';
import { addStatusCommand } from './lb-status.ts';

export function addLoadBalancerCommands(program: Command, session: Session): void {
  const lb = program
    .command('lb')
    .description('load balancers: one address, several interfaces behind it');
  lb.command('list')
    .description('all load balancers, their addresses, rules and backends')
    .action(() => list(session));
  lb.command('show <name>')
    .description('one load balancer: frontends, rules, probes and backends')
    .action((name: string) => show(session, name));
  addStatusCommand(lb, session);
  addCreateCommand(lb, session);
  addMemberCommands(lb, session);
  addDeleteCommand(lb, session);
}

async function list(session: Session): Promise<void> {
  const client = session.northbound();
  const all = await client.list(COLLECTION);
  const publicIps = all.length === 0 ? [] : await client.list('/publicIPAddresses');
  session.print(all, () =>
    all.length === 0
      ? 'No load balancers. Make one: weft lb create NAME --port 80 --backend NIC,NIC\n'
      : formatTable<Resource>(
          [
            { heading: 'NAME', value: (each) => each.resourceId },
            {
              heading: 'ADDRESS',
              value: (each) =>
                frontends(each, publicIps)
                  .map(({ address }) => address)
                  .join(', '),
            },
            { heading: 'RULES', value: rules },
            { heading: 'BACKENDS', value: (each) => backendRefs(each).map(nicOf).join(', ') },
            { heading: 'PROVISIONING', value: provisioning },
            { heading: 'CONFIGURATION', value: configurations },
          ],
          all,
        ),
  );
}

function rules(balancer: Resource): string {
  return [
    ...children(balancer, 'loadBalancingRules').map(ruleLine),
    ...children(balancer, 'inboundNatRules').map((each) => `${ruleLine(each)} to one`),
    ...(children(balancer, 'outboundNatRules').length > 0 ? ['outbound'] : []),
  ].join(', ');
}

/** What hosts, muxes and edges have made of its frontends: one word where that is the same of all. */
function configurations(balancer: Resource): string {
  const all = children(balancer, 'frontendIPConfigurations').map((each) => configuration(each));
  return [...new Set(all)].join(', ');
}

const FRONTEND_COLUMNS: readonly Column<Frontend>[] = [
  { heading: 'FRONTEND', value: ({ name }) => name },
  { heading: 'ADDRESS', value: ({ address }) => address },
  { heading: 'KIND', value: ({ isInternal }) => (isInternal ? 'internal' : 'public') },
  { heading: 'CONFIGURATION', value: (each) => each.configuration },
];

const RULE_COLUMNS: readonly Column<unknown>[] = [
  { heading: 'RULE', value: (rule) => textAt(rule, 'resourceId') },
  { heading: 'DOES', value: (rule) => ruleLine(rule) },
  {
    heading: 'POOL',
    value: (rule) => lastName(textAt(rule, 'properties', 'backendAddressPool', 'resourceRef')),
  },
  {
    heading: 'PROBE',
    value: (rule) => lastName(textAt(rule, 'properties', 'probe', 'resourceRef')),
  },
  { heading: 'DISTRIBUTION', value: distribution },
  {
    heading: 'IDLE',
    value: (rule) => {
      const minutes = textAt(rule, 'properties', 'idleTimeoutInMinutes');
      const isReset = textAt(rule, 'properties', 'enableTcpReset') === 'true';
      return minutes === '' ? '' : `${minutes} min${isReset ? ', reset' : ''}`;
    },
  },
];

/** In the words of `create`. */
function distribution(rule: unknown): string {
  const mode = textAt(rule, 'properties', 'loadDistribution');
  return Object.entries(DISTRIBUTIONS).find(([, each]) => each === mode)?.[0] ?? mode;
}

const PROBE_COLUMNS: readonly Column<unknown>[] = [
  { heading: 'PROBE', value: (probe) => textAt(probe, 'resourceId') },
  { heading: 'ASKS', value: probeLine },
];

interface BackendRow {
  readonly pool: string;
  readonly nic: string;
  readonly settings: string;
}

const BACKEND_COLUMNS: readonly Column<BackendRow>[] = [
  { heading: 'POOL', value: ({ pool }) => pool },
  { heading: 'BACKEND', value: ({ nic }) => nic },
  { heading: 'SETTINGS', value: ({ settings }) => settings },
];

async function show(session: Session, name: string): Promise<void> {
  const client = session.northbound();
  const found = await client.get(balancerPath(name));
  const publicIps = await client.list('/publicIPAddresses');
  const settings = await client.list('/backendSettings');
  const backends = children(found, 'backendAddressPools').flatMap((pool): BackendRow[] => {
    const poolName = textAt(pool, 'resourceId');
    const poolRef = `${found.resourceRef}/backendAddressPools/${poolName}`;
    return listAt(pool, 'properties', 'backendIPConfigurations').map((each) => {
      const ref = textAt(each, 'resourceRef');
      return { pool: poolName, nic: nicOf(ref), settings: settingsWords(settings, ref, poolRef) };
    });
  });
  session.print(found, () =>
    [
      formatResource(found, [['name', found.resourceId]]),
      formatTable(FRONTEND_COLUMNS, frontends(found, publicIps)),
      formatReasons(children(found, 'frontendIPConfigurations').flatMap(configurationReasons)),
      section(RULE_COLUMNS, [
        ...children(found, 'loadBalancingRules'),
        ...children(found, 'inboundNatRules'),
        ...children(found, 'outboundNatRules'),
      ]),
      section(PROBE_COLUMNS, children(found, 'probes')),
      section(BACKEND_COLUMNS, backends),
    ]
      .filter((text) => text !== '')
      .join('\n'),
  );
}

function section<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  return rows.length === 0 ? '' : formatTable(columns, rows);
}
