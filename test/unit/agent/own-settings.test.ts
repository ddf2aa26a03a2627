/** A role's own settings while interfaces come and go. */
import test from 'ava';
import { OwnSettings } from '../../../agent/own-settings.ts';
import { ManualClock } from '../../../base/clock.ts';
import { SdnError } from '../../../base/errors.ts';
import { silentLogger } from '../../../base/log.ts';
import { seconds } from '../../../base/units.ts';

/** Settings are the name of an interface. */
class World {
  readonly clock = new ManualClock();
  readonly up = new Set<string>();
  readonly configured: string[] = [];
  tried = 0;
  recovered = 0;
  readonly settings: OwnSettings<string> = new OwnSettings({
    key: 'role',
    what: 'interface',
    interfacesOf: (name: string) => [name],
    configure: async (name: string) => {
      if (name === 'bug') throw new TypeError('bug');
      if (!this.up.has(name)) throw new SdnError('SDN_TEST', `${name} is missing`);
      this.configured.push(name);
    },
    onTried: () => {
      this.tried += 1;
    },
    interfaces: { fingerprint: (names) => names.map((name) => this.up.has(name)).join() },
    clock: this.clock,
    log: silentLogger,
  });

  watch(): void {
    this.settings.watch(() => {
      this.recovered += 1;
    });
  }

  /** One look at the interfaces. */
  async look(): Promise<void> {
    this.clock.advance(seconds(5));
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  }
}

const MISSING = {
  key: 'role',
  code: 'PAAddressConfigurationFailure',
  message: 'eth0 is missing',
};

test('settings without their interface are a fault, and in force when it comes', async (t) => {
  const world = new World();
  t.deepEqual(await world.settings.apply('eth0'), [MISSING]);
  t.deepEqual(world.settings.faults, [MISSING]);
  t.is(world.settings.current, 'eth0');
  world.watch();
  await world.look();
  t.deepEqual([world.configured, world.recovered], [[], 0]);
  world.up.add('eth0');
  await world.look();
  t.deepEqual([world.configured, world.recovered], [['eth0'], 1]);
  t.deepEqual(world.settings.faults, []);
  t.is(world.tried, 3);
});

test('an interface that goes and comes back is given its settings again', async (t) => {
  const world = new World();
  world.up.add('eth0');
  t.deepEqual(await world.settings.apply('eth0'), []);
  world.watch();
  await world.look();
  t.deepEqual(world.configured, ['eth0']);
  world.up.delete('eth0');
  await world.look();
  t.deepEqual(world.settings.faults, [MISSING]);
  world.up.add('eth0');
  await world.look();
  t.deepEqual(world.configured, ['eth0', 'eth0']);
  t.is(world.recovered, 1);
  await world.settings.close();
  world.up.delete('eth0');
  await world.look();
  t.deepEqual(world.settings.faults, []);
});

test('settings that cannot be brought into force leave the last ones that could', async (t) => {
  const world = new World();
  world.up.add('eth1');
  await world.settings.apply('eth1');
  t.like(await world.settings.apply('eth0'), [MISSING]);
  t.is(world.settings.current, 'eth1');
  await t.throwsAsync(world.settings.apply('bug'), { instanceOf: TypeError });
  t.is(world.tried, 3);
});
