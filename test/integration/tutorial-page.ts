/**
 * A page of docs/ that teaches is true: every command on it, in order, on a fabric of its own, with the exit code that the page shows. What
 * is compared of the output is what a reader would miss. Blocks say what is special about them after the fence's `console`: `exits=1`, or
 * `needs=PROGRAM`, without which the block is left out. Used by the tests of the tutorials.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { isInstalled } from '../../fabric/requirements.ts';
import { programPath } from '../../fabric/roles.ts';
import { eventually } from '../kit/eventually.ts';

/** Pages are run in one shell; a test gives this as its `timeout`. */
export const PAGE_TIMEOUT_MS = 170_000;

/** What the output of a command must hold, beside the exit code. */
export type MustSay = readonly (readonly [command: RegExp, output: RegExp])[];

interface Step {
  readonly command: string;
  readonly exits: number;
}

function stepsOf(page: string): readonly Step[] {
  return [...page.matchAll(/^```console(.*)\n([\s\S]*?)^```$/gm)].flatMap(
    ([, notes = '', block = '']) => {
      const exits = Number(/exits=(\d+)/.exec(notes)?.[1] ?? 0);
      const needs = /needs=(\S+)/.exec(notes)?.[1];
      if (needs !== undefined && !isInstalled(needs)) return [];
      return block
        .split('\n')
        .filter((line) => line.startsWith('$ ') && !line.startsWith('$ alias '))
        .map((line) => ({
          command: line.slice(2).replace(/^npm run (\S+)( --)?/, 'weft $1'),
          exits,
        }));
    },
  );
}

interface Outcome {
  readonly code: number;
  readonly output: string;
}

/** One shell for the whole page, so that what a command exports is there for the next. */
function openShell(env: Readonly<Record<string, string>>): {
  run(command: string): Promise<Outcome>;
  close(): void;
} {
  const shell = spawn('bash', [], { env: { ...process.env, ...env }, stdio: 'pipe' });
  shell.stdin.write(`weft() { ${process.execPath} ${programPath('cli/main.js')} "$@"; }\n`);
  let text = '';
  let waiting: (() => void) | undefined;
  shell.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    waiting?.();
  });
  return {
    run(command) {
      text = '';
      shell.stdin.write(`{ ${command}\n} 2>&1 </dev/null; printf '\\n@@@ %s\\n' $?\n`);
      return new Promise((resolve) => {
        waiting = () => {
          const end = /\n@@@ (\d+)\n$/.exec(text);
          if (end !== null) resolve({ code: Number(end[1]), output: text.slice(0, end.index) });
        };
      });
    },
    close: () => shell.kill(),
  };
}

/** `name`: of the file in docs/. */
export async function followPage(t: Test, name: string, mustSay: MustSay): Promise<void> {
  const state = await mkdtemp(join(tmpdir(), 'weft-tutorial-'));
  const shell = openShell({ WEFT_STATE: state });
  t.teardown(async () => {
    await shell.run('weft down');
    shell.close();
    await rm(state, { recursive: true, force: true });
  });
  const page = await readFile(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');
  for (const { command, exits } of stepsOf(page)) {
    // Only health takes the time it takes: a reader would look again.
    const { code, output } =
      command === 'weft status'
        ? await eventually('every role is healthy', async () => {
            const outcome = await shell.run(command);
            return outcome.code === 0 && outcome;
          })
        : await shell.run(command);
    t.equal(code, exits, `${command}${code === exits ? '' : `\n${output}`}`);
    for (const [which, words] of mustSay) {
      if (which.test(command)) t.match(output, words, `${command} says it`);
    }
  }
}
