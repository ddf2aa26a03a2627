/** Questions of the controller to a host, over real streams: answered in any order, refused, too many, too long, cut off. */
import test, { type ExecutionContext } from 'ava';
import { ANSWER_BYTES_MAX } from '../../../agent/limits.ts';
import { SdnError } from '../../../base/errors.ts';
import { QUESTIONS_PER_TARGET_MAX } from '../../../controller/southbound/limits.ts';
import { answerQuestion } from '../../../dataplane/host-agent/diagnostics.ts';
import { serverDocument } from '../../fixtures/desired-documents.ts';
import { type Fixture, fixture, type Host, until } from './fixture.ts';

const FLOWS = { limit: 10 };

async function connected(t: ExecutionContext): Promise<{ part: Fixture; host: Host }> {
  const part = await fixture(t, 'unix');
  const server = serverDocument({ id: 'host1', providerAddress: '192.0.2.11' });
  await part.write({ 'servers/host1': server });
  const host = await part.host('host1');
  await until('connected', () => isConnected(part));
  return { part, host };
}

function isConnected(part: Fixture): boolean {
  return part.southbound().realised.targets()[0]?.connected === true;
}

async function outcomes(part: Fixture): Promise<Record<string, number>> {
  const metric = await part.registry().getSingleMetric('weft_southbound_questions_total')?.get();
  const values = metric?.values ?? [];
  return Object.fromEntries(values.map(({ labels, value }) => [labels['outcome'], value]));
}

function flow(portId: string) {
  return {
    ...{ portId, direction: 'outbound' as const, protocol: 'tcp', state: '', action: '' },
    ...{ src: '10.0.0.4', srcPort: 1, dst: '10.0.0.5', dstPort: 2 },
    ...{ packets: 1, bytes: 60, idleMs: 0 },
  };
}

test('each answer reaches its own question, whatever order they come in', async (t) => {
  const { part, host } = await connected(t);
  const release: (() => void)[] = [];
  host.role.answer = async (_method, question) => {
    const { portId = '' } = question as { portId?: string };
    await new Promise<void>((resolve) => release.push(resolve));
    return { flows: [flow(portId)] };
  };
  const asked = ['a', 'b', 'c'].map((portId) =>
    part.southbound().ask('HOST1', 'flows', { ...FLOWS, portId }),
  );
  await until('all asked', () => release.length === 3);
  for (const resolve of release.reverse()) resolve();
  const answers = await Promise.all(asked);
  t.deepEqual(
    answers.map(({ flows }) => flows[0]?.portId),
    ['a', 'b', 'c'],
  );
  t.deepEqual(await outcomes(part), { answered: 3 });
});

test("a question does not wait for goal state that is being applied, and changes nobody's revision", async (t) => {
  const { part, host } = await connected(t);
  host.role.applyMs = 2000;
  host.role.answer = async () => ({ flows: [] });
  await part.write({
    'servers/host1': serverDocument({ id: 'host1', providerAddress: '192.0.2.12' }),
  });
  t.deepEqual(await part.southbound().ask('host1', 'flows', FLOWS), { flows: [] });
});

test("a refusal carries the host's code, words and remedy", async (t) => {
  const { part, host } = await connected(t);
  host.role.answer = async () => {
    throw new SdnError('SDN_HOST_PORT_UNKNOWN', 'no such port', { remedy: 'look' });
  };
  const fault = await t.throwsAsync(part.southbound().ask('host1', 'flows', FLOWS));
  t.like(fault, { code: 'SDN_HOST_PORT_UNKNOWN', message: 'no such port', remedy: 'look' });
  t.like(fault, { target: 'host/host1' });
});

