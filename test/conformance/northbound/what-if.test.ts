/** `?whatIf=true`: the answer of a write, without the write. */
import test from 'ava';
import {
  type Client,
  type Controller,
  expectCreated,
  layGround,
  nicProperties,
  startController,
} from './controller-fixture.ts';

const FILTER = '/accessControlLists/filter';
const VNET = '/virtualNetworks/blue';
const WEB = `${VNET}/subnets/web`;
const NIC = '/networkInterfaces/n1';

function rule(changes: object = {}): object {
  return {
    action: 'Allow',
    type: 'Inbound',
    protocol: 'TCP',
    priority: 200,
    sourceAddressPrefix: '*',
    sourcePortRange: '*',
    destinationAddressPrefix: '*',
    destinationPortRange: '80',
    logging: 'Disabled',
    ...changes,
  };
}

function list(...rules: readonly object[]): object {
  return {
    inboundDefaultAction: 'Deny',
    aclRules: rules.map((properties, at) => ({ resourceId: `r${at}`, properties })),
  };
}

/** A filtered subnet with one attached interface, 10.1.1.4. */
async function lay({ client, realised }: Controller): Promise<void> {
  await layGround(client);
  await expectCreated(client, FILTER, list(rule()));
  const subnet = { addressPrefix: '10.1.1.0/24', accessControlList: { resourceRef: FILTER } };
  await client.put(WEB, subnet);
  const nic = await expectCreated(client, NIC, nicProperties());
  realised.servers.set(nic.textAt('instanceId'), 'host1');
}

/** All that a client can see. */
async function everything(client: Client): Promise<readonly string[]> {
  const paths = ['accessControlLists', 'virtualNetworks', 'networkInterfaces', 'servers'];
  const answers = await Promise.all(paths.map((path) => client.get(`/${path}`)));
  const revisions = await client.get('/networking/weft/v1/revisions');
  return [...answers, revisions].map(({ text }) => text);
}

test('a rule more: the packets that it lets in, at every address it filters, and nothing is changed', async (t) => {
  const controller = await startController(t);
  const { client } = controller;
  await lay(controller);
  const before = await everything(client);
  const added = rule({
    priority: 300,
    destinationPortRange: '443',
    sourceAddressPrefix: '10.1.2.0/24',
  });
  const answer = await client.put(`${FILTER}?whatIf=true`, list(rule(), added));
  t.is(answer.status, 200, answer.text);
  t.is(answer.headers['azure-asyncoperation'], undefined);
  t.deepEqual(answer.body, {
    status: 200,
    flows: [
      {
        networkInterface: NIC,
        ipConfiguration: `${NIC}/ipConfigurations/primary`,
        address: '10.1.1.4',
        direction: 'Inbound',
        allowed: {
          packets: [
            {
              family: 'IPv4',
              protocols: ['TCP'],
              sources: ['10.1.2.0/24'],
              destinations: ['10.1.1.4'],
              destinationPorts: ['443'],
            },
          ],
          omitted: 0,
        },
        denied: { packets: [], omitted: 0 },
      },
    ],
    flowsOmitted: 0,
    routes: [],
    routesOmitted: 0,
    goals: [{ kind: 'AccessControlList', resourceRef: FILTER, change: 'Changed' }],
    goalsOmitted: 0,
  });
  t.deepEqual(await everything(client), before);
});

test('a list taken from a subnet: what was denied would be allowed', async (t) => {
  const controller = await startController(t);
  await lay(controller);
  const answer = await controller.client.put(`${WEB}?whatIf=true`, {
    addressPrefix: '10.1.1.0/24',
  });
  t.is(answer.status, 200, answer.text);
  t.is(answer.at('flows.0.direction'), 'Inbound');
  t.deepEqual(answer.listAt('flows.0.denied.packets'), []);
  t.deepEqual(answer.listAt('flows.0.allowed.packets'), [
    {
      family: 'IPv4',
      protocols: ['0-5', '7-255'],
      destinations: ['10.1.1.4'],
    },
    {
      family: 'IPv4',
      protocols: ['TCP'],
      destinations: ['10.1.1.4'],
      destinationPorts: ['0-79', '81-65535'],
    },
  ]);
});

