/** Whole command lines against a scripted controller: what is asked of the API, what is printed, which exit code. */
import test from 'ava';
import { type Answer, resource, scriptedController, weft } from './scripted-controller.ts';

const WEB = resource('/virtualNetworks/blue/subnets/web', {
  addressPrefix: '10.0.1.0/24',
  virtualSubnetId: 5001,
  ipConfigurations: [
    { resourceRef: '/networkInterfaces/blue-1/ipConfigurations/primary' },
    { resourceRef: '/networkInterfaces/blue-2/ipConfigurations/primary' },
  ],
});
const BLUE = resource('/virtualNetworks/blue', {
  addressSpace: { addressPrefixes: ['10.0.0.0/16', '192.168.0.0/24'] },
  logicalNetwork: { resourceRef: '/logicalNetworks/hnvpa' },
  configurationState: {
    status: 'Success',
    detailedInfo: [{ source: 'VirtualSwitch', code: 'Success' }],
  },
  subnets: [WEB],
});
const LONELY = resource('/virtualNetworks/lonely-network', {
  addressSpace: { addressPrefixes: ['10.9.0.0/16'] },
  configurationState: {
    status: 'Failure',
    detailedInfo: [
      { source: 'VirtualSwitch', code: 'HostUnreachable', message: 'host2 is not connected' },
    ],
  },
});
const NIC = resource('/networkInterfaces/blue-1', {
  privateMacAddress: '001DD8000001',
  server: { resourceRef: '/servers/host1' },
  configurationState: { status: 'Success' },
  ipConfigurations: [
    resource('/networkInterfaces/blue-1/ipConfigurations/primary', {
      privateIPAddress: '10.0.1.4',
      subnet: { resourceRef: '/VirtualNetworks/Blue/Subnets/web' },
    }),
  ],
});
const LOGICAL = resource('/logicalNetworks/hnvpa', { networkVirtualizationEnabled: 'True' });
const list = (...value: readonly unknown[]): Answer => ({ body: { value, nextLink: '' } });

test('vnet list is a table', async (t) => {
  const controller = await scriptedController({ 'GET /virtualNetworks': list(BLUE, LONELY) });
  t.deepEqual(await controller.weft('vnet', 'list'), {
    code: 0,
    err: '',
    out: [
      'NAME            ADDRESS SPACE                SUBNETS  PROVISIONING  CONFIGURATION',
      'blue            10.0.0.0/16, 192.168.0.0/24        1  Succeeded     Success',
      'lonely-network  10.9.0.0/16                        0  Succeeded     Failure',
      '',
    ].join('\n'),
  });
  await controller.close();
});

test('an empty list says how to make the first one', async (t) => {
  const controller = await scriptedController({
    'GET /virtualNetworks': list(),
    'GET /networkInterfaces': list(),
  });
  t.regex((await controller.weft('vnet', 'list')).out, /weft vnet create NAME/);
  t.regex((await controller.weft('subnet', 'list')).out, /weft subnet create NAME/);
  t.regex((await controller.weft('nic', 'list')).out, /weft nic create NAME/);
  await controller.close();
});

test('--json prints what the API said, before or after the command', async (t) => {
  const controller = await scriptedController({ 'GET /virtualNetworks': list(BLUE) });
  const after = await controller.weft('vnet', 'list', '--json');
  const before = await controller.weft('--json', 'vnet', 'list');
  t.deepEqual(JSON.parse(after.out), [BLUE]);
  t.is(before.out, after.out);
  await controller.close();
});

test('vnet show has its fields, its subnets, and why it is not in force', async (t) => {
  const controller = await scriptedController({
    'GET /virtualNetworks/blue': { body: BLUE },
    'GET /virtualNetworks/lonely-network': { body: LONELY },
  });
  const blue = await controller.weft('vnet', 'show', 'blue');
  t.is(
    blue.out,
    [
      'name              blue',
      'address space     10.0.0.0/16, 192.168.0.0/24',
      'provider network  hnvpa',
      'provisioning      Succeeded',
      'configuration     Success',
      'instance          00000000-0000-0000-0000-000000000001',
      'etag              W/"1"',
      '',
      'SUBNET  PREFIX       GATEWAY    VNI  INTERFACES  PROVISIONING',
      'web     10.0.1.0/24  10.0.1.1  5001           2  Succeeded',
      '',
    ].join('\n'),
  );
  const lonely = await controller.weft('vnet', 'show', 'lonely-network');
  t.regex(lonely.out, /VirtualSwitch +HostUnreachable +host2 is not connected/);
  await controller.close();
});

