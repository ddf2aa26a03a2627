/**
 * A BGP speaker as a program, for tests in namespaces: options as JSON in the first argument, then one call per line on standard input
 * (`{"id":1,"method":"announce","args":[…]}`), one answer per line on standard output. Prints `ready` once it listens.
 */
import { createInterface } from 'node:readline';
import { systemClock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { systemRng } from '../../base/rng.ts';
import { udpTransport } from '../../bgp/bfd/udp-transport.ts';
import { tcpTransport } from '../../bgp/session/tcp-transport.ts';
import type { Speaker, SpeakerOptions } from '../../bgp/speaker/contract.ts';
import { createSpeaker } from '../../bgp/speaker.ts';
import {
  acceptTtlOnly,
  openTcpSocket,
  setTcpMd5Key,
  setTtl,
  setTtlMin,
} from '../../native/tcp-security.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as Omit<SpeakerOptions, 'clock'>;
const transport = tcpTransport(systemClock, { openTcpSocket, setTcpMd5Key, setTtl, setTtlMin });
const bfdTransport = udpTransport(systemRng, { acceptTtlOnly });
const speaker = createSpeaker({ ...options, clock: systemClock, transport, bfdTransport });

interface Call {
  readonly id: number;
  readonly method: string;
  readonly args: readonly never[];
}

const METHODS: Readonly<Record<string, (...args: never[]) => unknown>> = {
  setNeighbour: (each: Parameters<Speaker['setNeighbour']>[0]) => speaker.setNeighbour(each),
  removeNeighbour: (address: string) => speaker.removeNeighbour(address),
  setDynamicNeighbours: (entries: Parameters<Speaker['setDynamicNeighbours']>[0]) =>
    speaker.setDynamicNeighbours(entries),
  announce: (route: Parameters<Speaker['announce']>[0]) => speaker.announce(route),
  withdraw: (prefix: string) => speaker.withdraw(prefix),
  refreshNeighbour: (address: string) => speaker.refreshNeighbour(address),
  routes: () => [...speaker.routes()],
  neighbours: () => speaker.neighbours(),
  stop: (reason: string) => speaker.stop(reason),
};

await speaker.start();
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, args } = JSON.parse(line) as Call;
  try {
    const result = await METHODS[method]?.(...args);
    process.stdout.write(`${JSON.stringify({ id, result: result ?? null })}\n`);
  } catch (thrown) {
    process.stdout.write(`${JSON.stringify({ id, error: messageOf(thrown) })}\n`);
  }
}
process.exit(0);
