/** `weft revisions`: the history of desired state. Restoring is a new revision that puts everything back; nothing is rewritten. */
import type { Command } from 'commander';
import { SdnError } from '../../base/errors.ts';
import { type Difference, formatPointer } from '../../controller/revisions/json-diff.ts';
import type {
  RevisionDetail,
  RevisionDiff,
  RevisionSummary,
  TreeDifference,
} from '../../controller/revisions/revision-history.ts';
import type { JsonValue } from '../../controller/store/store.ts';
import { revisionArgument, rowsOption } from '../arguments.ts';
import { at, listAt, textAt } from '../fields.ts';
import { ROWS_DEFAULT } from '../limits.ts';
import type { Session } from '../session.ts';
import { type Column, formatFields, formatTable, printable } from '../table.ts';

const PATH = '/networking/weft/v1/revisions';

export function addRevisionsCommands(program: Command, session: Session): void {
  const revisions = program.command('revisions').description('history of desired state');
  revisions
    .command('list')
    .description('revisions, newest first')
    .option('--limit <count>', 'at most so many', rowsOption, ROWS_DEFAULT)
    .action((options: { limit: number }) => list(session, options.limit));
  revisions
    .command('show')
    .description('one revision: who asked for it, and what it changed')
    .argument('<revision>', 'its number', revisionArgument)
    .action((revision: number) => show(session, revision));
  revisions
    .command('diff')
    .description('what differs between two revisions')
    .argument('<from>', 'its number', revisionArgument)
    .argument('[to]', 'its number (default: the latest)', revisionArgument)
    .action((from: number, to: number | undefined) => diff(session, from, to));
  revisions
    .command('restore')
    .description('put everything back as it was at the end of a revision')
    .argument('<revision>', 'its number', revisionArgument)
    .action((revision: number) => restore(session, revision));
}

const COLUMNS: readonly Column<RevisionSummary>[] = [
  { heading: 'REVISION', align: 'right', value: (each) => String(each.revision) },
  { heading: 'TIME', value: (each) => instant(each.at) },
  { heading: 'CLIENT', value: (each) => each.cause.client },
  { heading: 'CHANGE', value: (each) => each.cause.summary },
];

/** `limit` revisions need several pages when it is larger than the controller's. */
async function list(session: Session, limit: number): Promise<void> {
  const found: RevisionSummary[] = [];
  let next = `${PATH}?limit=${limit}`;
  while (next !== '' && found.length < limit) {
    const page = await session.northbound().ask('GET', next);
    found.push(...(listAt(page, 'value') as readonly RevisionSummary[]));
    next = textAt(page, 'nextLink');
  }
  const shown = found.slice(0, limit);
  session.print(shown, () => formatTable(COLUMNS, shown));
}

async function show(session: Session, revision: number): Promise<void> {
  const detail = (await session.northbound().ask('GET', `${PATH}/${revision}`)) as RevisionDetail;
  session.print(detail, () => {
    const { cause } = detail;
    const fields = formatFields([
      ['revision', String(detail.revision)],
      ['time', instant(detail.at)],
      ['client', cause.client],
      ['request', cause.requestId],
      ['change', cause.summary],
    ]);
    return `${fields}\n${formatTrees(detail)}`;
  });
}

async function diff(session: Session, from: number, to: number | undefined): Promise<void> {
  const query = to === undefined ? '' : `&to=${to}`;
  const found = (await session
    .northbound()
    .ask('GET', `${PATH}/diff?from=${from}${query}`)) as RevisionDiff;
  session.print(found, () =>
    found.trees.length === 0
      ? `revisions ${found.from} and ${found.to} are equal\n`
      : formatTrees(found),
  );
}

async function restore(session: Session, revision: number): Promise<void> {
  const body = await session.waiting(
    `restoring revision ${revision}`,
    session.northbound().ask('POST', `${PATH}/${revision}/restore`),
  );
  const made = at(body, 'revision');
  if (typeof made !== 'number') {
    throw new SdnError('SDN_NORTHBOUND', 'the controller did not say which revision it made');
  }
  session.print(body, () =>
    made === revision
      ? `nothing differs from revision ${revision}\n`
      : `revision ${made} puts back what revision ${revision} was\n`,
  );
}

const MARKS = {
  created: '+',
  updated: '~',
  deleted: '-',
  added: '+',
  changed: '~',
  removed: '-',
} as const;

/** What the controller writes into every resource by itself: it changes with each write and says nothing to a reader. */
const ENVELOPE = new Set(['resourceId', 'resourceRef', 'instanceId', 'etag']);

/** One line per resource tree, then one per value that differs: `+` new, `-` gone, `~` changed. */
export function formatTrees(detail: {
  readonly trees: readonly TreeDifference[];
  readonly isTruncated: boolean;
}): string {
  const lines = detail.trees.flatMap((tree) => [
    `${MARKS[tree.kind]} ${tree.resourceRef}`,
    ...treeDifferences(tree).flatMap(differenceLines),
  ]);
  if (detail.isTruncated) lines.push('… and more; --json with fewer revisions shows the rest');
  return lines.map((line) => `${printable(line)}\n`).join('');
}

/** A tree that came or went is one difference, at its root. */
function treeDifferences(tree: TreeDifference): readonly Difference[] {
  if (tree.after !== undefined) return [{ kind: 'added', path: [], after: tree.after }];
  if (tree.before !== undefined) return [{ kind: 'removed', path: [], before: tree.before }];
  return tree.differences ?? [];
}

function differenceLines(difference: Difference): readonly string[] {
  const { kind, path } = difference;
  if (path.at(-1) === 'etag') return [];
  const mark = `    ${MARKS[kind]} `;
  if (kind === 'changed') {
    const { before, after } = difference;
    return [`${mark}${formatPointer(path)}  ${JSON.stringify(before)} → ${JSON.stringify(after)}`];
  }
  const value = kind === 'added' ? difference.after : difference.before;
  return leaves(value, path).map(
    ([leaf, text]) => `${mark}${formatPointer(leaf)}  ${JSON.stringify(text)}`,
  );
}

/** The values inside a document, each with its path; resources in arrays by their resourceId, as the controller names them. */
function leaves(value: JsonValue, path: readonly string[]): [readonly string[], JsonValue][] {
  if (typeof value !== 'object' || value === null) return [[path, value]];
  const isResource = 'instanceId' in value;
  return Object.entries(value).flatMap(([name, member]): [readonly string[], JsonValue][] => {
    if (isResource && ENVELOPE.has(name)) return [];
    const step = Array.isArray(value) ? textAt(member, 'resourceId') || name : name;
    return leaves(member, [...path, step]);
  });
}

function instant(atMs: number): string {
  return new Date(atMs).toISOString().replace('T', ' ').slice(0, 19);
}
