/**
 * Generates docs/limits.md from the limits.ts of every folder: name, value and the sentence that stands over it in the code. So the
 * document cannot say something else than the program.
 *
 * Run by `npm run generate`; a unit test regenerates and compares.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { REPOSITORY, sourceFiles } from './source-files.ts';

export interface Limit {
  readonly name: string;
  /** As people write it: `30 s`, `64 MiB`, `65,536`. */
  readonly value: string;
  readonly meaning: string;
}

const DECLARATION =
  /(?:\/\*\*((?:[^*]|\*(?!\/))*)\*\/\s*)?export const ([A-Z0-9_]+)(?::[^=]+)? =\s*([^;]+);/g;
const HEADER = `# Limits

Every queue, table, retry, length and timeout has a named maximum in the \`limits.ts\` of its folder. Reaching one is a tested, counted
outcome, never a hang and never a surprise. This page is generated from those files (\`npm run generate\`).
`;

/** `sources`: path relative to the repository → content. */
export function limitsDocument(sources: ReadonlyMap<string, string>): string {
  const sections = [...sources]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, text]) => {
      const rows = limitsOf(text).map(
        ({ name, value, meaning }) => `| \`${name}\` | ${value} | ${meaning} |`,
      );
      return `\n## ${dirname(path)}\n\n| limit | value | meaning |\n| --- | ---: | --- |\n${rows.join('\n')}\n`;
    });
  return HEADER + sections.join('');
}

/** The exported constants of one limits.ts; one without a comment of its own shares the one above. */
export function limitsOf(text: string): readonly Limit[] {
  let meaning = '';
  return [...text.matchAll(DECLARATION)].map(([, comment, name = '', expression = '']) => {
    if (comment !== undefined) meaning = sentence(comment);
    return { name, value: valueInWords(name, expression.trim()), meaning };
  });
}

function sentence(comment: string): string {
  return comment
    .replaceAll(/\n\s*\*/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .replaceAll('|', '\\|')
    .trim();
}

const UNITS: Readonly<Record<string, string>> = { millis: 'ms', seconds: 's', minutes: 'min' };

function valueInWords(name: string, expression: string): string {
  const [, unit, quantity] = /^(millis|seconds|minutes)\(([0-9_ *]+)\)$/.exec(expression) ?? [];
  if (unit !== undefined && quantity !== undefined)
    return `${grouped(product(quantity))} ${UNITS[unit]}`;
  if (!/^[0-9_ *]+$/.test(expression)) return `\`${expression.replaceAll(/\s+/g, ' ')}\``;
  const value = product(expression);
  const mebi = 1024 * 1024;
  if (name.includes('BYTES') && value % mebi === 0) return `${grouped(value / mebi)} MiB`;
  return grouped(value);
}

function product(expression: string): number {
  return expression
    .split('*')
    .reduce((result, factor) => result * Number(factor.replaceAll(/[_ ]/g, '')), 1);
}

/** 65,536, whatever the locale of the machine. */
function grouped(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

/** limits.ts of every folder of the product. */
export function readLimitSources(): ReadonlyMap<string, string> {
  const paths = sourceFiles({ tests: false }).filter((path) => basename(path) === 'limits.ts');
  return new Map(paths.map((path) => [path, readFileSync(new URL(path, REPOSITORY), 'utf8')]));
}

const [, script] = process.argv;
if (script === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('docs/limits.md', REPOSITORY), limitsDocument(readLimitSources()));
}
