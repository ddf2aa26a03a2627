/** Packet captures under /networking/weft/v1: of the interface's host, read as one growing file, ended by whoever stops reading. */
import test, { type ExecutionContext } from 'ava';
import type { TargetState } from '../../../controller/model/realised-state.ts';
import type { AskTarget } from '../../../controller/southbound/ask-target.ts';
import { QuestionFault } from '../../../controller/southbound/questions.ts';
import type { Answer, Question } from '../../../schema/southbound/diagnostics/methods.ts';
import { eventually } from '../../kit/eventually.ts';
import {
  type Controller,
  expectCreated,
  layGround,
  nicProperties,
  startController,
} from './controller-fixture.ts';

const WEFT = '/networking/weft/v1';
const BOUNDS = { snapLen: 96, packetsMax: 10, bytesMax: 1000, secondsMax: 5 };

/** A host whose captures have the pieces that a test gives them; nothing more is recorded once they are stopped. */
class RecordingHost {
  readonly started: Question<'startCapture'>[] = [];
  readonly pieces: string[] = [];
  stops = 0;
  isAway = false;
  #ended: string | undefined;

  end(): void {
    this.#ended = 'packets';
  }

  readonly ask: AskTarget = async (host, method, question) => {
    if (host !== 'host1' || this.isAway) {
      throw new QuestionFault(`host/${host}`, 'SDN_TARGET_AWAY', `${host} is away`);
    }
    return (await this.#answer(method, question)) as never;
  };

  async #answer(method: string, question: unknown): Promise<unknown> {
    switch (method) {
      case 'startCapture':
        this.started.push(question as Question<'startCapture'>);
        return this.#status();
      case 'captures':
        return { captures: this.started.length === 0 ? [] : [this.#status()] };
      case 'stopCapture':
        this.#find(question);
        this.stops += 1;
        this.#ended = 'stopped';
        return this.#status();
      case 'readCapture': {
        this.#find(question);
        const piece = this.pieces.shift() ?? '';
        const isLast = this.#ended !== undefined && this.pieces.length === 0;
        const bytes = Buffer.from(piece).toString('base64');
        return { bytes, isLast, status: this.#status() } satisfies Answer<'readCapture'>;
      }
      default:
        throw new Error(method);
    }
  }

  #find(question: unknown): void {
    const { id } = question as { id: number };
    if (id === 3) return;
    throw new QuestionFault('host/host1', 'SDN_CAPTURE_UNKNOWN', `there is no capture ${id}`);
  }

  #status(): Answer<'startCapture'> {
    const filter = this.started[0]?.filter ?? {};
    const ended = this.#ended === undefined ? {} : { ended: this.#ended };
    return { id: 3, filter, ...ended, packets: 2, bytes: 300, lost: 1 };
  }
}

async function world(
  t: ExecutionContext,
): Promise<{ controller: Controller; host: RecordingHost }> {
  const host = new RecordingHost();
  const controller = await startController(t, { ask: host.ask });
  await layGround(controller.client);
  const nic = await expectCreated(controller.client, '/networkInterfaces/a', nicProperties());
  controller.realised.servers.set(nic.textAt('instanceId'), 'host1');
  controller.realised.known.push(target('host1'), target('host2'));
  return { controller, host };
}

function target(id: string): TargetState {
  const state = { connected: true, appliedRevision: 1, softwareVersion: '', since: 0 };
  return { kind: 'host', id, ...state, resourceCount: 0, faults: [] };
}

test('a capture of an interface is made at its host, with its filter and bounds, and shown by name', async (t) => {
  const { controller, host } = await world(t);
  const { client } = controller;
  const filter = 'tcp and port 443 and dropped';
  const made = await client.send('POST', `${WEFT}/captures`, { nic: 'A', filter, ...BOUNDS });
  t.is(made.status, 201, made.text);
  const [asked] = host.started;
  t.like(asked, BOUNDS);
  t.like(asked?.filter, { protocol: 6, either: { ports: [443, 443] }, dropped: true });
  const { portIds } = (asked?.filter ?? {}) as { portIds?: string[] };
  t.is(portIds?.length, 1);
  t.is(made.textAt('id'), 'host1.3');
  t.is(made.textAt('resourceRef'), '/networkInterfaces/a');
  const shown = await client.get(`${WEFT}/captures/host1.3`);
  t.deepEqual(shown.body, made.body);
  const list = await client.get(`${WEFT}/captures`);
  t.deepEqual(list.at('value.0'), made.body);
  t.is(list.at('missing.0.host'), 'host2');
});

test('the file is one answer that ends with the capture; how that was can still be asked', async (t) => {
  const { controller, host } = await world(t);
  const { client } = controller;
  host.pieces.push('one,', '', 'two,');
  t.is((await client.send('POST', `${WEFT}/captures`, { host: 'HOST1' })).status, 201);
  const reading = client.get(`${WEFT}/captures/host1.3/pcapng`);
  await eventually('the first pieces are read', () => host.pieces.length === 0);
  const second = await client.get(`${WEFT}/captures/host1.3/pcapng`);
  t.is(second.status, 503, 'one reader at a time');
  host.pieces.push('three');
  const stopped = await client.delete(`${WEFT}/captures/host1.3`);
  t.is(stopped.textAt('ended'), 'stopped');
  const file = await reading;
  t.is(file.status, 200);
  t.is(file.headers['content-type'], 'application/x-pcapng');
  t.is(file.text, 'one,two,three');
  t.is((await client.get(`${WEFT}/captures/host1.3`)).textAt('ended'), 'stopped');
  t.is(host.stops, 1);
});

test('a host that goes away breaks the file off', async (t) => {
  const { controller, host } = await world(t);
  const { client } = controller;
  host.pieces.push('one');
  await client.send('POST', `${WEFT}/captures`, { host: 'host1' });
  const reading = client.get(`${WEFT}/captures/host1.3/pcapng`);
  await eventually('the first piece is read', () => host.pieces.length === 0);
  host.isAway = true;
  await t.throwsAsync(reading);
  host.isAway = false;
  host.end();
  const again = await client.get(`${WEFT}/captures/host1.3/pcapng`);
  t.is(again.status, 200, 'nobody reads it any more');
});

test('what cannot be captured is refused with the reason', async (t) => {
  const { controller } = await world(t);
  const { client } = controller;
  const post = async (body: unknown) => {
    const answer = await client.send('POST', `${WEFT}/captures`, body);
    return [answer.status, answer.textAt('error.code'), answer.textAt('error.target')];
  };
  const INVALID = 'InvalidParameterValue';
  t.deepEqual(await post({}), [400, INVALID, 'body']);
  t.deepEqual(await post({ nic: 'a', host: 'host1' }), [400, INVALID, 'body']);
  t.deepEqual(await post({ nic: 'a', filter: 'nonsense' }), [400, INVALID, 'filter']);
  t.deepEqual(await post({ nic: 'a', filter: { vni: -1 } }), [400, INVALID, 'filter']);
  t.deepEqual(await post({ nic: 'a', packetsMax: 0 }), [400, INVALID, 'body']);
  t.deepEqual(await post({ nic: 'a', colour: 'red' }), [400, INVALID, 'body']);
  t.deepEqual(await post({ nic: 'b' }), [404, 'NotFound', 'nic']);
  t.deepEqual(await post({ host: 'host9' }), [404, 'NotFound', 'host']);
  t.deepEqual((await post({ host: 'host2' }))[0], 503);
  for (const id of ['host1.4', 'host1', '3', 'host1.3.x']) {
    t.is((await client.get(`${WEFT}/captures/${id}`)).status, 404, id);
    t.is((await client.get(`${WEFT}/captures/${id}/pcapng`)).status, 404, id);
    t.is((await client.delete(`${WEFT}/captures/${id}`)).status, 404, id);
  }
  t.is((await client.send('PUT', `${WEFT}/captures`, {})).status, 405);
  t.is((await client.send('POST', `${WEFT}/captures/host1.3`, {})).status, 405);
  t.is((await client.delete(`${WEFT}/captures/host1.3/pcapng`)).status, 405);
});
