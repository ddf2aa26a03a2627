/**
 * Services of the platform as stock clients meet them: dig and curl in VMs, names of their own network, and the
 * instance's metadata. Two tenants with the same addresses and names on one host.
 */
import { test } from 'tap';
import type { Machine } from '../kit/machine.ts';
import { topology } from '../kit/topology.ts';

const nic = (label: string) => ({ nic: { internalDnsNameLabel: label } });
const vnet = { space: '10.1.0.0/16', subnets: { web: '10.1.1.0/24' } };

test('services of the platform', async (t) => {
  const network = await topology({
    hosts: 2,
    vnets: { blue: vnet, red: vnet },
    vms: {
      a: { vnet: 'blue', subnet: 'web', host: 1, address: '10.1.1.4', ...nic('vm-a') },
      b: { vnet: 'blue', subnet: 'web', host: 2, address: '10.1.1.5', ...nic('vm-b') },
      c: { vnet: 'red', subnet: 'web', host: 1, address: '10.1.1.4', ...nic('vm-c') },
    },
  }).start();
  t.teardown(() => network.stop());
  const [a, b, c] = [network.vm('a'), network.vm('b'), network.vm('c')];
  const dig = async (vm: Machine, ...args: string[]): Promise<string> => {
    const { stdout, stderr, code } = await vm.run([
      'dig',
      '@168.63.129.16',
      '+time=3',
      '+tries=2',
      ...args,
    ]);
    if (code !== 0) throw new Error(`dig ${args.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  };

  await t.test('names of the own network, over UDP and TCP, from both hosts', async (t) => {
    for (const vm of [a, b]) {
      t.equal((await dig(vm, '+short', 'vm-b.blue.weft.internal')).trim(), '10.1.1.5');
      t.equal((await dig(vm, '+short', '+tcp', 'VM-A.blue.weft.internal')).trim(), '10.1.1.4');
      t.equal((await dig(vm, '+short', '-x', '10.1.1.5')).trim(), 'vm-b.blue.weft.internal.');
    }
    t.match(await dig(a, 'nobody.blue.weft.internal'), /status: NXDOMAIN/);
    t.match(await dig(a, 'vm-b.blue.weft.internal', 'AAAA'), /status: NOERROR/);
  });

  await t.test('a tenant with the same addresses learns its own names and no others', async (t) => {
    t.equal((await dig(c, '+short', 'vm-c.red.weft.internal')).trim(), '10.1.1.4');
    t.match(await dig(c, 'vm-a.blue.weft.internal'), /status: NXDOMAIN/);
    t.match(await dig(c, '-x', '10.1.1.5'), /status: NXDOMAIN/);
    t.equal((await dig(a, '+short', '-x', '10.1.1.4')).trim(), 'vm-a.blue.weft.internal.');
    t.equal((await dig(c, '+short', '-x', '10.1.1.4')).trim(), 'vm-c.red.weft.internal.');
  });

  await t.test('without a forwarder other names fail and say why', async (t) => {
    const answer = await dig(a, 'www.example.com');
    t.match(answer, /status: SERVFAIL/);
    t.match(answer, /no DNS forwarder is configured/);
  });

  await t.test('metadata: what is one’s own, and only with the header', async (t) => {
    const url = 'http://169.254.169.254/metadata/instance?api-version=2021-02-01';
    const get = async (vm: Machine): Promise<{ network: unknown; weft: unknown }> => {
      const { stdout, stderr } = await vm.run([
        'curl',
        '-sSf',
        '-m',
        '5',
        '-H',
        'Metadata: true',
        url,
      ]);
      t.equal(stderr, '');
      return JSON.parse(stdout) as { network: unknown; weft: unknown };
    };
    t.match((await get(a)).weft, { host: 'host1', networkInterface: '/networkInterfaces/a' });
    t.match((await get(b)).weft, { host: 'host2', networkInterface: '/networkInterfaces/b' });
    t.match(await get(c), {
      network: { interface: [{ ipv4: { ipAddress: [{ privateIpAddress: '10.1.1.4' }] } }] },
      weft: { networkInterface: '/networkInterfaces/c', virtualNetwork: '/virtualNetworks/red' },
    });
    const { stdout } = await a.run([
      'curl',
      '-s',
      '-m',
      '5',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      url,
    ]);
    t.equal(stdout, '400');
  });

  await t.test('the host process is reachable for nothing else', async (t) => {
    for (const target of ['168.63.129.16:80', '169.254.169.254:53', '169.254.128.1:80']) {
      const { code } = await a.run(['curl', '-s', '-m', '1', `http://${target}/`]);
      t.not(code, 0, target);
    }
  });
});
