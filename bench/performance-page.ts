/**
 * Puts the results of the last benchmark runs into docs/performance.md: after each line `<!-- bench/results/SUITE.json -->` stands a block
 * with that run as the benchmark printed it. The words around the blocks are written by hand.
 *
 * Run by `npm run generate` and after each `npm run bench`; a unit test regenerates and compares.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { formatReport, type Report } from './report.ts';

const BLOCK = /<!-- (bench\/results\/[a-z-]+\.json) -->\n+```text\n[\s\S]*?```\n/g;
const REPOSITORY = new URL('../../', import.meta.url);
const PAGE = new URL('docs/performance.md', REPOSITORY);

/** The page with its blocks made anew; `read` gives a result file's content, undefined when there is none. */
export function withResults(page: string, read: (path: string) => string | undefined): string {
  return page.replaceAll(BLOCK, (_, path: string) => {
    const text = read(path);
    const shown = text === undefined ? 'not run yet' : runInWords(JSON.parse(text) as Report);
    return `<!-- ${path} -->\n\n\`\`\`text\n${shown}\n\`\`\`\n`;
  });
}

function runInWords(report: Report): string {
  return `${report.at.slice(0, 10)}  ${formatReport(report).trim()}`;
}

export function readResult(path: string): string | undefined {
  const file = new URL(path, REPOSITORY);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

const [, script] = process.argv;
if (script === fileURLToPath(import.meta.url)) {
  writeFileSync(PAGE, withResults(readFileSync(PAGE, 'utf8'), readResult));
}
