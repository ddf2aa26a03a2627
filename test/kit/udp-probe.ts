/**
 * A program that runs inside VMs to count datagrams (RFC 768).
 *
 *   node udp-probe.js serve PORT                    answers each datagram with itself; prints a ready line
 *   node udp-probe.js ask ADDRESS PORT COUNT BYTES  sends COUNT datagrams of BYTES, one by one; prints {"sent", "answered"}
 *
 * An answer counts only if it equals what was sent. Started by machine.ts.
 */
import dgram from 'node:dgram';
import { sleep, systemClock } from '../../base/clock.ts';
import { millis } from '../../base/units.ts';

const ANSWER_TIMEOUT = millis(500);

function serve(port: number): void {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (message, from) => socket.send(message, from.port, from.address));
  socket.bind(port, () => process.stdout.write('{"event":"ready"}\n'));
}

async function ask(address: string, port: number, count: number, size: number): Promise<void> {
  const socket = dgram.createSocket('udp4');
  let answered = 0;
  for (let number = 0; number < count; number++) {
    const message = Buffer.alloc(size, number & 0xff);
    const answer = new Promise<Buffer>((resolve) => socket.once('message', resolve));
    socket.send(message, port, address);
    const first = await Promise.race([answer, sleep(systemClock, ANSWER_TIMEOUT)]);
    if (first?.equals(message)) answered += 1;
    socket.removeAllListeners('message');
  }
  socket.close();
  process.stdout.write(`${JSON.stringify({ sent: count, answered })}\n`);
}

const [, , verb, first = '', second = '', third = '', fourth = ''] = process.argv;
if (verb === 'serve') serve(Number(first));
else if (verb === 'ask') await ask(first, Number(second), Number(third), Number(fourth));
