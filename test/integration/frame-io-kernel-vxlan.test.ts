/**
 * The uplink against the Linux kernel's VXLAN device: a TAP behind our uplink on one side, `ip link add type vxlan` on the other, a veth
 * pair of 1500 bytes between them. Both directions, with the least possible switch (bench/frame-io/forwarder.ts) in the middle.
 */
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { type Test, test } from 'tap';
import { run } from '../../fabric/command.ts';
import { createNamespace, deleteNamespace, inNamespace } from '../../fabric/namespaces.ts';
import { startProgram } from '../kit/program.ts';

const FORWARDER = fileURLToPath(new URL('../../bench/frame-io/forwarder.js', import.meta.url));
const STATION = '10.9.0.1';
const KERNEL = '10.9.0.2';
const VNI = 100;

interface Names {
  readonly station: string;
  readonly host: string;
  readonly kernel: string;
}

async function topology(t: Test, offload: 'on' | 'off'): Promise<Names> {
  const name = (role: string): string => `wt-vxlan-${process.pid}-${offload}-${role}`;
  const names = { station: name('station'), host: name('host'), kernel: name('kernel') };
  for (const namespace of Object.values(names)) {
    await createNamespace(namespace);
    t.teardown(() => deleteNamespace(namespace));
  }
  const ip = (namespace: string, line: string) =>
    run(['ip', '-n', namespace, ...line.split(' ')] as const);
  await ip(names.host, `link add up0 type veth peer name up0 netns ${names.kernel}`);
  for (const [namespace, own] of [
    [names.host, '192.0.2.1'],
    [names.kernel, '192.0.2.2'],
  ] as const) {
    await ip(namespace, `addr add ${own}/24 dev up0`);
    await ip(namespace, 'link set up0 up');
  }
  // Between veth ends the kernel leaves inner checksums for a network card that never comes; a real one would complete them.
  await run(inNamespace(names.kernel, ['ethtool', '-K', 'up0', 'tx', 'off']));
  const remote = 'local 192.0.2.2 remote 192.0.2.1 dstport 4789 dev up0';
  await ip(names.kernel, `link add vx0 type vxlan id ${VNI} ${remote}`);
  await ip(names.kernel, `addr add ${KERNEL}/24 dev vx0`);
  await ip(names.kernel, 'link set vx0 up');
  const ports = [`tap:${names.station}:tap0`, 'uplink:192.0.2.1:192.0.2.2'] as const;
  const argv = ['node', FORWARDER, ...ports, `--offload=${offload}`] as const;
  const forwarder = await startProgram(names.host, argv, 'ready');
  t.teardown(() => forwarder.stop('SIGKILL'));
  await ip(names.station, `addr add ${STATION}/24 dev tap0`);
  await ip(names.station, 'link set tap0 mtu 1450 up');
  return names;
}

/** Prints the digest of what one connection brings. */
const RECEIVER = `
  const hash = require('node:crypto').createHash('sha256');
  require('node:net').createServer((socket) => {
    socket.on('data', (data) => hash.update(data));
    socket.on('end', () => { console.log(hash.digest('hex')); process.exit(0); });
  }).listen(9000, () => console.log('ready'));`;
const SENDER = `
  const socket = require('node:net').connect(9000, process.argv[1]);
  process.stdin.pipe(socket).on('close', () => process.exit(0));`;

/** Sends `bytes` over TCP; the digest of what arrived. */
async function digestOverTcp(
  from: string,
  to: { namespace: string; address: string },
  bytes: Buffer,
): Promise<string> {
  const receiver = await startProgram(to.namespace, ['node', '-e', RECEIVER], 'ready');
  const sender = await startProgram(from, ['node', '-e', SENDER, to.address]);
  sender.write(bytes);
  await sender.end();
  await receiver.end();
  return receiver.stdout().toString().replace('ready', '').trim();
}

for (const offload of ['on', 'off'] as const) {
  test(`with offloads ${offload}: pings of every size pass both ways`, async (t) => {
    const { station, kernel } = await topology(t, offload);
    for (const size of ['0', '56', '1422', '4000']) {
      const count = ['-c', '3', '-i', '0.05', '-W', '5', '-s', size] as const;
      t.match(await run(inNamespace(station, ['ping', ...count, KERNEL])), / 0% packet loss/);
      t.match(await run(inNamespace(kernel, ['ping', ...count, STATION])), / 0% packet loss/);
    }
  });

  test(`with offloads ${offload}: TCP carries every byte both ways`, async (t) => {
    const { station, kernel } = await topology(t, offload);
    const bytes = Buffer.alloc(20_000_003);
    for (let at = 0; at < bytes.length; at++) bytes[at] = (at * 2_654_435_761) >>> 24;
    const digest = createHash('sha256').update(bytes).digest('hex');
    const there = { namespace: kernel, address: KERNEL };
    const back = { namespace: station, address: STATION };
    t.equal(await digestOverTcp(station, there, bytes), digest);
    t.equal(await digestOverTcp(kernel, back, bytes), digest);
  });

  test(`with offloads ${offload}: UDP datagrams arrive, whatever their size`, async (t) => {
    const { station, kernel } = await topology(t, offload);
    const server = await startProgram(kernel, ['iperf3', '-s', '--forceflush'], 'listening');
    t.teardown(() => server.stop());
    for (const [size, direction] of [
      ['64', '-u'],
      ['1400', '-u'],
      ['64', '-uR'],
      ['1400', '-uR'],
    ] as const) {
      const load = ['-l', size, '-b', '1M', '-t', '1', '-J'] as const;
      const argv = ['iperf3', '-c', KERNEL, direction, ...load] as const;
      const { end } = JSON.parse(await run(inNamespace(station, argv)));
      t.ok(end.sum.lost_percent < 5, `${direction} ${size}: ${end.sum.lost_percent} % lost`);
      t.ok(end.sum.packets > 50);
    }
  });
}
