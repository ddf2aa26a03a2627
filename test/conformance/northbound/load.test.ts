/** Many at once: 10,000 parallel writes, a full queue, everybody on one tree, and a store that fails in the middle. */
import test from 'ava';
import { millis } from '../../../base/units.ts';
import { COMMITS_IN_FLIGHT_MAX } from '../../../controller/northbound/limits.ts';
import type { Commit, Store } from '../../../controller/store/store.ts';
import { StoreFailed } from '../../../controller/store/store-error.ts';
import {
  type Answer,
  type Client,
  expectCreated,
  layGround,
  nicProperties,
  startController,
  valueAt,
  vnetProperties,
} from './controller-fixture.ts';

const WRITES = 10_000;

for (const store of ['memory', 'level'] as const) {
  test.serial(
    `${WRITES} parallel writes on the ${store} store: each answered, each address once`,
    async (t) => {
      t.timeout(120_000);
      const { client } = await startController(t, { store });
      await layGround(client);
      await expectCreated(client, '/virtualNetworks/big', {
        ...vnetProperties(),
        addressSpace: { addressPrefixes: ['10.0.0.0/8'] },
        subnets: [{ resourceId: 'all', properties: { addressPrefix: '10.64.0.0/16' } }],
      });
      const inBig = nicProperties({}, '/virtualNetworks/big/subnets/all');
      const answers = await Promise.all(
        Array.from({ length: WRITES }, (_, index) =>
          client.put(`/networkInterfaces/n${index}`, inBig),
        ),
      );
      t.deepEqual([...new Set(answers.map(({ status }) => status))], [201]);
      const distinct = (path: string) => new Set(answers.map((answer) => answer.at(path))).size;
      t.is(distinct('properties.ipConfigurations.0.properties.privateIPAddress'), WRITES);
      t.is(distinct('properties.privateMacAddress'), WRITES);
      t.is(distinct('instanceId'), WRITES);
      t.is((await client.get('/networkInterfaces')).listAt('value').length, WRITES);
      const subnet = await client.get('/virtualNetworks/big/subnets/all');
      t.is(subnet.listAt('properties.ipConfigurations').length, WRITES);
    },
  );
}

test.serial(
  'a write that finds the queue full is 503 with Retry-After; the others are written',
  async (t) => {
    const gate = new Gate();
    const { client } = await startController(t, {
      queueLengthMax: 8,
      connections: 320,
      wrapStore: (store) => guardCommits(store, () => gate.passed),
    });
    await layGround(client);
    gate.close();
    const writes = Array.from({ length: 320 }, (_, index) => client.put(`/servers/s${index}`, {}));
    const first = await Promise.race(writes);
    t.is(first.status, 503);
    gate.open();
    const answers = await Promise.all(writes);
    const refused = answers.filter(({ status }) => status === 503);
    const written = answers.filter(({ status }) => status === 201);
    t.true(written.length >= COMMITS_IN_FLIGHT_MAX);
    for (const answer of refused) {
      t.is(answer.at('error.code'), 'ServiceUnavailable');
      t.is(answer.headers['retry-after'], '1');
    }
    t.is(refused.length + written.length, answers.length);
    t.is((await client.get('/servers')).listAt('value').length, written.length + 2);
  },
);

test.serial(
  'commits that the store fails are 503, take with them what was planned on them, and nothing else',
  async (t) => {
    let failing = false;
    const { client, store } = await startController(t, {
      wrapStore: (inner) =>
        guardCommits(inner, () =>
          failing ? Promise.reject(new StoreFailed(new Error('no space'))) : Promise.resolve(),
        ),
    });
    await layGround(client);
    const { revision } = store;
    failing = true;
    const refused = await Promise.all([
      client.put('/networkInterfaces/n1', nicProperties()),
      client.put('/networkInterfaces/n2', nicProperties()),
      client.delete('/virtualNetworks/blue'),
    ]);
    // Whichever was planned first made the others' plans: in use, dangling, or in vain like itself.
    t.deepEqual(
      refused.filter(({ status }) => ![400, 409, 503].includes(status)),
      [],
    );
    t.true(refused.some(({ status }) => status === 503));
    t.is(store.revision, revision);
    t.is((await client.get('/networkInterfaces/n1')).status, 404);
    failing = false;
    const made = await expectCreated(client, '/networkInterfaces/n3', nicProperties());
    t.is(made.at('properties.ipConfigurations.0.properties.privateIPAddress'), '10.1.1.4');
    t.is(store.revision, revision + 1);
  },
);

class Gate {
  passed: Promise<void> = Promise.resolve();
  #open: () => void = () => undefined;

  close(): void {
    this.passed = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  open(): void {
    this.#open();
  }
}

/** A store whose commits wait for, or fail with, `before`. */
function guardCommits(store: Store, before: () => Promise<void>): Store {
  return new Proxy(store, {
    get(target, name) {
      if (name === 'commit') {
        return (commit: Commit) => before().then(() => target.commit(commit));
      }
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

test.serial(
  'everybody puts and deletes in one tree: specified answers, a tree that holds together',
  async (t) => {
    const { client } = await startController(t, { conflictWait: millis(2_000) });
    await layGround(client);
    const ways: readonly (() => Promise<Answer>)[] = [
      () => client.put('/virtualNetworks/blue', vnetProperties()),
      () => client.put('/virtualNetworks/blue/subnets/web', { addressPrefix: '10.1.1.0/24' }),
      () => client.put('/virtualNetworks/blue/subnets/x', { addressPrefix: '10.1.77.0/24' }),
      () => client.delete('/virtualNetworks/blue/subnets/x'),
      () => client.delete('/virtualNetworks/blue'),
      () => client.put('/networkInterfaces/n', nicProperties()),
      () => client.delete('/networkInterfaces/n'),
    ];
    const answers = await Promise.all(
      Array.from({ length: 1_400 }, (_, index) => ways[(index * 5) % ways.length]?.()),
    );
    const seen = new Set(
      answers.map((answer) => `${answer?.status} ${answer?.textAt('error.code')}`),
    );
    const allowed = new Set([
      '200 ',
      '201 ',
      '202 ',
      '204 ',
      '400 InvalidResourceReference',
      '404 NotFound',
      '409 AnotherOperationInProgress',
      '409 InUseSubnetCannotBeDeleted',
    ]);
    t.deepEqual(
      [...seen].filter((answer) => !allowed.has(answer)),
      [],
    );
    await consistent(client, (holds, what) => t.true(holds, what));
  },
);

/** Every reference has its target, every back-reference its referrer. */
async function consistent(client: Client, check: (holds: boolean, what: string) => void) {
  const nics = (await client.get('/networkInterfaces')).listAt('value');
  for (const nic of nics) {
    const ref = String(valueAt(nic, 'properties.ipConfigurations.0.properties.subnet.resourceRef'));
    const subnet = await client.get(ref);
    check(subnet.status === 200, `${ref} exists`);
    check(subnet.listAt('properties.ipConfigurations').length > 0, `${ref} is used`);
  }
}
