/**
 * docs/tutorial.md is true: every command on the page, in order, on a fabric of its own, with the exit code that the page shows. What is
 * compared of the output is what a reader would miss: addresses, drops, revisions. Blocks say what is special about them after the
 * fence's `console`: `exits=1`, or `needs=PROGRAM`, without which the block is left out.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { isInstalled } from '../../fabric/requirements.ts';
import { programPath } from '../../fabric/roles.ts';
import { eventually } from '../kit/eventually.ts';

const PAGE = new URL('../../../docs/tutorial.md', import.meta.url);
const PAGE_TIMEOUT_MS = 170_000;

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

/** What the output of a command must hold, beside the exit code. */
const MUST_SAY: readonly (readonly [command: RegExp, output: RegExp])[] = [
  [/^weft up/, /12 checks hold/],
  [/^curl/, /"virtualSubnetId":\d+/],
  [/^weft nic create shop-b/, /10\.1\.2\.80/],
  [/^weft flows --nic shop-a/, /encapsulate VNI \d+ to 198\.51\.100\.\d+/],
  [/^weft port counters/, /SpoofedIpv4 +2\n[\s\S]*NoMapping +2/],
  [/^weft subnet create extra/, /InvalidSubnet/],
  [/^weft revisions diff 18/, /^- \/networkInterfaces\/shop-b/],
  [/^weft revisions restore 18/, /revision 20 puts back/],
  [/^weft down/, /the fabric is down/],
];

test('the tutorial', { timeout: PAGE_TIMEOUT_MS }, async (t) => {
  const state = await mkdtemp(join(tmpdir(), 'weft-tutorial-'));
  const shell = openShell({ WEFT_STATE: state });
  t.teardown(async () => {
    await shell.run('weft down');
    shell.close();
    await rm(state, { recursive: true, force: true });
  });
  for (const { command, exits } of stepsOf(await readFile(PAGE, 'utf8'))) {
    // Only health takes the time it takes: a reader would look again.
    const { code, output } =
      command === 'weft status'
        ? await eventually('every role is healthy', async () => {
            const outcome = await shell.run(command);
            return outcome.code === 0 && outcome;
          })
        : await shell.run(command);
    t.equal(code, exits, `${command}${code === exits ? '' : `\n${output}`}`);
    for (const [which, words] of MUST_SAY) {
      if (which.test(command)) t.match(output, words, `${command} says it`);
    }
  }
});
