/**
 * Maxima of the controller: every queue, table and length that a client, a target or time could make grow. Reaching one is a counted
 * outcome with an error of its own, and is tested.
 */

/** Store: UTF-8 bytes of a key. A resource path three collections deep with names of 200 characters fits twice. */
export const STORE_KEY_BYTES_MAX: number = 2 * 1024;
/** Store: bytes of one document as JSON. A virtual network of 10,000 subnets takes about 5 MiB. */
export const STORE_DOCUMENT_BYTES_MAX: number = 16 * 1024 * 1024;
/** Store: mutations in one commit. Restoring a revision writes every tree that differs in one commit. */
export const STORE_MUTATIONS_MAX = 100_000;
/** Store: commits waiting to be written; further ones are refused with SDN_STORE_BUSY. */
export const STORE_QUEUED_COMMITS_MAX = 20_000;
/** Store: bytes of commits waiting to be written; further ones are refused with SDN_STORE_BUSY. */
export const STORE_QUEUED_BYTES_MAX: number = 128 * 1024 * 1024;
/** Store: commits that share one batch, so that the first of them does not wait for ever. */
export const STORE_GROUP_COMMITS_MAX = 512;
/** Store: bytes of the commits that share one batch; one commit alone may be larger. */
export const STORE_GROUP_BYTES_MAX: number = 8 * 1024 * 1024;
/** Store: latest revisions kept in memory for watchers; one further behind reads the log. */
export const STORE_RECENT_REVISIONS_MAX = 1024;
/** Store: bytes of the documents of the revisions kept in memory for watchers. */
export const STORE_RECENT_BYTES_MAX: number = 32 * 1024 * 1024;
/** Store: log entries or documents that one read fetches from disk at a time. */
export const STORE_READ_COUNT = 64;
/** Store: rows that a migration copies in one batch. */
export const STORE_MIGRATION_ROWS = 1000;
/** Store: revisions whose history is kept. Older ones are forgotten as new ones come, and cannot be shown or restored any more. */
export const STORE_REVISIONS_KEPT_MAX = 100_000;
/** Store: revisions that one batch forgets, when a lower limit makes many of them old at once. */
export const STORE_FORGOTTEN_PER_BATCH_MAX = 1024;
/** Revisions: entries of one page of the list. */
export const REVISIONS_PAGE_COUNT_MAX = 200;
/** Revisions: differences shown of one diff; the answer says when there are more. */
export const DIFFERENCES_MAX = 10_000;
/** Revisions: times a restore starts again because somebody else wrote meanwhile. */
export const RESTORE_ATTEMPTS_MAX = 5;
/** Revisions: reasons listed when a restore is refused. */
export const RESTORE_PROBLEMS_SHOWN_MAX = 10;
