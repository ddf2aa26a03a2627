/**
 * Brings a fabric up in numbered steps. Every step looks first at what is there and does only what is missing, so that after a failure
 * the next `up` goes on where this one stopped; certificates and the controller's database outlive the fabric and are kept.
 *
 *   1 requirements   2 certificates   3 namespaces   4 controller   5 registration of hosts, muxes and edge   6 hosts, muxes and edge
 *
 * What the controller must know about the fabric goes through its northbound API like anybody's wishes (MS-NCNBI §3.1.5.8 logical
 * networks, §3.1.5.9 MAC pools, §3.1.5.15 servers, §3.1.5.19 virtual network manager).
 *
 * Called by fabric.ts.
 */
import { mkdir } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { SdnError } from '../base/errors.ts';
import { createEdgeLinks, EDGE, edgeResources, OUTSIDE } from './edge-network.ts';
import { checkMachineRoutes, createMachineLink, removeMachineLink } from './expose.ts';
import { createProviderNetwork, joinProviderNetwork } from './links.ts';
import { createMuxLink, muxResources } from './mux-network.ts';
import { createNamespace, namespaceName, sweepNamespaces } from './namespaces.ts';
import {
  createNorthboundClient,
  type NorthboundClient,
  type Resource,
} from './northbound-client.ts';
import type { Progress } from './progress.ts';
import { checkRequirements } from './requirements.ts';
import { CONTROLLER, controllerRole, edgeRole, hostRole, muxRole } from './roles.ts';
import type { FabricSettings } from './settings.ts';
import { checkSocketPaths, type StateDirectory } from './state-directory.ts';
import type { Supervisor } from './supervisor.ts';
import { forgetVms } from './vm.ts';

export interface Deployment {
  readonly name: string;
  readonly state: StateDirectory;
  readonly settings: FabricSettings;
  readonly supervisor: Supervisor;
  readonly clock: Clock;
  readonly progress: Progress;
  /** Once aborted, no further step is begun. */
  readonly signal?: AbortSignal;
  /** The northbound's listening socket. */
  readonly listen: { readonly fd: number; readonly port: number };
}

/** Member of the fabric that holds the provider network's bridge. */
const NETWORK = 'net';
/** Name of the administrator's client certificate. */
export const ADMINISTRATOR = 'admin';

interface DeployStep {
  readonly title: string;
  /** Returns what came of it, in a few words. */
  run(deployment: Deployment): Promise<string>;
}

const STEPS: readonly DeployStep[] = [
  { title: 'checking requirements', run: requirements },
  { title: 'certificates', run: certificates },
  { title: 'namespaces and provider network', run: namespaces },
  { title: 'controller', run: controller },
  { title: 'registering the fabric with the controller', run: registration },
  { title: 'hosts, muxes and edge', run: agents },
];
export const STEP_COUNT: number = STEPS.length;

/** `stepCount`: of the whole undertaking, if more steps follow this deployment's. */
export async function deploy(
  deployment: Deployment,
  stepCount: number = STEP_COUNT,
): Promise<void> {
  for (const [index, { title, run }] of STEPS.entries())
    await runStep(deployment, { number: index + 1, count: stepCount, title }, () =>
      run(deployment),
    );
}

/** Announces a step, runs it, and tells what came of it. */
export async function runStep(
  { clock, progress, signal }: Pick<Deployment, 'clock' | 'progress' | 'signal'>,
  step: { readonly number: number; readonly count: number; readonly title: string },
  run: () => Promise<string>,
): Promise<void> {
  signal?.throwIfAborted();
  const startedAt = clock.now();
  progress({ kind: 'step', ...step });
  const detail = await run();
  progress({ kind: 'done', detail, elapsedMs: clock.now() - startedAt });
}

export function northboundUrl(port: number): string {
  return `https://127.0.0.1:${port}`;
}

/** The administrator's client of a fabric that was deployed there, over the unix socket: it works in a user namespace too. */
export function administratorClient(state: StateDirectory, url: string): NorthboundClient {
  const { certificate, key } = state.role(ADMINISTRATOR);
  const files = { ca: state.caCertificate, cert: certificate, key };
  return createNorthboundClient({ url, ...files, socketPath: state.northboundSocket });
}

async function requirements({ name, state, settings }: Deployment): Promise<string> {
  checkSocketPaths(state, agentNames(settings));
  await checkRequirements();
  if (settings.exposure !== undefined) {
    await removeMachineLink(name); // a crash left it; its route is no conflict
    await checkMachineRoutes(settings.exposure);
  }
  return `state in ${state.root}`;
}

/** Of the roles that the controller tells what to do. */
function agentNames({ hosts, edge, muxes }: FabricSettings): readonly string[] {
  return [...hosts, ...muxes.map(({ name }) => name), ...(edge === undefined ? [] : [EDGE])];
}

async function certificates({ state, settings, clock }: Deployment): Promise<string> {
  await mkdir(state.root, { recursive: true, mode: 0o700 });
  // Of all that the command line does, only this needs certificates made: it is not loaded for the rest.
  const { openCertificateAuthority } = await import('../identity/certificate-authority.ts');
  const authority = await openCertificateAuthority({ directory: state.pki, clock });
  const wanted = [
    { name: CONTROLLER, kind: 'controller' },
    { name: ADMINISTRATOR, kind: 'client' },
    ...settings.hosts.map((name) => ({ name, kind: 'host' }) as const),
    ...settings.muxes.map(({ name }) => ({ name, kind: 'mux' }) as const),
    ...(settings.edge === undefined ? [] : [{ name: EDGE, kind: 'edge' } as const]),
  ] as const;
  const all = await Promise.all(wanted.map((request) => authority.ensure(request)));
  const issued = all.filter((one) => one.issued).length;
  if (authority.created) return `new authority, ${issued} certificates issued`;
  return issued === 0 ? 'all there' : `${issued} of ${all.length} issued anew`;
}

