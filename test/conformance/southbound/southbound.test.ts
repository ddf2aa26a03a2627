/** The southbound from end to end: controller and agents over unix sockets and TCP, mTLS, every way a stream can go. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, credentials, Metadata, status as Status, type StatusObject } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import type { TlsMaterial } from '../../../agent/agent.ts';
import { systemClock } from '../../../base/clock.ts';
import { openCertificateAuthority } from '../../../identity/certificate-authority.ts';
import { targetMessageCodec } from '../../../schema/southbound/codec.ts';
import { TargetKind } from '../../../schema/southbound/messages.ts';
import { GOAL_STATE_STREAM } from '../../../schema/southbound/service.ts';
import {
  logicalNetworkDocument,
  networkInterfaceDocument,
  serverDocument,
  virtualNetworkDocument,
} from '../../fixtures/desired-documents.ts';
import { type Fixture, fixture, until } from './fixture.ts';

const WEB = '/virtualNetworks/blue/subnets/web';

function nic(id: string, address: string): ReturnType<typeof networkInterfaceDocument> {
  return networkInterfaceDocument({
    id,
    mac: '00-1D-D8-00-00-01',
    addresses: [{ subnet: WEB, address }],
  });
}

/** Two servers, a virtual network and two interfaces, a and b. */
async function sampleNetwork(part: Fixture): Promise<number> {
  return part.write({
    'logicalnetworks/hnvpa': logicalNetworkDocument(),
    'servers/host1': serverDocument({ id: 'host1', providerAddress: '192.0.2.11' }),
    'servers/host2': serverDocument({ id: 'host2', providerAddress: '192.0.2.12' }),
    'virtualnetworks/blue': virtualNetworkDocument({
      id: 'blue',
      subnets: [{ id: 'web', prefix: '10.0.0.0/24', vni: 5001 }],
    }),
    'networkinterfaces/a': nic('a', '10.0.0.4'),
    'networkinterfaces/b': nic('b', '10.0.0.5'),
  });
}

async function started(t: ExecutionContext, transport: 'unix' | 'tcp' = 'unix'): Promise<Fixture> {
  const part = await fixture(t, transport);
  await sampleNetwork(part);
  return part;
}

function statusOf(part: Fixture, instanceId: string): string | undefined {
  return part.southbound().realised.configurationState(instanceId)?.status;
}

async function streamsAccepted(part: Fixture): Promise<Record<string, number>> {
  const metric = await part
    .registry()
    .getSingleMetric('weft_southbound_streams_accepted_total')
    ?.get();
  return Object.fromEntries(
    metric?.values.map(({ labels, value }) => [labels['outcome'], value]) ?? [],
  );
}

for (const transport of ['unix', 'tcp'] as const) {
  test(`${transport}: a host gets its slice, a change gets to it as a delta, and the revision is programmed`, async (t) => {
    const part = await started(t, transport);
    const host1 = await part.host('host1');
    const host2 = await part.host('host2');
    host1.attach('nic-a');
    host2.attach('nic-b');
    await until('both know both', () =>
      [host1, host2].every(
        ({ role }) =>
          role.resources.has('mapping/vnet-blue/10.0.0.4') &&
          role.resources.has('mapping/vnet-blue/10.0.0.5'),
      ),
    );
    t.true(host1.role.resources.has('port/nic-a'));
    t.false(host1.role.resources.has('port/nic-b'));
    const before = host2.role.changes.length;
    const revision = await part.write({ 'networkinterfaces/a': nic('a', '10.0.0.9') });
    await until(
      'programmed',
      () => part.southbound().realised.programmed(revision).status === 'Programmed',
    );
    const delta = host2.role.changes.slice(before);
    t.deepEqual(
      delta.flatMap(({ upserts }) => upserts.map(({ key }) => key)),
      ['mapping/vnet-blue/10.0.0.9'],
    );
    t.deepEqual(
      delta.flatMap(({ removes }) => removes),
      ['mapping/vnet-blue/10.0.0.4'],
    );
    const { programmedAfterMs } = part.southbound().realised.programmed(revision);
    t.true(programmedAfterMs !== undefined && programmedAfterMs < 5000);
    t.is(statusOf(part, 'nic-a'), 'Success');
    t.is(statusOf(part, 'vnet-blue'), 'Success');
    t.is(statusOf(part, 'server-host1'), 'Success');
  });
}

