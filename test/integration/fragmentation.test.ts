/**
 * Packets that are longer than the overlay takes, from a VM whose interface has been given a larger MTU than DHCP offers: without DF they
 * arrive, in fragments that the receiver's kernel puts together; with DF, and over IPv6, their sender is told what fits.
 */
import { test } from 'tap';
import { programPath } from '../../fabric/roles.ts';
import type { Machine } from '../kit/machine.ts';
import { topology } from '../kit/topology.ts';

const PORT = '7073';

test('packets too long for the overlay', async (t) => {
  const network = await topology({
    hosts: 2,
    vnets: {
      blue: {
        space: '10.1.0.0/16',
        subnets: { web: '10.1.1.0/24', db: '10.1.2.0/24' },
      },
    },
    vms: {
      a: { vnet: 'blue', subnet: 'web', host: 1, address: '10.1.1.4' },
      b: { vnet: 'blue', subnet: 'web', host: 2, address: '10.1.1.5' },
      c: { vnet: 'blue', subnet: 'db', host: 2, address: '10.1.2.4' },
    },
  }).start();
  t.teardown(() => network.stop());
  const [a, b, c] = [network.vm('a'), network.vm('b'), network.vm('c')];
  await Promise.all([a.reaches(b), a.reaches(c)]);
  const both = [a, b, c];
  for (const vm of both) await vm.run(['ip', 'link', 'set', vm.record.device, 'mtu', '9000']);
  const forget = async (): Promise<void> => {
    for (const vm of both) await vm.run(['ip', 'route', 'flush', 'cache']);
  };
  const ping = async (to: Machine, df: 'do' | 'dont', size: number): Promise<string> => {
    const counted = ['-n', '-c', '2', '-i', '0.2', '-W', '2'] as const;
    const { stdout } = await a.run([
      ...(['ping', ...counted, '-M', df, '-s', String(size)] as const),
      to.address,
    ]);
    return stdout;
  };

  await t.test(
    'without DF: echo requests and their replies arrive, in and between subnets',
    async (t) => {
      for (const to of [b, c]) {
        for (const size of [1423, 3000, 8000]) {
          t.match(await ping(to, 'dont', size), / 0% packet loss/, `${size} bytes to ${to.name}`);
        }
      }
      t.equal(await network.drops('host1', 'TransmitFailed'), 0);
      t.equal(await network.drops('host2', 'TransmitFailed'), 0);
    },
  );

  await t.test('UDP without path MTU discovery arrives whole, both ways', async (t) => {
    for (const vm of both) await vm.run(['sysctl', '-q', '-w', 'net.ipv4.ip_no_pmtu_disc=1']);
    const server = await b.start(
      [process.execPath, programPath('test/kit/udp-probe.js'), 'serve', PORT],
      'ready',
    );
    t.teardown(() => server.stop());
    const { stdout } = await a.run([
      ...([process.execPath, programPath('test/kit/udp-probe.js'), 'ask'] as const),
      ...[b.address, PORT, '20', '4000'],
    ]);
    t.same(JSON.parse(stdout), { sent: 20, answered: 20 });
    for (const vm of both) await vm.run(['sysctl', '-q', '-w', 'net.ipv4.ip_no_pmtu_disc=0']);
  });

  await t.test('with DF the sender is told what fits', async (t) => {
    await forget();
    t.match(await ping(b, 'do', 3000), /mtu = 1450/);
    t.match(await ping(b, 'do', 1422), / 0% packet loss/);
  });

  await t.test('weft trace says in how many pieces', async (t) => {
    const ask = (length: number) =>
      network.client.ask('POST', '/networking/weft/v1/networkInterfaces/a/trace', {
        ...{ destination: '10.1.1.5', protocol: 17, destinationPort: 7073 },
        ...{ length, dontFragment: false },
      });
    t.match(await ask(4028), {
      hops: [{ verdict: { kind: 'tunnel', fragments: 3 } }, { verdict: { kind: 'deliver' } }],
    });
  });
});
