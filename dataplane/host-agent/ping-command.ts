/**
 * An echo request of the host itself over the provider network, by the distribution's `ping` (docs/design/0017): from the provider address,
 * not to be fragmented, so that it says whether a packet of this length passes. Called by host-agent.
 */
import { execFile } from 'node:child_process';
import { SdnError } from '../../base/errors.ts';
import { isIpv4Words, isMulticastWords, parseIpWords } from '../../base/ip-words.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import type {
  ProviderPingAnswer,
  ProviderPingQuestion,
} from '../../schema/southbound/diagnostics/provider-ping.ts';
import { COMMAND_TIMEOUT, PROVIDER_PINGS_MAX } from './limits.ts';

/** ICMP and ICMPv6 have the same. */
const ICMP_HEADER = 8;
/** Data of an echo request whose asker names no length: enough for a time of sending. */
const DATA_BYTES = 16;

let running = 0;

/** Rejects with an SdnError where no request can be sent at all. */
export async function pingFrom(
  source: string | undefined,
  { destination, length, timeoutMs }: ProviderPingQuestion,
): Promise<ProviderPingAnswer> {
  const words = parseIpWords(destination);
  const isHost =
    words !== undefined &&
    (isIpv4Words(words) ? !ipv4.isMulticast(words[3]) : !isMulticastWords(words));
  if (!isHost) {
    throw new SdnError('SDN_QUESTION_INVALID', `'${destination}' is no host's address`);
  }
  if (source === undefined) {
    throw new SdnError('SDN_HOST_UPLINK', 'the host has no provider address yet', {
      remedy: 'give its server resource an address from a provider logical network',
    });
  }
  if (running >= PROVIDER_PINGS_MAX) {
    throw new SdnError('SDN_PROBES_MAX', `${PROVIDER_PINGS_MAX} checks of this host run`, {
      remedy: 'wait for other connectivity checks to end',
    });
  }
  running += 1;
  try {
    const data = length === undefined ? DATA_BYTES : length - ICMP_HEADER;
    const wait = (timeoutMs / 1000).toFixed(3);
    const size = ['-s', String(data), '-M', 'do'];
    return await run(['-n', '-c', '1', '-W', wait, '-I', source, ...size, destination]);
  } finally {
    running -= 1;
  }
}

function run(args: readonly string[]): Promise<ProviderPingAnswer> {
  return new Promise((resolve, reject) => {
    const options = { timeout: COMMAND_TIMEOUT, env: { ...process.env, LC_ALL: 'C' } };
    execFile('ping', args, options, (cause, stdout, stderr) => {
      if (cause?.code !== 'ENOENT') return resolve(pingAnswer(stdout, stderr));
      return reject(
        new SdnError('SDN_HOST_COMMAND', 'ping: the program is not there', {
          cause,
          remedy: 'install the package iputils-ping',
        }),
      );
    });
  });
}

/** What `ping -c 1` of iputils has written. */
export function pingAnswer(stdout: string, stderr: string): ProviderPingAnswer {
  const answered = /icmp_seq=\d+ .*time=([0-9.]+) ms/.exec(stdout);
  if (answered !== null) return { kind: 'answered', rttMs: Number(answered[1]) };
  const error = /^From (\S+?):? icmp_seq=\d+ (.+)$/m.exec(stdout);
  if (error !== null) return { kind: 'error', from: error[1] ?? '', says: error[2] ?? '' };
  const refused = /^ping: (.+)$/m.exec(`${stderr}\n${stdout}`);
  return refused === null ? { kind: 'silent' } : { kind: 'unsent', reason: refused[1] ?? '' };
}
