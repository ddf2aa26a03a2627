/** The mux agent between goal state, forwarder and speaker: what is announced when, in which order, and what goes up. Forwarder and speaker only note what they are told. */

import test from 'ava';
import type { Agent, Observation } from '../../../../../agent/agent.ts';
import { ManualClock } from '../../../../../base/clock.ts';
import { silentLogger } from '../../../../../base/log.ts';
import { millis, seconds } from '../../../../../base/units.ts';
import { BgpControl } from '../../../../../bgp/control/bgp-control.ts';
import type { LocalRoute, Speaker } from '../../../../../bgp/speaker/contract.ts';
import { BGP_ROUTER_DEFAULTS } from '../../../../../schema/southbound/defaults.ts';
import type { Resource } from '../../../../../schema/southbound/messages.ts';
import { MuxAgent } from '../../../../../slb/mux/agent/mux-agent.ts';
import type { ForwarderHandle } from '../../../../../slb/mux/forwarder/start-forwarder.ts';
import type { TableChange } from '../../../../../slb/mux/forwarder/table-change.ts';
import { bytesOf } from '../../../../fixtures/addresses.ts';
import { backend, MUX_ADDRESS, OTHER_VIP, pool, rule, VIP, vip } from '../mux-world.ts';

const ROUTER: Resource = {
  key: 'bgprouter/r',
  version: 1,
  bgpRouter: {
    ...BGP_ROUTER_DEFAULTS,
    id: 'r',
    resourceRef: '/loadBalancerMuxes/mux1',
    asNumber: 64_650,
    routerId: bytesOf(MUX_ADDRESS),
    enabled: true,
    networks: [],
  },
};

function announcement(id: string): Resource {
  return { key: `announcement/${id}`, version: 1, announcement: { vipId: id } };
}

const WEB = [ROUTER, pool([backend(1)]), vip([rule()]), announcement('web')];
const BOTH = [...WEB, vip([rule()], OTHER_VIP, 'other'), announcement('other')];

/** What happened, in order. */
class World {
  readonly clock = new ManualClock();
  readonly log: string[] = [];
  observed: Observation | undefined;
  isConnected = true;
  readonly mux: MuxAgent;

  constructor() {
    const { log, clock } = this;
    const forwarder: ForwarderHandle = {
      isHealthy: true,
      configure: async () => void log.push('configure'),
      apply: async (change: TableChange) => {
        for (const { key } of change.addresses) log.push(`tables ${key}`);
        for (const key of change.removedAddresses) log.push(`no tables ${key}`);
        return [];
      },
      ask: async () => ({ kind: 'addresses', addresses: [] }),
      close: async () => undefined,
    };
    const speaker: Partial<Speaker> = {
      start: async () => undefined,
      stop: async () => void log.push('stop'),
      announce: ({ prefix }: LocalRoute) => void log.push(`announce ${prefix}`),
      withdraw: (prefix) => {
        log.push(`withdraw ${prefix}`);
        return true;
      },
      setDynamicNeighbours: () => undefined,
      nextHopsChanged: () => undefined,
      neighbours: () => [],
    };
    const bgp = new BgpControl({
      createSpeaker: () => speaker as Speaker,
      clock,
      log: silentLogger,
    });
    const interfaces = { configure: async () => 0x0200_0000_0003, fingerprint: () => 'up' };
    this.mux = new MuxAgent({
      uplink: 'uplink0',
      ...{ forwarder, bgp, interfaces, clock },
      log: silentLogger,
    });
  }

  report(): void {
    const since = this.clock.wallNow();
    const agent: Pick<Agent, 'observe' | 'retry' | 'status'> = {
      observe: (observation) => {
        this.observed = observation;
      },
      retry: () => undefined,
      status: () => ({
        appliedRevision: 1,
        goalRevision: 1,
        controller: { connected: this.isConnected, since },
        resourceCount: 0,
        goalSaved: true,
        faults: [],
      }),
    };
    this.mux.report(agent as Agent);
  }

  async set(upserts: readonly Resource[], removes: readonly string[] = []): Promise<void> {
    await this.mux.apply({ revision: 1, upserts, removes });
  }

  /** What has happened since it was asked last. */
  take(): string[] {
    return this.log.splice(0);
  }
}

