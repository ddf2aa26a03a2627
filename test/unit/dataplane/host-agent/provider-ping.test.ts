/** What a provider check refuses before anything is sent. */
import test from 'ava';
import { systemClock } from '../../../../base/clock.ts';
import { pingFrom } from '../../../../dataplane/host-agent/provider-ping.ts';

test('without a provider address, and to what is no host, nothing is sent', async (t) => {
  const asked = { destination: '192.0.2.2', timeoutMs: 10 };
  await t.throwsAsync(pingFrom(undefined, asked, systemClock), { code: 'SDN_HOST_UPLINK' });
  for (const destination of ['-f', 'host2', '224.0.0.1', 'ff02::1']) {
    const question = { ...asked, destination };
    await t.throwsAsync(pingFrom('192.0.2.1', question, systemClock), {
      code: 'SDN_QUESTION_INVALID',
    });
  }
});

test('an address of the other family cannot be asked', async (t) => {
  const answer = await pingFrom(
    '192.0.2.1',
    { destination: '2001:db8::2', timeoutMs: 10 },
    systemClock,
  );
  t.is(answer.kind, 'unsent');
});
