/** Option values that are more than text. Each parser throws what the option parser turns into a usage error. */
import { InvalidArgumentError } from 'commander';
import { ROWS_MAX } from './limits.ts';

/** A positive whole number. */
export function countOption(text: string): number {
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(value) || value === 0) {
    throw new InvalidArgumentError('A positive whole number is needed.');
  }
  return value;
}

/** A whole number, or 0 for none. */
export function amountOption(text: string): number {
  return text === '0' ? 0 : countOption(text);
}

/** One more of a list: the option may be repeated, and one value may hold several, divided by commas. */
export function listOption(text: string, earlier: readonly string[] = []): readonly string[] {
  const entries = text.split(',').map((entry) => entry.trim());
  if (entries.includes('')) throw new InvalidArgumentError('An entry is empty.');
  return [...earlier, ...entries];
}

/** How many rows to show. */
export function rowsOption(text: string): number {
  const value = countOption(text);
  if (value > ROWS_MAX) throw new InvalidArgumentError(`At most ${ROWS_MAX}.`);
  return value;
}

/** A revision: a positive whole number, or 0 for the empty beginning. */
export function revisionArgument(text: string): number {
  return text === '0' ? 0 : countOption(text);
}
