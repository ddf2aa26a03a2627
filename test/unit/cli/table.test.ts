/** cli/table: what people see. */
import test from 'ava';
import fc from 'fast-check';
import { formatFields, formatTable, printable } from '../../../cli/table.ts';

const COLUMNS = [
  { heading: 'NAME', value: (row: readonly string[]) => row[0] ?? '' },
  { heading: 'COUNT', value: (row: readonly string[]) => row[1] ?? '', align: 'right' as const },
  { heading: 'STATE', value: (row: readonly string[]) => row[2] ?? '' },
];

test('columns are as wide as their longest cell, numbers to the right, no blanks at line ends', (t) => {
  t.is(
    formatTable(COLUMNS, [
      ['blue', '7', 'Success'],
      ['a-longer-name', '12345', ''],
    ]),
    [
      'NAME           COUNT  STATE',
      'blue               7  Success',
      'a-longer-name  12345  -',
      '',
    ].join('\n'),
  );
});

test('a table without rows is its heading', (t) => {
  t.is(formatTable(COLUMNS, []), 'NAME  COUNT  STATE\n');
});

test('named values line up, and empty ones are left out', (t) => {
  t.is(
    formatFields([
      ['name', 'blue'],
      ['dns', ''],
      ['address space', '10.0.0.0/16'],
    ]),
    'name           blue\naddress space  10.0.0.0/16\n',
  );
});

test('a value cannot move the cursor, recolour or reorder what is printed after it', (t) => {
  t.is(printable('\x1b[2Jgone\r\n\u202Etxt'), '\\x1b[2Jgone\\x0d\\x0a\\u202etxt');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const line = formatTable([{ heading: 'H', value: () => text }], ['row']);
      return line.split('\n').length === 3 && !line.includes('\x1b') && !line.includes('\r');
    }),
  );
});
