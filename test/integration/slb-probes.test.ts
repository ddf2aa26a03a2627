/**
 * Health probes by a host of the backends on it, with real servers in VMs: every way to answer has its result and reason, access control
 * decides about probes as Azure's does, tenants with the same addresses are probed apart, and what changes is reported.
 *
 *   weft-F-host1: host process (probes)    VMs a (blue, 10.1.0.4 and fd00:1::4) and x (red, 10.1.0.4)    scripted controller (goal, reports)
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { defined } from '../../base/assert.ts';
import { systemClock } from '../../base/clock.ts';
import { ipAddressBytes, parseIpWords } from '../../base/ip-words.ts';
import { type Argv, run } from '../../fabric/command.ts';
import { hostControl } from '../../fabric/host-control.ts';
import {
  createNamespace,
  inNamespace,
  namespaceName,
  sweepNamespaces,
} from '../../fabric/namespaces.ts';
import { programPath } from '../../fabric/roles.ts';
import { openCertificateAuthority } from '../../identity/certificate-authority.ts';
import {
  IP_CONFIGURATION_DEFAULTS,
  MAPPING_DEFAULTS,
  VIRTUAL_SUBNET_DEFAULTS,
} from '../../schema/southbound/defaults.ts';
import {
  AclAction,
  AclDirection,
  AddressTag,
  ProbeProtocol,
  type ProbeResult,
  type Resource,
} from '../../schema/southbound/messages.ts';
import { eventually } from '../kit/eventually.ts';
import { type Program, startProgram } from '../kit/program.ts';
import { selfSigned } from '../kit/self-signed.ts';
import { uniqueFabricName } from '../kit/stale.ts';
import { type GoalVm, goalFor } from './goal-resources.ts';
import { scriptedSouthbound } from './scripted-southbound.ts';
import { TARGET_PORTS } from './target-ports.ts';

const HOST = { id: 'host1', providerAddress: '100.64.7.11' };
const A: GoalVm = {
  ...{ portId: 'port-a', host: 'host1', subnet: 'web' },
  ...{ address: '10.1.0.4', mac: 0x001d_d800_000a },
};
const X: GoalVm = { ...A, portId: 'port-x', subnet: 'other', mac: 0x001d_d800_0010 };
const IPV6 = 'fd00:1::4';
const PROBE_SOURCES = ['::ffff:168.63.129.16', 'fe80::1234:5678:9abc'];

const fabric = uniqueFabricName();
const ns = (member: string): string => namespaceName(fabric, member);
const directory = await mkdtemp(join(tmpdir(), 'weft-probes-'));
const inVm = (vm: GoalVm, argv: Argv): Promise<string> => run(inNamespace(ns(vm.portId), argv));

const octets = (text: string): Uint8Array => ipAddressBytes(defined(parseIpWords(text), text));

/** What a controller would send: two tenants, blue with IPv6 too, and these probes and lists. */
function goal(probes: readonly Resource[], listId = ''): readonly Resource[] {
  const networks = [
    { id: 'blue', subnets: [{ id: 'web', vni: 5001, prefix: '10.1.0' }], vms: [A] },
    { id: 'red', subnets: [{ id: 'other', vni: 5003, prefix: '10.1.0' }], vms: [X] },
  ];
  return [...goalFor(HOST, [HOST], networks).map(withIpv6), ...IPV6_RESOURCES, ...LISTS, ...probes];

  function withIpv6(resource: Resource): Resource {
    const { virtualNetwork, port } = resource;
    if (virtualNetwork?.id === 'blue') {
      const prefix = { address: octets('fd00:1::'), len: 32 };
      const addressSpace = [...virtualNetwork.addressSpace, prefix];
      return { ...resource, virtualNetwork: { ...virtualNetwork, addressSpace } };
    }
    if (port?.id !== A.portId) return resource;
    const second = {
      ...IP_CONFIGURATION_DEFAULTS,
      resourceRef: `${port.resourceRef}/ipConfigurations/ip2`,
      subnetId: 'web6',
      address: octets(IPV6),
    };
    const ipConfigurations = [...port.ipConfigurations, second].map((own) => ({
      ...own,
      accessControlListId: listId,
    }));
    return { ...resource, port: { ...port, ipConfigurations } };
  }
}

const IPV6_RESOURCES: readonly Resource[] = [
  {
    key: 'subnet/web6',
    version: 1,
    virtualSubnet: {
      ...VIRTUAL_SUBNET_DEFAULTS,
      ...{ id: 'web6', resourceRef: '/virtualNetworks/blue/subnets/web6', vnetId: 'blue' },
      ...{
        vni: 5002,
        prefix: { address: octets('fd00:1::'), len: 64 },
        gateway: octets('fd00:1::1'),
      },
    },
  },
  {
    key: `mapping/blue/${IPV6}`,
    version: 1,
    mapping: {
      ...MAPPING_DEFAULTS,
      ...{ vnetId: 'blue', address: octets(IPV6), subnetId: 'web6', mac: A.mac },
      ...{ providerAddress: octets(HOST.providerAddress), portRef: '/networkInterfaces/port-a' },
    },
  },
];

