/** Requests that wait for their answer: each gets its own, and none is left behind. */
import test from 'ava';
import { SdnError } from '../../../../base/errors.ts';
import { RequestBook } from '../../../../dataplane/port/request-book.ts';
import { type NumberedRequest, WorkerFault } from '../../../../dataplane/port/worker-protocol.ts';

type Request =
  | { readonly kind: 'add'; readonly a: number; readonly b: number }
  | { readonly kind: 'name' };

interface Results {
  readonly add: number;
  readonly name: string;
}

function book(waitingMax?: number) {
  const sent: NumberedRequest<Request>[] = [];
  const requests = new RequestBook<Request, Results>(
    {
      refused: (fault) => new WorkerFault(fault),
      notRunning: () => new SdnError('SDN_SWITCH_STOPPED', 'it does not run'),
    },
    waitingMax,
  );
  const send = (numbered: NumberedRequest<Request>) => sent.push(numbered);
  return { requests, sent, send };
}

test('answers come in any order, each to who asked', async (t) => {
  const { requests, sent, send } = book();
  const sum = requests.ask({ kind: 'add', a: 1, b: 2 }, send);
  const name = requests.ask({ kind: 'name' }, send);
  t.deepEqual(sent, [
    { number: 0, request: { kind: 'add', a: 1, b: 2 } },
    { number: 1, request: { kind: 'name' } },
  ]);
  t.is(requests.waiting, 2);
  requests.answered({ kind: 'result', number: 1, value: 'blue' });
  requests.answered({ kind: 'result', number: 0, value: 3 });
  t.deepEqual(await Promise.all([sum, name]), [3, 'blue']);
  t.is(requests.waiting, 0);
});

test('a fault keeps code, remedy and errno', async (t) => {
  const { requests, send } = book();
  const asked = requests.ask({ kind: 'name' }, send);
  const fault = { code: 'SDN_DEVICE', message: 'busy', remedy: 'wait', errno: 'EBUSY' };
  requests.answered({ kind: 'fault', number: 0, fault });
  const thrown = await t.throwsAsync(asked, { instanceOf: WorkerFault, message: 'busy' });
  t.like(thrown, { code: 'SDN_DEVICE', remedy: 'wait', errno: 'EBUSY', name: 'WorkerFault' });
});

test('an answer to nobody, or a second one, is nothing', async (t) => {
  const { requests, send } = book();
  requests.answered({ kind: 'result', number: 7, value: 'nobody' });
  const asked = requests.ask({ kind: 'name' }, send);
  requests.answered({ kind: 'result', number: 0, value: 'blue' });
  requests.answered({ kind: 'result', number: 0, value: 'red' });
  t.is(await asked, 'blue');
});

test('when the other end is gone all that wait fail, and numbers are not used again', async (t) => {
  const { requests, sent, send } = book();
  const asked = [requests.ask({ kind: 'name' }, send), requests.ask({ kind: 'name' }, send)];
  requests.fail();
  for (const each of asked) await t.throwsAsync(each, { code: 'SDN_SWITCH_STOPPED' });
  t.is(requests.waiting, 0);
  const later = requests.ask({ kind: 'name' }, send);
  t.is(sent.at(-1)?.number, 2);
  requests.answered({ kind: 'result', number: 2, value: 'blue' });
  t.is(await later, 'blue');
});

test('WORKER_REQUESTS_MAX: one too many is refused, counted, and not sent', async (t) => {
  const { requests, sent, send } = book(2);
  const first = requests.ask({ kind: 'name' }, send);
  void requests.ask({ kind: 'name' }, send).catch(() => undefined);
  await t.throwsAsync(requests.ask({ kind: 'name' }, send), { code: 'SDN_WORKER_BUSY' });
  t.is(requests.turnedAway, 1);
  t.is(sent.length, 2);
  requests.answered({ kind: 'result', number: 0, value: 'blue' });
  await first;
  const third = requests.ask({ kind: 'name' }, send);
  requests.answered({ kind: 'result', number: 2, value: 'red' });
  t.is(await third, 'red');
});
