/** The host agent: attachments, their record on disk, goal state, and what it reports. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { ControlFault } from '../../../../agent/control-fault.ts';
import type { ManualClock } from '../../../../base/clock.ts';
import { type Millis, millis } from '../../../../base/units.ts';
import type { AttachRequest } from '../../../../dataplane/host-agent/control-request.ts';
import {
  PORT_GOAL_TIMEOUT,
  REATTACH_INTERVAL,
  UPLINK_CHECK_INTERVAL,
  UPLINK_RETRY_CHECKS,
} from '../../../../dataplane/host-agent/limits.ts';
import { type Bench, bench, changeOf, hostGoal, portGoal } from './stand-ins.ts';

const REQUEST: AttachRequest = { portId: 'p1', device: 'tap', name: 'eth0', netns: 'vm1' };

const recorded = ({ portsPath }: Bench) => JSON.parse(readFileSync(portsPath, 'utf8')) as object;

/** Lets what waits for files and promises go on. */
const settle = () => new Promise((resolve) => setImmediate(resolve));
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await settle();
}

/** Time passes, step by step, until the promise is settled: files are written in their own time. */
async function inTime<T>(clock: ManualClock, step: Millis, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const settled = promise.finally(() => {
    isSettled = true;
  });
  while (!isSettled) {
    clock.advance(step);
    await settle();
  }
  return settled;
}

async function withPort(): Promise<Bench> {
  const made = bench();
  await made.host.apply(changeOf([portGoal('p1')]));
  await made.host.attach(REQUEST);
  made.host.report(made.agent);
  return made;
}

async function faultOf(promise: Promise<unknown>): Promise<ControlFault> {
  try {
    await promise;
  } catch (thrown) {
    if (thrown instanceof ControlFault) return thrown;
    throw thrown;
  }
  throw new Error('no fault');
}

test('an attached port answers with what goal state says of it, and gives its interface MAC and MTU', async (t) => {
  const made = bench();
  await made.host.apply(changeOf([portGoal('p1')]));
  t.deepEqual(await made.host.attach(REQUEST), {
    portId: 'p1',
    name: 'eth0',
    mac: '00:1d:d8:00:00:01',
    address: '10.0.0.4',
    mtu: 1450,
  });
  t.deepEqual(made.done, ['guest eth0 1dd8000001 1450']);
  const device = { kind: 'tap', name: 'eth0', namespace: 'vm1', mustExist: false } as const;
  t.deepEqual(made.handle.attached.get('p1'), device);
});

test('goal state may come after the device: the request waits for it', async (t) => {
  const made = bench();
  made.host.report(made.agent);
  const answer = made.host.attach(REQUEST);
  await until(() => made.agent.last?.ports.length === 1);
  t.deepEqual(made.agent.last?.ports, [
    { portId: 'p1', linkUp: true, device: 'eth0', learnedAddresses: [] },
  ]);
  t.is(made.host.ports()[0]?.state, 'waiting');
  await made.host.apply(changeOf([portGoal('p1')]));
  t.is((await answer).address, '10.0.0.4');
  t.is(made.host.ports()[0]?.state, 'forwarding');
});

test('no goal state in time is 504 with the reason; the device stays', async (t) => {
  for (const [connected, code] of [
    [true, 'SDN_HOST_NO_GOAL'],
    [false, 'SDN_HOST_NO_CONTROLLER'],
  ] as const) {
    const made = bench();
    made.agent.connected = connected;
    made.host.report(made.agent);
    const fault = faultOf(made.host.attach(REQUEST));
    await until(() => existsSync(made.portsPath) && made.agent.last?.ports.length === 1);
    t.like(await inTime(made.clock, PORT_GOAL_TIMEOUT, fault), { status: 504, code });
    t.true(made.handle.attached.has('p1'));
  }
});

test("a port that the switch refuses is told with the switch's reason", async (t) => {
  const made = bench();
  made.handle.refuse = [{ key: 'port/p1', code: 'X', message: 'no such subnet' }];
  await made.host.apply(changeOf([portGoal('p1')]));
  const fault = await faultOf(made.host.attach(REQUEST));
  t.like(fault, { status: 502, code: 'SDN_HOST_PORT_REFUSED' });
  t.regex(fault.message, /no such subnet/);
  t.like(made.host.ports()[0], { state: 'refused', reason: 'no such subnet' });
});

