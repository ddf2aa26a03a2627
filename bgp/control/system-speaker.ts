/**
 * The speaker as roles run it: over the kernel's TCP with the addon's options for MD5 and TTL security, and with BFD over UDP. Called by the
 * processes of edge and mux.
 */
import type { Clock } from '../../base/clock.ts';
import type { Rng } from '../../base/rng.ts';
import {
  acceptTtlOnly,
  openTcpSocket,
  setTcpMd5Key,
  setTtl,
  setTtlMin,
} from '../../native/tcp-security.ts';
import { udpTransport } from '../bfd/udp-transport.ts';
import { tcpTransport } from '../session/tcp-transport.ts';
import type { Speaker, SpeakerOptions } from '../speaker/contract.ts';
import { createSpeaker } from '../speaker.ts';

/** Makes speakers, one after the other. */
export function systemSpeakers(clock: Clock, rng: Rng): (options: SpeakerOptions) => Speaker {
  const transport = tcpTransport(clock, { openTcpSocket, setTcpMd5Key, setTtl, setTtlMin });
  return (options) => {
    // BFD’s sockets are closed with their speaker: each has its own.
    const bfdTransport = udpTransport(rng, { acceptTtlOnly });
    return createSpeaker({ ...options, transport, bfdTransport });
  };
}
