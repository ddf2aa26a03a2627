/** The control API of a role that can only be looked at, over a real unix socket (that of a role that also does things: host-agent/control-api.test.ts). */
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { claimControlSocket } from '../../../agent/control-socket.ts';
import { questionView, serveControlViews } from '../../../agent/control-views.ts';
import { SdnError } from '../../../base/errors.ts';
import { silentLogger } from '../../../base/log.ts';

const FAULTS = {
  role: 'test',
  pathTooLong: 'SDN_PATH_TOO_LONG',
  running: 'SDN_RUNNING',
  path: 'SDN_PATH',
  internal: 'SDN_INTERNAL',
};

/** Answers every question with itself. */
const ROLE = {
  answer(method: string, question: unknown): Promise<unknown> {
    if (method === 'refused') {
      return Promise.reject(new SdnError('SDN_REFUSED', 'not today', { remedy: 'tomorrow' }));
    }
    if (method === 'broken') return Promise.reject(new TypeError('broken'));
    return Promise.resolve({ method, question });
  },
};

async function served(t: ExecutionContext) {
  const directory = mkdtempSync(join(tmpdir(), 'weft-'));
  const socketPath = join(directory, 'control.sock');
  const kinds = { numbers: ['limit'], flags: ['opening'] };
  await claimControlSocket(socketPath, FAULTS);
  const server = await serveControlViews({
    path: socketPath,
    views: {
      '/echo': questionView(ROLE, 'echo', kinds),
      '/refused': questionView(ROLE, 'refused', kinds),
      '/broken': questionView(ROLE, 'broken', kinds),
    },
    status: () => ({ id: 'role1' }),
    metrics: () => Promise.resolve({ contentType: 'text/plain', text: 'weft_up 1\n' }),
    faults: FAULTS,
    log: silentLogger,
  });
  t.teardown(async () => {
    await server.close();
    rmSync(directory, { recursive: true });
  });
  return (method: string, path: string) =>
    new Promise<{ status: number; type: string; text: string }>((resolve, reject) => {
      const request = http.request({ socketPath, method, path }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.on('end', () => {
          const type = response.headers['content-type'] ?? '';
          resolve({ status: response.statusCode ?? 0, type, text });
        });
      });
      request.on('error', reject).end();
    });
}

test('parameters become a question: numbers and flags where the role says so, text else', async (t) => {
  const ask = await served(t);
  const { status, type, text } = await ask('GET', '/echo/?limit=5&opening=true&name=7');
  t.deepEqual([status, type], [200, 'application/json; charset=utf-8']);
  t.deepEqual(JSON.parse(text), {
    method: 'echo',
    question: { limit: 5, opening: true, name: '7' },
  });
});

test('status is JSON, metrics are text as they come', async (t) => {
  const ask = await served(t);
  t.deepEqual(JSON.parse((await ask('GET', '/status')).text), { id: 'role1' });
  t.deepEqual(await ask('GET', '/metrics'), {
    status: 200,
    type: 'text/plain',
    text: 'weft_up 1\n',
  });
});

test('what goes wrong is a status and a JSON error', async (t) => {
  const ask = await served(t);
  const remedy = 'there are GET /echo, /refused, /broken, /status, /metrics';
  const nothing = (operation: string) => ({
    code: 'SDN_PATH',
    message: `${operation}: there is no such operation`,
    remedy,
  });
  const cases = [
    ['GET', '/nothing', 404, nothing('GET /nothing')],
    ['GET', '/echo/more', 404, nothing('GET /echo/more')],
    ['POST', '/echo', 404, nothing('POST /echo')],
    ['GET', '/refused', 400, { code: 'SDN_REFUSED', message: 'not today', remedy: 'tomorrow' }],
    ['GET', '/broken', 500, { code: 'SDN_INTERNAL', message: 'broken' }],
  ] as const;
  for (const [method, path, status, error] of cases) {
    const answer = await ask(method, path);
    t.is(answer.status, status, path);
    t.deepEqual(JSON.parse(answer.text), { error }, path);
  }
});
