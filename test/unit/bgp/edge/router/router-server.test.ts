/** The router process' socket: agents come and go, and what an agent leaves is found by the next. */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ManualClock, systemClock } from '../../../../../base/clock.ts';
import { SdnError } from '../../../../../base/errors.ts';
import { silentLogger } from '../../../../../base/log.ts';
import { ROUTER_ALONE_MAX } from '../../../../../bgp/edge/limits.ts';
import { adoptingRouter } from '../../../../../bgp/edge/router/adopt-router.ts';
import type { RouterLink } from '../../../../../bgp/edge/router/router-handle.ts';
import { RouterServer } from '../../../../../bgp/edge/router/router-server.ts';
import type { Request } from '../../../../../bgp/edge/router/worker-protocol.ts';

const OPTIONS = '{"hasOffload":false}';

/** A router that answers everything with what it was asked. */
class Recorder implements RouterLink {
  readonly isHealthy = true;
  readonly isAdopted = false;
  readonly pid: number = process.pid;
  readonly requests: Request[] = [];
  isClosed = false;

  request(request: Request): Promise<never> {
    this.requests.push(request);
    if (request.kind === 'forget') {
      return Promise.reject(new SdnError('SDN_EDGE_LINKS', 'no', { remedy: 'do' }));
    }
    return Promise.resolve((request.kind === 'apply' ? [] : 7) as never);
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
}

async function served(t: ExecutionContext) {
  const directory = await mkdtemp(join(tmpdir(), 'weft-router-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const socketPath = join(directory, 'router.sock');
  const link = new Recorder();
  const clock = new ManualClock();
  let ends = 0;
  const onEnd = (): void => {
    ends += 1;
  };
  const server = new RouterServer({
    ...{ socketPath, link, options: OPTIONS, clock, log: silentLogger, onEnd },
  });
  await server.listen();
  const failures: Error[] = [];
  const adopt = () =>
    adoptingRouter({
      ...{ id: 'edge1', socketPath, logPath: join(directory, 'router.log') },
      ...{ clock: systemClock, log: silentLogger },
    })({ hasOffload: false, onFailed: (reason) => failures.push(reason) });
  return { socketPath, link, clock, server, adopt, failures, ended: () => ends };
}

test('requests are answered with results and faults; a large change comes in parts', async (t) => {
  const { adopt, link } = await served(t);
  const router = await adopt();
  t.false(router.isAdopted, 'nobody was here before');
  t.is(await router.keep(['a']), 7);
  const fault = await t.throwsAsync(router.forget(), { code: 'SDN_EDGE_LINKS', message: 'no' });
  t.is((fault as SdnError | undefined)?.remedy, 'do');
  const resources = Array.from({ length: 5_000 }, (_, index) => ({
    key: `x/${index}`,
    version: 1,
  }));
  t.deepEqual(await router.apply(resources, ['gone']), []);
  const parts = link.requests.flatMap((request) => (request.kind === 'apply' ? [request] : []));
  t.deepEqual(
    parts.map(({ upserts, removes }) => [upserts.length, removes.length]),
    [
      [4_096, 0],
      [904, 1],
    ],
  );
  await router.close();
});

test('an agent that comes back finds the router, and takes it from one that hangs', async (t) => {
  const { adopt, failures, server } = await served(t);
  const first = await adopt();
  const second = await adopt();
  t.true(second.isAdopted);
  t.is(await second.keep([]), 7);
  t.is(failures.length, 1, 'the first has lost it');
  t.false(first.isHealthy);
  t.true(server.hasAgent);
  await second.close();
});

test('told to close, it ends; without an agent it ends when its time is over', async (t) => {
  const { adopt, link, ended } = await served(t);
  await (await adopt()).close();
  t.true(link.isClosed);
  t.is(ended(), 1);

  const lonely = await served(t);
  lonely.clock.advance(ROUTER_ALONE_MAX);
  await new Promise((resolve) => setImmediate(resolve));
  t.true(lonely.link.isClosed);
  t.is(lonely.ended(), 1);
});

test('who talks nonsense is cut off, and the router stays', async (t) => {
  const { socketPath, adopt, link } = await served(t);
  const socket = connect(socketPath);
  await new Promise<void>((resolve) => {
    socket.on('close', () => resolve());
    socket.on('data', () => socket.write(Uint8Array.of(0, 0, 0, 1, 0xee)));
  });
  t.false(link.isClosed);
  await (await adopt()).close();
});