/** `closed` denies everything inbound; `probed` lets nothing in but probes. */
const LISTS: readonly Resource[] = ['closed', 'probed'].map((id) => ({
  key: `acl/${id}`,
  version: 1,
  accessControlList: {
    id,
    resourceRef: `/accessControlLists/${id}`,
    inboundDefault: AclAction.ACL_DENY,
    outboundDefault: AclAction.ACL_DENY,
    rules:
      id === 'closed'
        ? []
        : [
            {
              resourceRef: '/accessControlLists/probed/aclRules/probes',
              priority: 100,
              direction: AclDirection.ACL_INBOUND,
              action: AclAction.ACL_PERMIT,
              protocol: 0,
              source: {
                prefixes: [],
                tags: [AddressTag.AZURE_LOAD_BALANCER],
                securityTagIds: [],
              },
              sourcePorts: [],
              destinationPorts: [],
              logging: false,
            },
          ],
  },
}));

const { PROBE_TCP, PROBE_HTTP, PROBE_HTTPS } = ProbeProtocol;

/** One answer decides, every second. */
function probe(
  id: string,
  protocol: ProbeProtocol,
  port: number,
  ...to: [GoalVm, string][]
): Resource {
  return {
    key: `healthprobe/${id}`,
    version: 1,
    healthProbe: {
      ...{ id, resourceRef: `/loadBalancers/lb/probes/${id}`, protocol, port },
      ...{ requestPath: '/', intervalSec: 1, failuresMax: 1 },
      backends: to.map(([vm, address]) => ({ portId: vm.portId, address: octets(address) })),
    },
  };
}

const own = (vm: GoalVm): [GoalVm, string] => [vm, vm.address];

async function startBackend(vm: GoalVm, files: { key: string; cert: string }): Promise<Program> {
  const argv = [process.execPath, programPath('test/integration/probe-target.js')] as const;
  return startProgram(ns(vm.portId), [...argv, files.key, files.cert], 'ready');
}

const { credentials, files } = await setUp();
const southbound = await scriptedSouthbound(
  join(directory, 'southbound.sock'),
  await credentials('controller'),
);
let host: Program | undefined;

async function setUp() {
  await createNamespace(ns('host1'));
  const link = ['ip', '-n', ns('host1'), 'link'] as const;
  await run([...link, 'add', 'uplink0', 'type', 'veth', 'peer', 'name', 'nowhere']);
  for (const end of ['uplink0', 'nowhere']) await run([...link, 'set', end, 'up']);
  const made = await openCertificateAuthority({
    directory: join(directory, 'pki'),
    clock: systemClock,
  });
  const { key, cert } = await selfSigned();
  const files = { key: join(directory, 'backend.key'), cert: join(directory, 'backend.pem') };
  await writeFile(files.key, key);
  await writeFile(files.cert, cert);
  const credentials = (name: 'controller' | 'host1') =>
    made.ensure({ name, kind: name === 'controller' ? 'controller' : 'host' });
  return { credentials, files };
}

async function attach(vm: GoalVm): Promise<void> {
  await createNamespace(ns(vm.portId));
  await inVm(vm, ['sysctl', '-qw', 'net.ipv6.conf.all.accept_dad=0']);
  await hostControl(join(directory, 'host1', 'control.sock')).attach({
    portId: vm.portId,
    device: 'tap',
    name: 'eth0',
    netns: ns(vm.portId),
  });
  await inVm(vm, ['ip', 'address', 'add', `${vm.address}/24`, 'dev', 'eth0']);
  await inVm(vm, ['ip', 'link', 'set', 'eth0', 'up']);
  await inVm(vm, ['ip', 'route', 'add', 'default', 'via', '10.1.0.1']);
}

/** The result of a probe of a backend, once it is such; else tells the last one. */
function result(
  id: string,
  isWanted: (found: ProbeResult) => boolean,
  [vm, address]: [GoalVm, string] = own(A),
): Promise<ProbeResult> {
  const wanted = octets(address).join();
  return eventually(`probe ${id} of ${vm.portId}`, () => {
    const found = southbound
      .report(HOST.id)
      ?.probeResults.find(
        (each) =>
          each.probeId === id && each.portId === vm.portId && each.address.join() === wanted,
      );
    if (found === undefined) throw new Error('no result');
    if (!isWanted(found)) throw new Error(`${found.up ? 'up' : 'down'}: ${found.reason}`);
    return found;
  });
}

const isUp = ({ up }: ProbeResult): boolean => up;
const isDown = ({ up }: ProbeResult): boolean => !up;