test('placements are stored, survive a disconnect, and move when another host reports the interface', async (t) => {
  const part = await started(t);
  const host1 = await part.host('host1');
  host1.attach('nic-a');
  const stored = async (): Promise<unknown> =>
    (await part.store.get('observed', 'placement/nic-a'))?.value['server'];
  await until('stored', async () => (await stored()) === 'host1');
  await host1.agent.close();
  await until('seen away', () => statusOf(part, 'nic-a') === 'Failure');
  t.is(part.southbound().realised.serverOf('nic-a'), 'host1');
  const [detail] = part.southbound().realised.configurationState('nic-a')?.detailedInfo ?? [];
  t.is(detail?.code, 'HostNotConnectedToController');
  await part.stopController();
  await part.startController();
  t.is(part.southbound().realised.serverOf('nic-a'), 'host1');
  const host2 = await part.host('host2');
  host2.attach('nic-a');
  await until('moved', () => part.southbound().realised.serverOf('nic-a') === 'host2');
  await until('stored again', async () => (await stored()) === 'host2');
  await until('in force', () => statusOf(part, 'nic-a') === 'Success');
  host2.attach();
  await until('detached', () => statusOf(part, 'nic-a') === 'Uninitialized');
  await until('record gone', async () => (await stored()) === undefined);
});

test("a refused resource is a failure with the host's code, and the rest is in force", async (t) => {
  const part = await started(t);
  const host1 = await part.host('host1');
  host1.role.refuse.set('port/nic-a', 'PortBlocked');
  host1.attach('nic-a', 'nic-b');
  await until('refused', () => statusOf(part, 'nic-a') === 'Failure');
  const state = part.southbound().realised.configurationState('nic-a');
  t.is(state?.detailedInfo[0]?.code, 'PortBlocked');
  t.is(statusOf(part, 'nic-b'), 'Success');
  t.is(statusOf(part, 'server-host1'), 'Warning');
  const revision = await part.write({ 'networkinterfaces/a': nic('a', '10.0.0.7') });
  await until(
    'answered',
    () => part.southbound().realised.programmed(revision).status === 'Refused',
  );
  await part.stopController();
  await part.startController();
  await until('a restarted controller learns of it', () => {
    const [known] = part.southbound().realised.configurationState('nic-a')?.detailedInfo ?? [];
    return known?.code === 'PortBlocked';
  });
  host1.role.refuse.clear();
  await part.write({ 'networkinterfaces/a': nic('a', '10.0.0.8') });
  await until('settled', () => statusOf(part, 'nic-a') === 'Success');
});

test('what a host could not bring into force it may try again by itself, and tells when it has', async (t) => {
  const part = await started(t);
  const host1 = await part.host('host1');
  host1.role.refuse.set('port/nic-a', 'PortBlocked');
  host1.attach('nic-a');
  await until('refused', () => statusOf(part, 'nic-a') === 'Failure');
  host1.agent.retry();
  await until('tried', () => host1.role.changes.at(-1)?.upserts.length === 1);
  t.is(statusOf(part, 'nic-a'), 'Failure');
  host1.role.refuse.clear();
  host1.agent.retry();
  await until('in force', () => statusOf(part, 'nic-a') === 'Success');
  const { length } = host1.role.changes;
  host1.agent.retry();
  await until('settled', () => host1.agent.status().faults.length === 0);
  t.is(host1.role.changes.length, length, 'what is in force is not applied again');
});

test('what a host could not bring into force it tries again as soon as something has gone', async (t) => {
  const part = await started(t);
  const host1 = await part.host('host1');
  host1.role.refuse.set('port/nic-a', 'PortBlocked');
  host1.attach('nic-a', 'nic-b');
  await until('refused', () => statusOf(part, 'nic-a') === 'Failure');
  await until('in force', () => statusOf(part, 'nic-b') === 'Success');
  host1.role.refuse.clear();
  await part.write({ 'networkinterfaces/b': undefined });
  await until('in force', () => statusOf(part, 'nic-a') === 'Success');
  const [removal, retry] = host1.role.changes.slice(-2);
  t.true(removal?.removes.includes('port/nic-b'));
  t.deepEqual(
    retry?.upserts.map(({ key }) => key),
    ['port/nic-a'],
  );
});