test('asking again for the same is no fault; another device or another port is', async (t) => {
  const made = await withPort();
  await t.notThrowsAsync(made.host.attach(REQUEST));
  const moved = { ...REQUEST, name: 'eth1' };
  t.like(await faultOf(made.host.attach(moved)), { status: 409, code: 'SDN_HOST_PORT_IN_USE' });
  const taken = { ...REQUEST, portId: 'p2' };
  t.like(await faultOf(made.host.attach(taken)), { status: 409, code: 'SDN_HOST_PORT_IN_USE' });
  t.is(made.host.portCount, 1);
});

test('what the system refuses is told with its remedy, and nothing is recorded', async (t) => {
  const made = bench();
  made.handle.attachAnswers.push('EPERM', 'EBUSY');
  const refused = await faultOf(made.host.attach(REQUEST));
  t.like(refused, { status: 422, code: 'SDN_HOST_DEVICE', remedy: 'see to the device' });
  t.like(await faultOf(made.host.attach(REQUEST)), { status: 409, code: 'SDN_HOST_DEVICE' });
  t.is(made.host.portCount, 0);
  t.false(existsSync(made.portsPath));
});

test('an attachment that cannot be recorded is undone', async (t) => {
  const made = bench();
  mkdirSync(`${made.portsPath}.new`, { recursive: true });
  t.like(await faultOf(made.host.attach(REQUEST)), { status: 500, code: 'SDN_HOST_STATE' });
  t.false(made.handle.attached.has('p1'));
  t.is(made.host.portCount, 0);
});

test('detach closes the device and removes the TAP it made; an unknown port is 404', async (t) => {
  const made = await withPort();
  await made.host.detach('p1');
  t.false(made.handle.attached.has('p1'));
  t.deepEqual(made.done.at(-1), 'delete eth0 vm1');
  t.deepEqual(recorded(made), { version: 1, ports: [] });
  t.deepEqual(made.agent.last?.ports, []);
  t.like(await faultOf(made.host.detach('p1')), { status: 404, code: 'SDN_HOST_PORT_UNKNOWN' });
});

test('a TAP that was there before stays when its port goes', async (t) => {
  const made = bench();
  made.handle.existing = new Set(['eth0']);
  await made.host.apply(changeOf([portGoal('p1')]));
  await made.host.attach(REQUEST);
  await made.host.detach('p1');
  t.false(made.done.some((line) => line.startsWith('delete')));
});

test('after a restart the recorded devices are attached again before anything is reported', async (t) => {
  const before = await withPort();
  const after = before.restarted();
  await after.host.restorePorts();
  t.is(after.handle.attached.get('p1')?.mustExist, true);
  t.deepEqual(after.agent.observations, []);
  after.host.report(after.agent);
  t.deepEqual(after.agent.last?.ports, [
    { portId: 'p1', linkUp: true, device: 'eth0', learnedAddresses: [] },
  ]);
  await after.host.detach('p1');
  t.is(after.done.at(-1), 'delete eth0 vm1', 'still known as made by us');
});

test('a device that is gone after a restart is forgotten, with its record', async (t) => {
  for (const errno of ['ENODEV', 'ENOENT', 'EINVAL']) {
    const after = (await withPort()).restarted();
    after.handle.attachAnswers.push(errno);
    await after.host.restorePorts();
    t.is(after.host.portCount, 0, errno);
    t.deepEqual(recorded(after), { version: 1, ports: [] });
  }
});

test('a device that a dying predecessor holds is tried again', async (t) => {
  const after = (await withPort()).restarted();
  after.handle.attachAnswers.push('EBUSY', 'EBUSY');
  const restored = after.host.restorePorts();
  await inTime(after.clock, REATTACH_INTERVAL, restored);
  t.is(after.handle.attachAnswers.length, 0);
  t.true(after.handle.attached.has('p1'));
});

test('a device that stays refused is kept, reported without link, and can be attached by hand', async (t) => {
  const after = (await withPort()).restarted();
  after.handle.attachAnswers.push('EPERM');
  await after.host.restorePorts();
  after.host.report(after.agent);
  t.like(after.agent.last?.ports[0], { portId: 'p1', linkUp: false });
  t.is(after.host.ports()[0]?.state, 'detached');
  await after.host.apply(changeOf([portGoal('p1')]));
  await after.host.attach(REQUEST);
  t.is(after.host.ports()[0]?.state, 'forwarding');
});

