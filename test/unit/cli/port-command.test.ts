/** `weft port` against a scripted host: what people see of ports, counters and drops. */
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import test from 'ava';
import { resource, type ScriptedController, scriptedController } from './scripted-controller.ts';

const ONE = '00000000-0000-0000-0000-000000000001';
const TWO = '00000000-0000-0000-0000-000000000002';
const PORTS = [
  {
    ...{ portId: ONE, device: 'tap', name: 'eth0', netns: '/run/netns/weft-test-vm-web1' },
    ...{ resourceRef: '/networkInterfaces/web1', state: 'forwarding' },
    ...{ mac: '00-1D-D8-00-00-01', address: '10.0.0.4', mtu: 1450 },
  },
  {
    ...{ portId: TWO, device: 'netdev', name: 'tap0', netns: '/proc/7/ns/net' },
    ...{ state: 'refused', reason: 'the subnet is unknown' },
  },
];
const COUNTERS = {
  ports: [
    {
      ...{ portId: ONE, name: 'eth0', rxPackets: 10, rxBytes: 1000, txPackets: 8, txBytes: 900 },
      drops: { SpoofedIpv4: 2, NoMapping: 1 },
    },
  ],
  uplink: { name: 'uplink0', rxPackets: 5, rxBytes: 600, txPackets: 6, txBytes: 700, drops: {} },
};
async function withHost(): Promise<ScriptedController> {
  const controller = await scriptedController({
    'GET /networkInterfaces/web1': { body: resource('/networkInterfaces/web1', {}) },
    'GET /networkInterfaces/none': {
      body: { ...resource('/networkInterfaces/none', {}), instanceId: 'none' },
    },
  });
  const answers: Readonly<Record<string, unknown>> = {
    '/ports': { ports: PORTS },
    '/counters': COUNTERS,
  };
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '', 'http://host').pathname;
    response.end(JSON.stringify(answers[path]));
  });
  await mkdir(join(controller.state, 'host1'));
  server.listen(join(controller.state, 'host1', 'control.sock'));
  await once(server, 'listening');
  return {
    ...controller,
    close: async () => {
      server.close();
      await controller.close();
    },
  };
}

test('port list names interfaces, and says why one is not forwarding', async (t) => {
  const controller = await withHost();
  const { out } = await controller.weft('port', 'list');
  t.is(
    out,
    [
      `HOST   NIC                                   STATE       ADDRESS   MAC                DEVICE  INTERFACE  NAMESPACE`,
      `host1  web1                                  forwarding  10.0.0.4  00:1d:d8:00:00:01  tap     eth0       weft-test-vm-web1`,
      `host1  ${TWO}  refused     -         -                  netdev  tap0       /proc/7/ns/net`,
      '',
      `${TWO}: the subnet is unknown`,
      '',
    ].join('\n'),
  );
  await controller.close();
});

test('port counters shows what each port dropped, and why', async (t) => {
  const controller = await withHost();
  const { out } = await controller.weft('port', 'counters');
  t.is(
    out,
    [
      'HOST   PORT            RX PACKETS  RX BYTES  TX PACKETS  TX BYTES  DROPS',
      'host1  web1                    10      1000           8       900      3',
      'host1  uplink uplink0           5       600           6       700      0',
      '',
      'HOST   PORT  DROP         COUNT',
      'host1  web1  SpoofedIpv4      2',
      'host1  web1  NoMapping        1',
      '',
    ].join('\n'),
  );
  const one = await controller.weft('port', 'counters', '--nic', 'WEB1');
  t.notRegex(one.out, /uplink/);
  const missing = await controller.weft('port', 'counters', '--nic', 'nope');
  t.is(missing.code, 1);
  await controller.close();
});

test('a host that is away is noted, not fatal', async (t) => {
  const controller = await scriptedController({});
  const outcome = await controller.weft('port', 'list');
  t.is(outcome.code, 0);
  t.regex(outcome.err, /host1 does not answer/);
  await controller.close();
});

test('attaching what is attached and detaching what is not are refused', async (t) => {
  const controller = await withHost();
  const attach = await controller.weft('port', 'attach', 'web1');
  t.is(attach.code, 1);
  t.regex(attach.err, /attached to host1/);
  const detach = await controller.weft('port', 'detach', 'none');
  t.is(detach.code, 1);
  t.regex(detach.err, /attached to no host/);
  t.is((await controller.weft('port', 'attach', 'none', '--netns', 'x')).code, 2);
  await controller.close();
});