test('a host that comes back with the right hash is sent nothing', async (t) => {
  const part = await started(t);
  const host1 = await part.host('host1');
  host1.attach('nic-a');
  await until('in force', () => statusOf(part, 'nic-a') === 'Success');
  await host1.agent.close();
  const again = await part.host('host1');
  t.deepEqual([...again.role.resources.keys()].sort(), [...host1.role.resources.keys()].sort());
  await until('connected', () => statusOf(part, 'server-host1') === 'Success');
  t.is(again.role.changes.length, 1, 'only its own saved goal state');
  t.like(await streamsAccepted(part), { snapshot: 1, equal: 1 });
});

test('after a restart of the controller the same goal state has the same hash', async (t) => {
  const part = await started(t);
  const host1 = await part.host('host1');
  host1.attach('nic-a');
  await until('in force', () => statusOf(part, 'nic-a') === 'Success');
  const before = host1.role.changes.length;
  await until(
    'stored',
    async () => (await part.store.get('observed', 'placement/nic-a')) !== undefined,
  );
  await part.stopController();
  await part.startController();
  await until('back', () => statusOf(part, 'nic-a') === 'Success');
  t.is(host1.role.changes.length, before);
  t.deepEqual(await streamsAccepted(part), { equal: 1 });
});

test('a host that missed changes is sent the difference, not everything', async (t) => {
  const part = await started(t);
  const host1 = await part.host('host1');
  host1.attach('nic-a');
  await until('in force', () => statusOf(part, 'nic-a') === 'Success');
  await host1.agent.close();
  await part.write({ 'networkinterfaces/a': nic('a', '10.0.0.20') });
  const again = await part.host('host1');
  await until('up to date', () => again.role.resources.has('mapping/vnet-blue/10.0.0.20'));
  t.false(again.role.resources.has('mapping/vnet-blue/10.0.0.4'));
  t.like(await streamsAccepted(part), { snapshot: 1, difference: 1 });
  const [, difference] = again.role.changes;
  t.deepEqual(difference?.upserts.map(({ key }) => key).sort(), [
    'mapping/vnet-blue/10.0.0.20',
    'port/nic-a',
  ]);
});

test("a saved goal state that is damaged, or another host's, ends in a snapshot", async (t) => {
  const part = await started(t);
  const host1 = await part.host('host1');
  host1.attach('nic-a');
  await until('in force', () => statusOf(part, 'nic-a') === 'Success');
  await host1.agent.close();
  const path = join(part.folder, 'host1', 'goal-state.bin');
  const saved = await readFile(path);
  await writeFile(path, saved.subarray(0, saved.length - 7));
  const again = await part.host('host1');
  t.is(again.role.changes.length, 0);
  again.attach('nic-a');
  await until('in force again', () => statusOf(part, 'nic-a') === 'Success');
  t.deepEqual([...again.role.resources.keys()].sort(), [...host1.role.resources.keys()].sort());
  const foreign = await part.host('host2', { state: 'host1' });
  await until('made its own', () => !foreign.role.resources.has('port/nic-a'));
  await until('three snapshots', async () => (await streamsAccepted(part))['snapshot'] === 3);
});

test("a certificate that is another target's, another kind's or another authority's is refused", async (t) => {
  const part = await started(t);
  const reason = async (id: string, options: Parameters<Fixture['host']>[1]): Promise<string> => {
    const { agent } = await part.host(id, { state: `${id}-refused`, ...options });
    await until('refused', () => agent.status().controller.reason !== undefined);
    await agent.close();
    return agent.status().controller.reason ?? '';
  };
  t.regex(
    await reason('host1', { certificate: { name: 'host2', kind: 'host' } }),
    /host 'host2', not of host 'host1'/,
  );
  t.regex(
    await reason('host1', { certificate: { name: 'host1', kind: 'mux' } }),
    /mux 'host1', not of host/,
  );
  t.regex(await reason('host1', { kind: TargetKind.MUX }), /not of mux 'host1'/);
  t.regex(await reason('host1', { kind: TargetKind.TARGET_KIND_UNSPECIFIED }), /no kind/);
  const other = await openCertificateAuthority({
    directory: join(part.folder, 'other'),
    clock: systemClock,
  });
  const files = await other.ensure({ name: 'host1', kind: 'host' });
  const { ca } = await part.tls('host1', 'host');
  const foreign = { ca, cert: await readFile(files.cert), key: await readFile(files.key) };
  t.truthy(await reason('host1', { tls: foreign }));
  t.is(statusOf(part, 'server-host1'), 'Failure');
});

