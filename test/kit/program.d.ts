import type { Argv } from '../../fabric/command.ts';
export interface Program {
  readonly pid: number;
  /** What it has written so far. */
  stdout(): Buffer;
  stderr(): string;
  /** Writes to its standard input. */
  write(bytes: Uint8Array | string): void;
  /** Closes its standard input and resolves with its exit code. */
  end(): Promise<number>;
  /** Sends the signal (default SIGTERM) and resolves when it has ended. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}
/** Resolves when the program has written `ready` to stdout or stderr, at once if that is undefined; rejects when it ends first. */
export declare function startProgram(
  namespace: string,
  argv: Argv,
  ready?: string | RegExp,
): Promise<Program>;
//# sourceMappingURL=program.d.ts.map
