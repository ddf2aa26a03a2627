/** `weft vm` where no VM has to be made: what it refuses, what it runs, which exit code it passes on. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { resource, type ScriptedController, scriptedController } from './scripted-controller.ts';

const INSTANCE = '00000000-0000-0000-0000-000000000001';

const INSTANCE_2 = '00000000-0000-0000-0000-000000000002';

async function withVm(nicInstance = INSTANCE): Promise<ScriptedController> {
  const controller = await scriptedController({
    'GET /networkInterfaces/nic1': { body: resource('/networkInterfaces/nic1', {}) },
    'GET /networkInterfaces/nic2': {
      body: { ...resource('/networkInterfaces/nic2', {}), instanceId: INSTANCE_2 },
    },
  });
  await mkdir(join(controller.state, 'vms'));
  const record = {
    ...{ name: 'web1', kind: 'namespace', nic: '/networkInterfaces/nic1', portId: nicInstance },
    ...{ host: 'host1', namespace: 'weft-test-vm-web1', device: 'eth0' },
    ...{ mac: '00-1D-D8-00-00-01', address: '10.0.0.4', mtu: 1450, further: [] },
  };
  await writeFile(join(controller.state, 'vms', 'web1.json'), JSON.stringify(record));
  return controller;
}

test('vm list is a table', async (t) => {
  const controller = await withVm();
  t.is(
    (await controller.weft('vm', 'list')).out,
    [
      'NAME  KIND       NIC   ADDRESS   MAC                HOST   NAMESPACE',
      'web1  namespace  nic1  10.0.0.4  00:1d:d8:00:00:01  host1  weft-test-vm-web1',
      '',
    ].join('\n'),
  );
  await controller.close();
});

test('vm exec runs the command in the namespace, its options untouched, and passes on its exit code', async (t) => {
  const controller = await withVm();
  const outcome = await controller.weft(
    ...['vm', 'exec', 'web1', '--', 'ping', '-c', '3', '--json', '--help', '10.0.0.5'],
  );
  t.deepEqual(outcome, {
    code: 7,
    out: 'nsenter --net=/run/netns/weft-test-vm-web1 -- ping -c 3 --json --help 10.0.0.5\n',
    err: '',
  });
  await controller.close();
});

test('vm run with a VM that runs on that interface uses it', async (t) => {
  const controller = await withVm();
  const outcome = await controller.weft('vm', 'run', 'web1', '--nic', 'nic1', '--', 'true');
  t.is(outcome.code, 7);
  t.regex(outcome.out, /-- true\n$/);
  const quiet = await controller.weft('vm', 'run', 'web1', '--nic', 'nic1', '--detach');
  t.is(quiet.out, 'web1 runs on host1 with 10.0.0.4 (00:1d:d8:00:00:01)\n');
  await controller.close();
});

test('one name is one VM, one interface is one VM', async (t) => {
  const other = await withVm('00000000-0000-0000-0000-000000000009');
  const sameName = await other.weft('vm', 'run', 'web1', '--nic', 'nic1');
  t.is(sameName.code, 1);
  t.regex(sameName.err, /VM web1 runs already/);
  await other.close();
  const controller = await withVm();
  const sameNic = await controller.weft('vm', 'run', 'web2', '--nic', 'nic1');
  t.is(sameNic.code, 1);
  t.regex(sameNic.err, /in use by VM web1/);
  await controller.close();
});

test('the interfaces of a VM are part of what it is', async (t) => {
  const controller = await withVm();
  const twice = await controller.weft('vm', 'run', 'web2', '--nic', 'nic2', '--nic', 'nic2');
  t.is(twice.code, 2);
  t.regex(twice.err, /named twice/);
  const more = await controller.weft('vm', 'run', 'web1', '--nic', 'nic1', '--nic', 'nic2');
  t.is(more.code, 1);
  t.regex(more.err, /VM web1 runs already, on \/networkInterfaces\/nic1/);
  await controller.close();
});

test('a name that cannot name a namespace, a host that is none and a VM that does not run are refused', async (t) => {
  const controller = await withVm('00000000-0000-0000-0000-000000000009');
  t.is((await controller.weft('vm', 'run', '../x', '--nic', 'nic1')).code, 2);
  const host = await controller.weft('vm', 'run', 'web2', '--nic', 'nic1', '--host', 'host9');
  t.is(host.code, 2);
  t.regex(host.err, /Hosts: host1/);
  const missing = await controller.weft('vm', 'exec', 'nope', '--', 'true');
  t.is(missing.code, 1);
  t.regex(missing.err, /no VM nope runs/);
  t.is((await controller.weft('vm', 'stop', 'nope')).code, 1);
  await controller.close();
});