test('a host without a server document is told so, and is served once it has one', async (t) => {
  const part = await started(t);
  const host3 = await part.host('host3');
  await until('told', () => host3.agent.status().controller.reason !== undefined);
  t.regex(host3.agent.status().controller.reason ?? '', /create \/servers\/host3/);
  await part.write({
    'servers/host3': serverDocument({ id: 'host3', providerAddress: '192.0.2.13' }),
  });
  await until('served', () => host3.role.resources.has('host'));
  await part.write({ 'servers/host3': undefined });
  await until('ended', () => !host3.agent.status().controller.connected);
  t.is(part.southbound().realised.configurationState('server-host3'), undefined);
});

test('a slow host gets what changed meanwhile merged into one message', async (t) => {
  const part = await started(t);
  const host1 = await part.host('host1');
  host1.attach('nic-a');
  await until('in force', () => statusOf(part, 'nic-a') === 'Success');
  const before = host1.role.changes.length;
  host1.role.applyMs = 300;
  let last = 0;
  for (let at = 10; at < 60; at++) {
    last = await part.write({ 'networkinterfaces/a': nic('a', `10.0.0.${at}`) });
  }
  await until('compiled', () => part.southbound().realised.compiledRevision === last);
  t.is(statusOf(part, 'nic-a'), 'InProgress');
  t.is(part.southbound().realised.programmed(last).status, 'Pending');
  t.deepEqual(part.southbound().realised.programmed(last).waitingFor, ['host/host1']);
  await until(
    'caught up',
    () => part.southbound().realised.programmed(last).status === 'Programmed',
  );
  const messages = host1.role.changes.length - before;
  t.true(
    messages < 10,
    `${messages} messages of 50 writes: in flight is one, and then comes the rest`,
  );
  t.true(host1.role.resources.has('mapping/vnet-blue/10.0.0.59'));
  t.is([...host1.role.resources.keys()].filter((key) => key.startsWith('mapping/')).length, 1);
});

test('a second stream of a target replaces the first', async (t) => {
  const part = await started(t);
  const first = await part.host('host1');
  await until('connected', () => statusOf(part, 'server-host1') === 'Success');
  const second = await part.host('host1', { state: 'second' });
  await until('served', () => second.role.resources.has('host'));
  await until('ended', () => /took over/.test(first.agent.status().controller.reason ?? ''));
  await first.agent.close();
  await until('one of them stays', () => statusOf(part, 'server-host1') === 'Success');
  t.is(
    part
      .southbound()
      .realised.targets()
      .filter(({ connected }) => connected).length,
    1,
  );
});

test('a virtual network of which one host is away is a warning, of which all are away a failure', async (t) => {
  const part = await started(t);
  await until('compiled', () => statusOf(part, 'vnet-blue') === 'Uninitialized');
  const host1 = await part.host('host1');
  const host2 = await part.host('host2');
  host1.attach('nic-a');
  host2.attach('nic-b');
  await until('in force', () => statusOf(part, 'vnet-blue') === 'Success');
  t.is(statusOf(part, 'subnet-blue-web'), 'Success');
  await host1.agent.close();
  await until('one away', () => statusOf(part, 'vnet-blue') === 'Warning');
  t.is(statusOf(part, 'nic-b'), 'Success');
  await host2.agent.close();
  await until('all away', () => statusOf(part, 'vnet-blue') === 'Failure');
  const details = part.southbound().realised.configurationState('vnet-blue')?.detailedInfo ?? [];
  t.deepEqual(
    details.map(({ code }) => code),
    Array(2).fill('HostNotConnectedToController'),
  );
});

