/** A drop as the answers about probes tell of it. */
import { DROP_NAMES, type Drop } from '../../packet/drop.ts';
import type { DropView } from '../../schema/southbound/diagnostics/probe.ts';
import { dropWords } from '../explain/drop-words.ts';

export function dropView(drop: Drop): DropView {
  return { reason: DROP_NAMES[drop] ?? `${drop}`, ...dropWords(drop) };
}
