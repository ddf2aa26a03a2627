/** The command line's policy commands on a real northbound: what one writes, the API accepts and keeps, and a `set` changes only what it names. */
import test, { type ExecutionContext } from 'ava';
import { weft } from '../../unit/cli/scripted-controller.ts';
import { expectCreated, layGround, nicProperties, startController } from './controller-fixture.ts';

async function ground(t: ExecutionContext) {
  const controller = await startController(t);
  await layGround(controller.client);
  const { port, credentials } = controller;
  const env = {
    WEFT_NC_URL: `https://127.0.0.1:${port}`,
    ...{ WEFT_CA: credentials.ca, WEFT_CERT: credentials.cert, WEFT_KEY: credentials.key },
  };
  const run = (line: string) => weft(env, ...line.split(' '));
  /** Of commands that must succeed; the output. */
  const ok = async (line: string): Promise<string> => {
    const { code, out, err } = await run(line);
    t.is(code, 0, `${line}\n${err}`);
    return out;
  };
  return { ...controller, run, ok };
}

/** What clients write of a resource, without what the controller adds and counts. */
function withoutState(body: unknown): unknown {
  return JSON.parse(JSON.stringify(body), (name, value) =>
    ['etag', 'configurationState', 'provisioningState'].includes(name) ? undefined : value,
  );
}

test('a list with rules, on a subnet and an interface, and off again', async (t) => {
  const { client, ok, run } = await ground(t);
  await expectCreated(client, '/networkInterfaces/n', nicProperties());
  const nic = withoutState((await client.get('/networkInterfaces/n')).body);
  const subnet = withoutState((await client.get('/virtualNetworks/blue/subnets/web')).body);
  await ok('acl create f --inbound-default deny --outbound-default permit');
  await ok(
    'acl rule add f http --priority 200 --direction inbound --action allow --protocol tcp --from 10.0.0.0/8,VIRTUALNETWORK --to-port 80,8000-8080 --no-log',
  );
  await ok(
    'acl rule add f ping --priority 100 --direction inbound --action allow --protocol icmpv4',
  );
  const twin = await run(
    'acl rule add f twin --priority 100 --direction outbound --action deny --protocol all',
  );
  t.is(twin.code, 1);
  t.regex(twin.err, /same priority, 100[\s\S]*weft acl show/);
  const shown = await ok('acl show f');
  t.regex(shown, /100 {2}ping .*\n +200 {2}http +Allow +TCP .*Disabled +0\n +default .* Deny /);
  const planned = await ok('subnet set web --vnet blue --acl f --what-if');
  t.not(planned, '');
  t.deepEqual(withoutState((await client.get('/virtualNetworks/blue/subnets/web')).body), subnet);
  await ok('subnet set web --vnet blue --acl f');
  await ok('nic set n --acl f');
  t.regex(await ok('acl list'), /blue\/web, n/);
  t.regex(await ok('nic show n'), /^acl +f$/m);
  const used = await run('acl delete f');
  t.is(used.code, 1);
  t.regex(used.err, /InUseAccessControlListCannotBeDeleted/);
  await ok('nic set n --acl none');
  await ok('subnet set web --vnet blue --acl none');
  t.deepEqual(withoutState((await client.get('/networkInterfaces/n')).body), nic);
  t.deepEqual(withoutState((await client.get('/virtualNetworks/blue/subnets/web')).body), subnet);
  await ok('acl rule remove f http');
  await ok('acl delete f');
});

test('a security tag is one end of a rule', async (t) => {
  const { client, ok } = await ground(t);
  await expectCreated(client, '/securityTags/clients', {});
  await ok('acl create f');
  await ok(
    'acl rule add f r --priority 100 --direction inbound --action deny --protocol udp --from tag:clients',
  );
  t.regex(await ok('acl show f'), /Deny +UDP +tag:clients/);
});

