/**
 * Text for people: tables with a heading line, and lists of named values. Columns are as wide as their longest cell, two blanks
 * apart; numbers may be aligned to the right; an empty cell is a dash. Nothing is cut to the terminal's width: a row that wraps can
 * still be read and copied, half an address cannot.
 *
 * What is printed may come from elsewhere (names, messages): control characters are shown escaped, so that no value can
 * reposition the cursor or recolour what follows. Called by every command.
 */

export interface Column<Row> {
  readonly heading: string;
  readonly value: (row: Row) => string;
  readonly align?: 'left' | 'right';
}

const GAP = '  ';
const EMPTY = '-';

/** Lines, each ended by a newline; the heading alone when there are no rows. */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = [
    columns.map((column) => column.heading),
    ...rows.map((row) => columns.map((column) => printable(column.value(row)) || EMPTY)),
  ];
  const widths = columns.map((_, index) =>
    Math.max(...cells.map((line) => displayWidth(line[index] ?? ''))),
  );
  return cells
    .map((line) => {
      const padded = line.map((cell, index) => {
        const blanks = ' '.repeat((widths[index] ?? 0) - displayWidth(cell));
        return columns[index]?.align === 'right' ? blanks + cell : cell + blanks;
      });
      return `${padded.join(GAP).trimEnd()}\n`;
    })
    .join('');
}

/** `name  value` lines with the values in one column; an empty value is left out. */
export function formatFields(fields: readonly (readonly [name: string, value: string])[]): string {
  const shown = fields.filter(([, value]) => value !== '');
  const width = Math.max(0, ...shown.map(([name]) => displayWidth(name)));
  return shown
    .map(
      ([name, value]) =>
        `${name}${' '.repeat(width - displayWidth(name))}${GAP}${printable(value)}\n`,
    )
    .join('');
}

/** The text with control characters (C0, DEL, C1) and bidirectional overrides escaped as \xNN or \uNNNN. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

function displayWidth(text: string): number {
  return [...text].length;
}