test('nic list finds network, subnet and host whatever the case of the references', async (t) => {
  const controller = await scriptedController({ 'GET /networkInterfaces': list(NIC) });
  const outcome = await controller.weft('nic', 'list', '--vnet', 'blue');
  t.is(
    outcome.out,
    [
      'NAME    ADDRESS   MAC                VNET  SUBNET  HOST   CONFIGURATION',
      'blue-1  10.0.1.4  00:1d:d8:00:00:01  Blue  web     host1  Success',
      '',
    ].join('\n'),
  );
  t.regex((await controller.weft('nic', 'list', '--vnet', 'green')).out, /No network interfaces/);
  await controller.close();
});

test('vnet create sends the whole network once, refusing to overwrite, on the one provider network', async (t) => {
  const controller = await scriptedController({
    'GET /logicalNetworks': list(LOGICAL),
    'PUT /virtualNetworks/blue': { status: 201, body: BLUE },
  });
  const outcome = await controller.weft(
    ...['vnet', 'create', 'blue', '--prefix', '10.0.0.0/16,192.168.0.0/24'],
    ...['--subnet', 'web=10.0.1.0/24', '--subnet', 'db=10.0.2.0/24', '--dns', '10.0.2.4'],
  );
  t.deepEqual(outcome, { code: 0, out: 'created /virtualNetworks/blue\n', err: '' });
  const put = controller.received.find(({ request }) => request.startsWith('PUT'));
  t.is(put?.headers['if-none-match'], '*');
  t.deepEqual(put?.body, {
    resourceId: 'blue',
    properties: {
      addressSpace: { addressPrefixes: ['10.0.0.0/16', '192.168.0.0/24'] },
      logicalNetwork: { resourceRef: '/logicalNetworks/hnvpa' },
      dhcpOptions: { dnsServers: ['10.0.2.4'] },
      subnets: [
        { resourceId: 'web', properties: { addressPrefix: '10.0.1.0/24' } },
        { resourceId: 'db', properties: { addressPrefix: '10.0.2.0/24' } },
      ],
    },
  });
  await controller.close();
});

test('creating what exists is refused with what to do instead', async (t) => {
  const controller = await scriptedController({
    'GET /logicalNetworks': list(LOGICAL),
    'PUT /virtualNetworks/blue': {
      status: 412,
      body: { error: { code: 'PreconditionFailed', message: 'exists' } },
    },
  });
  const outcome = await controller.weft('vnet', 'create', 'blue', '--prefix', '10.0.0.0/16');
  t.is(outcome.code, 1);
  t.is(outcome.out, '');
  t.is(
    outcome.err,
    [
      'weft: /virtualNetworks/blue exists already',
      '      Look at it with `weft get /virtualNetworks/blue`; replace it with `weft put /virtualNetworks/blue -f FILE`.',
      '',
    ].join('\n'),
  );
  await controller.close();
});

test("an asynchronous write is waited for, and its failure is the command's", async (t) => {
  const updating = resource('/virtualNetworks/blue/subnets/web', { provisioningState: 'Updating' });
  const controller = await scriptedController({
    'PUT /virtualNetworks/blue/subnets/web': {
      status: 201,
      headers: { 'azure-asyncoperation': 'https://nc/networking/v1/operations/7' },
      body: updating,
    },
    'GET /operations/7': [
      { body: { status: 'InProgress' } },
      {
        body: {
          status: 'Failed',
          error: { code: 'InvalidSubnet', message: '10.0.1.0/24 overlaps subnet db' },
        },
      },
    ],
  });
  const outcome = await controller.weft(
    ...['subnet', 'create', 'web', '--vnet', 'blue', '--prefix', '10.0.1.0/24'],
  );
  t.is(outcome.code, 1);
  t.regex(outcome.err, /overlaps subnet db/);
  t.regex(outcome.err, /Choose a prefix inside the address space/);
  await controller.close();
});

