/** Named loggers with structured fields: one line per state change, JSON on standard error. Packet content only below debug. */
import { type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/** The root logger of a role's process; `level` from WEFT_LOG (`trace` … `silent`), else `info`. */
export function roleLogger(role: string, name: string): Logger {
  const level = process.env['WEFT_LOG'] ?? 'info';
  return pino(
    { level, base: { role, name }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination(2),
  );
}

/** Discards everything: the default of tests. */
export const silentLogger: Logger = pino({ level: 'silent' });
