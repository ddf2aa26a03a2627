/**
 * The sample tenant: two virtual networks with the same address space, each with two subnets and VMs on the fabric's hosts, made
 * through the northbound API alone (MS-NCNBI §3.1.5.18, §3.1.5.11). Then the proof, by real traffic: within each network everybody
 * reaches everybody, and what is said in one is not heard in the other, although they use the same addresses.
 *
 *   blue, green   10.1.0.0/16   web 10.1.1.0/24: web1 web2 (host1), web3 (host2)   data 10.1.2.0/24: data1 (host2)
 *
 * Where the fabric has an edge, blue-web3 has a public address: the outside reaches it there, and it and its neighbours reach the outside.
 *
 * Called by main.ts; `weft status` and the tutorial build on what it makes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { defined } from '../base/assert.ts';
import { type Clock, sleep } from '../base/clock.ts';
import { SdnError } from '../base/errors.ts';
import { millis, seconds } from '../base/units.ts';
import { type Argv, attempt, type CommandResult } from './command.ts';
import { PROVIDER_LOGICAL_NETWORK } from './deploy.ts';
import type { Fabric } from './fabric.ts';
import type { NorthboundClient, Resource } from './northbound-client.ts';
import { programPath } from './roles.ts';
import { streamHash } from './tcp-probe.ts';
import { inVm, type VmRecord } from './vm.ts';

const VNETS = ['blue', 'green'] as const;
const ADDRESS_SPACE = '10.1.0.0/16';
const SUBNETS = { web: '10.1.1.0/24', data: '10.1.2.0/24' } as const;
/** `host`: index into the fabric's hosts, modulo their number. */
const MACHINES = [
  { name: 'web1', subnet: 'web', host: 0 },
  { name: 'web2', subnet: 'web', host: 0 },
  { name: 'web3', subnet: 'web', host: 1 },
  { name: 'data1', subnet: 'data', host: 1 },
] as const;
/** Addresses that exist in one of the two networks only, by which isolation shows also without an equal at the other end. */
const LONELY: Readonly<Record<string, string>> = { blue: '10.1.2.70', green: '10.1.2.71' };

/** The VM with a public address; it serves the probe. */
const PUBLIC_VM = 'blue-web3';
const PUBLIC_ADDRESS = `/publicIPAddresses/${PUBLIC_VM}`;

const PROBE_PORT = 7070;
const TRANSFER_BYTES = 16 * 1024 * 1024;
/** How long a claim may take to come true: the mapping of a new VM has to reach the other hosts first. */
const CLAIM_PATIENCE = seconds(10);
const CLAIM_RETRY = millis(100);

export interface Check {
  readonly claim: string;
  readonly holds: boolean;
  readonly detail: string;
}

/** A namespace that traffic can be sent from and to. */
type Party = Pick<VmRecord, 'name' | 'address' | 'namespace'>;

/** The client outside of the fabric. */
export interface OutsideClient extends Party {
  /** At which it reaches PUBLIC_VM. */
  readonly publicAddress: string;
}

interface NicProperties {
  readonly ipConfigurations: readonly Resource<{ readonly privateIPAddress?: string }>[];
}

/** Writes the tenant's networks and interfaces; what is there already stays. Returns the interfaces by VM name. */
export async function writeSampleTenant(
  fabric: Fabric,
): Promise<ReadonlyMap<string, Resource<NicProperties>>> {
  const { client } = fabric;
  if (fabric.settings.edge !== undefined) await writePublicAddress(client);
  await Promise.all(
    VNETS.map((vnet) =>
      client.put(`/virtualNetworks/${vnet}`, { resourceId: vnet, properties: vnetProperties() }),
    ),
  );
  // Within a network one after another: the controller then gives out the same addresses in both.
  const nics = await Promise.all(
    VNETS.map(async (vnet) => {
      const made: (readonly [string, Resource<NicProperties>])[] = [];
      for (const { name, subnet } of MACHINES)
        made.push([`${vnet}-${name}`, await writeNic(client, vnet, name, subnet)]);
      return made;
    }),
  );
  if (fabric.settings.edge !== undefined) await bindPublicAddress(client);
  return new Map(nics.flat());
}

async function writePublicAddress(client: NorthboundClient): Promise<void> {
  if ((await client.find(PUBLIC_ADDRESS)) !== undefined) return;
  const properties = { publicIPAllocationMethod: 'Dynamic' };
  await client.put(PUBLIC_ADDRESS, { resourceId: PUBLIC_VM, properties });
}

