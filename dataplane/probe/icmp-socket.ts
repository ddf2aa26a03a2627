/**
 * One echo request of the host itself by a raw socket (npm package raw-socket), IPv4 or IPv6. The socket sends whole packets, IP header
 * included, so that source address and "don't fragment" are the asker's. The package has no binary of its own and is built by setup
 * (tools/lib/setup.sh): it is loaded with the first request, and nothing else fails without it. Needs CAP_NET_RAW. Called by host-agent.
 */
import { createRequire } from 'node:module';
import type { Clock } from '../../base/clock.ts';
import { messageOf, SdnError } from '../../base/errors.ts';
import { formatIpWords, isIpv4Words, parseIpWords } from '../../base/ip-words.ts';
import { millis } from '../../base/units.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import type { ProviderPingAnswer } from '../../schema/southbound/diagnostics/provider-ping.ts';
import { ICMP_MESSAGE_BYTES_MAX } from '../limits.ts';
import { type Echo, echoRequest, heardOf } from './echo-packet.ts';

/** What is used of the package, which has no types. */
interface RawSocket {
  setOption(level: number, option: number, value: number): void;
  /** `before` is called when the kernel is about to be given the packet, `after` when it has taken or refused it. */
  send(
    bytes: Buffer,
    offset: number,
    length: number,
    address: string,
    before: () => void,
    after: (error: Error | null) => void,
  ): void;
  /** The bytes are valid during the call only. */
  on(event: 'message', listener: (bytes: Buffer, sender: string) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  close(): void;
}

interface RawSocketPackage {
  createSocket(options: {
    readonly protocol: number;
    /** 1: IPv4, 2: IPv6. */
    readonly addressFamily: 1 | 2;
    readonly bufferSize: number;
  }): RawSocket;
}

/** "The header is in the packet", as level and option of setsockopt: ip(7), ipv6(7). */
const HEADER_INCLUDED = { ipv4: [0, 3], ipv6: [41, 36] } as const;

/** Resolves when it is answered, refused or `timeoutMs` have passed; rejects with an SdnError where there is no raw socket. */
export async function sendEcho(
  echo: Echo,
  timeoutMs: number,
  clock: Clock,
): Promise<ProviderPingAnswer> {
  const socket = openSocket(isIpv4Words(echo.destination));
  return new Promise<ProviderPingAnswer>((resolve) => {
    let sentAt = clock.now();
    const timer = clock.after(millis(timeoutMs), () => settle({ kind: 'silent' }));
    const settle = (answer: ProviderPingAnswer) => {
      timer.cancel();
      resolve(answer);
    };
    const refused = (error: Error) => settle({ kind: 'unsent', reason: error.message });
    // The socket is given all ICMP of the namespace: other programs' too, and what this one sends to an address of its own.
    socket.on('message', (bytes, from) => {
      const rttMs = Math.round((clock.now() - sentAt) * 1000) / 1000;
      const sender = parseIpWords(from);
      const heard = sender && heardOf(bytes, sender, echo);
      if (heard?.kind === 'answered') settle({ kind: 'answered', rttMs });
      else if (heard !== undefined) settle({ ...heard, from });
    });
    socket.on('error', refused);
    const packet = Buffer.from(echoRequest(echo));
    const sending = () => {
      sentAt = clock.now();
    };
    socket.send(packet, 0, packet.length, formatIpWords(echo.destination), sending, (error) => {
      if (error !== null) refused(error);
    });
  }).finally(() => socket.close());
}

function openSocket(isIpv4: boolean): RawSocket {
  const rawSocket = load();
  try {
    const socket = rawSocket.createSocket({
      protocol: isIpv4 ? IpProtocol.ICMP : IpProtocol.ICMPV6,
      addressFamily: isIpv4 ? 1 : 2,
      bufferSize: ICMP_MESSAGE_BYTES_MAX,
    });
    const [level, option] = isIpv4 ? HEADER_INCLUDED.ipv4 : HEADER_INCLUDED.ipv6;
    socket.setOption(level, option, 1);
    return socket;
  } catch (cause) {
    throw new SdnError('SDN_RAW_SOCKET', `no raw socket can be opened: ${messageOf(cause)}`, {
      cause,
      remedy: 'Run the host agent with CAP_NET_RAW.',
    });
  }
}

function load(): RawSocketPackage {
  const require = createRequire(import.meta.url);
  try {
    return require('raw-socket') as RawSocketPackage;
  } catch (cause) {
    throw new SdnError('SDN_RAW_SOCKET', 'the npm package raw-socket could not be loaded', {
      cause,
      remedy: 'Run `npm rebuild raw-socket`; it needs Python 3, a C++ compiler and make.',
    });
  }
}
