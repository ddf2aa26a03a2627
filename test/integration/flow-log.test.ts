/**
 * The flow log from the northbound API to the files of a host: real connections, allowed and denied, appear there with the rule that decided
 * and with the bytes they carried; `weft flow-log`'s question tells the same; a full disk is a fault that stops nothing.
 */
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { seconds } from '../../base/units.ts';
import { run } from '../../fabric/command.ts';
import { eventually } from '../kit/eventually.ts';
import { topology } from '../kit/topology.ts';

const MEBIBYTE = 1024 * 1024;
const TCP_PORT = '7071';

interface LogFile {
  readonly records: readonly {
    readonly time: string;
    readonly systemId: string;
    readonly category: string;
    readonly resourceId: string;
    readonly properties: {
      readonly Version: number;
      readonly flows: readonly {
        readonly rule: string;
        readonly flows: readonly { readonly mac: string; readonly flowTuples: readonly string[] }[];
      }[];
    };
  }[];
}

interface Server {
  readonly configurationState?: {
    readonly detailedInfo?: readonly { readonly message: string }[];
  };
}

test('flow log', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'weft-flow-log-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const small = join(directory, 'small');
  await mkdir(small);
  await run(['mount', '-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', small]);
  t.teardown(() => run(['umount', small]));

  const network = await topology({
    hosts: 1,
    vnets: { blue: { space: '10.1.0.0/16', subnets: { web: '10.1.1.0/24' } } },
    vms: {
      a: { vnet: 'blue', subnet: 'web', host: 1, address: '10.1.1.10' },
      b: { vnet: 'blue', subnet: 'web', host: 1, address: '10.1.1.11' },
      c: { vnet: 'blue', subnet: 'web', host: 1, address: '10.1.1.12' },
    },
  }).start();
  t.teardown(() => network.stop());
  const { client } = network;
  const [a, b, c] = [network.vm('a'), network.vm('b'), network.vm('c')];
  await a.reaches(b);

  const rule = (name: string, priority: number, action: string, ports: string) => ({
    resourceId: name,
    properties: {
      ...{ type: 'Inbound', protocol: 'TCP', action, priority, logging: 'Enabled' },
      ...{ sourceAddressPrefix: '*', sourcePortRange: '*' },
      ...{ destinationAddressPrefix: '*', destinationPortRange: ports },
    },
  });
  const list = await client.put('/accessControlLists/web', {
    resourceId: 'web',
    properties: {
      aclRules: [rule('allow-probe', 200, 'Allow', TCP_PORT), rule('deny-ssh', 300, 'Deny', '22')],
    },
  });
  const subnet = { addressPrefix: '10.1.1.0/24' };
  await client.put('/virtualNetworks/blue/subnets/web', {
    resourceId: 'web',
    properties: { ...subnet, accessControlList: { resourceRef: '/accessControlLists/web' } },
  });
  const logTo = async (outputDirectory: string) =>
    client.put('/auditingSettings/configuration', { properties: { outputDirectory } });
  await logTo(directory);
  const server = await client.get<object>('/servers/host1');
  await client.put('/servers/host1', {
    ...server,
    properties: { ...server.properties, auditingEnabled: ['Firewall'] },
  });

  const asked = async (path: string) =>
    (await client.ask('GET', `/networking/weft/v1/${path}`)) as {
      readonly value: readonly Readonly<Record<string, unknown>>[];
      readonly hosts: readonly Readonly<Record<string, unknown>>[];
    };
  await eventually(
    'the host logs',
    async () => (await asked('flowLog')).hosts[0]?.['isOn'] === true,
  );

  await t.test('a connection, and one that is denied, are in the host’s file', async (t) => {
    await a.download(b, MEBIBYTE);
    const ssh = await a.run(['busybox', 'nc', '-w', '1', b.address, '22'], { timeout: seconds(5) });
    t.not(ssh.code, 0);
    const path = await eventually(
      'the file',
      async () => {
        const files = await readdir(directory, { recursive: true });
        return files.find((name) => name.endsWith('PT1H.json'));
      },
      seconds(30),
    );
    t.match(
      path,
      /^host1\/insights-logs-networksecuritygroupflowevent\/resourceId=\/ACCESSCONTROLLISTS\/WEB\/y=\d{4}\/m=\d\d\/d=\d\d\/h=\d\d\/m=00\/macAddress=[0-9A-F]{12}\/PT1H\.json$/,
    );
    const tuplesOf = async (name: string) => {
      const { records } = JSON.parse(await readFile(join(directory, path), 'utf8')) as LogFile;
      for (const record of records) {
        t.equal(record.category, 'NetworkSecurityGroupFlowEvent');
        t.equal(record.systemId, list.instanceId);
        t.equal(record.properties.Version, 2);
      }
      const flows = records.flatMap(({ properties }) => properties.flows);
      const own = flows
        .filter((each) => each.rule === `UserRule_${name}`)
        .flatMap((each) => each.flows);
      for (const { mac } of own) t.equal(mac, b.mac.replaceAll(':', '').toUpperCase());
      return own.flatMap(({ flowTuples }) => flowTuples);
    };
    const denied = await eventually(
      'the denied connection',
      async () => {
        const tuples = await tuplesOf('deny-ssh');
        return tuples.length > 0 && tuples;
      },
      seconds(30),
    );
    t.match(denied[0], /^\d{10},10\.1\.1\.10,10\.1\.1\.11,\d+,22,T,I,D,B,,,,$/);
    const begun = await tuplesOf('allow-probe');
    t.match(begun[0], /^\d{10},10\.1\.1\.10,10\.1\.1\.11,\d+,7071,T,I,A,B,,,,$/);
  });

  await t.test('the question tells the same', async (t) => {
    const { value } = await asked('networkInterfaces/b/flowLog?limit=1000');
    const rules = new Set(value.map(({ ruleRef }) => ruleRef));
    t.same([...rules].sort(), [
      '/accessControlLists/web/aclRules/allow-probe',
      '/accessControlLists/web/aclRules/deny-ssh',
    ]);
  });

  await t.test('a flow that ends is logged with what it has carried', async (t) => {
    await a.download(c, MEBIBYTE);
    await network.removeVm('c');
    const carried = await eventually('its end', async () => {
      const { value } = await asked('flowLog?limit=1000');
      const ends = value.filter(({ state }) => state === 'end').map(({ counts }) => counts);
      const bytes = ends.map((counts) => Number(Object(counts).bytesReceived));
      const most = Math.max(...bytes);
      return most > MEBIBYTE && most;
    });
    t.ok(carried < 1.2 * MEBIBYTE, `${carried} bytes`);
  });

  await t.test('a full disk is a fault of the host, and its network goes on', async (t) => {
    await logTo(small);
    const faults = async () => {
      const { properties } = await client.get<Server>('/servers/host1');
      return (properties.configurationState?.detailedInfo ?? []).map(({ message }) => message);
    };
    await eventually(
      'the fault',
      async () => {
        await a.run([
          ...(['busybox', 'sh', '-c'] as const),
          `for _ in $(seq 1 200); do busybox nc -w 1 ${b.address} ${TCP_PORT} </dev/null; done`,
        ]);
        return (await faults()).some((message) => /flow log.*ENOSPC/.test(message));
      },
      seconds(60),
    );
    t.equal((await a.ping(b.address)).received, 1);
    await logTo(directory);
    await eventually('the fault has gone', async () => (await faults()).length === 0, seconds(30));
  });
});
