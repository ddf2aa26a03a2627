/**
 * "Which rule dropped my packet, and what has each rule done?" from the command line, with real kernels as VMs: a list of the server's subnet
 * denies one port, and `weft rules`, `weft verify`, `weft flows`, `weft acl show`, `weft drops` and the host's metrics tell the same story.
 */
import { test } from 'tap';
import { at, isObject, type Json, listAt, textAt } from '../../cli/fields.ts';
import { attempt } from '../../fabric/command.ts';
import { programPath } from '../../fabric/roles.ts';
import { eventually } from '../kit/eventually.ts';
import { topology } from '../kit/topology.ts';

const OPEN_PORT = '7080';
const CLOSED_PORT = '7081';
const CLIENT = '10.1.1.10';
const SERVER = '10.1.2.11';

test('which rule, and what has it done', async (t) => {
  const network = await topology({
    hosts: 2,
    vnets: { blue: { space: '10.1.0.0/16', subnets: { web: '10.1.1.0/24', db: '10.1.2.0/24' } } },
    vms: {
      asker: { vnet: 'blue', subnet: 'web', host: 1, address: CLIENT },
      server: { vnet: 'blue', subnet: 'db', host: 2, address: SERVER },
    },
  }).start();
  t.teardown(() => network.stop());
  const { northbound, state } = network.fabric;
  const admin = state.role('admin');
  const weft = async (...args: readonly string[]) => {
    const access = [
      `WEFT_NC_URL=${northbound}`,
      `WEFT_CA=${state.caCertificate}`,
      `WEFT_CERT=${admin.certificate}`,
      `WEFT_KEY=${admin.key}`,
    ] as const;
    return attempt(['env', ...access, process.execPath, programPath('cli/main.js'), ...args]);
  };
  const asked = async (...args: readonly string[]): Promise<unknown> => {
    const { stdout, stderr } = await weft('--json', ...args);
    return stdout === '' ? t.fail(stderr) : JSON.parse(stdout);
  };
  const [asker, server] = [network.vm('asker'), network.vm('server')];
  await asker.reaches(server);
  for (const port of [OPEN_PORT, CLOSED_PORT]) {
    const listener = await server.start(['busybox', 'nc', '-ll', '-p', port, '-e', 'cat']);
    t.teardown(() => listener.stop());
  }
  const answers = async (port: string): Promise<boolean> => {
    const script = `exec 3<>/dev/tcp/${SERVER}/${port} && echo hello >&3 && head -n 1 <&3`;
    const { stdout } = await asker.run(['timeout', '2', 'bash', '-c', script]);
    return stdout.trim() === 'hello';
  };
  await eventually('a connection', () => answers(CLOSED_PORT));

  const { client } = network;
  await client.put('/accessControlLists/guard', { resourceId: 'guard', properties: {} });
  await client.put('/accessControlLists/guard/aclRules/closed', {
    resourceId: 'closed',
    properties: {
      ...{ type: 'Inbound', action: 'Deny', protocol: 'TCP', priority: 200 },
      ...{ sourceAddressPrefix: 'VIRTUALNETWORK', sourcePortRange: '*' },
      ...{ destinationAddressPrefix: '*', destinationPortRange: CLOSED_PORT },
    },
  });
  await client.put('/virtualNetworks/blue/subnets/db', {
    resourceId: 'db',
    properties: {
      addressPrefix: '10.1.2.0/24',
      accessControlList: { resourceRef: '/accessControlLists/guard' },
    },
  });
  await eventually('the rule is in force', async () => !(await answers(CLOSED_PORT)));
  t.ok(await answers(OPEN_PORT), 'another port is open');
  const CLOSED = '/accessControlLists/guard/aclRules/closed';

  /** How often the rule has decided, as `weft rules` says. */
  const decisions = async (): Promise<number> => {
    const told = await asked('rules', 'server', '--direction', 'inbound');
    const lists = listAt(listAt(told, 'value')[0], 'lists');
    const [rule] = listAt(lists[0], 'rules');
    t.equal(textAt(lists[0], 'level'), 'subnet');
    t.equal(textAt(rule, 'resourceRef'), CLOSED);
    t.same(listAt(rule, 'source', 'prefixes'), ['10.1.0.0/16']);
    return Number(textAt(rule, 'decisions'));
  };

  await t.test(
    'weft rules names the rule, and its counter rises with what it refuses',
    async (t) => {
      const before = await decisions();
      t.ok(before > 0);
      await answers(CLOSED_PORT);
      t.ok((await decisions()) > before);
      const { stdout } = await weft('rules', 'server', '--direction', 'inbound');
      t.match(stdout, /closed +200 +Deny +TCP +VIRTUALNETWORK \(10\.1\.0\.0\/16\)/);
    },
  );

  await t.test(
    'weft verify says what the connections have met, and exits accordingly',
    async (t) => {
      const flow = (port: string) => [`:${port}`, `${CLIENT}:50000`] as const;
      const denied = await weft('verify', 'server', 'inbound', 'tcp', ...flow(CLOSED_PORT));
      t.equal(denied.code, 3);
      t.match(denied.stdout, `denied by rule 'closed' of ${CLOSED}`);
      const allowed = await weft('verify', 'server', 'inbound', 'tcp', ...flow(OPEN_PORT));
      t.equal(allowed.code, 0);
      const reply = ['outbound', 'tcp', `${SERVER}:${CLOSED_PORT}`, `${CLIENT}:50000`] as const;
      t.equal((await weft('verify', 'server', ...reply)).code, 0, 'the list says nothing outbound');
    },
  );

  await t.test(
    'weft flows has the allowed connection, at both ends, and not the denied one',
    async (t) => {
      const portsOf = async (nic: string) => {
        const told = await asked('flows', nic);
        const rows = listAt(told, 'value').filter((row): row is Json => isObject(row));
        t.ok(rows.every((row) => row['resourceRef'] === `/networkInterfaces/${nic}`));
        return rows.flatMap((row) => [String(row['srcPort']), String(row['dstPort'])]);
      };
      t.ok(await answers(OPEN_PORT));
      t.ok((await portsOf('asker')).includes(OPEN_PORT));
      const received = await portsOf('server');
      t.ok(received.includes(OPEN_PORT));
      const closed = (ports: readonly string[]) => ports.filter((port) => port === CLOSED_PORT);
      await answers(CLOSED_PORT);
      // The connection from before the rule may still be there.
      const same = closed(await portsOf('server')).length <= closed(received).length;
      t.ok(same, 'what is denied makes no flow of the receiver');
    },
  );

  await t.test('weft acl show and weft drops count the same packets', async (t) => {
    const counted = await asked('drops', 'server');
    const [drop] = listAt(counted, 'value');
    t.equal(textAt(drop, 'reason'), 'AclDenied');
    const shown = (await weft('acl', 'show', 'guard')).stdout;
    const row = /200 +closed +Deny .* (\d+)\n/.exec(shown);
    t.equal(Number(row?.[1]), Number(at(drop, 'packets')), shown);
  });

  await t.test('the metrics of the host have a series for the rule and for the port', async (t) => {
    const socket = state.role('host2').controlSocket;
    const curl = ['curl', '-s', '--unix-socket', socket, 'http://host/metrics'] as const;
    const { stdout } = await attempt(curl);
    const rule = `weft_rule_decisions_total{rule="${CLOSED}",direction="inbound",action="Deny",host="host2"}`;
    const value = stdout.split('\n').find((line) => line.startsWith(rule));
    t.equal(Number(value?.split(' ').at(-1)), await decisions());
    t.match(stdout, /weft_port_info\{[^}]*nic="\/networkInterfaces\/server"/);
    t.match(stdout, /weft_rule_series_left_out\{host="host2"\} 0/);
  });
});
