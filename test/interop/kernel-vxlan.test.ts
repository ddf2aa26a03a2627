/**
 * VXLAN with a peer that is not ours (RFC 7348): a host of the fabric whose switch is the Linux kernel's VXLAN device. Both ways, within a
 * subnet and between subnets, small packets and super-frames.
 */
import { test } from 'tap';
import { addKernelHost } from '../kit/kernel-host.ts';
import { topology } from '../kit/topology.ts';

const MEBIBYTE = 1024 * 1024;

for (const offload of [true, false]) {
  test(`the Linux kernel as a peer host, offload ${offload ? 'on' : 'off'}`, async (t) => {
    const network = await topology({
      hosts: 1,
      offload,
      vnets: {
        blue: {
          space: '10.1.0.0/16',
          subnets: { web: '10.1.1.0/24', data: '10.1.2.0/24' },
        },
      },
      vms: {
        a: { vnet: 'blue', subnet: 'web', host: 1 },
        d: { vnet: 'blue', subnet: 'data', host: 1 },
      },
    }).start();
    t.teardown(() => network.stop());
    const kernel = await addKernelHost(network, {
      name: 'kernel',
      vnet: 'blue',
      subnet: 'web',
      address: '10.1.1.50',
    });
    t.teardown(() => kernel.close());
    const [a, d, k] = [network.vm('a'), network.vm('d'), kernel.vm];

    await t.test('pings, both ways, within the subnet and between subnets', async (t) => {
      await a.reaches(k);
      await k.reaches(a);
      await d.reaches(k);
      await k.reaches(d);
      t.equal((await a.ping(k.address, { count: 10 })).received, 10);
      t.equal((await k.ping(d.address, { count: 10 })).received, 10);
    });

    await t.test('packets of every size, fragments among them', async (t) => {
      for (const payloadBytes of [0, 1, 1421, 1422, 1423, 8000]) {
        t.equal((await a.ping(k.address, { payloadBytes })).received, 1, `${payloadBytes} out`);
        t.equal((await k.ping(a.address, { payloadBytes })).received, 1, `${payloadBytes} in`);
      }
    });

    await t.test('TCP streams arrive whole, both ways', async (t) => {
      for (const [from, to] of [
        [a, k],
        [k, a],
        [d, k],
        [k, d],
      ] as const) {
        const { bitsPerSec } = await to.download(from, 16 * MEBIBYTE);
        const rate = `${(bitsPerSec / 1e9).toFixed(2)} Gbit/s`;
        t.ok(bitsPerSec > 5e7, `${from.name} → ${to.name}: ${rate}`);
      }
    });

    await t.test('datagrams, both ways', async (t) => {
      for (const payloadBytes of [1, 1400, 8000]) {
        const counts = { sent: 10, answered: 10 };
        t.same(await a.askUdp(k, { count: 10, payloadBytes }), counts, `${payloadBytes} out`);
        t.same(await k.askUdp(a, { count: 10, payloadBytes }), counts, `${payloadBytes} in`);
      }
    });

    await t.test(
      'on the provider network: UDP 4789, the subnet’s VNI, a spread of source ports',
      async (t) => {
        const { startCapture } = await import('../kit/capture.ts');
        const capture = await startCapture({
          namespace: k.record.namespace,
          device: 'uplink0',
          filter: 'udp dst port 4789',
          inbound: true,
        });
        await a.ping(k.address, { count: 3 });
        const frames = await capture.stop();
        t.ok(frames.length >= 3, `${frames.length} packets`);
        const subnet = await network.client.get<{ virtualSubnetId: string | number }>(
          '/virtualNetworks/blue/subnets/web',
        );
        for (const { bytes } of frames) {
          const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
          const vxlanAt = 14 + 20 + 8;
          t.equal(view.getUint8(vxlanAt), 0x08, 'only the I flag');
          t.equal(view.getUint32(vxlanAt + 4) >>> 8, Number(subnet.properties.virtualSubnetId));
          t.ok(view.getUint16(14 + 20) >= 49_152, 'source port of the dynamic range');
        }
      },
    );
  });
}
