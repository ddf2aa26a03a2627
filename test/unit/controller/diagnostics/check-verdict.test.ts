/** What a connectivity check concludes from what each host has seen: what was seen comes before what a trace foretells. */
import test from 'ava';
import {
  type CheckEvidence,
  checkVerdict,
  type Seen,
} from '../../../../controller/diagnostics/check-verdict.ts';
import type { JoinedTrace } from '../../../../controller/diagnostics/trace.ts';
import type { Answer } from '../../../../schema/southbound/diagnostics/methods.ts';

const DENIED = { reason: 'AclDenied', meaning: 'a rule denies it', remedy: 'change the rule' };
const RULE = { id: 'no-ping', resourceRef: '/accessControlLists/web/aclRules/no-ping' };
const SILENT = { kind: 'silent' as const, waitedMs: 2000 };
const DELIVERED: JoinedTrace = {
  hops: [],
  routers: [],
  verdict: { kind: 'deliver', portId: 'p', resourceRef: '/networkInterfaces/b' },
};
const TRACED_DROP: JoinedTrace = {
  hops: [],
  routers: [],
  verdict: { kind: 'drop', ...DENIED, rule: RULE },
};

function receiver(seen: Answer<'probeSeen'> | undefined, name = 'b'): Seen {
  return { host: 'host2', resourceRef: `/networkInterfaces/${name}`, seen };
}

function saw(arrived: number, delivered: number, answered: number) {
  return { arrived, delivered, answered };
}

function verdict(changes: Partial<CheckEvidence>) {
  return checkVerdict({
    sender: { host: 'host1' },
    probe: SILENT,
    receivers: [receiver(saw(0, 0, 0))],
    trace: DELIVERED,
    reply: undefined,
    ...changes,
  });
}

test('an answer is an answer, whatever a trace says', (t) => {
  const probe = { kind: 'answered', by: 'synAck', rttMs: 1.5 } as const;
  t.deepEqual(verdict({ probe, trace: TRACED_DROP }), {
    kind: 'reached',
    by: 'synAck',
    rttMs: 1.5,
  });
});

test('a drop at the sender’s host names the rule that a trace finds for the same reason', (t) => {
  const probe = { kind: 'dropped' as const, drop: DENIED };
  t.deepEqual(verdict({ probe, trace: TRACED_DROP }), {
    ...{ kind: 'drop', host: 'host1', of: 'request', ...DENIED, rule: RULE },
  });
  const other = { ...DENIED, reason: 'RateLimited' };
  t.deepEqual(verdict({ probe: { ...probe, drop: other }, trace: TRACED_DROP }), {
    ...{ kind: 'drop', host: 'host1', of: 'request', ...other },
  });
});

test('a drop at the receiver’s host is its, of the packet or of the answer', (t) => {
  const request = receiver({ ...saw(1, 0, 0), drop: DENIED });
  t.like(verdict({ receivers: [request], trace: TRACED_DROP }), {
    ...{ kind: 'drop', host: 'host2', of: 'request', rule: RULE },
  });
  const answer = receiver({ ...saw(1, 1, 1), answerDrop: DENIED });
  t.like(verdict({ receivers: [answer], reply: TRACED_DROP }), {
    ...{ kind: 'drop', host: 'host2', of: 'answer', rule: RULE },
  });
  const back = { ...SILENT, answerDrop: DENIED };
  t.like(verdict({ probe: back }), { kind: 'drop', host: 'host1', of: 'answer' });
});

test('delivered and not answered: the guest; answered and not come back: the way back', (t) => {
  const silent = verdict({ receivers: [receiver(saw(1, 1, 0))] });
  t.like(silent, { kind: 'unanswered', reason: 'ReceiverSilent' });
  t.regex(silent.kind === 'unanswered' ? silent.meaning : '', /networkInterfaces\/b/);
  const lost = verdict({ receivers: [receiver(saw(1, 1, 1))] });
  t.like(lost, { kind: 'unanswered', reason: 'AnswerLost' });
});

test('an appliance that forwards nothing is named', (t) => {
  const receivers = [receiver(saw(1, 1, 0), 'firewall'), receiver(saw(0, 0, 0))];
  const told = verdict({ receivers });
  t.like(told, { kind: 'unanswered', reason: 'ReceiverSilent' });
  t.regex(told.kind === 'unanswered' ? told.meaning : '', /firewall, which has not sent it on/);
});

test('sent and not arrived: the provider network; not watched: unknown', (t) => {
  t.like(verdict({}), { kind: 'unanswered', reason: 'LostOnTheWay' });
  t.like(verdict({ receivers: [] }), { kind: 'unanswered', reason: 'Unobserved' });
  t.like(verdict({ receivers: [receiver(undefined)] }), { reason: 'Unobserved' });
  t.like(verdict({ receivers: [], trace: TRACED_DROP }), { kind: 'drop', rule: RULE });
});

test('what edge routers and muxes would do with it is said, and where it leaves', (t) => {
  const told = (verdict_: JoinedTrace['verdict']) => {
    const found = verdict({ receivers: [], trace: { hops: [], routers: [], verdict: verdict_ } });
    return found.kind === 'unanswered' ? found.meaning : '';
  };
  const by = '/loadBalancerMuxes/mux1';
  t.regex(told({ kind: 'refused', reason: 'NoLiveBackend', by }), /mux1 would drop it: NoLive/);
  t.regex(told({ kind: 'outside', link: 'outside0', by: '/edgeRouters/e' }), /e on outside0/);
});

test('an ICMP error is told in words, with the size that passes', (t) => {
  const error = { kind: 'error' as const, from: '10.0.0.1', rttMs: 1 };
  const told = verdict({ probe: { ...error, icmpType: 3, icmpCode: 4, mtu: 1450 } });
  t.like(told, { kind: 'unanswered', reason: 'Rejected' });
  t.is(
    told.kind === 'unanswered' ? told.meaning : '',
    '10.0.0.1 says: fragmentation needed; at most 1450 bytes pass',
  );
  const unknown = verdict({ probe: { ...error, from: 'fd00::1', icmpType: 1, icmpCode: 9 } });
  t.is(unknown.kind === 'unanswered' ? unknown.meaning : '', 'fd00::1 says: ICMP type 1 code 9');
});
