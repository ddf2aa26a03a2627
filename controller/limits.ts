/**
 * Maxima of the controller: every queue, table and length that a client, a target or time could make grow. Reaching one is a counted
 * outcome with an error of its own, and is tested.
 */

const KIB = 1024;
const MIB = 1024 * KIB;

/** Store: UTF-8 bytes of a key. A resource path three collections deep with names of 200 characters fits twice. */
export const STORE_KEY_BYTES_MAX: number = 2 * KIB;
/** Store: bytes of one document as JSON. A virtual network of 10,000 subnets takes about 5 MiB. */
export const STORE_DOCUMENT_BYTES_MAX: number = 16 * MIB;
/** Store: mutations in one commit. Restoring a revision writes every tree that differs in one commit. */
export const STORE_MUTATIONS_MAX = 100_000;
/** Store: commits waiting to be written; further ones are refused with SDN_STORE_BUSY. */
export const STORE_QUEUED_COMMITS_MAX = 20_000;
/** Store: bytes of commits waiting to be written; further ones are refused with SDN_STORE_BUSY. */
export const STORE_QUEUED_BYTES_MAX: number = 128 * MIB;
/** Store: commits that share one batch, so that the first of them does not wait for ever. */
export const STORE_GROUP_COMMITS_MAX = 512;
/** Store: bytes of the commits that share one batch; one commit alone may be larger. */
export const STORE_GROUP_BYTES_MAX: number = 8 * MIB;
/** Store: latest revisions kept in memory for watchers; one further behind reads the log. */
export const STORE_RECENT_REVISIONS_MAX = 1024;
/** Store: bytes of the documents of the revisions kept in memory for watchers. */
export const STORE_RECENT_BYTES_MAX: number = 32 * MIB;
/** Store: log entries or documents that one read fetches from disk at a time. */
export const STORE_READ_COUNT = 64;
/** Store: rows that a migration copies in one batch. */
export const STORE_MIGRATION_ROWS = 1000;
