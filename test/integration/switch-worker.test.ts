/**
 * The forwarding worker on real devices, without controller or host agent: attach, forward, lose a device, refuse, close; and what it
 * costs when nobody talks.
 */
import { type Test, test } from 'tap';
import { sleep, systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import { formatMac } from '../../base/mac.ts';
import { seconds } from '../../base/units.ts';
import { startSwitch } from '../../dataplane/switch/start-switch.ts';
import type { SwitchHandle } from '../../dataplane/switch/switch-handle.ts';
import { attempt, run } from '../../fabric/command.ts';
import { createNamespace, deleteNamespace, inNamespace } from '../../fabric/namespaces.ts';
import { eventually } from '../kit/eventually.ts';
import { type GoalVm, goalFor } from './goal-resources.ts';

/** The provider address is one that every namespace has: this test has no second host. */
const HOST = { id: 'host', providerAddress: '127.0.0.1' };
const VMS: readonly [GoalVm, GoalVm] = [
  { portId: 'port-a', host: 'host', subnet: 'web', address: '10.7.1.4', mac: 0x0200_0000_0004 },
  { portId: 'port-b', host: 'host', subnet: 'db', address: '10.7.2.4', mac: 0x0200_0000_0005 },
];
const NETWORK = {
  id: 'blue',
  subnets: [
    { id: 'web', vni: 5001, prefix: '10.7.1' },
    { id: 'db', vni: 5002, prefix: '10.7.2' },
  ],
  vms: VMS,
};

interface Bench {
  readonly handle: SwitchHandle;
  readonly gone: string[];
  namespace(vm: GoalVm): string;
  ping(from: GoalVm, to: GoalVm): Promise<boolean>;
}

async function bench(t: Test): Promise<Bench> {
  const gone: string[] = [];
  const handle = await startSwitch({
    hasOffload: true,
    log: silentLogger,
    onDeviceGone: (portId) => gone.push(portId),
    onLearned: () => undefined,
    onFailed: (reason) => t.fail(reason.message),
  });
  t.teardown(() => handle.close());
  const namespace = (vm: GoalVm) => `wt-worker-${process.pid}-${vm.portId}`;
  for (const vm of VMS) {
    await createNamespace(namespace(vm));
    t.teardown(() => deleteNamespace(namespace(vm)));
    await attachVm(handle, vm, namespace(vm));
  }
  const ping = async (from: GoalVm, to: GoalVm) => {
    const argv = ['ping', '-c', '1', '-W', '1', to.address] as const;
    return (await attempt(inNamespace(namespace(from), argv))).code === 0;
  };
  return { handle, gone, namespace, ping };
}

async function attachVm(handle: SwitchHandle, vm: GoalVm, namespace: string): Promise<void> {
  const device = { kind: 'tap', name: 'eth0', namespace, mustExist: false } as const;
  await handle.attach(vm.portId, device);
  const gateway = vm.address.replace(/\d+$/, '1');
  for (const line of [
    `link set eth0 address ${formatMac(vm.mac)} mtu 1450 up`,
    `addr add ${vm.address}/24 dev eth0`,
    `route add default via ${gateway}`,
  ]) {
    await run(['ip', '-n', namespace, ...line.split(' ')]);
  }
}

const GOAL = { revision: 1, upserts: goalFor(HOST, [HOST], [NETWORK]), removes: [] };

test('the forwarding worker', async (t) => {
  const { handle, gone, namespace, ping } = await bench(t);
  const [a, b] = VMS;

  await t.test('devices may come before goal state; then the VMs reach each other', async (t) => {
    t.notOk(await ping(a, b));
    t.same(await handle.applyGoal(GOAL), []);
    t.ok(await eventually('an answer', () => ping(a, b)));
    t.ok(await ping(b, a));
    const flows = await handle.flows({ portId: a.portId, limit: 10 });
    t.ok(flows.some(({ protocol, dst }) => protocol === 'icmp' && dst === b.address));
    t.ok((handle.counters(a.portId)?.rxPackets ?? 0) >= 2);
    t.ok((handle.counters(b.portId)?.txPackets ?? 0) >= 2);
  });

  await t.test('what the system or the switch refuses is told with its code', async (t) => {
    const device = { kind: 'tap', name: 'eth0', namespace: namespace(a), mustExist: true } as const;
    await t.rejects(handle.attach('another', device), { code: 'SDN_DEVICE', errno: 'EBUSY' });
    await t.rejects(handle.attach(a.portId, device), { code: 'SDN_SWITCH_PORT_IN_USE' });
    const missing = { ...device, name: 'nowhere' };
    await t.rejects(handle.attach('another', missing), { code: 'SDN_DEVICE', errno: 'ENODEV' });
    t.ok(await ping(a, b), 'nothing else suffered');
  });

  await t.test('nobody talks: close to no processor time', async (t) => {
    // A loop that looks for frames instead of waiting for them has no such second at all, however busy the machine is.
    const share = await eventually('a second in which hardly anything runs', async () => {
      const before = process.cpuUsage();
      await sleep(systemClock, seconds(1));
      const { user, system } = process.cpuUsage(before);
      const spent = (user + system) / 1e6;
      return spent < 0.02 && spent;
    });
    t.comment(`${(share * 100).toFixed(1)} % of a processor`);
  });

  await t.test(
    'a namespace that is deleted frees its port, which may then come again',
    async (t) => {
      await deleteNamespace(namespace(b));
      await eventually('the port is gone', () => gone.includes(b.portId));
      t.notOk(await handle.detach(b.portId));
      t.notOk(await ping(a, b));
      await createNamespace(namespace(b));
      await attachVm(handle, b, namespace(b));
      t.ok(await eventually('an answer', () => ping(a, b)));
    },
  );

  await t.test(
    'after close nothing is answered, and the TAPs are free for the next one',
    async (t) => {
      await handle.close();
      t.notOk(handle.isHealthy);
      await t.rejects(handle.applyGoal(GOAL), { code: 'SDN_SWITCH_STOPPED' });
      const next = await startSwitch({
        hasOffload: false,
        log: silentLogger,
        onDeviceGone: () => undefined,
        onLearned: () => undefined,
        onFailed: (reason) => t.fail(reason.message),
      });
      for (const vm of VMS) {
        const where = { name: 'eth0', namespace: namespace(vm) };
        await next.attach(vm.portId, { kind: 'tap', ...where, mustExist: true });
      }
      t.same(await next.applyGoal(GOAL), []);
      t.ok(await eventually('an answer', () => ping(a, b)));
      await next.close();
    },
  );
});
