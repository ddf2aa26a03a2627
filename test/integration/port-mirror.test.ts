/**
 * Port mirrors from the northbound API to a collector at another host: what tcpdump shows there is what it shows in the mirrored VM.
 */
import { test } from 'tap';
import { eventually } from '../kit/eventually.ts';
import { topology } from '../kit/topology.ts';

const MEBIBYTE = 1024 * 1024;

test('a port mirror', async (t) => {
  const network = await topology({
    hosts: 3,
    vnets: {
      blue: { space: '10.1.0.0/16', subnets: { web: '10.1.1.0/24', watch: '10.1.9.0/24' } },
      audit: { space: '10.9.0.0/16', subnets: { ears: '10.9.1.0/24' } },
    },
    vms: {
      a: { vnet: 'blue', subnet: 'web', host: 1, address: '10.1.1.10' },
      b: { vnet: 'blue', subnet: 'watch', host: 1, address: '10.1.9.11' },
      collector: { vnet: 'blue', subnet: 'watch', host: 2, address: '10.1.9.12' },
      stranger: { vnet: 'audit', subnet: 'ears', host: 3, address: '10.9.1.4' },
    },
  }).start();
  t.teardown(() => network.stop());
  const { client } = network;
  const [a, b, collector] = [network.vm('a'), network.vm('b'), network.vm('collector')];
  await a.reaches(b);
  await a.reaches(collector);
  const put = async (rules: readonly object[], name = 'collector') => {
    await client.put('/serviceInsertions/tap', {
      resourceId: 'tap',
      properties: {
        type: 'PortMirror',
        priority: 100,
        serviceInsertionRules: rules.map((properties) => ({ properties })),
        serviceInsertionElements: [
          {
            properties: {
              order: 1,
              networkInterface: { resourceRef: `/networkInterfaces/${name}` },
            },
          },
        ],
      },
    });
  };
  await put([]);
  await client.put('/virtualNetworks/blue/subnets/web', {
    resourceId: 'web',
    properties: {
      addressPrefix: '10.1.1.0/24',
      serviceInsertion: { resourceRef: '/serviceInsertions/tap' },
    },
  });

  /** Does a ping between `a` and `b` leave traces at the collector? */
  const isCopied = async () => {
    const capture = await collector.capture('icmp and host 10.1.9.11');
    await a.ping(b.address);
    return (await capture.stop()).length > 0;
  };

  await t.test('the collector sees each packet as the mirrored VM sees it', async (t) => {
    await eventually('the mirror is in force', isCopied);
    const filter = 'icmp and host 10.1.9.11';
    const captures = [await a.capture(filter), await collector.capture(filter)] as const;
    t.equal((await a.ping(b.address, { count: 5 })).received, 5, 'the original is not harmed');
    const [own, copied] = [await captures[0].stop(), await captures[1].stop()];
    t.equal(own.length, 10);
    t.same(
      copied.map(({ bytes }) => Buffer.from(bytes).toString('hex')),
      own.map(({ bytes }) => Buffer.from(bytes).toString('hex')),
    );
  });

  await t.test('a TCP stream is whole, with its copies', async (t) => {
    // As the collector's own kernel counts: tcpdump misses some of so many super-frames.
    const received = async () => {
      const { stdout } = await collector.run(['ip', '-s', '-j', 'link', 'show', 'eth0']);
      const [link] = JSON.parse(stdout) as [{ stats64: { rx: { bytes: number } } }];
      return link.stats64.rx.bytes;
    };
    const before = await received();
    await a.download(b, MEBIBYTE);
    await eventually('the copies', async () => (await received()) - before > MEBIBYTE);
    for (const reason of ['MirrorCollectorAbsent', 'MirrorTooBig', 'OuterSourceUnknown']) {
      t.equal(await network.drops('host1', reason), 0, reason);
      t.equal(await network.drops('host2', reason), 0, reason);
    }
  });

  await t.test(
    'a collector in an unrelated network, at a host that has nothing else to do with it',
    async (t) => {
      await put([], 'stranger');
      const stranger = network.vm('stranger');
      const filter = 'icmp and host 10.1.9.11';
      await eventually('the mirror is in force', async () => {
        const capture = await stranger.capture(filter);
        await a.ping(b.address);
        return (await capture.stop()).length > 0;
      });
      const unknown = await network.drops('host3', 'OuterSourceUnknown');
      const captures = [await a.capture(filter), await stranger.capture(filter)] as const;
      await a.ping(b.address, { count: 5 });
      const [own, copied] = [await captures[0].stop(), await captures[1].stop()];
      t.same(
        copied.map(({ bytes }) => Buffer.from(bytes).toString('hex')),
        own.map(({ bytes }) => Buffer.from(bytes).toString('hex')),
      );
      t.equal(own.length, 10);
      t.equal(await network.drops('host3', 'OuterSourceUnknown'), unknown);
      await put([]);
      await eventually('the first collector again', isCopied);
    },
  );

  await t.test('a rule leaves the rest out, and without mirror nothing is copied', async (t) => {
    const ports = { sourcePortRangeStart: 0, sourcePortRangeEnd: 65_535 };
    const all = { ...ports, destinationPortRangeStart: 0, destinationPortRangeEnd: 65_535 };
    await put([{ ...all, protocol: 'Tcp', sourceSubnets: ['*'], destinationSubnets: ['*'] }]);
    await eventually('pings are not copied', async () => !(await isCopied()));
    await put([]);
    await eventually('pings are copied', isCopied);
    await client.put('/virtualNetworks/blue/subnets/web', {
      resourceId: 'web',
      properties: { addressPrefix: '10.1.1.0/24' },
    });
    await eventually('pings are not copied', async () => !(await isCopied()));
    t.equal((await a.ping(b.address)).received, 1);
  });
});
