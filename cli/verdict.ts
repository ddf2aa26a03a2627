/** What became of a packet, in words and colours: shared by the commands that trace one and that send one (trace, check). */
import { type DropWords, dropWords } from '../dataplane/explain/drop-words.ts';
import { Drop } from '../packet/drop.ts';
import { textAt } from './fields.ts';
import type { Session } from './session.ts';
import { printable } from './table.ts';

export type Paint = (tone: 'good' | 'bad' | 'dim', text: string) => string;

/** Colours for a terminal, unless NO_COLOR is set (no-color.org). */
export function painter({ shell }: Session): Paint {
  const isColoured = shell.stdout.isTTY === true && !shell.env['NO_COLOR'];
  const codes = { good: '32', bad: '31', dim: '2' };
  return (tone, text) => (isColoured ? `\u001b[${codes[tone]}m${text}\u001b[0m` : text);
}

/** A drop: which rule of which resource, why, and what to do. `subject` before it, where it was the answer; `host`, where that is known. */
export function dropLines(verdict: unknown, paint: Paint, subject = '', host = ''): string {
  const text = (name: string) => printable(textAt(verdict, name));
  const id = printable(textAt(verdict, 'rule', 'id'));
  const ref = printable(textAt(verdict, 'rule', 'resourceRef'));
  const by = id === '' ? '' : ` by rule '${id}'${ref === '' ? '' : ` of ${ref}`}`;
  const where = host === '' ? '' : ` at ${printable(host)}`;
  const head = paint('bad', `${subject}dropped${where}${by}: ${text('reason')}`);
  return `${head}\n  ${text('meaning')}\n  ${text('remedy')}\n`;
}

const CODES: ReadonlyMap<string, Drop> = new Map(Object.entries(Drop));

/** Of a drop by its name; empty for one that this version does not know. */
export function reasonWords(reason: string): DropWords {
  const code = CODES.get(reason);
  return code === undefined ? { meaning: '', remedy: '' } : dropWords(code);
}