test('a route table on a subnet', async (t) => {
  const { ok } = await ground(t);
  await ok('route-table create via');
  const add = 'route-table route add via';
  await ok(`${add} nva --prefix 10.9.0.0/16 --next-hop appliance:10.1.1.9`);
  await ok(`${add} drop --prefix 10.8.0.0/16 --next-hop none`);
  await ok(`${add} local --prefix 10.7.0.0/16 --next-hop vnet-local`);
  await ok(`${add} out --prefix 0.0.0.0/0 --next-hop internet`);
  await ok(`${add} gw --prefix 10.6.0.0/16 --next-hop gateway`);
  await ok('subnet set web --vnet blue --route-table via');
  t.regex(await ok('route-table list'), /via +5 +blue\/web/);
  t.regex(await ok('subnet show web --vnet blue'), /^route table +via$/m);
  await ok('route-table route remove via drop');
  await ok('subnet set web --vnet blue --route-table none');
  await ok('route-table delete via');
});

test('a mirror on a subnet and an interface', async (t) => {
  const { client, ok } = await ground(t);
  await expectCreated(client, '/networkInterfaces/collector', nicProperties());
  await expectCreated(client, '/networkInterfaces/n', nicProperties());
  await ok('mirror create all --collector collector');
  await ok(
    'mirror create web --collector collector --protocol tcp --from 10.1.1.0/24 --to-port 80',
  );
  await ok('subnet set web --vnet blue --mirror all');
  await ok('nic set n --mirror web');
  const listed = await ok('mirror list');
  t.regex(listed, /^all +1 +collector +everything +blue\/web /m);
  t.regex(listed, /^web +2 +collector +tcp 10\.1\.1\.0\/24 → \* port 80 +n /m);
  await ok('subnet set web --vnet blue --mirror none');
  await ok('nic set n --mirror none');
  await ok('mirror delete all');
  await ok('mirror delete web');
});

test('bandwidth and guards of an interface; what is not named stays', async (t) => {
  const { client, ok, run } = await ground(t);
  const settings = { portSettings: { stormLimit: 7 } };
  await expectCreated(client, '/networkInterfaces/n', { ...nicProperties(), ...settings });
  const early = await run('nic set n --qos-out 100');
  t.regex(early.err, /QosGlobalSettingsNotConfigured[\s\S]*weft switch-manager set/);
  t.regex(await ok('switch-manager show'), /^bandwidth management +off$/m);
  await ok('switch-manager set --reservation-mode weight --default-reserve 5');
  await ok('switch-manager set --link-percent 80');
  const shown = await ok('switch-manager show');
  t.regex(shown, /^bandwidth management +on\nreservation mode +weight\nlink percent +80\n/m);
  t.regex(shown, /^default reservation +5\nreservations +enabled\ninterfaces +0$/m);
  await ok('nic set n --qos-out 100 --mac-spoofing enabled');
  await ok('nic set n --qos-in 50 --qos-reserve 10');
  await ok('nic set n --mac-spoofing disabled');
  t.deepEqual((await client.get('/networkInterfaces/n')).at('properties.portSettings'), {
    ...{ stormLimit: 7, macSpoofing: 'Disabled' },
    qosSettings: { outboundMaximumMbps: 100, inboundMaximumMbps: 50, outboundReservedValue: 10 },
  });
  t.regex(await ok('nic show n'), /^outbound limit +100 Mbit\/s\nreserved +10$/m);
  const used = await run('switch-manager set --off');
  t.regex(used.err, /InUseQosSettingsCannotBeUpdated/);
  await ok('nic set n --qos-in 0 --qos-out 0 --qos-reserve 0');
  await ok('switch-manager set --off');
  t.regex(await ok('switch-manager show'), /^bandwidth management +off$/m);
});

