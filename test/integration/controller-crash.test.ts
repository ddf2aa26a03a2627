/**
 * kill -9 of the whole controller at random moments while clients write, again and again on one state directory: every write that was
 * acknowledged is there afterwards with the addresses it was told, nothing is half there, no address is given twice, and a retried
 * request of before the crash gets its old answer. Then SIGTERM, which must end the process cleanly.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { sleep, systemClock } from '../../base/clock.ts';
import { below, seededRng, systemRng } from '../../base/rng.ts';
import { millis } from '../../base/units.ts';
import { createNorthboundClient, type NorthboundClient } from '../../fabric/northbound-client.ts';
import {
  type Credentials,
  openCertificateAuthority,
} from '../../identity/certificate-authority.ts';

const MAIN = fileURLToPath(new URL('../../controller/main.js', import.meta.url));
const ROUNDS = 12;
const WRITERS = 24;

interface Nic {
  readonly ipConfigurations: readonly {
    readonly properties: { readonly privateIPAddress: string };
  }[];
  readonly privateMacAddress: string;
}

interface Running {
  readonly child: ChildProcess;
  readonly client: NorthboundClient;
}

const directory = await mkdtemp(join(tmpdir(), 'weft-controller-crash-'));
t.teardown(() => rm(directory, { recursive: true, force: true }));
const authority = await openCertificateAuthority({
  directory: join(directory, 'pki'),
  clock: systemClock,
});
const own = await authority.ensure({ name: 'controller', kind: 'controller' });
const admin = await authority.ensure({ name: 'admin', kind: 'client' });

async function start(): Promise<Running> {
  const child = spawn(process.execPath, [MAIN, ...argumentsOf(own)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, WEFT_LOG: 'error' },
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = await Promise.race([once(lines, 'line'), once(child, 'exit')]);
  const ready: unknown = JSON.parse(String(line));
  const url = Object(ready).northbound;
  return { child, client: createNorthboundClient({ url, ...pathsOf(admin) }) };
}

function argumentsOf(credentials: Credentials): string[] {
  const { ca, cert, key } = pathsOf(credentials);
  return [
    ...['--state', directory, '--ca', ca, '--cert', cert, '--key', key],
    ...['--listen', '127.0.0.1:0', '--southbound', `unix:${join(directory, 'southbound.sock')}`],
  ];
}

function pathsOf({ ca, cert, key }: Credentials) {
  return { ca, cert, key };
}

async function layGround(client: NorthboundClient): Promise<void> {
  await client.put('/logicalNetworks/p', { properties: { networkVirtualizationEnabled: true } });
  const range = { startMacAddress: '00-1D-D8-00-00-00', endMacAddress: '00-1D-D8-0F-FF-FF' };
  await client.put('/macPools/m', { properties: range });
  const vnet = {
    addressSpace: { addressPrefixes: ['10.0.0.0/8'] },
    logicalNetwork: { resourceRef: '/logicalNetworks/p' },
    subnets: [{ resourceId: 's', properties: { addressPrefix: '10.0.0.0/12' } }],
  };
  await client.put('/virtualNetworks/v', { properties: vnet });
}

const NIC = {
  properties: {
    privateMacAllocationMethod: 'Dynamic',
    ipConfigurations: [
      {
        resourceId: 'c',
        properties: { subnet: { resourceRef: '/virtualNetworks/v/subnets/s' } },
      },
    ],
  },
};

/** What clients were told: the answer to each PUT, undefined after an acknowledged DELETE. */
type Told = Map<string, string | undefined>;

/** One client: puts interfaces and deletes some, until the controller is gone. A write without an answer may or may not be there. */
async function write(client: NorthboundClient, name: string, told: Told, unsure: Set<string>) {
  for (let index = 0; ; index++) {
    const id = `${name}-${index}`;
    unsure.add(id);
    try {
      const headers = { 'x-ms-client-request-id': id };
      const put = await client.raw('PUT', `/networkInterfaces/${id}`, NIC, headers);
      if (put.status !== 201) throw new Error(`PUT ${id}: ${put.status}`);
      told.set(id, JSON.stringify(put.body));
      if (index % 4 === 3) {
        unsure.add(`${name}-${index - 1}`);
        await client.raw('DELETE', `/networkInterfaces/${name}-${index - 1}`);
        told.set(`${name}-${index - 1}`, undefined);
        unsure.delete(`${name}-${index - 1}`);
      }
      unsure.delete(id);
    } catch {
      return;
    }
  }
}

t.test('kill -9 of the controller loses no acknowledged write', async (t) => {
  const seed = systemRng.uint32();
  t.comment(`seed ${seed}`);
  const rng = seededRng(seed);
  const told: Told = new Map();
  const unsure = new Set<string>();
  let running = await start();
  await layGround(running.client);
  for (let round = 0; round < ROUNDS; round++) {
    const writers = Array.from({ length: WRITERS }, (_, index) =>
      write(running.client, `r${round}w${index}`, told, unsure),
    );
    await sleep(systemClock, millis(below(rng, 700)));
    const exited = once(running.child, 'exit');
    running.child.kill('SIGKILL');
    await exited;
    await Promise.all(writers);
    running.client.close();
    running = await start();
  }
  const nics = await running.client.list<Nic>('/networkInterfaces');
  const present = new Map(nics.map((nic) => [nic.resourceId, nic]));
  for (const [id, answer] of told) {
    if (unsure.has(id)) continue;
    const nic = present.get(id);
    if (answer === undefined) {
      if (nic !== undefined) t.fail(`${id} was deleted and is there`);
    } else if (nic === undefined || !agrees(nic, JSON.parse(answer))) {
      t.fail(`${id} was acknowledged and is ${nic === undefined ? 'gone' : 'another'}`);
    }
  }
  for (const id of present.keys()) {
    if (!told.has(id) && !unsure.has(id)) t.fail(`${id} came from nowhere`);
  }
  const addresses = nics.map(
    (nic) => nic.properties.ipConfigurations[0]?.properties.privateIPAddress,
  );
  t.equal(new Set(addresses).size, nics.length, 'each address is given once');
  const macs = nics.map((nic) => nic.properties.privateMacAddress);
  t.equal(new Set(macs).size, nics.length, 'each MAC address is given once');
  t.ok(told.size > ROUNDS, `${told.size} writes were acknowledged`);

  const [id, answer] = [...told].filter(([id]) => !unsure.has(id)).at(-1) ?? [];
  const headers = { 'x-ms-client-request-id': id ?? '' };
  const again = await running.client.raw('PUT', `/networkInterfaces/${id}`, NIC, headers);
  t.equal(JSON.stringify(again.body), answer, 'a retry gets the answer of before the crash');

  running.client.close();
  const exited = once(running.child, 'exit');
  running.child.kill('SIGTERM');
  t.same(await exited, [0, null], 'SIGTERM ends the controller cleanly');
});

function agrees(
  nic: { readonly instanceId: string; readonly properties: Nic },
  answer: unknown,
): boolean {
  const { instanceId, properties } = Object(answer);
  const [configuration] = properties.ipConfigurations;
  return (
    nic.instanceId === instanceId &&
    nic.properties.privateMacAddress === properties.privateMacAddress &&
    nic.properties.ipConfigurations[0]?.properties.privateIPAddress ===
      configuration.properties.privateIPAddress
  );
}