async function inSync(resources: readonly Resource[]): Promise<World> {
  const world = new World();
  await world.set(resources);
  world.report();
  world.clock.advance(seconds(2));
  world.take();
  return world;
}

test('after a start nothing is announced before the controller has been heard for a second', async (t) => {
  const world = new World();
  await world.set(WEB);
  world.report();
  t.deepEqual(world.take(), ['tables vip/web']);
  world.clock.advance(millis(900));
  // A change comes: what the controller has to say is not all said yet.
  await world.set([pool([backend(1), backend(2)])]);
  world.clock.advance(millis(900));
  t.deepEqual(world.take(), []);
  world.clock.advance(millis(400));
  t.deepEqual(world.take(), [`announce ${VIP}/32`]);
});

test('without a controller what was saved is announced after ten seconds', async (t) => {
  const world = new World();
  world.isConnected = false;
  await world.set(WEB);
  world.report();
  world.clock.advance(seconds(9));
  t.deepEqual(world.take(), ['tables vip/web']);
  world.clock.advance(seconds(2));
  t.deepEqual(world.take(), [`announce ${VIP}/32`]);
});

test('an address is announced when its tables are in force, and withdrawn before they go', async (t) => {
  const world = await inSync(WEB);
  await world.set([vip([rule()], OTHER_VIP, 'other'), announcement('other')]);
  t.deepEqual(world.take(), ['tables vip/other', `announce ${OTHER_VIP}/32`]);
  await world.set([], ['announcement/other', 'vip/other']);
  t.deepEqual(world.take(), [`withdraw ${OTHER_VIP}/32`, 'no tables vip/other']);
});

test('an address alone, or an announcement alone, is not announced', async (t) => {
  const world = await inSync([ROUTER, pool([backend(1)])]);
  await world.set([announcement('web')]);
  t.deepEqual(world.take(), []);
  await world.set([vip([rule()])]);
  t.deepEqual(world.take(), ['tables vip/web', `announce ${VIP}/32`]);
  await world.set([], ['announcement/web']);
  t.deepEqual(world.take(), [`withdraw ${VIP}/32`]);
});

test('an address that changes is withdrawn, and announced as the other', async (t) => {
  const world = await inSync(WEB);
  await world.set([vip([rule()], OTHER_VIP)]);
  t.deepEqual(world.take(), [`withdraw ${VIP}/32`, 'tables vip/web', `announce ${OTHER_VIP}/32`]);
});

test('an internal address is refused', async (t) => {
  const world = await inSync(WEB);
  const internal = vip([rule()], OTHER_VIP, 'in');
  const { virtualIp } = internal;
  if (virtualIp === undefined) return t.fail();
  const { errors } = await world.mux.apply({
    revision: 2,
    upserts: [{ ...internal, virtualIp: { ...virtualIp, internal: true } }, announcement('in')],
    removes: [],
  });
  t.deepEqual(
    errors.map(({ key }) => key),
    ['vip/in'],
  );
  t.deepEqual(world.take(), []);
});

test('an address that is too much is withdrawn alone, told as a fault, and back after a minute', async (t) => {
  const world = await inSync(BOTH);
  world.mux.overloaded({ key: 'vip/web', reason: 'too many' });
  t.deepEqual(world.take(), [`withdraw ${VIP}/32`]);
  t.deepEqual(world.observed?.health, [
    { key: 'vip/web', code: 'PolicyConfigurationFailure', message: 'withdrawn for 60 s: too many' },
  ]);
  world.clock.advance(seconds(59));
  t.deepEqual(world.take(), []);
  world.clock.advance(seconds(2));
  t.deepEqual(world.take(), [`announce ${VIP}/32`]);
  t.deepEqual(world.observed?.health, []);
});

test('at its end a mux withdraws its routes and forwards for a second more', async (t) => {
  const world = await inSync(BOTH);
  let isDrained = false;
  const draining = world.mux.drain().then(() => {
    isDrained = true;
  });
  t.deepEqual(world.take().sort(), [`withdraw ${VIP}/32`, `withdraw ${OTHER_VIP}/32`].sort());
  await Promise.resolve();
  t.false(isDrained);
  world.clock.advance(seconds(1));
  await draining;
  await world.mux.close();
  t.deepEqual(world.take(), ['stop']);
});
