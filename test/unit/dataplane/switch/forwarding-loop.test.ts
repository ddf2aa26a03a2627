/** The forwarding loop over memory: requests between bursts, devices that come, go and disappear, an uplink that cannot be opened. */
import test from 'ava';
import { ManualClock } from '../../../../base/clock.ts';
import { SdnError } from '../../../../base/errors.ts';
import { seededRng } from '../../../../base/rng.ts';
import { millis } from '../../../../base/units.ts';
import { FLOW_EXPIRY_BURST } from '../../../../dataplane/limits.ts';
import { memoryFrameIo } from '../../../../dataplane/port/memory-frame-io.ts';
import type { NumberedRequest } from '../../../../dataplane/port/worker-protocol.ts';
import { ForwardingLoop } from '../../../../dataplane/switch/forwarding-loop.ts';
import { SwitchCore } from '../../../../dataplane/switch/switch-core.ts';
import type { Request, WorkerMessage } from '../../../../dataplane/switch/worker-protocol.ts';
import { BLUE, between, hostResource, portId, tenantGoal, udpFrame } from './tenants.ts';

const VM = portId(BLUE, '10.0.0.4');
const OTHER = portId(BLUE, '10.0.0.5');
const PORTS = { src: 4000, dst: 5000 };
const NOWHERE = { kind: 'tap', name: 'nowhere', mustExist: true } as const;

function loop(flowsMax = 64) {
  const io = memoryFrameIo();
  const clock = new ManualClock();
  const core = new SwitchCore({ io, clock, rng: seededRng(3), flowsMax });
  let requests: NumberedRequest<Request>[] = [];
  const posted: WorkerMessage[] = [];
  const uplinks: string[] = [];
  const refused = new Set<string>();
  const opened = new Map<string, number>();
  let number = 0;
  const made = new ForwardingLoop({
    io,
    core,
    devices: {
      open({ name }) {
        if (name === 'nowhere') throw new SdnError('SDN_DEVICE', 'no such device');
        const port = io.attach('ethernet');
        opened.set(name, port);
        return { port, wasCreated: true };
      },
      openUplink({ providerAddress }) {
        const address = providerAddress.join('.');
        if (refused.has(address)) throw new SdnError('SDN_DEVICE', 'address is not here');
        uplinks.push(address);
        return io.attach('uplink');
      },
    },
    takeRequests: () => requests.splice(0),
    post: (message) => posted.push(message),
  });
  return {
    io,
    clock,
    core,
    made,
    uplinks,
    refused,
    opened,
    /** Asks, and gives the loop a round to answer; returns all that it has posted since. */
    ask(request: Request): WorkerMessage[] {
      requests = [...requests, { number: number++, request }];
      made.turn();
      return posted.splice(0);
    },
    turn(): WorkerMessage[] {
      made.turn();
      return posted.splice(0);
    },
  };
}

function tap(name: string): Request {
  return { kind: 'attach', portId: name, device: { kind: 'tap', name, mustExist: false } };
}

const GOAL = { upserts: [hostResource(), ...tenantGoal(BLUE)], removes: [] };

test('requests are answered by number, with where each port’s counters are', (t) => {
  const net = loop();
  const [applied] = net.ask({ kind: 'applyGoal', change: GOAL });
  t.like(applied, { kind: 'result', number: 0, value: [] });
  t.is(applied?.kind === 'result' ? applied.ports?.length : 0, 3);
  const [attached] = net.ask(tap(VM));
  t.like(attached, { kind: 'result', number: 1, value: { wasCreated: true } });
  t.is(attached?.kind === 'result' ? attached.ports : [], undefined, 'nothing new about ports');
  t.like(net.ask({ kind: 'flows', query: { limit: 5 } })[0], { number: 2, value: [] });
});

test('frames are forwarded in the round they arrive, and sent with the next exchange', (t) => {
  const net = loop();
  net.ask({ kind: 'applyGoal', change: GOAL });
  net.ask(tap(VM));
  net.ask(tap(OTHER));
  net.io.deliver(net.opened.get(VM) ?? -1, udpFrame(between(BLUE, '10.0.0.4', '10.0.0.5'), PORTS));
  net.turn();
  t.deepEqual(net.io.takeSent(), []);
  net.turn();
  t.is(net.io.takeSent()[0]?.port, net.opened.get(OTHER));
});

test('a fault of a request goes to its asker and disturbs nothing', (t) => {
  const net = loop();
  const unknown = net.ask({ kind: 'attach', portId: VM, device: NOWHERE });
  t.like(unknown[0], { kind: 'fault', number: 0, fault: { code: 'SDN_DEVICE' } });
  net.ask(tap(VM));
  t.like(net.ask(tap(VM))[0], { kind: 'fault', fault: { code: 'SDN_SWITCH_PORT_IN_USE' } });
  t.like(net.ask({ kind: 'detach', portId: 'nobody' })[0], { kind: 'result', value: false });
});

