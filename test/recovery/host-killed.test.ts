/**
 * How soon a host is back: measured, and so run alone (tools/test.sh), when nothing else keeps the machine busy.
 */
import { test } from 'tap';
import { sleep, systemClock } from '../../base/clock.ts';
import { seconds } from '../../base/units.ts';
import { topology } from '../kit/topology.ts';

/** A killed host's VMs carry traffic again within this time: restart, addon, saved goal state, ports. */
const RECOVERY = seconds(2);

test('a host that is killed carries traffic again within two seconds', async (t) => {
  const network = await topology({
    hosts: 2,
    vnets: { blue: { space: '10.1.0.0/16', subnets: { web: '10.1.1.0/24' } } },
    vms: {
      a: { vnet: 'blue', subnet: 'web', host: 1 },
      b: { vnet: 'blue', subnet: 'web', host: 2 },
    },
  }).start();
  t.teardown(() => network.stop());
  const [a, b] = [network.vm('a'), network.vm('b')];
  await a.reaches(b);
  for (const name of ['host1', 'host2']) {
    const outage = a.longestOutage(b, seconds(5));
    await sleep(systemClock, seconds(0.5));
    await network.role(name).kill();
    await network.role(name).ready();
    t.ok((await outage) < RECOVERY, `${name}: silent for ${await outage} ms`);
  }
  const { stdout } = await a.run(['ip', '-o', 'link', 'show', 'eth0']);
  t.match(stdout, 'LOWER_UP', 'the VM kept its NIC');
});
