/** Stock DHCP clients against the switch's server (RFC 2131): busybox udhcpc and ISC dhclient get what the controller allocated. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { topology } from '../kit/topology.ts';

test('DHCP from the switch', async (t) => {
  const network = await topology({
    hosts: 1,
    vnets: { blue: { space: '10.1.0.0/16', subnets: { web: '10.1.1.0/24' } } },
    vms: {
      bare: { vnet: 'blue', subnet: 'web', host: 1, address: '10.1.1.77', configure: 'none' },
      peer: { vnet: 'blue', subnet: 'web', host: 1 },
    },
  }).start();
  t.teardown(() => network.stop());
  const [bare, peer] = [network.vm('bare'), network.vm('peer')];
  const address = async (): Promise<string> =>
    (await bare.run(['ip', '-4', '-o', 'addr', 'show', 'eth0'])).stdout;
  t.equal(await address(), '', 'no address before');

  await t.test('busybox udhcpc: lease, renewal of it, release', async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'weft-udhcpc-'));
    t.teardown(() => rm(directory, { recursive: true, force: true }));
    const script = join(directory, 'print.sh');
    await writeFile(
      script,
      '#!/bin/sh\n[ "$1" = bound ] && set | grep -E "^(ip|mask|router|dns|mtu|serverid|lease)="\n',
      { mode: 0o755 },
    );
    const { code, stdout, stderr } = await bare.run([
      'busybox',
      'udhcpc',
      '-i',
      'eth0',
      '-s',
      script,
      '-n',
      '-q',
      '-f',
      '-t',
      '5',
      '-T',
      '1',
      '-O',
      'mtu',
    ]);
    t.equal(code, 0, stderr);
    for (const line of [
      "ip='10.1.1.77'",
      "mask='24'",
      "router='10.1.1.1'",
      "mtu='1450'",
      "serverid='168.63.129.16'",
      "dns='168.63.129.16'",
    ])
      t.match(stdout, line);
  });

  await t.test('ISC dhclient puts the address on and is reachable at it', async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'weft-dhclient-'));
    t.teardown(() => rm(directory, { recursive: true, force: true }));
    const { code, stderr } = await bare.run([
      'dhclient',
      '-4',
      '-1',
      '-v',
      '-lf',
      join(directory, 'leases'),
      '-pf',
      join(directory, 'pid'),
      '-sf',
      join(process.cwd(), 'test/kit/dhclient-script.sh'),
      'eth0',
    ]);
    t.equal(code, 0, stderr);
    t.match(stderr, 'DHCPACK of 10.1.1.77 from 168.63.129.16');
    t.match(await address(), 'inet 10.1.1.77/24');
    await bare.reaches(peer);
    await peer.reaches(bare);
    await bare.run([
      'dhclient',
      '-x',
      '-pf',
      join(directory, 'pid'),
      '-lf',
      join(directory, 'leases'),
      '-sf',
      '/bin/true',
      'eth0',
    ]);
  });

  await t.test('a client may not claim another’s address', async (t) => {
    const { code } = await bare.run([
      'busybox',
      'udhcpc',
      '-i',
      'eth0',
      '-s',
      '/bin/true',
      '-n',
      '-q',
      '-f',
      '-t',
      '3',
      '-T',
      '1',
      '-r',
      '10.1.1.200',
    ]);
    const { stdout } = await bare.run(['ip', '-4', '-o', 'addr', 'show', 'eth0']);
    t.notMatch(stdout, '10.1.1.200');
    t.equal(code, 0, 'it is offered its own instead');
  });
});
