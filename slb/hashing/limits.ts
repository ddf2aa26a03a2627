/** Limits of a pool of backends, the same wherever one is chosen. Called by hashing and by whoever reads pools. */

/** Backends of one pool: the rows of its table leave each of them 65 at least, so that shares are exact to 2 %. */
export const BACKENDS_PER_POOL_MAX = 1_000;
/** Weight of a backend, relative to the others of its pool; 0 takes it out. */
export const BACKEND_WEIGHT_MAX = 100;
