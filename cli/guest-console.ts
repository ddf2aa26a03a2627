/**
 * A terminal on a guest's serial console: what is typed goes to the socket byte for byte, Ctrl-C included, until Ctrl-] leaves it. The
 * guest goes on; QEMU takes one client at a time, so a second one waits. Called by commands/vm.
 */
import { connect } from 'node:net';
import { SdnError } from '../base/errors.ts';

/** Ctrl-], as in telnet: what nobody types by accident. */
const LEAVE = 0x1d;

/** Resolves when the user leaves or the guest ends. */
export function attachConsole(path: string): Promise<void> {
  const { stdin, stdout } = process;
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const onInput = (chunk: Buffer): void => {
      const leaveAt = chunk.indexOf(LEAVE);
      socket.write(leaveAt < 0 ? chunk : chunk.subarray(0, leaveAt));
      if (leaveAt >= 0) socket.end();
    };
    const restore = (): void => {
      stdin.off('data', onInput);
      if (stdin.isTTY) stdin.setRawMode(false);
      stdin.pause();
      stdout.write('\r\n');
    };
    socket.once('connect', () => {
      if (stdin.isTTY) stdin.setRawMode(true);
      stdin.on('data', onInput);
      socket.write('\n'); // brings a prompt
    });
    socket.on('data', (chunk) => stdout.write(chunk));
    socket.once('error', (cause) => {
      reject(
        new SdnError('SDN_GUEST_GONE', `no console at ${path}: ${cause.message}`, {
          cause,
          remedy: 'See whether it runs: weft vm list',
        }),
      );
    });
    socket.once('close', (failed) => {
      if (failed) return;
      restore();
      resolve();
    });
  });
}
