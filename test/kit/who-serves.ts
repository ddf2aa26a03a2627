/**
 * A program that finds out which server answers each of several clients, which are addresses of this machine, and each of their source ports.
 *
 *   node who-serves.js tcp|udp ADDRESS PORT FIRST_PORT PORTS CLIENT…    prints {"CLIENT:SOURCE_PORT": "name of the server"}
 *
 * Every one is asked until it answers: what is lost meanwhile is not the question. Servers are named-service.ts. Started by services.ts.
 */
import dgram from 'node:dgram';
import { once } from 'node:events';
import { sleep, systemClock } from '../../base/clock.ts';
import { millis } from '../../base/units.ts';
import { visitOnce } from './tcp-visit.ts';

/** At once. */
const WINDOW = 32;
/** Then a datagram is sent once more, and a connection is tried again. */
const RETRY_INTERVAL = millis(300);
const TRIES_MAX = 60;

interface Question {
  readonly host: string;
  readonly port: number;
  readonly localAddress: string;
  readonly localPort: number;
}

async function overUdp({ host, port, localAddress, localPort }: Question): Promise<string> {
  const socket = dgram.createSocket('udp4');
  socket.bind(localPort, localAddress);
  await once(socket, 'listening');
  const answer = once(socket, 'message').then(([message]) => String(message).trim());
  let name: string | undefined;
  for (let tries = 0; name === undefined && tries < TRIES_MAX; tries += 1) {
    socket.send('?', port, host);
    name = (await Promise.race([answer, sleep(systemClock, RETRY_INTERVAL)])) ?? undefined;
  }
  socket.close();
  return name ?? 'nobody';
}

async function overTcp(question: Question): Promise<string> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    try {
      return await visitOnce(question);
    } catch {
      await sleep(systemClock, RETRY_INTERVAL); // another try: the question is who, not when
    }
  }
  return 'nobody';
}

const [, , protocol, host = '', port = '', first = '', count = '', ...clients] = process.argv;
const ask = protocol === 'udp' ? overUdp : overTcp;
const questions = clients.flatMap((localAddress) =>
  Array.from({ length: Number(count) }, (_, index) => ({
    ...{ host, port: Number(port), localAddress, localPort: Number(first) + index },
  })),
);
const found: Record<string, string> = {};
let next = 0;
const worker = async (): Promise<void> => {
  for (let question = questions[next++]; question !== undefined; question = questions[next++]) {
    found[`${question.localAddress}:${question.localPort}`] = await ask(question);
  }
};
await Promise.all(Array.from({ length: WINDOW }, worker));
process.stdout.write(`${JSON.stringify(found)}\n`);
process.exit(0);
