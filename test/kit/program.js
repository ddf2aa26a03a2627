/**
 * Programs that run for a while inside a namespace: servers, captures. They end with the test, whatever ends it (PR_SET_PDEATHSIG).
 */
import { spawn } from 'node:child_process';
import { systemClock } from '../../base/clock.js';
import { inNamespace } from '../../fabric/namespaces.js';
import { PROGRAM_OUTPUT_BYTES_MAX, PROGRAM_READY_TIMEOUT } from './limits.js';
/** Resolves when the program has written `ready` to stdout or stderr, at once if that is undefined; rejects when it ends first. */
export function startProgram(namespace, argv, ready) {
  const [program, ...args] = inNamespace(namespace, [
    'setpriv',
    '--pdeathsig',
    'KILL',
    '--',
    ...argv,
  ]);
  const child = spawn(program, args, { stdio: 'pipe' });
  const out = [];
  let outBytes = 0;
  let err = '';
  const ended = new Promise((resolve) => {
    child.once('close', (code) => resolve(code ?? -1));
  });
  child.stdin.on('error', () => undefined); // it ended before it read everything: its exit code tells
  const running = {
    pid: child.pid ?? 0,
    stdout: () => Buffer.concat(out),
    stderr: () => err,
    write: (bytes) => void child.stdin.write(bytes),
    end() {
      child.stdin.end();
      return ended;
    },
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      await ended;
    },
  };
  return new Promise((resolve, reject) => {
    const fail = (why) =>
      reject(new Error(`${argv.join(' ')}: ${why}\n${err}${Buffer.concat(out).toString()}`));
    const timer = systemClock.after(PROGRAM_READY_TIMEOUT, () => {
      child.kill('SIGKILL');
      fail('never ready');
    });
    const settle = () => {
      timer.cancel();
      resolve(running);
    };
    const look = () => {
      const text = `${err}${Buffer.concat(out).toString('latin1')}`;
      if (ready === undefined || matches(text, ready)) settle();
    };
    child.stdout.on('data', (chunk) => {
      outBytes += chunk.length;
      if (outBytes > PROGRAM_OUTPUT_BYTES_MAX) child.kill('SIGKILL');
      else out.push(chunk);
      look();
    });
    child.stderr.on('data', (chunk) => {
      err += chunk.toString();
      look();
    });
    child.once('error', (error) => fail(error.message));
    void ended.then((code) => {
      timer.cancel();
      fail(`ended with ${code}`);
    });
    if (ready === undefined) settle();
  });
}
function matches(text, what) {
  return typeof what === 'string' ? text.includes(what) : what.test(text);
}
//# sourceMappingURL=program.js.map
