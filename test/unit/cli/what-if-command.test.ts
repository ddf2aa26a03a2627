/** `weft put --what-if`, `weft delete --what-if`, `weft what-if`: what would change, as people read it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { WhatIfAnswer } from '../../../schema/northbound/what-if.ts';
import { scriptedController } from './scripted-controller.ts';

const NIC = '/networkInterfaces/n1';
const NOTHING: WhatIfAnswer = {
  status: 200,
  flows: [],
  flowsOmitted: 0,
  routes: [],
  routesOmitted: 0,
  goals: [],
  goalsOmitted: 0,
};
const SOMETHING: WhatIfAnswer = {
  ...NOTHING,
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
            destinationPorts: ['80', '443'],
          },
        ],
        omitted: 0,
      },
      denied: { packets: [{ family: 'IPv4', destinations: ['10.1.1.4'] }], omitted: 3 },
    },
  ],
  routes: [
    {
      subnet: '/virtualNetworks/blue/subnets/web',
      destinations: ['10.9.0.0/16'],
      before: { type: 'Internet', source: 'Default' },
      after: { type: 'VirtualAppliance', address: '10.1.1.9', source: 'User' },
    },
  ],
  goals: [{ kind: 'AccessControlList', resourceRef: '/accessControlLists/f', change: 'Changed' }],
  goalsOmitted: 2,
};

test('put --what-if: flows, routes and what switches would be told; the write is not made', async (t) => {
  const request = 'PUT /accessControlLists/f?whatIf=true';
  const controller = await scriptedController({ [request]: { body: SOMETHING } });
  const { out, code } = await controller.weft(
    ...['put', '/accessControlLists/f', '-f', '-', '--what-if', '--if-match', 'W/"1"'],
  );
  t.is(code, 0);
  t.is(
    out,
    [
      'Flows, by the packets that open them:',
      'NOW      INTERFACE  ADDRESS   DIRECTION  PROTOCOL  FROM         TO',
      'allowed  n1         10.1.1.4  Inbound    TCP       10.1.2.0/24  10.1.1.4 port 80, 443',
      'denied   n1         10.1.1.4  Inbound    any       any          10.1.1.4',
      'denied   n1         10.1.1.4  Inbound    3 more    -            -',
      '',
      'Routes:',
      'SUBNET    DESTINATIONS  BEFORE    AFTER',
      'blue/web  10.9.0.0/16   Internet  VirtualAppliance 10.1.1.9',
      '',
      'Switches would be told:',
      'CHANGE   KIND               RESOURCE               ADDRESS',
      'changed  AccessControlList  /accessControlLists/f  -',
      '',
      '2 more resources are not listed.',
      '',
    ].join('\n'),
  );
  t.deepEqual(
    controller.received.map((each) => each.request),
    [request],
  );
  t.is(controller.received[0]?.headers['if-match'], 'W/"1"');
  await controller.close();
});

test('delete --what-if, and the same for programs', async (t) => {
  const controller = await scriptedController({
    [`DELETE ${NIC}?whatIf=true`]: { body: { ...NOTHING, status: 202 } },
  });
  t.is((await controller.weft('delete', NIC, '--what-if')).out, 'Nothing would change.\n');
  const { out } = await controller.weft('--json', 'delete', NIC, '--what-if');
  t.is(JSON.parse(out).status, 202);
  await controller.close();
});

test('what-if FILE takes the resource’s own reference; a refusal is the write’s', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'weft-what-if-'));
  const file = join(directory, 'nic.json');
  await writeFile(file, JSON.stringify({ resourceRef: NIC, properties: {} }));
  const error = { code: 'SubnetIsFull', message: 'no address is free' };
  const controller = await scriptedController({
    [`PUT ${NIC}?whatIf=true`]: [{ body: NOTHING }, { status: 400, body: { error } }],
  });
  t.is((await controller.weft('what-if', file)).out, 'Nothing would change.\n');
  const refused = await controller.weft('what-if', file);
  t.is(refused.code, 1);
  t.regex(refused.err, /SubnetIsFull: no address is free/);
  await writeFile(file, '{}');
  const nameless = await controller.weft('what-if', file);
  t.is(nameless.code, 2);
  t.regex(nameless.err, /no resourceRef/);
  await controller.close();
  await rm(directory, { recursive: true });
});
