/**
 * What a connectivity check has shown, from what each host has seen of the probe, as a pure function: that it was answered, or where it or its
 * answer has died, and what to do. Whatever was seen comes before what a trace foretells; a trace only adds which rule it was. Called by
 * connectivity.
 */
import type { Answer } from '../../schema/southbound/diagnostics/methods.ts';
import type { DropView } from '../../schema/southbound/diagnostics/probe.ts';
import type { JoinedTrace } from './trace.ts';

/** At the port that should receive the probe. */
export interface Seen {
  readonly host: string;
  /** resourceRef of the interface. */
  readonly resourceRef: string;
  /** Undefined: the host has not noted it, or does not answer. */
  readonly seen: Answer<'probeSeen'> | undefined;
}

export interface CheckEvidence {
  readonly sender: { readonly host: string };
  readonly probe: Answer<'probe'>;
  /** In the order in which the packet would come to them. */
  readonly receivers: readonly Seen[];
  readonly trace: JoinedTrace;
  /** Of the answer, where there would be one. */
  readonly reply: JoinedTrace | undefined;
}

export type CheckVerdict =
  | {
      readonly kind: 'reached';
      /** `reset`: it is there, but nothing listens on the port. */
      readonly by: 'echoReply' | 'synAck' | 'reset';
      readonly rttMs: number;
    }
  /** A switch has dropped the packet, or its answer. */
  | ({
      readonly kind: 'drop';
      readonly host: string;
      readonly of: 'request' | 'answer';
      /** Absent where no rule did. */
      readonly rule?: { readonly id: string; readonly resourceRef: string };
    } & DropView)
  /** Nothing came back, or an ICMP error: `reason` is a word for programs. */
  | ({ readonly kind: 'unanswered' } & Unanswered);

interface Unanswered extends DropView {
  readonly reason: UnansweredReason;
}

export const UnansweredReason = {
  /** It was written to the receiver's device, and nothing came back from there. */
  RECEIVER_SILENT: 'ReceiverSilent',
  /** An ICMP error about it came back. */
  REJECTED: 'Rejected',
  /** It left the sender's host and has not come to the receiver's. */
  LOST_ON_THE_WAY: 'LostOnTheWay',
  /** The answer left the receiver's host and has not come to the sender's. */
  ANSWER_LOST: 'AnswerLost',
  /** Nothing came back, and nobody could be asked where it is. */
  UNOBSERVED: 'Unobserved',
  /** Of a packet of the host's own: its kernel has not sent it. */
  UNSENT: 'Unsent',
} as const;
export type UnansweredReason = (typeof UnansweredReason)[keyof typeof UnansweredReason];

export function checkVerdict(evidence: CheckEvidence): CheckVerdict {
  const { probe, sender, reply } = evidence;
  switch (probe.kind) {
    case 'answered':
      return { kind: 'reached', by: probe.by, rttMs: probe.rttMs };
    case 'dropped':
      return dropped('request', sender.host, probe.drop, evidence.trace);
    case 'error':
      return rejected(probe);
    case 'silent': {
      const { answerDrop } = probe;
      if (answerDrop !== undefined) return dropped('answer', sender.host, answerDrop, reply);
      return silent(evidence);
    }
  }
}

function silent({ receivers, trace, reply }: CheckEvidence): CheckVerdict {
  for (const { host, seen } of receivers) {
    if (seen?.drop !== undefined) return dropped('request', host, seen.drop, trace);
    if (seen?.answerDrop !== undefined) return dropped('answer', host, seen.answerDrop, reply);
  }
  const last = receivers.at(-1);
  const delivered = receivers.findLast(({ seen }) => (seen?.delivered ?? 0) > 0);
  if (receivers.some(({ seen }) => (seen?.answered ?? 0) > 0)) {
    return unanswered({
      reason: UnansweredReason.ANSWER_LOST,
      meaning: `${last?.resourceRef} has answered, but the answer has not come to the sender's host`,
      remedy: PROVIDER_REMEDY,
    });
  }
  if (delivered !== undefined) return receiverSilent(delivered, last);
  if (trace.verdict.kind === 'drop') {
    // What a host that nobody watches the probe at would do with it.
    const { kind: _, ...rest } = trace.verdict;
    return { kind: 'drop', host: trace.hops.at(-1)?.host ?? '', of: 'request', ...rest };
  }
  const { verdict } = trace;
  if (verdict.kind === 'refused') {
    return unanswered({
      reason: UnansweredReason.UNOBSERVED,
      meaning: `nothing has come back; ${verdict.by} would drop it: ${verdict.reason}`,
      remedy: 'Its steps, and what that means: weft trace from and to the same.',
    });
  }
  if (verdict.kind === 'outside') {
    return unanswered({
      reason: UnansweredReason.UNOBSERVED,
      meaning: `nothing has come back; it leaves by ${verdict.by} on ${verdict.link}, and nobody here sees what is behind that`,
      remedy: 'Look at the other end: does it run, answer, and know the way back?',
    });
  }
  if (last === undefined || receivers.some(({ seen }) => seen === undefined)) {
    return unanswered({
      reason: UnansweredReason.UNOBSERVED,
      meaning: 'nothing has come back, and no host has seen where the packet went',
      remedy: 'See that all hosts are connected: weft status. Then check again.',
    });
  }
  return unanswered({
    reason: UnansweredReason.LOST_ON_THE_WAY,
    meaning: `the packet has left the sender's host and not come to ${last.host}`,
    remedy: PROVIDER_REMEDY,
  });
}

