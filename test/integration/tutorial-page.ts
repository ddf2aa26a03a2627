/**
 * A page of docs/ that teaches is true: every command on it, in order, on a fabric of its own, with the exit code that the page shows. What
 * is compared of the output is what a reader would miss. Blocks say what is special about them after the fence's `console`: `exits=1`,
 * `says=PATTERN` of every command's output, or `needs=PROGRAM`, without which the block is left out. An expectation that no command of the page
 * meets is a mistake of the test. Used by the tests of the tutorials.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { isInstalled } from '../../fabric/requirements.ts';
import { programPath } from '../../fabric/roles.ts';
import { eventually } from '../kit/eventually.ts';

/** Pages are run in one shell, on a machine that may be busy; a test gives this as its `timeout`. */
export const PAGE_TIMEOUT_MS = 380_000;

/** What the output of a command must hold, beside the exit code. Each entry is about one command of the page at least. */
export type MustSay = readonly (readonly [command: RegExp, output: RegExp])[];

interface Step {
  readonly command: string;
  readonly exits: number;
  /** What the output holds, by the page's own word. */
  readonly says: readonly RegExp[];
  /** For want of a program. */
  readonly isLeftOut: boolean;
}

function stepsOf(page: string): readonly Step[] {
  return [...page.matchAll(/^```console(.*)\n([\s\S]*?)^```$/gm)].flatMap(
    ([, notes = '', block = '']) => {
      const exits = Number(/exits=(\d+)/.exec(notes)?.[1] ?? 0);
      const says = [...notes.matchAll(/says=(\S+)/g)].map(([, words = '']) => new RegExp(words));
      const needs = /needs=(\S+)/.exec(notes)?.[1];
      const isLeftOut = needs !== undefined && !isInstalled(needs);
      // As a shell shows a command of several lines.
      return block
        .replaceAll('\n> ', CONTINUED)
        .split('\n')
        .filter((line) => line.startsWith('$ ') && !line.startsWith('$ alias '))
        .map((line) => ({
          command: line
            .slice(2)
            .replaceAll(CONTINUED, '\n')
            .replace(/^npm run (\S+)( --)?/, 'weft $1'),
          ...{ exits, says, isLeftOut },
        }));
    },
  );
}

/** Between the lines of a command, while a block is cut into lines. */
const CONTINUED = '\r';

/** What takes the time it takes: a reader would look again. */
const LOOKED_AT_AGAIN = /^weft (status|lb status .*|bgp .*|inside outside -- vtysh .*)$/;

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

/** The outcome that is good, or the last one where none is in time. */
async function runUntil(
  run: () => Promise<Outcome>,
  isGood: (outcome: Outcome) => boolean,
): Promise<Outcome> {
  let last = await run();
  const attempt = async (): Promise<boolean> => {
    if (isGood(last)) return true;
    last = await run();
    return isGood(last);
  };
  await eventually('it says what the page shows', attempt).catch(() => undefined);
  return last;
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
  const steps = stepsOf(page);
  for (const [which] of mustSay)
    t.ok(
      steps.some(({ command }) => which.test(command)),
      `${name} has a command like ${which}`,
    );
  for (const { command, exits, says, isLeftOut } of steps) {
    if (isLeftOut) continue;
    const listed = mustSay.flatMap(([which, output]) => (which.test(command) ? [output] : []));
    const words = [...says, ...listed];
    const isSaid = ({ code, output }: Outcome) =>
      code === exits && words.every((each) => each.test(output));
    const { code, output } = LOOKED_AT_AGAIN.test(command)
      ? await runUntil(() => shell.run(command), isSaid)
      : await shell.run(command);
    t.equal(code, exits, `${command}${code === exits ? '' : `\n${output}`}`);
    for (const each of words) t.match(output, each, `${command} says it`);
  }
}
