/** What ping writes, read: iputils of Debian 12. */
import test from 'ava';
import { pingAnswer, pingFrom } from '../../../../dataplane/host-agent/ping-command.ts';

const HEAD = 'PING 192.0.2.2 (192.0.2.2) from 192.0.2.1 : 16(44) bytes of data.\n';

test('an answer, an ICMP error, silence, and what the kernel refuses', (t) => {
  t.deepEqual(pingAnswer(`${HEAD}24 bytes from 192.0.2.2: icmp_seq=1 ttl=64 time=0.045 ms\n`, ''), {
    kind: 'answered',
    rttMs: 0.045,
  });
  t.deepEqual(pingAnswer(`${HEAD}24 bytes from fd00::2: icmp_seq=1 ttl=64 time=1 ms\n`, ''), {
    ...{ kind: 'answered', rttMs: 1 },
  });
  t.deepEqual(pingAnswer(`${HEAD}From 192.0.2.9 icmp_seq=1 Destination Host Unreachable\n`, ''), {
    ...{ kind: 'error', from: '192.0.2.9', says: 'Destination Host Unreachable' },
  });
  const summary = '\n--- 192.0.2.2 ping statistics ---\n1 packets transmitted, 0 received\n';
  t.deepEqual(pingAnswer(`${HEAD}${summary}`, ''), { kind: 'silent' });
  t.deepEqual(pingAnswer(HEAD, 'ping: sendmsg: Network is unreachable\n'), {
    ...{ kind: 'unsent', reason: 'sendmsg: Network is unreachable' },
  });
});

test('without a provider address, and to what is no host, nothing is sent', async (t) => {
  const asked = { destination: '192.0.2.2', timeoutMs: 10 };
  await t.throwsAsync(pingFrom(undefined, asked), { code: 'SDN_HOST_UPLINK' });
  for (const destination of ['-f', 'host2', '224.0.0.1']) {
    const question = { ...asked, destination };
    await t.throwsAsync(pingFrom('192.0.2.1', question), { code: 'SDN_QUESTION_INVALID' });
  }
});