test('health probes of a host', async (t) => {
  t.teardown(async () => {
    await host?.stop();
    southbound.close();
    await sweepNamespaces(fabric);
    await rm(directory, { recursive: true, force: true });
  });
  southbound.set(HOST.id, goal([]));
  const { ca, cert, key } = await credentials('host1');
  host = await startProgram(
    ns('host1'),
    [
      process.execPath,
      programPath('dataplane/main.js'),
      ...['--id', 'host1', '--state', join(directory, 'host1'), '--uplink', 'uplink0'],
      ...['--controller', `unix:${join(directory, 'southbound.sock')}`],
      ...['--ca', ca, '--cert', cert, '--key', key],
    ],
    '"event":"ready"',
  );
  await eventually('goal state is in force', () => southbound.ack(HOST.id) !== undefined);
  t.same(southbound.ack(HOST.id)?.errors, []);
  for (const vm of [A, X]) await attach(vm);
  await inVm(A, ['ip', 'address', 'add', `${IPV6}/64`, 'dev', 'eth0', 'nodad']);
  const backend = await startBackend(A, files);
  t.teardown(() => backend.stop());

  const ports = TARGET_PORTS;
  const everyWay = [
    probe('accepts', PROBE_TCP, ports.accepts, own(A), own(X)),
    probe('refuses', PROBE_HTTP, ports.refuses, own(A)),
    probe('hangs', PROBE_HTTP, ports.hangs, own(A)),
    probe('unavailable', PROBE_HTTP, ports.unavailable, own(A)),
    probe('redirects', PROBE_HTTP, ports.redirects, own(A)),
    probe('drips', PROBE_HTTP, ports.drips, own(A)),
    probe('tls', PROBE_HTTPS, ports.tls, own(A)),
    probe('no-tls', PROBE_HTTPS, ports.switchable, own(A)),
    probe('trickles', PROBE_HTTP, ports.trickles, own(A)),
    probe('mute-tls', PROBE_HTTPS, ports.hangs, own(A)),
    probe('switchable', PROBE_HTTP, ports.switchable, own(A), [A, IPV6]),
  ];

  await t.test('every way to answer has its result and reason', async (t) => {
    southbound.set(HOST.id, goal(everyWay));
    t.match(await result('accepts', isUp), { reason: 'connected' });
    t.match(await result('refuses', isDown), { reason: 'connection refused' });
    t.match(await result('hangs', isDown), { reason: 'no HTTP answer within 1 s' });
    t.match(await result('unavailable', isDown), { reason: 'HTTP 503' });
    t.match(await result('redirects', isDown), { reason: 'HTTP 302' });
    t.match(await result('drips', isUp), { reason: 'HTTP 200' });
    t.match(await result('tls', isUp), { reason: 'HTTP 200' });
    t.match(await result('no-tls', isDown), { reason: /^TLS handshake failed/ });
    t.match(await result('trickles', isDown), { reason: 'no HTTP answer within 1 s' });
    t.match(await result('mute-tls', isDown), { reason: /within 1 s$/ });
    t.match(await result('switchable', isUp), { reason: 'HTTP 200' });
    t.match(await result('switchable', isUp, [A, IPV6]), { reason: 'HTTP 200' });
    t.same(southbound.ack(HOST.id)?.errors, []);
  });

  await t.test(
    'a backend sees the platform’s address, and no redirection is followed',
    async (t) => {
      const seen = backend.stdout().toString().trim().split('\n').slice(1);
      const sources = new Set(seen.map((line) => line.split(/[ %]/)[1]));
      t.same([...sources].sort(), PROBE_SOURCES);
    },
  );

  await t.test('another tenant’s VM with the same address has its own result', async (t) => {
    t.match(await result('accepts', isDown, own(X)), { reason: 'connection refused' });
    const other = await startBackend(X, files);
    await result('accepts', isUp, own(X));
    await other.stop();
    await result('accepts', isDown, own(X));
    await result('accepts', isUp);
  });

  await t.test('what changes is reported, and when', async (t) => {
    const started = systemClock.now();
    backend.write('down\n');
    const down = await result('switchable', isDown);
    t.comment(
      `from the first bad answer possible to the report: ${Math.round(systemClock.now() - started)} ms`,
    );
    t.match(down, { reason: 'HTTP 503' });
    t.ok(down.sinceSec > 1_600_000_000);
    backend.write('up\n');
    await result('switchable', isUp);
  });

  await t.test('access control decides about probes: tag AZURELOADBALANCER', async (t) => {
    southbound.set(HOST.id, goal(everyWay, 'closed'));
    t.match(await result('accepts', isDown), { reason: 'no connection within 1 s' });
    t.match(await result('switchable', isDown, [A, IPV6]), { reason: 'no connection within 1 s' });
    southbound.set(HOST.id, goal(everyWay, 'probed'));
    await result('accepts', isUp);
    await result('switchable', isUp, [A, IPV6]);
  });

  await t.test('a VM that is gone is down; a probe that is gone is reported no more', async (t) => {
    await hostControl(join(directory, 'host1', 'control.sock')).detach(A.portId);
    const told = await result('accepts', isDown);
    t.match(told, { reason: /not attached/ });
    southbound.set(HOST.id, goal([]));
    await eventually('no results', () => southbound.report(HOST.id)?.probeResults.length === 0);
  });
});
