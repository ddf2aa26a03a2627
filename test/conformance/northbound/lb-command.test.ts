/** `weft lb` on a real northbound: what one line writes, the API accepts and keeps, and `delete` leaves nothing of it behind. */
import test, { type ExecutionContext } from 'ava';
import { weft } from '../../unit/cli/scripted-controller.ts';
import { expectCreated, layGround, nicProperties, startController } from './controller-fixture.ts';
import { layPublicGround } from './public-addresses-fixture.ts';

const RULE = '/loadBalancers/web/loadBalancingRules/tcp-80';

async function ground(t: ExecutionContext) {
  const controller = await startController(t);
  await layGround(controller.client);
  await layPublicGround(controller.client);
  for (const name of ['a', 'b'])
    await expectCreated(controller.client, `/networkInterfaces/${name}`, nicProperties());
  const { port, credentials } = controller;
  const env = {
    WEFT_NC_URL: `https://127.0.0.1:${port}`,
    ...{ WEFT_CA: credentials.ca, WEFT_CERT: credentials.cert, WEFT_KEY: credentials.key },
  };
  const run = (line: string) => weft(env, ...line.split(' '));
  /** Of commands that must succeed; the output. */
  const ok = async (line: string): Promise<string> => {
    const { code, out, err } = await run(line);
    t.is(code, 0, `${line}\n${err}`);
    return out;
  };
  return { ...controller, run, ok };
}

test('one line makes a public load balancer, and one takes it away', async (t) => {
  const { client, ok } = await ground(t);
  t.regex(await ok('lb create web --port 80:8080 --backend a,b'), /created .*web, 203\.0\.113\./);
  const rule = await client.get(RULE);
  t.is(rule.at('properties.backendPort'), 8080);
  const probe = await client.get('/loadBalancers/web/probes/probe');
  t.like(probe.at('properties'), { protocol: 'Tcp', port: 8080, intervalInSeconds: 5 });
  t.regex(await ok('lb list'), /^web +203\.0\.113\.\d+ +tcp 80 → 8080 +a, b /m);
  const shown = await ok('lb show web');
  t.regex(shown, /^frontend +203\.0\.113\.\d+ +public +-$/m);
  t.regex(shown, /^tcp-80 +tcp 80 → 8080 +backends +probe +five-tuple +4 min$/m);
  t.regex(shown, /^probe +tcp 8080 every 5 s, 2 in a row$/m);
  t.regex(await ok('lb delete web'), /deleted \/loadBalancers\/web and \/publicIPAddresses\/web/);
  t.is((await client.get('/loadBalancers/web')).status, 404);
  t.is((await client.get('/publicIPAddresses/web')).status, 404);
  const nic = await client.get('/networkInterfaces/a/ipConfigurations/primary');
  t.deepEqual(nic.at('properties.loadBalancerBackendAddressPools') ?? [], []);
});

test('an internal one, with all that a rule can say', async (t) => {
  const { client, ok } = await ground(t);
  await ok(
    'lb create db --vnet blue --subnet web --port 5432 --backend a --probe http:8000/health ' +
      '--probe-interval 7 --probe-count 3 --distribution source --idle-timeout 15 --tcp-reset',
  );
  const rule = await client.get('/loadBalancers/db/loadBalancingRules/tcp-5432');
  t.like(rule.at('properties'), {
    ...{ loadDistribution: 'SourceIP', idleTimeoutInMinutes: 15, enableTcpReset: true },
    ...{ enableFloatingIP: false, protocol: 'Tcp' },
  });
  t.regex(await ok('lb show db'), /^probe +http 8000\/health every 7 s, 3 in a row$/m);
  t.regex(await ok('lb show db'), /^frontend +10\.1\.\d+\.\d+ +internal +-$/m);
  await ok('lb delete db');
});

test('backends come and go, drain, and have weights', async (t) => {
  const { client, ok, run } = await ground(t);
  await ok('lb create web --port 80');
  await ok('lb add web --backend a,b');
  t.regex(await ok('lb drain web a'), /a drains/);
  t.regex(await ok('lb weight web a 20'), /a has weight 20/);
  t.regex(await ok('lb show web'), /^backends +a +draining, weight 20$/m);
  t.is(settingsOf(await client.get('/backendSettings')), 1);
  await ok('lb drain web a --undo');
  t.regex(await ok('lb show web'), /^backends +a +weight 20$/m);
  await ok('lb remove web --backend b');
  const again = await run('lb remove web --backend b');
  t.is(again.code, 2);
  t.regex(again.err, /b is no backend of \/loadBalancers\/web/);
  await ok('lb delete web');
  t.is(settingsOf(await client.get('/backendSettings')), 0);
});

test('what is refused leaves nothing behind', async (t) => {
  const { client, run, ok } = await ground(t);
  const unknown = await run('lb create web --port 80 --backend nobody');
  t.is(unknown.code, 1);
  t.is((await client.get('/loadBalancers/web')).status, 404);
  const wrong = await run('lb create web --port 80 --probe-interval 2');
  t.is(wrong.code, 1);
  t.is((await client.get('/publicIPAddresses/web')).status, 404, wrong.err);
  for (const line of [
    'lb create web --port 80:x',
    'lb create web --port 0',
    'lb create web --port 80 --vnet blue',
    'lb create web --port 80 --probe tcp:80/path',
    'lb create web --port 80 --probe ping',
    'lb create web --port 80 --public-ip p --ip 5.4.3.9',
  ])
    t.is((await run(line)).code, 2, line);
  await ok('lb create web --port 80');
  t.regex((await run('lb create web --port 80')).err, /exists already/);
});

function settingsOf(answer: { at(path: string): unknown }): number {
  const value = answer.at('value');
  return Array.isArray(value) ? value.length : -1;
}