async function namespaces(deployment: Deployment): Promise<string> {
  const { name, settings, state } = deployment;
  const stale = await sweepNamespaces(name);
  forgetVms(state);
  const network = namespaceName(name, NETWORK);
  const outside = settings.edge === undefined ? [] : [OUTSIDE];
  const members = [CONTROLLER, ...agentNames(settings), ...outside].map((member) =>
    namespaceName(name, member),
  );
  for (const namespace of [network, ...members]) await createNamespace(namespace);
  const { mtu, prefix } = settings.provider;
  await createProviderNetwork(network, mtu);
  for (const host of settings.hosts)
    await joinProviderNetwork({
      network,
      member: namespaceName(name, host),
      portName: host,
      mtu,
    });
  const { edge, exposure, muxes } = settings;
  for (const mux of muxes) await createMuxLink({ fabric: name, mux, network, mtu });
  if (edge !== undefined) await createEdgeLinks({ fabric: name, edge, network, mtu });
  if (exposure !== undefined) await createMachineLink(name, exposure);
  const swept = stale.length === 0 ? '' : `, ${stale.length} stale ones removed first`;
  return `${members.length + 1} namespaces weft-${name}-…, ${prefix} between the hosts${swept}`;
}

async function controller(deployment: Deployment): Promise<string> {
  const { name, settings, state, supervisor, listen } = deployment;
  const namespace = namespaceName(name, CONTROLLER);
  const { hasten } = settings;
  await supervisor.start(controllerRole({ state, namespace, listenFd: listen.fd, hasten }));
  return northboundUrl(listen.port);
}

async function agents({ name, state, settings, supervisor }: Deployment): Promise<string> {
  const { offload } = settings;
  const at = (member: string) => ({
    ...{ state, offload, name: member },
    namespace: namespaceName(name, member),
  });
  const roles = settings.hosts.map((host) => hostRole(at(host)));
  for (const mux of settings.muxes) roles.push(muxRole(at(mux.name)));
  if (settings.edge !== undefined) roles.push(edgeRole(at(EDGE)));
  await Promise.all(roles.map((role) => supervisor.start(role)));
  return roles.map((role) => role.name).join(', ');
}

async function registration(deployment: Deployment): Promise<string> {
  const { state, settings, listen } = deployment;
  const client = administratorClient(state, northboundUrl(listen.port));
  try {
    await refuseOtherPrefix(client, settings.provider.prefix);
    let written = 0;
    for (const [path, properties] of fabricResources(settings)) {
      if ((await client.find(path)) !== undefined) continue;
      await client.put(path, { resourceId: path.split('/').at(-1), properties });
      written += 1;
    }
    return written === 0 ? 'known from before' : `${written} resources written`;
  } finally {
    client.close();
  }
}

interface LogicalNetworkProperties {
  readonly subnets?: readonly Resource<{ readonly addressPrefix?: string }>[];
}

/** The hosts' addresses are the controller's to give, and it has been told a prefix once. */
async function refuseOtherPrefix(client: NorthboundClient, prefix: string): Promise<void> {
  const known = await client.find<LogicalNetworkProperties>(PROVIDER_LOGICAL_NETWORK);
  const knownPrefix = known?.properties.subnets?.[0]?.properties.addressPrefix;
  if (knownPrefix === undefined || knownPrefix === prefix) return;
  throw new SdnError(
    'SDN_SETTING_INVALID',
    `the provider network of this state directory is ${knownPrefix}, not ${prefix}`,
    { remedy: `leave out --provider-prefix, or choose another directory with --state` },
  );
}

export const PROVIDER_LOGICAL_NETWORK = '/logicalNetworks/hnv-provider';

function fabricResources(settings: FabricSettings): readonly (readonly [string, object])[] {
  const { provider } = settings;
  const subnet = {
    resourceId: 'provider',
    properties: {
      addressPrefix: provider.prefix,
      vlanId: 0,
      defaultGateways: [provider.gateway],
      ipPools: [
        {
          resourceId: 'hosts',
          properties: {
            startIpAddress: provider.firstAddress,
            endIpAddress: provider.lastAddress,
          },
        },
      ],
    },
  };
  return [
    [PROVIDER_LOGICAL_NETWORK, { networkVirtualizationEnabled: 'True', subnets: [subnet] }],
    [
      '/macPools/default',
      { startMacAddress: '00-1D-D8-B7-00-00', endMacAddress: '00-1D-D8-B7-FF-FF' },
    ],
    [
      '/virtualNetworkManager/configuration',
      { distributedRouterState: 'Enable', networkVirtualizationProtocol: 'VXLAN' },
    ],
    ...settings.hosts.map(
      (host) =>
        [
          `/servers/${host}`,
          {
            connections: [{ managementAddresses: [host] }],
            networkInterfaces: [
              {
                resourceId: 'uplink0',
                properties: {
                  interfaceName: 'uplink0',
                  logicalSubnets: [{ resourceRef: `${PROVIDER_LOGICAL_NETWORK}/subnets/provider` }],
                },
              },
            ],
          },
        ] as const,
    ),
    ...(settings.edge === undefined
      ? []
      : [...edgeResources(settings.edge), ...muxResources(settings.edge, settings.muxes)]),
  ];
}