test('a list put on a security tag: what its carriers would no longer be sent', async (t) => {
  const controller = await startController(t);
  await lay(controller);
  const { client } = controller;
  const tag = '/securityTags/front';
  await client.put(tag, {});
  await client.put(NIC, { ...nicProperties(), securityTags: [{ resourceRef: tag }] });
  const closed = { inboundDefaultAction: 'Deny', securityTags: [{ resourceRef: tag }] };
  const answer = await client.put('/accessControlLists/closed?whatIf=true', closed);
  t.is(answer.status, 200, answer.text);
  t.is(answer.listAt('flows').length, 1);
  t.is(answer.at('flows.0.networkInterface'), NIC);
  t.is(answer.at('flows.0.direction'), 'Inbound');
  t.deepEqual(answer.listAt('flows.0.allowed.packets'), []);
  t.deepEqual(answer.listAt('flows.0.denied.packets'), [
    { family: 'IPv4', protocols: ['TCP'], destinations: ['10.1.1.4'], destinationPorts: ['80'] },
  ]);
});

test('another address space: what the routes of each subnet become', async (t) => {
  const controller = await startController(t);
  await lay(controller);
  const found = await controller.client.get(VNET);
  const properties = found.at('properties') as object;
  const answer = await controller.client.put(`${VNET}?whatif=TRUE`, {
    ...properties,
    addressSpace: { addressPrefixes: ['10.1.0.0/16', '10.9.0.0/16'] },
  });
  t.is(answer.status, 200, answer.text);
  t.deepEqual(
    answer.listAt('routes'),
    ['web', 'data'].map((subnet) => ({
      subnet: `${VNET}/subnets/${subnet}`,
      destinations: ['10.9.0.0/16'],
      before: { type: 'Internet', source: 'Default' },
      after: { type: 'VnetLocal', source: 'Default' },
    })),
  );
});

test('what the write would be refused with, the what-if is refused with', async (t) => {
  const controller = await startController(t);
  const { client } = controller;
  await lay(controller);
  const bad = list(rule({ destinationPortRange: '70000' }));
  const [real, asked] = [
    await client.put(FILTER, bad),
    await client.put(`${FILTER}?whatIf=true`, bad),
  ];
  t.is(asked.status, 400);
  t.deepEqual([asked.status, asked.body], [real.status, real.body]);
  const inUse = await client.delete(`${FILTER}?whatIf=true`);
  t.deepEqual(inUse.body, (await client.delete(FILTER)).body);
  const stale = await client.put(`${FILTER}?whatIf=true`, list(), { 'if-match': 'W/"old"' });
  t.is(stale.status, 412);
  const slip = await client.put(`${FILTER}?whatIf=yes`, list());
  t.is(slip.at('error.code'), 'InvalidParameterValue');
  t.is((await client.get(FILTER)).listAt('properties.aclRules').length, 1, 'still as it was');
});

test('creating and deleting: the status they would have, what comes and what goes', async (t) => {
  const controller = await startController(t);
  const { client } = controller;
  await lay(controller);
  const made = await client.put('/networkInterfaces/n2?whatIf=true', nicProperties());
  t.is(made.at('status'), 201);
  t.deepEqual(made.listAt('goals'), [], 'attached nowhere, it concerns no switch');
  t.is((await client.get('/networkInterfaces/n2')).status, 404);
  const gone = await client.delete(`${NIC}?whatIf=true`);
  t.is(gone.at('status'), 202);
  t.deepEqual(gone.listAt('goals'), [
    { kind: 'Port', resourceRef: NIC, change: 'Removed' },
    { kind: 'Mapping', resourceRef: NIC, address: '10.1.1.4', change: 'Removed' },
  ]);
  t.is((await client.get(NIC)).status, 200);
  const never = await client.delete('/networkInterfaces/n9?whatIf=true');
  t.deepEqual([never.at('status'), never.listAt('goals')], [204, []]);
});

test('another route in a table: the destinations of its subnets alone that go elsewhere', async (t) => {
  const controller = await startController(t);
  const { client } = controller;
  await lay(controller);
  const route = (nextHopIPAddress: string) => ({
    routes: [
      {
        resourceId: 'r',
        properties: {
          addressPrefix: '10.1.2.0/25',
          nextHopType: 'VirtualAppliance',
          nextHopIPAddress,
        },
      },
    ],
  });
  await expectCreated(client, '/routeTables/t', route('10.1.1.4'));
  const applied = { addressPrefix: '10.1.1.0/24', routeTable: { resourceRef: '/routeTables/t' } };
  t.is((await client.put(WEB, applied)).status, 200);
  const answer = await client.put('/routeTables/t?whatIf=true', route('10.1.1.5'));
  t.is(answer.status, 200, answer.text);
  const hop = (address: string) => ({ type: 'VirtualAppliance', source: 'User', address });
  t.deepEqual(answer.listAt('routes'), [
    {
      subnet: WEB,
      destinations: ['10.1.2.0/25'],
      before: hop('10.1.1.4'),
      after: hop('10.1.1.5'),
    },
  ]);
});