test('methods that a host does not know, and questions of another shape, are refused by name', async (t) => {
  const host = {
    switchAnswer: () => Promise.reject(new Error('no switch')),
    probe: () => Promise.reject(new Error('no switch')),
    providerPing: () => Promise.reject(new Error('no network')),
    probes: () => ({ backends: [], total: 0 }),
    flows: async () => [],
    captures: NO_CAPTURES,
    flowLog: () => ({ isOn: false, losses: NO_LOSSES, last: 0, records: [] }),
    counters: () => ({ ports: [], uplink: UPLINK }),
  };
  const code = async (method: string, question: unknown) =>
    (await t.throwsAsync<SdnError>(answerQuestion(host, method, question)))?.code;
  t.is(await code('frobnicate', {}), 'SDN_QUESTION_UNKNOWN');
  t.is(await code('toString', {}), 'SDN_QUESTION_UNKNOWN');
  for (const wrong of [null, 7, [], {}, { limit: 0 }, { limit: 1, port: 'a' }]) {
    t.is(await code('flows', wrong), 'SDN_QUESTION_INVALID');
  }
  t.deepEqual(await answerQuestion(host, 'flows', FLOWS), { flows: [] });
});

const none = () => Promise.reject(new Error('no switch'));
const NO_CAPTURES = { start: none, read: none, stop: none, list: none };
const NO_LOSSES = { queueFull: 0, unfollowed: 0, unwritten: 0, hoursRemoved: 0 };
const NO_TRAFFIC = { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0, drops: {}, txDrops: {} };
const UPLINK = { name: 'up0', ...NO_TRAFFIC };

test('an answer that is not what the method promises is a fault, not a value', async (t) => {
  const { part, host } = await connected(t);
  host.role.answer = async () => ({ flows: [{ portId: 7 }] });
  const fault = await t.throwsAsync(part.southbound().ask('host1', 'flows', FLOWS));
  t.like(fault, { code: 'SDN_ANSWER_MALFORMED' });
});

test('an answer longer than the limit is refused at its source', async (t) => {
  const { part, host } = await connected(t);
  host.role.answer = async () => ({ flows: [], padding: 'x'.repeat(ANSWER_BYTES_MAX) });
  const fault = await t.throwsAsync(part.southbound().ask('host1', 'flows', FLOWS));
  t.like(fault, { code: 'SDN_ANSWER_TOO_LONG' });
  t.true(isConnected(part));
});

test('more questions than the limit are refused at once; those before wait on', async (t) => {
  const { part } = await connected(t);
  const asked = Array.from({ length: QUESTIONS_PER_TARGET_MAX }, () =>
    part.southbound().ask('host1', 'flows', FLOWS),
  );
  const settled = Promise.allSettled(asked);
  const fault = await t.throwsAsync(part.southbound().ask('host1', 'flows', FLOWS));
  t.like(fault, { code: 'SDN_TARGET_BUSY' });
  await part.stopController();
  for (const each of await settled) t.is(each.status, 'rejected');
});

test('a host that is away, or goes while it is asked, is said to be', async (t) => {
  const { part, host } = await connected(t);
  const asked = part.southbound().ask('host1', 'flows', FLOWS);
  const lost = t.throwsAsync(asked);
  await host.agent.close();
  t.like(await lost, { code: 'SDN_TARGET_AWAY' });
  const away = await t.throwsAsync(part.southbound().ask('host1', 'flows', FLOWS));
  t.like(away, { code: 'SDN_TARGET_AWAY', message: 'host/host1 is not connected' });
  const unknown = await t.throwsAsync(part.southbound().ask('nowhere', 'flows', FLOWS));
  t.like(unknown, { code: 'SDN_TARGET_AWAY' });
  t.deepEqual(await outcomes(part), { lost: 1, away: 2 });
});

test('a host that does not answer in time is silent, and its stream lives on', async (t) => {
  const { part, host } = await connected(t);
  const fault = await t.throwsAsync(part.southbound().ask('host1', 'flows', FLOWS));
  t.like(fault, { code: 'SDN_TARGET_SILENT' });
  host.role.answer = async () => ({ flows: [] });
  t.deepEqual(await part.southbound().ask('host1', 'flows', FLOWS), { flows: [] });
});
