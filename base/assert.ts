/**
 * Assertions: for our own bugs only (STYLE §9, "three kinds of wrong"). A failed assertion is a crash and a clean restart;
 * bad packets are Drop codes and a peer's or user's mistake is a typed fault, never an assertion.
 */

export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** Throws AssertionError unless `condition` holds. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** The value, which by the caller's invariant cannot be null or undefined. */
export function defined<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new AssertionError(`${what} is missing`);
  return value;
}

/** Closes an exhaustive switch: compiles only when every variant was handled. */
export function assertNever(value: never): never {
  throw new AssertionError(`unexpected variant: ${JSON.stringify(value)}`);
}
