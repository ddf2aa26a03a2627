/** Faults of the revision service. An unknown revision is the store's SDN_STORE_REVISION_UNKNOWN. */
import { SdnError } from '../../base/errors.ts';
import { RESTORE_PROBLEMS_SHOWN_MAX } from '../limits.ts';
import type { Revision } from '../store/store.ts';

/** What would be restored is not valid any more; nothing was written. */
export class RestoreInvalid extends SdnError {
  override readonly name = 'RestoreInvalid';
  readonly problems: readonly string[];

  constructor(revision: Revision, problems: readonly string[]) {
    const shown = problems.slice(0, RESTORE_PROBLEMS_SHOWN_MAX).join('; ');
    const rest = problems.length - RESTORE_PROBLEMS_SHOWN_MAX;
    const more = rest > 0 ? `; and ${rest} more` : '';
    super('SDN_RESTORE_INVALID', `revision ${revision} cannot be restored: ${shown}${more}`, {
      remedy: 'Change what stands in the way, or restore a later revision.',
    });
    this.problems = problems;
  }
}
