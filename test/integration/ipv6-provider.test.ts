/**
 * A provider network of IPv6 only: hosts exchange VXLAN over UDP over IPv6 (RFC 7348, RFC 6935), and carry both families of a dual-stack
 * tenant between them — addresses from the controller, whole packets up to the smaller MTU, streams in super-frames — and with an edge router.
 */
import { test } from 'tap';
import { at } from '../../cli/fields.ts';
import { run } from '../../fabric/command.ts';
import { EDGE, OUTSIDE } from '../../fabric/edge-network.ts';
import { inNamespace, namespaceName } from '../../fabric/namespaces.ts';
import { startCapture } from '../kit/capture.ts';
import type { Machine } from '../kit/machine.ts';
import { type RunningTopology, topology } from '../kit/topology.ts';

const MEBIBYTE = 1024 * 1024;
const OUTSIDE_CLIENT = '192.0.2.1';

async function dualStackTenant(): Promise<RunningTopology> {
  return topology({
    hosts: 2,
    edge: true,
    providerPrefix: '2001:db8:f::/64',
    vnets: {
      blue: {
        space: ['10.1.0.0/16', 'fd00:1::/48'],
        subnets: {
          web: ['10.1.1.0/24', 'fd00:1:0:1::/64'],
          data: ['10.1.2.0/24', 'fd00:1:0:2::/64'],
        },
      },
    },
    vms: {
      a: { vnet: 'blue', subnet: 'web', host: 1 },
      b: { vnet: 'blue', subnet: 'web', host: 2 },
      d: { vnet: 'blue', subnet: 'data', host: 2 },
    },
  }).start();
}

/** Gives the VM the IPv6 address its interface was assigned, and the way out by its gateway; returns the address. */
async function configureIpv6(network: RunningTopology, vm: Machine): Promise<string> {
  const path = `/networkInterfaces/${vm.name}/ipConfigurations/ipv6`;
  const { properties } = await network.client.get<{ readonly privateIPAddress: string }>(path);
  const address = properties.privateIPAddress;
  const gateway = address.replace(/::.*$/, '::1');
  await vm.run(['ip', 'address', 'replace', `${address}/64`, 'dev', 'eth0', 'nodad']);
  await vm.run(['ip', '-6', 'route', 'replace', 'fd00:1::/48', 'via', gateway, 'dev', 'eth0']);
  return address;
}

