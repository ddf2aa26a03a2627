/**
 * Adds up the tests of a TAP file (Test Anything Protocol 14) for tools/test.sh: prints `PASSED FAILED`, or with --failures the names of
 * those that failed and what they said, with --slowest the files that took longest.
 *
 * A test is a line `ok` or `not ok` that holds no subtests of its own, down to DEPTH_MAX: of ava's flat output every line, of tap's
 * nested output the tests of each file, not each of their assertions. A file that failed without a test that did counts as one failure.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface TapCount {
  readonly passed: number;
  readonly failed: number;
  /** Names of failed tests, each with the diagnostics that follow it. */
  readonly failures: readonly string[];
}

export interface TimedFile {
  readonly file: string;
  readonly seconds: number;
}

const INDENT = 4;
/** Files, then their tests; deeper are assertions. */
const DEPTH_MAX = 1;
const RESULT = /^( *)(not )?ok\b(?: \d+)?(?: - )?(.*)$/;
const TIMED_FILE = /^(?:not )?ok \d+ - (\S+) # time=([\d.]+)ms/gm;
const SLOWEST_SHOWN = 8;
const DIRECTIVE = /# (SKIP|TODO)\b/i;
const DIAGNOSTIC_LINES_MAX = 40;

export function countTap(text: string): TapCount {
  const lines = text.split('\n');
  let passed = 0;
  const failures: string[] = [];
  /** What stands inside the result that is still to come: tests counted, and what failed below the counted level. */
  let tests = 0;
  let failedTests = 0;
  let details: string[] = [];
  for (const [index, line] of lines.entries()) {
    const match = RESULT.exec(line);
    if (match === null) continue;
    const [, indent = '', not, title = ''] = match;
    const depth = indent.length / INDENT;
    if (DIRECTIVE.test(title)) continue;
    const isFailure = not !== undefined;
    if (isFailure) details.push([line.trim(), ...diagnostics(lines, index + 1)].join('\n'));
    if (depth > DEPTH_MAX) continue;
    // A file whose tests were counted is itself one only if it failed although none of them did.
    const counts = depth === DEPTH_MAX || tests === 0 || (isFailure && failedTests === 0);
    if (counts && isFailure) failures.push(details.join('\n'));
    if (counts && !isFailure) passed += 1;
    tests = depth === DEPTH_MAX ? tests + 1 : 0;
    failedTests = depth === DEPTH_MAX ? failedTests + (isFailure ? 1 : 0) : 0;
    details = [];
  }
  return { passed, failed: failures.length, failures };
}

/** Files by the time that they took, longest first; of TAP without times none. */
export function slowestFiles(text: string): readonly TimedFile[] {
  return [...text.matchAll(TIMED_FILE)]
    .map(([, file = '', ms = '']) => ({ file: basename(file), seconds: Number(ms) / 1000 }))
    .sort((a, b) => b.seconds - a.seconds);
}

/** The YAML block that follows a result. */
function diagnostics(lines: readonly string[], from: number): readonly string[] {
  if (lines[from]?.trim() !== '---') return [];
  const end = lines.findIndex((line, index) => index > from && line.trim() === '...');
  const last = Math.min(end === -1 ? lines.length : end, from + DIAGNOSTIC_LINES_MAX);
  return lines.slice(from + 1, last);
}

const [, script, ...args] = process.argv;
if (script === fileURLToPath(import.meta.url)) {
  const file = args.at(-1) ?? '';
  const text = readFileSync(file, 'utf8');
  const { passed, failed, failures } = countTap(text);
  if (args.includes('--failures')) console.log(failures.join('\n\n'));
  else if (args.includes('--slowest')) {
    const slowest = slowestFiles(text).slice(0, SLOWEST_SHOWN);
    console.log(slowest.map((each) => `${each.file} ${Math.round(each.seconds)} s`).join(', '));
  } else console.log(`${passed} ${failed}`);
}
