/**
 * An echo request of the host itself over the provider network (docs/design/0017): from the provider address, not to be fragmented, so that it
 * says whether a packet of this length passes. Called by host-agent.
 */
import type { Clock } from '../../base/clock.ts';
import { SdnError } from '../../base/errors.ts';
import { isIpv4Words, isMulticastWords, parseIpWords } from '../../base/ip-words.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import type {
  ProviderPingAnswer,
  ProviderPingQuestion,
} from '../../schema/southbound/diagnostics/provider-ping.ts';
import { sendEcho } from '../probe/icmp-socket.ts';
import { PROVIDER_PINGS_MAX } from './limits.ts';

/** Bytes of the ICMP message where the asker names none. */
const LENGTH_DEFAULT = 24;

let running = 0;
/** One for each request, so that a late answer is not taken for another's; programs beside this one begin elsewhere. */
let lastIdentifier = process.pid & 0xffff;

/** Rejects with an SdnError where no request can be sent at all. */
export async function pingFrom(
  sourceText: string | undefined,
  { destination: destinationText, length = LENGTH_DEFAULT, timeoutMs }: ProviderPingQuestion,
  clock: Clock,
): Promise<ProviderPingAnswer> {
  const destination = parseIpWords(destinationText);
  const isHost =
    destination !== undefined &&
    (isIpv4Words(destination) ? !ipv4.isMulticast(destination[3]) : !isMulticastWords(destination));
  if (!isHost) {
    throw new SdnError('SDN_QUESTION_INVALID', `'${destinationText}' is no host's address`);
  }
  const source = sourceText === undefined ? undefined : parseIpWords(sourceText);
  if (source === undefined) {
    throw new SdnError('SDN_HOST_UPLINK', 'the host has no provider address yet', {
      remedy: 'give its server resource an address from a provider logical network',
    });
  }
  if (isIpv4Words(source) !== isIpv4Words(destination)) {
    const reason = `the host's provider address ${sourceText} is not of the family of ${destinationText}`;
    return { kind: 'unsent', reason };
  }
  if (running >= PROVIDER_PINGS_MAX) {
    throw new SdnError('SDN_PROBES_MAX', `${PROVIDER_PINGS_MAX} checks of this host run`, {
      remedy: 'wait for other connectivity checks to end',
    });
  }
  running += 1;
  lastIdentifier = (lastIdentifier + 1) & 0xffff;
  const identifier = lastIdentifier;
  try {
    const echo = { source, destination, identifier, sequence: 1, length };
    return await sendEcho(echo, timeoutMs, clock);
  } finally {
    running -= 1;
  }
}