test('nic create asks for a dynamic address unless one is named', async (t) => {
  const controller = await scriptedController({
    'PUT /networkInterfaces/blue-1': { status: 201, body: NIC },
  });
  const where = ['--vnet', 'blue', '--subnet', 'web'];
  const dynamic = await controller.weft('nic', 'create', 'blue-1', ...where);
  t.is(dynamic.out, 'created /networkInterfaces/blue-1: 10.0.1.4, 00:1d:d8:00:00:01\n');
  await controller.weft('nic', 'create', 'blue-1', ...where, '--ip', '10.0.1.9');
  const configurations = controller.received.map(
    ({ body }) =>
      (body as { properties: { ipConfigurations: unknown[] } }).properties.ipConfigurations[0],
  );
  const subnet = { resourceRef: '/virtualNetworks/blue/subnets/web' };
  t.deepEqual(configurations, [
    { resourceId: 'primary', properties: { privateIPAllocationMethod: 'Dynamic', subnet } },
    {
      resourceId: 'primary',
      properties: {
        privateIPAllocationMethod: 'Static',
        privateIPAddress: '10.0.1.9',
        subnet,
      },
    },
  ]);
  await controller.close();
});

test('a pair of subnets and an interface in both are made by name', async (t) => {
  const controller = await scriptedController({
    'PUT /virtualNetworks/blue/subnets/web6': { status: 201, body: BLUE },
    'PUT /networkInterfaces/blue-1': { status: 201, body: NIC },
  });
  const subnet = ['--vnet', 'blue', '--prefix', 'fd00:1::/64', '--pair', 'web'];
  t.is((await controller.weft('subnet', 'create', 'web6', ...subnet)).code, 0);
  const where = ['--vnet', 'blue', '--subnet', 'web'];
  const stray = await controller.weft('nic', 'create', 'blue-1', ...where, '--ip6', 'fd00:1::9');
  t.not(stray.code, 0);
  await controller.weft('nic', 'create', 'blue-1', ...where, '--ip6-subnet', 'web6');
  const [pair, nic, ...others] = controller.received.map(
    ({ body }) => (body as { properties: object }).properties,
  );
  t.deepEqual(others, []);
  const web = { resourceRef: '/virtualNetworks/blue/subnets/web' };
  const web6 = { resourceRef: '/virtualNetworks/blue/subnets/web6' };
  t.deepEqual(pair, { addressPrefix: 'fd00:1::/64', dualStackSubnet: web });
  const dynamic = { privateIPAllocationMethod: 'Dynamic' };
  t.deepEqual(nic, {
    privateMacAllocationMethod: 'Dynamic',
    ipConfigurations: [
      { resourceId: 'primary', properties: { ...dynamic, subnet: web } },
      { resourceId: 'ipv6', properties: { ...dynamic, subnet: web6 } },
    ],
  });
  await controller.close();
});

test('delete names what is missing, and deletes only the version it looked at', async (t) => {
  const controller = await scriptedController({
    'GET /virtualNetworks/blue': { body: BLUE },
    'DELETE /virtualNetworks/blue': { status: 200 },
  });
  const missing = await controller.weft('vnet', 'delete', 'nope');
  t.is(missing.code, 1);
  t.regex(missing.err, /404 NotFound/);
  const done = await controller.weft('vnet', 'delete', 'blue');
  t.is(done.out, 'deleted /virtualNetworks/blue\n');
  t.is(controller.received.at(-1)?.headers['if-match'], 'W/"1"');
  await controller.close();
});

