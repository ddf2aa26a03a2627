/**
 * The root of Weft's typed faults. Each subclass has a stable code that documents, tests and clients rely on
 * (docs/errors.md lists them). Not for bad packets: those are Drop codes (packet/drop.ts).
 */

export class SdnError extends Error {
  override readonly name: string = 'SdnError';
  /** Stable, documented: `SDN_…`. */
  readonly code: string;
  /** What the reader can do about it, as one sentence; shown by the CLI under the message. */
  readonly remedy: string | undefined;

  constructor(code: string, message: string, options: { cause?: unknown; remedy?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.remedy = options.remedy;
  }
}

/** The text of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
