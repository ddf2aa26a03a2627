/**
 * Resource references — MS-NCNBI §2.2.2: a resource's path below the version, as in `/virtualNetworks/blue/subnets/web`. They keep the
 * casing the client used and compare without it, so tables are keyed by `refKey`. Called by model, northbound and compiler.
 */

/** The form two references share when they name the same resource: lower-cased, one leading slash, none trailing. */
export function refKey(ref: string): string {
  const key = ref.toLowerCase();
  const start = key.startsWith('/') ? key : `/${key}`;
  return start.endsWith('/') ? start.slice(0, -1) : start;
}

/** Store key of the tree that holds the resource: `/virtualNetworks/blue/subnets/web` → `virtualnetworks/blue`. */
export function treeKeyOf(ref: string): string {
  const [, collection = '', id = ''] = refKey(ref).split('/');
  return `${collection}/${id}`;
}

/** The collections along the path, lower-cased: `/virtualNetworks/blue/subnets/web` → `virtualnetworks/subnets`. */
export function typeKeyOf(ref: string): string {
  return refKey(ref)
    .slice(1)
    .split('/')
    .filter((_, index) => index % 2 === 0)
    .join('/');
}
