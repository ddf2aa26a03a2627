/**
 * A real guest: Linux under QEMU on a TAP that the switch shares with it (fabric/guest-vm). Its own DHCP client must get what the
 * controller allocated, and its packets — super-frames too, which QEMU hands over through the TAP's virtio header — must arrive
 * as any other VM's. It has two interfaces. A boot takes seconds, so one guest serves all claims.
 */
import { test } from 'tap';
import { createGuestVm, guestAgentOf } from '../../fabric/guest-vm.ts';
import { guestPid } from '../../fabric/qemu/guest.ts';
import type { GuestAgent } from '../../fabric/qemu/guest-agent.ts';
import { isInstalled } from '../../fabric/requirements.ts';
import { vmDirectory } from '../../fabric/vm.ts';
import { eventually } from '../kit/eventually.ts';
import { type RunningTopology, topology } from '../kit/topology.ts';

const NO_QEMU =
  'qemu-system-x86_64 is not installed: apt-get install --no-install-recommends qemu-system-x86';
const FILE_BYTES = 8 * 1024 * 1024;
const BOOT_TIMEOUT_MS = 240_000;

interface Outcome {
  readonly status: number;
  readonly text: string;
}

async function run(agent: GuestAgent, command: string): Promise<Outcome> {
  const lines: string[] = [];
  const status = await agent.run(command, (line) => lines.push(line)).exit;
  return { status, text: lines.join('\n') };
}

function smallNetwork(): Promise<RunningTopology> {
  return topology({
    hosts: 2,
    vnets: {
      blue: { space: '10.1.0.0/16', subnets: { web: '10.1.1.0/24', data: '10.1.2.0/24' } },
    },
    vms: {
      near: { vnet: 'blue', subnet: 'web', host: 1, address: '10.1.1.10' },
      far: { vnet: 'blue', subnet: 'data', host: 2, address: '10.1.2.10' },
    },
  }).start();
}

test('a QEMU guest', {
  skip: isInstalled('qemu-system-x86_64') ? false : NO_QEMU,
  timeout: BOOT_TIMEOUT_MS,
}, async (t) => {
  const network = await smallNetwork();
  t.teardown(() => network.stop());
  const { fabric, client } = network;
  const place = { name: fabric.name, state: fabric.state };
  const putInterface = (resourceId: string, privateIPAddress: string, subnet: string) => {
    const resourceRef = `/virtualNetworks/blue/subnets/${subnet}`;
    const address = {
      ...{ privateIPAllocationMethod: 'Static', privateIPAddress },
      subnet: { resourceRef },
    };
    const ipConfigurations = [{ resourceId: 'primary', properties: address }];
    const properties = { privateMacAllocationMethod: 'Dynamic', ipConfigurations };
    return client.put(`/networkInterfaces/${resourceId}`, { resourceId, properties });
  };
  const nic = await putInterface('guest', '10.1.1.77', 'web');
  const furtherNics = [await putInterface('guest-1', '10.1.2.77', 'data')];
  const vm = await createGuestVm(place, { name: 'guest', host: 'host1', nic, furtherNics });
  t.equal(vm.address, '10.1.1.77', 'createGuestVm resolves once DHCP gave the allocated address');
  const agent = await guestAgentOf(place, vm);
  t.teardown(() => agent.close());
  const near = network.vm('near');
  const far = network.vm('far');

  await t.test('DHCP told it mask, router, resolver and MTU', async (t) => {
    const { text } = await run(agent, 'ip addr show dev eth0; ip route; cat /etc/resolv.conf');
    t.match(text, 'inet 10.1.1.77/24');
    t.match(text, 'mtu 1450');
    t.match(text, 'default via 10.1.1.1');
    t.match(text, 'nameserver 168.63.129.16');
  });

  await t.test(
    'it reaches a VM on its host and one in another subnet on another host, and is reached by both its interfaces',
    async (t) => {
      for (const address of [near.address, far.address]) {
        const { status, text } = await run(agent, `ping -c 3 -W 2 ${address}`);
        t.equal(status, 0, text);
      }
      await near.reaches(vm.address);
      await near.reaches('10.1.2.77');
    },
  );

  await t.test('a TCP stream arrives whole, out of the guest and into it', async (t) => {
    const file = `head -c ${FILE_BYTES} /dev/urandom > /tmp/file; sha256sum < /tmp/file`;
    const ours = await run(agent, `${file}; httpd -p 80 -h /tmp`);
    const fetch = (from: string): string => `busybox wget -q -O - http://${from}/file`;
    const { stdout: received } = await far.run(['sh', '-c', `${fetch(vm.address)} | sha256sum`]);
    t.equal(received.trim(), ours.text.trim(), 'from the guest to another host');

    // The same file back: what the guest served to one VM it gets from another.
    const directory = t.testdir();
    await far.run(['sh', '-c', `${fetch(vm.address)} > ${directory}/file`]);
    const server = await far.start(['busybox', 'httpd', '-f', '-p', '80', '-h', directory]);
    const back = await eventually('the other host serves the file', async () => {
      const outcome = await run(
        agent,
        `${fetch(far.address)} > /tmp/back && sha256sum < /tmp/back`,
      );
      return outcome.status === 0 && outcome;
    });
    await server.stop();
    t.equal(back.text.trim(), ours.text.trim(), 'from another host to the guest');
  });

  await t.test('a host process that dies gives the guest its network back', async (t) => {
    await network.role('host1').kill();
    await eventually('the guest reaches another host again', async () => {
      const { status } = await run(agent, `ping -c 1 -W 1 ${far.address}`);
      return status === 0;
    });
    t.pass('the guest kept its interface and its address');
  });

  await t.test('removing it ends QEMU and detaches the port', async (t) => {
    agent.close();
    await fabric.deleteVm('guest');
    t.equal(await guestPid(vmDirectory(fabric.state, 'guest')), undefined);
    const ports = await network.host('host1').ports();
    t.same(
      ports.map(({ address }) => address),
      [near.address],
    );
  });
});