test('bytes that are no message, and messages out of turn, end their stream and nothing else', async (t) => {
  const part = await started(t);
  const host1 = await part.host('host1');
  await until('connected', () => statusOf(part, 'server-host1') === 'Success');
  const garbage = [Buffer.from([0xff]), Buffer.from([0x0a, 0x7f, 1]), Buffer.alloc(64, 0x0a)];
  const ack = { nonce: 1, revision: 1, applyMicros: 0, errors: [] };
  const report = { ports: [], health: [], run: '', meters: [], probeResults: [] };
  const early = [{ ack }, { report }].map((message) => targetMessageCodec.encode(message));
  const tls = await part.tls('host2', 'host');
  for (const bytes of [...garbage, ...early]) {
    const status = await sendRaw(part.address(), tls, bytes);
    t.true(
      status.code === Status.INVALID_ARGUMENT || status.code === Status.INTERNAL,
      `${status.code} ${status.details}`,
    );
  }
  await part.write({ 'networkinterfaces/a': nic('a', '10.0.0.6') });
  host1.attach('nic-a');
  await until('still served', () => statusOf(part, 'nic-a') === 'Success');
  t.deepEqual(await streamsAccepted(part), { snapshot: 1 });
});

/** One stream that sends `bytes` as its first message. Resolves with how it ended. */
function sendRaw(address: string, tls: TlsMaterial, bytes: Buffer): Promise<StatusObject> {
  const client = new Client(address, credentials.createSsl(tls.ca, tls.key, tls.cert), {
    'grpc.ssl_target_name_override': 'controller',
  });
  const call = client.makeBidiStreamRequest(
    GOAL_STATE_STREAM.path,
    (raw: Buffer) => raw,
    (raw) => raw,
    new Metadata(),
  );
  return new Promise((resolve) => {
    call.on('data', () => undefined);
    call.on('error', () => undefined);
    call.on('status', (status: StatusObject) => {
      client.close();
      resolve(status);
    });
    call.write(bytes);
  });
}

test('a host that a revision does not concern still learns of it', async (t) => {
  const part = await started(t);
  const host1 = await part.host('host1');
  await until('connected', () => statusOf(part, 'server-host1') === 'Success');
  const revision = await part.write({ 'networkinterfaces/b': nic('b', '10.0.0.6') });
  t.is(part.southbound().realised.programmedRevision <= revision, true);
  await until('told', () => host1.agent.status().appliedRevision === revision);
  t.is(part.southbound().realised.programmed(revision).programmedAfterMs, 0);
  await until(
    'recorded',
    async () =>
      (await part.store.get('observed', 'target/host/host1'))?.value['appliedRevision'] ===
      revision,
  );
});

test('100 targets over one socket, each told its own', async (t) => {
  t.timeout(60_000);
  const part = await fixture(t, 'unix');
  await part.write({
    'logicalnetworks/hnvpa': logicalNetworkDocument(),
    'virtualnetworks/blue': virtualNetworkDocument({
      id: 'blue',
      subnets: [{ id: 'web', prefix: '10.0.0.0/16', vni: 5001 }],
    }),
  });
  const ids = Array.from({ length: 100 }, (_, at) => `h${at}`);
  for (const [at, id] of ids.entries()) {
    await part.write({
      [`servers/${id}`]: serverDocument({ id, providerAddress: `192.0.2.${at + 10}` }),
      [`networkinterfaces/n${at}`]: nic(`n${at}`, `10.0.1.${at}`),
    });
  }
  const hosts = await Promise.all(ids.map((id) => part.host(id)));
  for (const [at, host] of hosts.entries()) host.attach(`nic-n${at}`);
  await until('all mappings everywhere', () =>
    hosts.every(({ role }) => role.resources.size === 1 + 1 + 1 + 1 + 100),
  );
  for (const [at, { role }] of hosts.entries()) t.true(role.resources.has(`port/nic-n${at}`));
  await until('all answered', () => statusOf(part, 'vnet-blue') === 'Success');
  t.is(part.southbound().realised.targets().length, 100);
});