test('get and put carry any resource; put takes standard input', async (t) => {
  const controller = await scriptedController({
    'GET /macPools/default': { body: { anything: [1, 2] } },
    'PUT /macPools/default': { body: resource('/macPools/default', {}) },
  });
  const got = await controller.weft('get', '/macPools/default');
  t.deepEqual(JSON.parse(got.out), { anything: [1, 2] });
  t.is((await controller.weft('put', '/macPools/default', '-f', '-')).code, 0);
  t.deepEqual(controller.received.at(-1)?.body, { properties: {} });
  t.is((await controller.weft('put', '/macPools/default', '-f', '/nonexistent')).code, 2);
  await controller.close();
});

test('env prints quoted exports for the shell and an object for programs', async (t) => {
  const controller = await scriptedController({});
  const { out } = await controller.weft('env');
  t.is(
    out,
    [
      `export WEFT_NC_URL=${controller.url}`,
      `export WEFT_CA=${controller.state}/pki/ca.pem`,
      `export WEFT_CERT=${controller.state}/pki/admin/cert.pem`,
      `export WEFT_KEY=${controller.state}/pki/admin/key.pem`,
      '',
    ].join('\n'),
  );
  const odd = await weft({ WEFT_NC_URL: 'https://h:1', WEFT_CA: "/a b/it's" }, 'env');
  t.true(odd.out.includes(`export WEFT_CA='/a b/it'\\''s'\n`));
  await controller.close();
});

test('without a fabric every command says how to start one and exits 1', async (t) => {
  const outcome = await weft({ WEFT_STATE: '/nonexistent/weft' }, 'vnet', 'list');
  t.is(outcome.code, 1);
  t.regex(outcome.err, /no fabric runs with the state directory \/nonexistent\/weft/);
  t.regex(outcome.err, /weft up --detach/);
  const status = await weft({ WEFT_STATE: '/nonexistent/weft' }, 'status', '--json');
  t.is(status.code, 1);
  t.deepEqual(JSON.parse(status.out), { running: false, roles: [] });
});

test('a wrong command line exits 2, a controller that does not answer exits 1', async (t) => {
  for (const args of [
    ['nonsense'],
    ['vnet'],
    ['vnet', 'create', 'blue'],
    ['vnet', 'create', 'blue', '--prefix', ','],
    ['vnet', 'create', 'blue', '--prefix', '10.0.0.0/8', '--subnet', 'web'],
    ['up', '--hosts', '-1'],
    ['completion', 'fish'],
  ]) {
    const outcome = await weft({ WEFT_STATE: '/nonexistent' }, ...args);
    t.is(outcome.code, 2, args.join(' '));
    t.not(outcome.err, '', args.join(' '));
  }
  const plain = await weft({ WEFT_NC_URL: 'http://127.0.0.1:1' }, 'vnet', 'list');
  t.is(plain.code, 1);
  t.regex(plain.err, /not an https URL/);
});

test('--expose without an edge router is refused, not ignored', async (t) => {
  const outcome = await weft({ WEFT_STATE: '/nonexistent' }, 'up', '--expose', '--no-edge');
  t.is(outcome.code, 1);
  t.regex(outcome.err, /no public addresses to expose/);
});

test('a fault with --json is one JSON line on standard error', async (t) => {
  const outcome = await weft({ WEFT_STATE: '/nonexistent' }, 'vnet', 'list', '--json');
  t.is(outcome.out, '');
  t.like(JSON.parse(outcome.err), { error: { code: 'SDN_NO_FABRIC' } });
});

test('help and version are no faults', async (t) => {
  t.is((await weft({}, '--help')).code, 0);
  t.is((await weft({}, 'vnet', 'create', '--help')).code, 0);
  t.regex((await weft({}, '--version')).out, /^\d+\.\d+\.\d+\n$/);
});

test('completion knows every command, and is a script that bash can read', async (t) => {
  const { out } = await weft({}, 'completion', 'bash');
  t.regex(out, /'vnet create'\) words='--prefix --subnet/);
  t.regex(out, /'subnet'\) words='list show create set delete/);
  t.regex((await weft({}, 'completion', 'zsh')).out, /^autoload -U \+X bashcompinit/);
});
