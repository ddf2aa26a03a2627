/**
 * From host to host over the provider network, where tunnels run: an echo request of the host's own, outside of any virtual network. Called by
 * controller/northbound.
 */
import type { Answer } from '../../schema/southbound/diagnostics/methods.ts';
import type { DropView } from '../../schema/southbound/diagnostics/probe.ts';
import { UnansweredReason } from './check-verdict.ts';
import type { Explained } from './hosts.ts';
import { PROBE_TIMEOUT_MS } from './limits.ts';

export interface ProviderCheckSpec {
  readonly destination: string;
  /** Of the ICMP message, bytes. */
  readonly length?: number;
}

export interface ProviderCheckAnswer {
  readonly host: string;
  readonly destination: string;
  readonly isReached: boolean;
  readonly verdict:
    | { readonly kind: 'reached'; readonly by: 'echoReply'; readonly rttMs: number }
    | ({ readonly kind: 'unanswered' } & DropView);
}

/** `host`: resourceId of the sending server. Rejects with a QuestionFault where it cannot be asked. */
export async function checkProvider(
  context: Explained,
  host: string,
  spec: ProviderCheckSpec,
): Promise<ProviderCheckAnswer> {
  const answer = await context.ask(host, 'providerPing', { ...spec, timeoutMs: PROBE_TIMEOUT_MS });
  const verdict = verdictOf(answer, spec.destination);
  const isReached = verdict.kind === 'reached';
  return { host, destination: spec.destination, isReached, verdict };
}

function verdictOf(
  answer: Answer<'providerPing'>,
  destination: string,
): ProviderCheckAnswer['verdict'] {
  switch (answer.kind) {
    case 'answered':
      return { kind: 'reached', by: 'echoReply', rttMs: answer.rttMs };
    case 'error':
      return unanswered(UnansweredReason.REJECTED, {
        meaning: `${answer.from} says: ${answer.says}`,
        remedy: 'Look at the routes between the hosts, and at their firewalls.',
      });
    case 'unsent':
      return unanswered(UnansweredReason.UNSENT, {
        meaning: `the host's own kernel has not sent it: ${answer.reason}`,
        remedy: "Look at the host's uplink, its routes and its MTU: ip route, on the host.",
      });
    case 'silent':
      return unanswered(UnansweredReason.RECEIVER_SILENT, {
        meaning: `nothing has come back from ${destination}`,
        remedy: 'Look at what connects the hosts, and whether the other host runs: weft status.',
      });
  }
}

function unanswered(
  reason: UnansweredReason,
  words: Omit<DropView, 'reason'>,
): ProviderCheckAnswer['verdict'] {
  return { kind: 'unanswered', reason, ...words };
}
