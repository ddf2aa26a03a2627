/** The store's faults. All reject a call without having written anything, unless the text says otherwise. */
import { SdnError } from '../../base/errors.ts';
import type { Revision } from './store.ts';

export class StoreError extends SdnError {
  override readonly name: string = 'StoreError';
}

/** A key of `expect` has another revision by now: read again, decide again. */
export class StoreConflict extends StoreError {
  override readonly name = 'StoreConflict';
  readonly key: string;
  readonly expected: Revision;
  readonly actual: Revision;

  constructor(key: string, revisions: { readonly expected: Revision; readonly actual: Revision }) {
    const { expected, actual } = revisions;
    super('SDN_STORE_CONFLICT', `${key} is at revision ${actual}, not ${expected}`);
    this.key = key;
    this.expected = expected;
    this.actual = actual;
  }
}

export class StoreClosed extends StoreError {
  override readonly name = 'StoreClosed';

  constructor() {
    super('SDN_STORE_CLOSED', 'the store is closed');
  }
}

/** Too much is waiting to be written. */
export class StoreBusy extends StoreError {
  override readonly name = 'StoreBusy';

  constructor() {
    super('SDN_STORE_BUSY', 'too many writes are waiting', { remedy: 'Retry after a moment.' });
  }
}

export class StoreTooBig extends StoreError {
  override readonly name = 'StoreTooBig';

  constructor(what: string, limit: { readonly actual: number; readonly max: number }) {
    super('SDN_STORE_TOO_BIG', `${what}: ${limit.actual}, allowed are ${limit.max}`);
  }
}

/** A revision that is not there: not committed yet, or none at all. */
export class StoreRevisionUnknown extends StoreError {
  override readonly name = 'StoreRevisionUnknown';

  constructor(revision: Revision, latest: Revision) {
    super(
      'SDN_STORE_REVISION_UNKNOWN',
      `there is no revision ${revision}; the latest is ${latest}`,
    );
  }
}

/** A revision whose history is no longer kept. */
export class StoreRevisionForgotten extends StoreError {
  override readonly name = 'StoreRevisionForgotten';

  constructor(revision: Revision, oldest: Revision) {
    super(
      'SDN_STORE_REVISION_FORGOTTEN',
      `revision ${revision} is no longer kept; the oldest is ${oldest}`,
    );
  }
}

/** The disk refused a batch. Whether it is there shows only after a restart, so the store takes no further writes. */
export class StoreFailed extends StoreError {
  override readonly name = 'StoreFailed';

  constructor(cause: unknown) {
    super('SDN_STORE_FAILED', 'the store could not be written', {
      cause,
      remedy: 'Check that the disk has room and is healthy, then restart the controller.',
    });
  }
}

/** Another process has the database open. */
export class StoreLocked extends StoreError {
  override readonly name = 'StoreLocked';

  constructor(path: string, cause: unknown) {
    super('SDN_STORE_LOCKED', `${path} is in use by another process`, {
      cause,
      remedy: 'Stop the other controller, or give this one a state directory of its own.',
    });
  }
}

export class StoreCorrupt extends StoreError {
  override readonly name = 'StoreCorrupt';

  constructor(what: string, cause?: unknown) {
    super('SDN_STORE_CORRUPT', what, {
      cause,
      remedy: 'Restore the state directory from a copy.',
    });
  }
}

/** Written by a later version of the software, whose layout this one does not know. */
export class StoreSchemaNewer extends StoreError {
  override readonly name = 'StoreSchemaNewer';

  constructor(path: string, versions: { readonly found: number; readonly known: number }) {
    const { found, known } = versions;
    super(
      'SDN_STORE_SCHEMA_NEWER',
      `${path} has schema ${found}; this version knows up to ${known}`,
      {
        remedy: 'Run the version that wrote it, or a later one.',
      },
    );
  }
}
