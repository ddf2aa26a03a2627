/**
 * A program that runs inside VMs to count datagrams (RFC 768).
 *
 *   node udp-probe.js serve PORT                    answers each datagram with itself; prints a ready line
 *   node udp-probe.js ask ADDRESS PORT COUNT BYTES  sends COUNT datagrams of BYTES, one by one, each from a port of its own; prints {"sent", "answered"}
 *
 * An answer counts only if it equals what was sent. Started by machine.ts.
 */
import dgram from 'node:dgram';
import { sleep, systemClock } from '../../base/clock.ts';
import { millis } from '../../base/units.ts';

const ANSWER_TIMEOUT = millis(500);

/** Of both families. */
function serve(port: number): void {
  const socket = dgram.createSocket({ type: 'udp6', ipv6Only: false });
  socket.on('message', (message, from) => socket.send(message, from.port, from.address));
  socket.bind(port, '::', () => process.stdout.write('{"event":"ready"}\n'));
}

async function ask(address: string, port: number, count: number, size: number): Promise<void> {
  let answered = 0;
  for (let number = 0; number < count; number++) {
    const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4');
    const message = Buffer.alloc(size, number & 0xff);
    const answer = new Promise<Buffer>((resolve) => socket.once('message', resolve));
    socket.send(message, port, address);
    const first = await Promise.race([answer, sleep(systemClock, ANSWER_TIMEOUT)]);
    if (first?.equals(message)) answered += 1;
    socket.close();
  }
  process.stdout.write(`${JSON.stringify({ sent: count, answered })}\n`);
}

const [, , verb, first = '', second = '', third = '', fourth = ''] = process.argv;
if (verb === 'serve') serve(Number(first));
else if (verb === 'ask') await ask(first, Number(second), Number(third), Number(fourth));