async function bindPublicAddress(client: NorthboundClient): Promise<void> {
  const { properties } = await client.get<{ readonly ipConfiguration?: object }>(PUBLIC_ADDRESS);
  if (properties.ipConfiguration !== undefined) return;
  const path = `/networkInterfaces/${PUBLIC_VM}/ipConfigurations/primary`;
  const { etag, ...known } = await client.get(path);
  const publicIPAddress = { resourceRef: PUBLIC_ADDRESS };
  const body = { ...known, properties: { ...known.properties, publicIPAddress } };
  await client.put(path, body, { ifMatch: etag });
}

/** The address at which the outside reaches PUBLIC_VM. */
export async function samplePublicAddress(fabric: Fabric): Promise<string> {
  const found = await fabric.client.get<{ readonly ipAddress?: string }>(PUBLIC_ADDRESS);
  return found.properties.ipAddress ?? '';
}

async function writeNic(
  client: NorthboundClient,
  vnet: string,
  machine: string,
  subnet: string,
): Promise<Resource<NicProperties>> {
  const resourceId = `${vnet}-${machine}`;
  const path = `/networkInterfaces/${resourceId}`;
  const existing = await client.find<NicProperties>(path);
  if (existing !== undefined) return existing;
  return client.put(path, { resourceId, properties: nicProperties(vnet, machine, subnet) });
}

/** A VM for each interface, all at once. */
export function startSampleMachines(
  fabric: Fabric,
  nics: ReadonlyMap<string, Resource<NicProperties>>,
): Promise<readonly VmRecord[]> {
  const { hosts } = fabric.settings;
  return Promise.all(
    VNETS.flatMap((vnet) =>
      MACHINES.map((machine) => {
        const name = `${vnet}-${machine.name}`;
        const nic = defined(nics.get(name), `interface of ${name}`);
        const host = defined(hosts[machine.host % hosts.length], 'a host');
        return fabric.createVm({ name, host, nic });
      }),
    ),
  );
}

/** Real traffic between the VMs; each check is reported as it is made. */
export async function proveSampleTenant(
  vms: readonly VmRecord[],
  clock: Clock,
  report: (check: Check) => void,
  /** Where the fabric has an edge. */
  outside?: OutsideClient,
): Promise<readonly Check[]> {
  const vm = (name: string): VmRecord =>
    defined(
      vms.find((candidate) => candidate.name === name),
      `VM ${name}`,
    );
  const servers: ChildProcess[] = [];
  const checks: Check[] = [];
  const note = (check: Check): void => {
    checks.push(check);
    report(check);
  };
  try {
    for (const vnet of VNETS) servers.push(await serveProbe(vm(`${vnet}-web3`)));
    for (const vnet of VNETS) {
      const web1 = vm(`${vnet}-web1`);
      note(await reaches(web1, vm(`${vnet}-web2`), 'same host', clock));
      note(await reaches(web1, vm(`${vnet}-web3`), 'across hosts', clock));
      note(await reaches(web1, vm(`${vnet}-data1`), 'across hosts and subnets', clock));
      note(await reaches(vm(`${vnet}-web3`), vm(`${vnet}-data1`), 'across subnets', clock));
      note(await transfers(web1, vm(`${vnet}-web3`), clock));
    }
    note(await silent(vm('blue-web1'), LONELY['green'] ?? '', 'green'));
    note(await silent(vm('green-web1'), LONELY['blue'] ?? '', 'blue'));
    if (outside !== undefined) {
      const served = { ...vm(PUBLIC_VM), address: outside.publicAddress };
      note(await reaches(outside, served, 'its public address', clock));
      note(await transfers(outside, served, clock));
      note(await reaches(vm(PUBLIC_VM), outside, 'by its public address', clock));
      note(await reaches(vm('green-web1'), outside, 'by a shared address', clock));
    }
  } finally {
    for (const server of servers) server.kill('SIGKILL');
  }
  return checks;
}

function vnetProperties(): object {
  return {
    addressSpace: { addressPrefixes: [ADDRESS_SPACE] },
    logicalNetwork: { resourceRef: PROVIDER_LOGICAL_NETWORK },
    subnets: Object.entries(SUBNETS).map(([resourceId, addressPrefix]) => ({
      resourceId,
      properties: { addressPrefix },
    })),
  };
}