test('a detached device is closed after its last frames are out, and only then is it said so', (t) => {
  const net = loop();
  net.ask({ kind: 'applyGoal', change: GOAL });
  net.ask(tap(VM));
  net.ask(tap(OTHER));
  net.io.deliver(net.opened.get(VM) ?? -1, udpFrame(between(BLUE, '10.0.0.4', '10.0.0.5'), PORTS));
  net.turn();
  t.deepEqual(net.ask({ kind: 'detach', portId: OTHER }), []);
  t.is(net.io.takeSent().length, 1, 'what was queued went out');
  t.like(net.turn()[0], { kind: 'result', value: true });
  t.throws(() => net.io.isGone(net.opened.get(OTHER) ?? -1), undefined, 'it is closed');
});

test('a device that disappears is closed and reported within a second', (t) => {
  const net = loop();
  net.ask(tap(VM));
  net.io.remove(net.opened.get(VM) ?? -1);
  net.clock.advance(millis(1001));
  net.turn();
  const [gone] = net.turn();
  t.like(gone, { kind: 'deviceGone', portId: VM, ports: [] });
  t.like(net.ask(tap(VM))[0], { kind: 'result', value: { wasCreated: true } }, 'it may come again');
});

test('the uplink opens at the provider address of goal state, and moves with it', (t) => {
  const net = loop();
  net.ask({ kind: 'applyGoal', change: GOAL });
  net.ask({ kind: 'applyGoal', change: GOAL });
  t.deepEqual(net.uplinks, ['192.0.2.1']);
  const host = hostResource();
  const settings = host.host;
  if (settings === undefined) return t.fail();
  const moved = { ...host, host: { ...settings, providerAddress: Uint8Array.of(192, 0, 2, 77) } };
  net.ask({ kind: 'applyGoal', change: { upserts: [moved], removes: [] } });
  net.turn();
  t.deepEqual(net.uplinks, ['192.0.2.1', '192.0.2.77']);
});

test('an uplink that cannot be opened is a fault of the host resource, tried again with each change', (t) => {
  const net = loop();
  net.refused.add('192.0.2.1');
  const [result] = net.ask({ kind: 'applyGoal', change: GOAL });
  t.like(result, { kind: 'result' });
  t.deepEqual(result?.kind === 'result' ? result.value : [], [
    { key: 'host', code: 'PAAddressConfigurationFailure', message: 'address is not here' },
  ]);
  net.refused.clear();
  const empty = { upserts: [], removes: [] };
  t.like(net.ask({ kind: 'applyGoal', change: empty })[0], { kind: 'result', value: [] });
  t.deepEqual(net.uplinks, ['192.0.2.1']);
});

test('close ends the loop and answers whoever still waits', (t) => {
  const net = loop();
  net.ask(tap(VM));
  net.ask({ kind: 'detach', portId: VM });
  t.deepEqual(
    net.ask({ kind: 'close' }).map((message) => message.kind),
    ['result', 'result'],
  );
  net.made.run();
  t.pass('run returns at once');
});

test('many flows that end at once are forgotten within the second, a bounded number a round', (t) => {
  const net = loop(2048);
  net.ask({ kind: 'applyGoal', change: GOAL });
  net.ask(tap(VM));
  net.ask(tap(OTHER));
  const device = net.opened.get(VM) ?? -1;
  for (let src = 1; src <= 1000; src += 1) {
    net.io.deliver(device, udpFrame(between(BLUE, '10.0.0.4', '10.0.0.5'), { src, dst: 9 }));
  }
  while (net.io.backlogCount > 0) net.turn();
  t.is(net.core.flowTable.count, 2 * 1000, 'at sender and receiver');
  net.clock.advance(millis(60_000));
  net.turn();
  t.is(net.core.flowTable.count, 2 * 1000 - FLOW_EXPIRY_BURST);
  for (let round = 0; round < 8; round += 1) net.turn();
  t.is(net.core.flowTable.count, 0);
});

test('a probe is answered when its answer comes, or its time is over, while others are answered at once', (t) => {
  const run = loop();
  run.ask({ kind: 'applyGoal', change: GOAL });
  run.ask(tap(VM));
  const packet = { source: '10.0.0.4', protocol: 1, id: 61_500 };
  const probe = (destination: string): Request => ({
    ...{ kind: 'probe', method: 'probe' },
    question: { portId: VM, packet: { ...packet, destination }, timeoutMs: 400 },
  });
  t.like(run.ask(probe('10.0.0.1')), [{ kind: 'result', value: { kind: 'answered' } }]);
  t.deepEqual(run.ask(probe('10.0.0.6')), []);
  t.like(run.ask({ kind: 'captures' }), [{ kind: 'result', number: 4 }]);
  t.is(run.core.idleMs(1000), 400);
  run.clock.advance(millis(400));
  t.like(run.turn(), [{ kind: 'result', number: 3, value: { kind: 'silent', waitedMs: 400 } }]);
  t.like(run.ask(probe('10.0.0.6')), [{ kind: 'fault', fault: { code: 'SDN_PROBE_ID_TAKEN' } }]);
});
