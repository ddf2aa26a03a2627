/** What the surrounding process gives to the command line, so that a test can stand in for it. Called by main and the tests. */
import { type Clock, systemClock } from '../base/clock.ts';

export interface TextSink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

export interface Shell {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  /** All of standard input, for `-f -`. */
  readStdin(): Promise<string>;
  readonly clock: Clock;
}

export function processShell(): Shell {
  return {
    env: process.env,
    stdout: process.stdout,
    stderr: process.stderr,
    readStdin: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks).toString('utf8');
    },
    clock: systemClock,
  };
}