function nicProperties(vnet: string, machine: string, subnet: string): object {
  const lonely = machine === 'data1' ? LONELY[vnet] : undefined;
  return {
    privateMacAllocationMethod: 'Dynamic',
    internalDnsNameLabel: machine,
    ipConfigurations: [
      {
        resourceId: 'primary',
        properties: {
          subnet: { resourceRef: `/virtualNetworks/${vnet}/subnets/${subnet}` },
          ...(lonely === undefined
            ? { privateIPAllocationMethod: 'Dynamic' }
            : { privateIPAllocationMethod: 'Static', privateIPAddress: lonely }),
        },
      },
    ],
  };
}

async function reaches(from: Party, to: Party, how: string, clock: Clock): Promise<Check> {
  const claim = `${from.name} reaches ${to.name} at ${to.address} (${how})`;
  const deadline = clock.now() + CLAIM_PATIENCE;
  for (;;) {
    const { code, stdout } = await ping(from, to.address, 3);
    const rtt = /min\/avg\/max = [0-9.]+\/([0-9.]+)\//.exec(stdout)?.[1];
    if (code === 0) return { claim, holds: true, detail: `${rtt ?? '?'} ms` };
    if (clock.now() > deadline) return { claim, holds: false, detail: 'no answer to ping' };
    await sleep(clock, CLAIM_RETRY);
  }
}

/** Both networks have a server at the same address: who answers must be the one of the own network, and every byte must arrive. */
async function transfers(from: Party, to: Party, clock: Clock): Promise<Check> {
  const size = `${TRANSFER_BYTES / 1024 / 1024} MiB`;
  const claim = `${from.name} gets ${size} over TCP from ${to.address}, and from ${to.name}`;
  const deadline = clock.now() + CLAIM_PATIENCE;
  for (;;) {
    const check = await fetchOnce(from, to, claim);
    if (check.holds || clock.now() > deadline) return check;
    await sleep(clock, CLAIM_RETRY);
  }
}

async function fetchOnce(from: Party, to: Party, claim: string): Promise<Check> {
  const argv: Argv = probe('fetch', to.address, String(PROBE_PORT), String(TRANSFER_BYTES));
  const { code, stdout, stderr } = await attempt(inVm(from, argv));
  if (code !== 0) return { claim, holds: false, detail: stderr.trim() };
  const answer = JSON.parse(stdout) as FetchResult;
  if (answer.name !== to.name)
    return { claim, holds: false, detail: `it was ${answer.name} that answered` };
  if (answer.bytes !== TRANSFER_BYTES || answer.sha256 !== streamHash(TRANSFER_BYTES))
    return { claim, holds: false, detail: `the stream arrived damaged (${answer.bytes} bytes)` };
  const gigabitsPerSec = (answer.bytes * 8) / answer.elapsedMs / 1e6;
  return { claim, holds: true, detail: `${gigabitsPerSec.toFixed(1)} Gbit/s` };
}

interface FetchResult {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly elapsedMs: number;
}

async function silent(from: Party, address: string, owner: string): Promise<Check> {
  const claim = `${from.name} hears nothing from ${address}, which only ${owner} has`;
  const { code } = await ping(from, address, 2);
  return code === 0
    ? { claim, holds: false, detail: 'it answered: the networks are not isolated' }
    : { claim, holds: true, detail: 'isolated' };
}

function ping(from: Party, address: string, count: number): Promise<CommandResult> {
  return attempt(
    inVm(from, ['busybox', 'ping', '-c', String(count), '-i', '0.1', '-W', '1', address]),
  );
}

function probe(...args: readonly string[]): Argv {
  return [process.execPath, programPath('fabric/tcp-probe.js'), ...args];
}

/** A probe's server in the VM, which ends with this process. */
function serveProbe(vm: VmRecord): Promise<ChildProcess> {
  const [program, ...args] = inVm(vm, [
    'setpriv',
    '--pdeathsig',
    'KILL',
    '--',
    ...probe('serve', vm.name, String(PROBE_PORT)),
  ]);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new SdnError('SDN_PROBE_FAILED', `${vm.name}: no server`)));
    child.stdout.once('data', () => resolve(child));
  });
}

export function failedChecks(checks: readonly Check[]): readonly string[] {
  return checks.filter((check) => !check.holds).map(({ claim, detail }) => `${claim}: ${detail}`);
}

export function describeCheck({ claim, holds, detail }: Check): string {
  return `${holds ? '✔' : '✘'} ${claim}: ${detail}`;
}
