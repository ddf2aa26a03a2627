/**
 * The project's taste as a test (docs/style): what no linter checks and everybody forgets. Each rule is a function from the source tree
 * to violations; test/unit/tools/tidy.test.ts runs one test per rule. Code is judged by its syntax tree, so a word in a comment or a
 * string is no offence. That documents and code agree (errors, limits, RFCs) is test/unit/docs.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import ts from 'typescript';

export interface SourceFile {
  /** Relative to the repository's root. */
  readonly path: string;
  readonly text: string;
}

export interface Violation {
  readonly path: string;
  /** 1-based; 0 for the file as a whole. */
  readonly line: number;
  readonly message: string;
}

export interface Rule {
  /** As a claim that holds when there are no violations. */
  readonly claim: string;
  check(files: readonly SourceFile[]): readonly Violation[];
}

const LINES_MAX = 800;
const IGNORED = new Set(['node_modules', 'dist', '.git', 'coverage', '.tap', 'results', '.weft']);
const SOURCE = /\.(ts|cjs|c|h|sh|proto|md)$/;
const FORBIDDEN_NAMES = /^(utils?|helpers?|commons?|misc|index)\.\w+$/;
/** Paths of one developer's machine. */
const MACHINE_PATHS = /\/(work|root|home\/[a-z]+|tmp\/wt)\//;

/** Where time and chance may be read. Programs that run on their own, outside every role, are not exempt either. */
const AMBIENT_ALLOWED = /^base\//;
const AMBIENT_MEMBERS = new Set(['Date.now', 'Math.random', 'performance.now']);
const AMBIENT_CALLS = new Set(['setTimeout', 'setInterval']);

/** Code that runs per frame. What only tests use (memory, pcap, fault devices) and set-up code lives elsewhere. */
const FAST_PATH: readonly RegExp[] = [
  /^dataplane\/(engine|layers)\//,
  /^packet\/(ethernet|vlan|arp|ipv4|ipv6|icmp|udp|tcp|vxlan|checksum|bytes|flow-key|vnet-header)\.ts$/,
  /^slb\/(hashing\/distribution|mux\/forwarder\/(?!answers|mux-loop|start-forwarder|worker))/,
  /^gateway\/esp\//,
];
const BUFFER_READ = /^read(U?Int|BigU?Int|Float|Double)/;

/** Formats whose every file must name the document it implements. */
const CITES_STANDARD = /^(packet|bgp\/message|gateway\/ike\/payload)\/[^/]+\.ts$/;
const NEEDS_NO_STANDARD = /\/(limits|drop|dump|bytes|flow-key)\.ts$/;
const STANDARD = /RFC \d{3,4}|IEEE 802|virtio/;

export const RULES: readonly Rule[] = [
  {
    claim: `no file is longer than ${LINES_MAX} lines`,
    check: (files) =>
      each(files, isWritten, ({ path, text }) => {
        const count = text.split('\n').length - 1;
        return count > LINES_MAX ? [{ path, line: 0, message: `${count} lines` }] : [];
      }),
  },
  {
    claim: 'every source file begins with a comment that says what it is',
    check: (files) =>
      each(files, isCode, ({ path, text }) =>
        headerOf(path, text) === '' ? [{ path, line: 1, message: 'no header comment' }] : [],
      ),
  },
  {
    claim: 'a format names the standard it implements',
    check: (files) =>
      each(
        files,
        ({ path }) => CITES_STANDARD.test(path) && !NEEDS_NO_STANDARD.test(path),
        ({ path, text }) =>
          STANDARD.test(headerOf(path, text))
            ? []
            : [{ path, line: 1, message: 'the header names no standard' }],
      ),
  },
  {
    claim: 'a file is named for its one concept',
    check: (files) =>
      each(files, isCode, ({ path }) =>
        FORBIDDEN_NAMES.test(basename(path))
          ? [{ path, line: 0, message: 'the name says nothing' }]
          : [],
      ),
  },
  {
    claim: 'time and chance come from base/ alone',
    check: (files) =>
      each(
        files,
        ({ path }) => isTypeScript(path) && !AMBIENT_ALLOWED.test(path),
        (file) => offences(file, ambientUse),
      ),
  },
  {
    claim: 'the fast path neither allocates views nor throws',
    check: (files) =>
      each(
        files,
        ({ path }) => FAST_PATH.some((pattern) => pattern.test(path)),
        (file) => offences(file, slowUse),
      ),
  },
  {
    claim: 'no path of a developer’s machine is written anywhere',
    check: (files) =>
      each(files, isWritten, ({ path, text }) =>
        linesMatching(text, MACHINE_PATHS).map((line) => ({ path, line, message: 'machine path' })),
      ),
  },
];

