/** `counters` of a networkInterface — MS-NCNBI §2.2.2, §3.1.5.11: from v2 on, read-only, filled by the host that has it. */
import test from 'ava';
import type { AskTarget } from '../../../controller/southbound/ask-target.ts';
import { QuestionFault } from '../../../controller/southbound/questions.ts';
import { answerQuestion } from '../../../dataplane/host-agent/diagnostics.ts';
import { expectCreated, layGround, nicProperties, startController } from './controller-fixture.ts';

const TRAFFIC = { rxPackets: 7, rxBytes: 700, txPackets: 5, txBytes: 500 };
const NAMES = ['Total', 'Drop', 'DropNoRuleMatch', 'DropAcl', 'DropForwarding'].flatMap((name) => [
  `${name}PacketsIn`,
  `${name}PacketsOut`,
]);
const NIC = '/networking/v2/networkInterfaces/a';

test('one interface that is read shows its counters; a list of them asks no host', async (t) => {
  const asked: string[] = [];
  const ask: AskTarget = async (host, method, question) => {
    asked.push(host);
    if (host !== 'host1') throw new QuestionFault(host, 'SDN_TARGET_AWAY', 'away');
    const portId = 'portId' in question ? question.portId : '';
    const drops = { AclDenied: 3, NoRoute: 2 };
    const port = { portId, name: 'tap0', ...TRAFFIC, drops, txDrops: { AclDenied: 3 } };
    const counters = () => ({ ports: [port] });
    return (await answerQuestion({ counters } as never, method, question)) as never;
  };
  const { client, realised } = await startController(t, { ask });
  await layGround(client);
  const nic = await expectCreated(client, '/networkInterfaces/a', nicProperties());
  const id = nic.textAt('instanceId');
  t.is((await client.get(NIC)).at('properties.counters'), undefined, 'attached nowhere');
  t.deepEqual(asked, []);

  realised.servers.set(id, 'host1');
  const shown = await client.get(NIC);
  const rows = shown.listAt('properties.counters') as { name: string; currentValue: number }[];
  t.deepEqual(rows.map(({ name }) => name).sort(), [...NAMES].sort(), shown.text);
  const values = new Map(rows.map(({ name, currentValue }) => [name, currentValue]));
  t.is(values.get('TotalPacketsIn'), 8, 'what was refused on its way in came, too');
  t.is(values.get('TotalPacketsOut'), 7);
  t.is(values.get('DropAclPacketsIn'), 3);
  t.is(values.get('DropNoRuleMatchPacketsOut'), 2);
  t.like(rows[0], { unit: 'Decimal', context: { source: 'VirtualSwitch' } });
  t.is(shown.headers['etag'], shown.textAt('etag'));

  const list = await client.get('/networking/v2/networkInterfaces');
  t.is(list.listAt('value').length, 1);
  t.is((await client.get('/networkInterfaces/a')).at('properties.counters'), undefined, 'v1');
  t.deepEqual(asked, ['host1']);

  const again = await client.send('PUT', NIC, shown.body);
  t.is(again.status, 200, 'what was read may be sent back');

  realised.servers.set(id, 'host2');
  const away = await client.get(NIC);
  t.is(away.status, 200);
  t.is(away.at('properties.counters'), undefined);
});