test('a peering waits for its other side', async (t) => {
  const { client, ok, run } = await ground(t);
  const blue = await client.get('/virtualNetworks/blue');
  await expectCreated(client, '/virtualNetworks/red', {
    addressSpace: { addressPrefixes: ['10.200.0.0/16'] },
    logicalNetwork: blue.at('properties.logicalNetwork') ?? {},
  });
  const first = await run('peering create blue to-red --remote red --allow-forwarded');
  t.is(first.code, 0, first.err);
  t.regex(first.err, /weft peering create red NAME --remote blue/);
  t.regex(await ok('peering list --vnet blue'), /^blue +to-red +red +Initiated +yes +yes /m);
  const second = await run('peering create red to-blue --remote blue --no-access');
  t.is(second.code, 0, second.err);
  t.notRegex(second.err, /weft peering create/, 'nothing is left to do');
  const listed = await ok('peering list');
  t.regex(listed, /^blue +to-red +red +Connected +yes +yes /m);
  t.regex(listed, /^red +to-blue +blue +Connected +no +no /m);
  await ok('peering delete blue to-red --what-if');
  await ok('peering delete blue to-red');
  t.regex(await ok('peering list'), /^red +to-blue +blue +Disconnected /m);
});

test('a security tag: who carries it, which list applies by it, which rules name it', async (t) => {
  const { client, ok, run } = await ground(t);
  await expectCreated(client, '/networkInterfaces/n', nicProperties());
  await ok('security-tag create app --type tier');
  await ok('acl create f --inbound-default deny');
  const rule = '--priority 100 --direction inbound --action allow --protocol tcp --from tag:app';
  await ok(`acl rule add f same ${rule}`);
  await ok('nic set n --security-tag app --what-if');
  t.regex(await ok('security-tag list'), /^app +tier +- +- +Succeeded$/m);
  await ok('nic set n --security-tag app');
  await ok('acl set f --security-tag app --outbound-default deny');
  t.regex(await ok('security-tag list'), /^app +tier +n +f +Succeeded$/m);
  t.regex(await ok('security-tag show app'), /^interfaces +n\nacl +f\nsource of +f\/same$/m);
  t.regex(await ok('acl list'), /^f +1 +Deny +Deny +tag:app /m);
  t.regex(await ok('nic show n'), /^security tags +app$/m);
  t.regex((await run('security-tag delete app')).err, /InUseSecurityTagCannotBeDeleted/);
  await ok('nic set n --security-tag none');
  await ok('acl set f --security-tag none');
  await ok('acl rule remove f same');
  await ok('security-tag delete app');
  t.regex(await ok('security-tag list'), /No security tags/);
});

test('networks and interfaces: what-if writes nothing, under the preconditions of the write', async (t) => {
  const { client, ok, run } = await ground(t);
  const there = async (path: string) => (await client.get(path)).status === 200;
  await ok('vnet create red --prefix 10.9.0.0/16 --subnet web=10.9.1.0/24 --what-if');
  t.false(await there('/virtualNetworks/red'));
  await ok('subnet create extra --vnet blue --prefix 10.1.9.0/24 --what-if');
  t.false(await there('/virtualNetworks/blue/subnets/extra'));
  await ok('nic create n --vnet blue --subnet web --what-if');
  t.false(await there('/networkInterfaces/n'));
  t.regex(await ok('nic create n --vnet blue --subnet web'), /^created \/networkInterfaces\/n: 10/);
  for (const taken of [
    'nic create n --vnet blue --subnet web',
    'vnet create blue --prefix 10.9.0.0/16',
  ]) {
    t.regex((await run(`${taken} --what-if`)).err, /exists already/, taken);
  }
  const used = await run('subnet delete web --vnet blue --what-if');
  t.regex(used.err, /InUseSubnetCannotBeDeleted/);
  await ok('nic delete n --what-if');
  t.true(await there('/networkInterfaces/n'));
  await ok('nic delete n');
  await ok('subnet delete web --vnet blue --what-if');
  await ok('vnet delete blue --what-if');
  t.true(await there('/virtualNetworks/blue/subnets/web'));
});
