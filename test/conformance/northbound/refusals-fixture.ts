/** A table of requests that are refused becomes one test each: the code of MS-NCNBI §3.1.5.35, the status, and that nothing is written. */
import test from 'ava';
import { ERROR_CODES } from '../../../controller/northbound/error-codes.ts';
import { type Client, expectCreated, layGround, startController } from './controller-fixture.ts';

export type Request = readonly [method: 'PUT' | 'DELETE', path: string, properties?: object];

export interface Refusal {
  readonly what: string;
  readonly request: Request;
  readonly code: string;
  /** 400 unless said. */
  readonly status?: number;
  /** Made before, and expected to succeed. */
  readonly given?: readonly (readonly [path: string, properties: object])[];
}

export function testRefusals(refusals: readonly Refusal[]): void {
  for (const { what, request, code, status, given = [] } of refusals) {
    test(`${what} → ${code}`, async (t) => {
      const { client, store } = await startController(t);
      await layGround(client);
      for (const [path, properties] of given) await expectCreated(client, path, properties);
      const { revision } = store;
      const answer = await send(client, request);
      t.is(answer.textAt('error.code'), code, answer.text);
      t.is(answer.status, status ?? 400);
      t.true(ERROR_CODES.some((known) => known === code));
      t.not(answer.textAt('error.message'), '');
      t.is(store.revision, revision, 'nothing is written');
    });
  }
}

function send(client: Client, [method, path, properties]: Request) {
  return method === 'PUT' ? client.put(path, properties ?? {}) : client.delete(path);
}
