/** One TCP connection that says what it is told to and nothing else, and tells how it ends. */
import type { Argv } from '../../fabric/command.ts';
import { eventually } from './eventually.ts';
import type { Program } from './program.ts';
import type { Target } from './tcp-clients.ts';

const CALL = `
const [address, port] = process.argv.slice(1);
const socket = require('node:net').connect(Number(port), address, () => console.log('connected'));
socket.on('data', (data) => process.stdout.write(data));
socket.on('error', (error) => console.log('lost: ' + error.code));
socket.on('end', () => console.log('ended'));
process.stdin.on('data', (line) => socket.write(line));`;

export interface Call {
  readonly program: Program;
  /** All that has come, with `lost: ECONNRESET` or `ended` where the connection is over. */
  heard(): string;
  /** Sends a line, and waits until it comes back. */
  say(line: string): Promise<void>;
  hangUp(): Promise<void>;
}

/** `ready`: what the server says first. */
export async function call(
  start: (argv: Argv, ready: string | RegExp) => Promise<Program>,
  { address, port }: Target,
  ready: string | RegExp = 'connected',
): Promise<Call> {
  const program = await start([process.execPath, '-e', CALL, address, String(port)], ready);
  const heard = (): string => program.stdout().toString();
  return {
    program,
    heard,
    async say(line) {
      program.write(`${line}\n`);
      await eventually(`'${line}' comes back`, () => {
        if (/lost|ended/.test(heard())) throw new Error(heard());
        return heard().includes(line);
      });
    },
    hangUp: () => program.stop('SIGKILL'),
  };
}
