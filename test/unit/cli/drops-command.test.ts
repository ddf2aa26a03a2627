/** `weft drops` against a scripted controller: reasons with their meaning and remedy, and hosts that did not answer. */
import test from 'ava';
import { dropWords } from '../../../dataplane/explain/drop-words.ts';
import { Drop } from '../../../packet/drop.ts';
import { scriptedController } from './scripted-controller.ts';

test('each reason comes once with its words, most packets first; gaps are named', async (t) => {
  const value = [
    { host: 'host1', resourceRef: '/networkInterfaces/web1', drops: { NoRoute: 2, SpoofedMac: 7 } },
    { host: 'host1', portId: 'uplink', drops: { NoRoute: 1, FromTheFuture: 4 } },
  ];
  const missing = [{ host: 'host2', reason: 'it is away' }];
  const controller = await scriptedController({
    'GET /networking/weft/v1/counters': { body: { value, missing } },
    'GET /networking/weft/v1/networkInterfaces/web2/counters': { body: { value: [] } },
  });
  t.teardown(() => controller.close());
  const { code, out } = await controller.weft('drops');
  t.is(code, 0);
  t.regex(out, /web1 +SpoofedMac +7\nhost1 +web1 +NoRoute +2\nhost1 +uplink +FromTheFuture +4\n/);
  const { meaning, remedy } = dropWords(Drop.NoRoute);
  t.is(out.split(`\nNoRoute: ${meaning}\n  ${remedy}\n`).length, 2);
  t.regex(out, /host2 did not answer: it is away/);
  t.is((await controller.weft('drops', 'web2')).out, 'Nothing was dropped.\n');
  const json = JSON.parse((await controller.weft('--json', 'drops')).out) as { value: unknown[] };
  t.is(json.value.length, 4);
});