const PROVIDER_REMEDY =
  'Look at the provider network between the hosts, its MTU included: weft check --provider HOST HOST.';

function receiverSilent(delivered: Seen, last: Seen | undefined): CheckVerdict {
  if (last !== undefined && last !== delivered) {
    return unanswered({
      reason: UnansweredReason.RECEIVER_SILENT,
      meaning: `it was delivered to ${delivered.resourceRef}, which has not sent it on to ${last.resourceRef}`,
      remedy:
        'Look at the appliance: does its guest run, forward, and let the packet through its own firewall?',
    });
  }
  return unanswered({
    reason: UnansweredReason.RECEIVER_SILENT,
    meaning: `it was delivered to ${delivered.resourceRef}, whose guest has not answered`,
    remedy: 'Look at the guest: does it run, and does its own firewall let the packet in?',
  });
}

function rejected(probe: Extract<Answer<'probe'>, { kind: 'error' }>): CheckVerdict {
  const { from, mtu } = probe;
  const size = mtu === undefined ? '' : `; at most ${mtu} bytes pass`;
  return unanswered({
    reason: UnansweredReason.REJECTED,
    meaning: `${from} says: ${icmpErrorWords(probe)}${size}`,
    remedy:
      mtu === undefined
        ? `Look at ${from}: its own firewall, and its routes if it forwards.`
        : "Lower the guest's MTU to what DHCP offers.",
  });
}

function icmpErrorWords(error: Extract<Answer<'probe'>, { kind: 'error' }>): string {
  const { from, icmpType, icmpCode } = error;
  const words = from.includes(':') ? ICMPV6_WORDS : ICMP_WORDS;
  return words[`${icmpType}/${icmpCode}`] ?? `ICMP type ${icmpType} code ${icmpCode}`;
}

/** RFC 792, RFC 1812 §5.2.7.1, RFC 1191. */
const ICMP_WORDS: Readonly<Record<string, string>> = {
  '3/0': 'network unreachable',
  '3/1': 'host unreachable',
  '3/2': 'protocol unreachable',
  '3/3': 'port unreachable',
  '3/4': 'fragmentation needed',
  '3/9': 'network administratively prohibited',
  '3/10': 'host administratively prohibited',
  '3/13': 'administratively prohibited',
  '11/0': 'time to live exceeded',
};
/** RFC 4443 §3. */
const ICMPV6_WORDS: Readonly<Record<string, string>> = {
  '1/0': 'no route to the destination',
  '1/1': 'administratively prohibited',
  '1/3': 'address unreachable',
  '1/4': 'port unreachable',
  '2/0': 'packet too big',
  '3/0': 'hop limit exceeded',
};

/** The rule is that of the trace which foretells the same. */
function dropped(
  of: 'request' | 'answer',
  host: string,
  { reason, meaning, remedy }: DropView,
  trace: JoinedTrace | undefined,
): CheckVerdict {
  const verdict = trace?.verdict;
  const rule = verdict?.kind === 'drop' && verdict.reason === reason ? verdict.rule : undefined;
  return {
    ...{ kind: 'drop', host, of, reason, meaning, remedy },
    ...(rule !== undefined && { rule }),
  };
}

function unanswered(unanswered: Unanswered): CheckVerdict {
  return { kind: 'unanswered', ...unanswered };
}
