/**
 * Counters of a role that forwards by its links: a table, and one of what was dropped with what each reason means. Called by `weft edge` and
 * `weft mux`.
 */
import { dropWords } from '../dataplane/explain/drop-words.ts';
import { Drop } from '../packet/drop.ts';
import type { LinkCounters } from '../schema/southbound/diagnostics/links.ts';
import { type Column, formatTable } from './table.ts';

const LINK_COLUMNS: readonly Column<LinkCounters>[] = [
  { heading: 'LINK', value: ({ name }) => name },
  { heading: 'IN', align: 'right', value: ({ rxFrames }) => String(rxFrames) },
  { heading: 'BYTES IN', align: 'right', value: ({ rxBytes }) => String(rxBytes) },
  { heading: 'OUT', align: 'right', value: ({ txFrames }) => String(txFrames) },
  { heading: 'BYTES OUT', align: 'right', value: ({ txBytes }) => String(txBytes) },
  { heading: 'DROPPED', align: 'right', value: ({ drops }) => String(total(drops)) },
];

function total(drops: LinkCounters['drops']): number {
  return Object.values(drops).reduce((sum, each) => sum + each, 0);
}

interface DropRow {
  readonly link: string;
  readonly reason: string;
  readonly packets: number;
}
const DROP_COLUMNS: readonly Column<DropRow>[] = [
  { heading: 'LINK', value: ({ link }) => link },
  { heading: 'REASON', value: ({ reason }) => reason },
  { heading: 'PACKETS', align: 'right', value: ({ packets }) => String(packets) },
  { heading: 'MEANING', value: ({ reason }) => meaning(reason) },
];

const DROPS: ReadonlyMap<string, Drop> = new Map(Object.entries(Drop));

/** '' for a reason that this version does not know. */
function meaning(reason: string): string {
  const code = DROPS.get(reason);
  return code === undefined ? '' : dropWords(code).meaning;
}

/** What was dropped most comes first. */
export function formatLinks(links: readonly LinkCounters[]): string {
  const drops = links
    .flatMap(({ name, drops: ofLink }) =>
      Object.entries(ofLink).map(([reason, packets]) => ({ link: name, reason, packets })),
    )
    .sort((a, b) => b.packets - a.packets);
  const refused = drops.length === 0 ? '' : `\n${formatTable(DROP_COLUMNS, drops)}`;
  return `${formatTable(LINK_COLUMNS, links)}${refused}`;
}