test('a dual-stack tenant on an IPv6 provider network', async (t) => {
  const network = await dualStackTenant();
  t.teardown(() => network.stop());
  const [a, b, d] = [network.vm('a'), network.vm('b'), network.vm('d')];
  const a6 = await configureIpv6(network, a);
  const b6 = await configureIpv6(network, b);
  const d6 = await configureIpv6(network, d);

  await t.test('hosts have IPv6 provider addresses, and no others', async (t) => {
    const host = namespaceName(network.fabric.name, 'host1');
    const stdout = await run(inNamespace(host, ['ip', '-o', 'addr', 'show', 'uplink0']));
    t.match(stdout, /inet6 2001:db8:f::[0-9a-f]+\/64/);
    t.notMatch(stdout, /inet /);
  });

  await t.test('a check goes from host to host, and says what does not fit', async (t) => {
    const path = '/networking/weft/v1/servers/host1/check';
    const ask = (more: object) =>
      network.client.ask('POST', path, { destination: 'host2', ...more });
    const answer = await ask({ length: 1452 });
    t.equal(at(answer, 'isReached'), true, JSON.stringify(answer));
    const long = await ask({ length: 4000 });
    t.equal(at(long, 'verdict', 'reason'), 'Unsent', JSON.stringify(long));
  });

  await t.test('VMs are offered what fits under VXLAN over IPv6', async (t) => {
    const { stdout } = await a.run(['ip', '-o', 'link', 'show', 'eth0']);
    t.match(stdout, 'mtu 1430');
  });

  await t.test('IPv4 reaches across hosts and subnets, whole and fragmented', async (t) => {
    await a.reaches(b);
    await a.reaches(d);
    for (const payloadBytes of [0, 1402, 1403, 4000]) {
      t.equal((await a.ping(b.address, { payloadBytes })).received, 1, `${payloadBytes} bytes`);
    }
    const { bitsPerSec } = await b.download(a, 16 * MEBIBYTE);
    t.ok(bitsPerSec > 0);
  });

  await t.test('IPv6 reaches across hosts and subnets, whole and fragmented', async (t) => {
    await a.reaches(b6);
    await a.reaches(d6);
    await d.reaches(a6);
    for (const payloadBytes of [0, 1382, 1383, 4000]) {
      t.equal((await a.ping(b6, { payloadBytes })).received, 1, `${payloadBytes} bytes`);
    }
  });

  await t.test(
    'the edge takes tenants out and lets the outside in, tunnelled over IPv6',
    async (t) => {
      const [ours, outside] = [EDGE, OUTSIDE].map((member) =>
        namespaceName(network.fabric.name, member),
      ) as [string, string];
      await a.reaches(OUTSIDE_CLIENT);
      t.equal((await a.ping(OUTSIDE_CLIENT, { payloadBytes: 1402 })).received, 1, 'what just fits');
      t.equal((await a.ping(OUTSIDE_CLIENT, { payloadBytes: 4000 })).received, 1, 'in fragments');
      const server = await b.start(['iperf3', '-s', '-1', '--forceflush'], 'Server listening');
      await network.client.put('/publicIPAddresses/b', { resourceId: 'b', properties: {} });
      const { properties } = await network.client.get<{ readonly ipAddress: string }>(
        '/publicIPAddresses/b',
      );
      const path = '/networkInterfaces/b/ipConfigurations/primary';
      const { etag, ...found } = await network.client.get(path);
      const publicIPAddress = { resourceRef: '/publicIPAddresses/b' };
      const body = { ...found, properties: { ...found.properties, publicIPAddress } };
      await network.client.put(path, body, { ifMatch: etag });
      const load = ['iperf3', '-c', properties.ipAddress, '-n', '4M', '-J'] as const;
      const stdout = await run(inNamespace(outside, load));
      t.ok(JSON.parse(stdout).end.sum_sent.bytes >= 4 * MEBIBYTE);
      await server.stop();
      const uplink = await run(inNamespace(ours, ['ip', '-o', 'addr', 'show', 'uplink0']));
      t.match(uplink, /inet6 2001:db8:f::1\/64/, 'it is the provider gateway');
    },
  );

  await t.test('what passes between the hosts is UDP over IPv6, to VXLAN’s port', async (t) => {
    const namespace = namespaceName(network.fabric.name, 'host1');
    const filter = 'udp or ip';
    const capture = await startCapture({ namespace, device: 'uplink0', filter });
    await a.ping(b.address, { count: 3 });
    await a.ping(b6, { count: 3 });
    const frames = await capture.stop();
    t.ok(frames.length >= 12, `${frames.length} frames`);
    for (const { bytes } of frames) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      t.equal(view.getUint16(12), 0x86dd, 'EtherType IPv6');
      t.equal(view.getUint16(56), 4789, 'UDP destination port');
    }
  });

  await t.test('TCP over IPv6 runs in super-frames over IPv6', async (t) => {
    const server = await b.start(['iperf3', '-s', '-1', '--forceflush'], 'Server listening');
    const { stdout } = await a.run(['iperf3', '-6', '-c', b6, '-n', '32M', '-J']);
    await server.stop();
    const { end, error } = JSON.parse(stdout);
    t.equal(error, undefined);
    // What the receiver counts ends with the sender's last word, not with its last byte.
    const { bytes } = end.sum_received;
    t.ok(bytes >= 16 * MEBIBYTE, `${bytes} bytes of ${32 * MEBIBYTE}`);
  });
});