test('a device that disappears with its namespace takes its port along', async (t) => {
  const made = await withPort();
  made.host.deviceGone('p1');
  made.host.deviceGone('unknown');
  await made.host.close();
  t.is(made.host.portCount, 0);
  t.deepEqual(made.agent.last?.ports, []);
  t.deepEqual(recorded(made), { version: 1, ports: [] });
});

test('an unreadable record is put aside, not guessed at', async (t) => {
  const made = bench();
  for (const text of ['{', '{"version":2,"ports":[]}', '{"version":1,"ports":[{"portId":1}]}']) {
    writeFileSync(made.portsPath, text);
    await made.host.restorePorts();
    t.is(made.host.portCount, 0);
    t.is(readFileSync(`${made.portsPath}.unreadable`, 'utf8'), text);
  }
});

test('the provider address is configured before the switch hears of it, and replaced when it changes', async (t) => {
  const made = bench();
  t.deepEqual(await made.host.apply(changeOf([hostGoal(100, 64, 0, 11)])), { errors: [] });
  await made.host.apply(changeOf([hostGoal(100, 64, 0, 12)]));
  t.deepEqual(made.done, [
    'uplink 100.64.0.11/24',
    'uplink 100.64.0.12/24 instead of 100.64.0.11/24',
  ]);
  t.is(made.handle.changes.length, 2);
});

test('a provider address that cannot be configured is the fault of that resource alone', async (t) => {
  const made = bench();
  made.uplinkFault = new Error('no such device');
  const { errors } = await made.host.apply(changeOf([hostGoal(100, 64, 0, 11), portGoal('p1')]));
  t.deepEqual(errors, [
    { key: 'host', code: 'ProviderAddressConfigurationFailure', message: 'no such device' },
  ]);
  t.deepEqual(
    made.handle.changes[0]?.upserts.map(({ key }) => key),
    ['port/p1'],
  );
});

test('settings of the uplink that are not in force are tried again from time to time', async (t) => {
  const made = bench();
  const round = millis(UPLINK_CHECK_INTERVAL * UPLINK_RETRY_CHECKS);
  made.host.report(made.agent);
  made.agent.faults = [{ key: 'port/p1', code: 'X', message: 'not the uplink' }];
  made.clock.advance(round);
  t.is(made.agent.retries, 0);
  made.agent.faults = [{ key: 'host', code: 'X', message: 'no such device' }];
  made.clock.advance(round);
  t.is(made.agent.retries, 1);
  await made.host.close();
});

test('an uplink that goes down is reported, and that it is back', async (t) => {
  const made = bench();
  await made.host.apply(changeOf([hostGoal(100, 64, 0, 11)]));
  made.host.report(made.agent);
  t.deepEqual(made.agent.last?.health, []);
  made.isUplinkUp = false;
  made.clock.advance(millis(1000));
  t.like(made.agent.last?.health[0], { key: 'host', message: 'the uplink uplink0 is down' });
  made.isUplinkUp = true;
  made.clock.advance(millis(1000));
  t.deepEqual(made.agent.last?.health, []);
  t.is(made.agent.observations.length, 3, 'only changes are reported');
});

test('a port whose goal is taken away waits again', async (t) => {
  const made = await withPort();
  await made.host.apply(changeOf([], ['port/p1', 'mapping/v/10.0.0.4']));
  t.is(made.host.ports()[0]?.state, 'waiting');
});

test('addresses that a port has learned are reported until it has lost them or its device', async (t) => {
  const made = bench();
  await made.host.apply(changeOf([portGoal('p1')]));
  await made.host.attach({ portId: 'p1', device: 'tap', name: 'eth0' });
  made.host.report(made.agent);
  const address = Uint8Array.of(10, 0, 0, 77);
  made.host.learned('p1', [address]);
  t.deepEqual(made.agent.last?.ports[0]?.learnedAddresses, [address]);
  made.host.learned('p1', []);
  t.deepEqual(made.agent.last?.ports[0]?.learnedAddresses, []);
  made.host.learned('p1', [address]);
  await made.host.detach('p1');
  await made.host.attach({ portId: 'p1', device: 'tap', name: 'eth0' });
  t.deepEqual(made.agent.last?.ports[0]?.learnedAddresses, []);
  await made.host.close();
});