export function readSourceTree(root: string): readonly SourceFile[] {
  return walk(root)
    .map((path) => ({ path: relative(root, path), text: readFileSync(path, 'utf8') }))
    .sort((a, b) => a.path.localeCompare(b.path));
}

export function formatViolation({ path, line, message }: Violation): string {
  return `${path}${line === 0 ? '' : `:${line}`}: ${message}`;
}

function walk(directory: string): readonly string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    if (IGNORED.has(entry.name) || entry.isSymbolicLink()) return [];
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return walk(path);
    return SOURCE.test(entry.name) ? [path] : [];
  });
}

function each(
  files: readonly SourceFile[],
  applies: (file: SourceFile) => boolean,
  check: (file: SourceFile) => readonly Violation[],
): readonly Violation[] {
  return files.filter(applies).flatMap(check);
}

function isTypeScript(path: string): boolean {
  return path.endsWith('.ts');
}

function isGenerated({ text }: SourceFile): boolean {
  return /Generated from .* Do not edit|page is generated from/.test(text.slice(0, 500));
}

function isWritten(file: SourceFile): boolean {
  return !isGenerated(file);
}

function isCode({ path }: SourceFile): boolean {
  return !path.endsWith('.md');
}

/** The comment at the top of a file, after a `#!` line; empty when there is none. */
function headerOf(path: string, text: string): string {
  const body = text.replace(/^#!.*\n/, '');
  if (path.endsWith('.sh')) return /^(?:#.*\n)+/.exec(body)?.[0] ?? '';
  return /^(?:\/\*[\s\S]*?\*\/|(?:\/\/.*\n)+)/.exec(body)?.[0] ?? '';
}

type Judge = (node: ts.Node) => string | undefined;

function offences({ path, text }: SourceFile, judge: Judge): readonly Violation[] {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, false);
  const found: Violation[] = [];
  const visit = (node: ts.Node): void => {
    const message = judge(node);
    if (message !== undefined) {
      const { line } = tree.getLineAndCharacterOfPosition(node.getStart(tree));
      found.push({ path, line: line + 1, message });
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

function ambientUse(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    const name = `${node.expression.text}.${node.name.text}`;
    if (AMBIENT_MEMBERS.has(name)) return `${name}: take a Clock or an Rng`;
  }
  if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) {
    if (AMBIENT_CALLS.has(node.expression.text)) return `${node.expression.text}: take a Clock`;
  }
  return undefined;
}

function slowUse(node: ts.Node): string | undefined {
  if (ts.isThrowStatement(node)) return 'throw';
  if (ts.isNewExpression(node) && ts.isIdentifier(node.expression)) {
    if (node.expression.text === 'DataView') return 'new DataView';
  }
  if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
    const name = node.expression.name.text;
    if (name === 'subarray' || BUFFER_READ.test(name)) return `${name}()`;
  }
  return undefined;
}

function linesMatching(text: string, pattern: RegExp): readonly number[] {
  return text.split('\n').flatMap((line, index) => (pattern.test(line) ? [index + 1] : []));
}
