/** A forwarding worker and its face: a real thread that waits for frames, is woken by requests, and dies. */
import test from 'ava';
import { messageOf, SdnError } from '../../../../base/errors.ts';
import { ForwardingWorker } from '../../../../dataplane/port/forwarding-worker.ts';
import { WorkerFault } from '../../../../dataplane/port/worker-protocol.ts';
import type {
  TalkingMessage,
  TalkingRequest,
  TalkingResults,
  TalkingSettings,
} from './talking-worker.ts';

function worker(fails = false) {
  const heard: TalkingMessage[] = [];
  const failures: string[] = [];
  const face = new ForwardingWorker<
    TalkingRequest,
    TalkingResults,
    TalkingMessage,
    TalkingSettings
  >({
    entry: new URL('./talking-worker.js', import.meta.url),
    data: { hasOffload: false, greeting: 'hello', fails },
    errors: {
      refused: (fault) => new WorkerFault(fault),
      notRunning: () => new SdnError('SDN_SWITCH_STOPPED', 'it does not run'),
    },
    onMessage: (message) => heard.push(message),
    onFailed: (reason) => failures.push(reason.message),
  });
  return { face, heard, failures };
}

test('it is asked while it waits, answers, refuses, and ends when it is told to', async (t) => {
  const { face, heard, failures } = worker();
  t.false(face.isHealthy, 'not before its loop runs');
  await t.throwsAsync(face.ask({ kind: 'double', number: 1 }), { code: 'SDN_SWITCH_STOPPED' });
  await face.started;
  t.true(face.isHealthy);
  const numbers = Array.from({ length: 100 }, (_, number) => number);
  t.deepEqual(
    await Promise.all(numbers.map((number) => face.ask({ kind: 'double', number }))),
    numbers.map((number) => number * 2),
  );
  const fault = await t.throwsAsync(face.ask({ kind: 'refuse' }), { instanceOf: WorkerFault });
  t.like(fault, { code: 'SDN_DEVICE', message: 'no', remedy: 'do', errno: 'EBUSY' });
  t.deepEqual(heard[0], { kind: 'notice', text: 'hello' });
  const waiting = t.throwsAsync(face.ask({ kind: 'ignore' }), { code: 'SDN_SWITCH_STOPPED' });
  await face.close({ kind: 'close' });
  await waiting;
  t.false(face.isHealthy);
  await t.throwsAsync(face.ask({ kind: 'refuse' }), { code: 'SDN_SWITCH_STOPPED' });
  await face.close({ kind: 'close' });
  t.deepEqual(failures, [], 'an end that was asked for is no failure');
});

test('a worker that dies is reported once, and whoever waits is told', async (t) => {
  const { face, failures } = worker();
  await face.started;
  const asked = [face.ask({ kind: 'ignore' }), face.ask({ kind: 'crash' })];
  for (const each of asked) await t.throwsAsync(each, { code: 'SDN_SWITCH_STOPPED' });
  t.deepEqual(failures, ['crashed as asked']);
  t.false(face.isHealthy);
  await t.throwsAsync(face.ask({ kind: 'double', number: 1 }), { code: 'SDN_SWITCH_STOPPED' });
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(failures, ['crashed as asked'], 'its exit is the same death');
});

test('a worker that cannot begin says why to who started it, and to nobody else', async (t) => {
  const { face, failures } = worker(true);
  // Errors come from other threads without what makes them native.
  t.is(await face.started.then(() => 'started', messageOf), 'it cannot begin');
  t.deepEqual(failures, []);
  t.false(face.isHealthy);
});
