/**
 * `up --expose`: a way from the machine's own network namespace, the one `up` was called in, to the fabric's public addresses, so that
 * a browser on the laptop reaches a VM.
 *
 *   machine: weft-F ═══ machine0 :weft-F-outside: eth0 ═══ outside0 :weft-F-edge
 *     100.64.255.254    .253                     192.0.2.1          .2
 *
 * The machine gets one interface and one route; both go with the interface, and that with the outside's namespace. Nothing of the machine
 * is replaced: what has a route to these addresses already is told so before anything is made. The link's addresses are of shared
 * space (RFC 6598), which no network of the machine's own should use. The other way, VMs that may reach the outside reach the machine's
 * end of the link, and no other address of the machine.
 *
 * Called by settings.ts, deploy.ts, fabric.ts and commands.ts.
 */
import { assert } from '../base/assert.ts';
import { SdnError } from '../base/errors.ts';
import { ipPrefixesOverlap, parseIpPrefix } from '../base/ip.ts';
import { attempt, run } from './command.ts';
import { type EdgeNetwork, OUTSIDE, setKernelForwarding } from './edge-network.ts';
import { INTERFACE_NAME_BYTES_MAX } from './limits.ts';
import { ipBatch } from './links.ts';
import { namespaceName } from './namespaces.ts';

export interface Exposure {
  /** Of the link between the machine and the outside. */
  readonly linkPrefix: string;
  /** Without length. */
  readonly machineAddress: string;
  readonly outsideAddress: string;
  /** What the machine reaches by it, and an address of that for examples. */
  readonly publicPrefix: string;
  readonly firstAddress: string;
}

/** In the namespace of the outside. */
const OUTSIDE_END = 'machine0';
const LINK_LENGTH = 30;

export function exposure({ publicPrefix, vipPool }: EdgeNetwork): Exposure {
  return {
    linkPrefix: `100.64.255.252/${LINK_LENGTH}`,
    machineAddress: '100.64.255.254',
    outsideAddress: '100.64.255.253',
    publicPrefix,
    firstAddress: vipPool.first,
  };
}

/** The machine's end of the link. */
export function machineInterface(fabric: string): string {
  const name = `weft-${fabric}`;
  assert(name.length <= INTERFACE_NAME_BYTES_MAX, `interface name '${name}' is too long`);
  return name;
}

const REMEDY =
  'remove that route, or leave out --expose and work from the outside: weft inside outside -- COMMAND';

/** Throws SDN_ROUTE_CONFLICT if the machine has a route that leads to, or is a part of, what the exposure needs; changes nothing. */
export async function checkMachineRoutes({ linkPrefix, publicPrefix }: Exposure): Promise<void> {
  const stdout = await run(['ip', '-4', '-json', 'route', 'show', 'table', 'all']);
  const found = conflictingRoute(stdout, [publicPrefix, linkPrefix]);
  if (found === undefined) return;
  throw new SdnError(
    'SDN_ROUTE_CONFLICT',
    `--expose needs ${found.wanted}, and this machine has a route to ${found.route} already`,
    { remedy: REMEDY },
  );
}

/**
 * The first of `ip -json route`'s IPv4 routes that overlaps with one of the prefixes. Default routes do not: neither the real one, nor
 * the two halves that some VPN clients set in its place, since a longer prefix wins against them.
 */
export function conflictingRoute(
  routesJson: string,
  wanted: readonly string[],
): { readonly route: string; readonly wanted: string } | undefined {
  const routes: unknown = JSON.parse(routesJson.trim() || '[]');
  for (const route of Array.isArray(routes) ? routes : []) {
    const { dst, dev } = route as { readonly dst?: unknown; readonly dev?: unknown };
    if (typeof dst !== 'string') continue;
    const own = parseIpPrefix(dst.includes('/') ? dst : `${dst}/32`); // 'default' is none
    if (own === undefined || own.len <= 1) continue;
    for (const text of wanted) {
      const prefix = parseIpPrefix(text);
      if (prefix === undefined || !ipPrefixesOverlap(own, prefix)) continue;
      return { route: typeof dev === 'string' ? `${dst} by ${dev}` : dst, wanted: text };
    }
  }
  return undefined;
}

/** Makes the link and the route; the namespace of the outside exists. The last step sees that the route is the one that is taken. */
export async function createMachineLink(fabric: string, wanted: Exposure): Promise<void> {
  const device = machineInterface(fabric);
  const outside = namespaceName(fabric, OUTSIDE);
  const { machineAddress, outsideAddress, publicPrefix, firstAddress } = wanted;
  await setKernelForwarding(outside, true);
  const pair = ['type', 'veth', 'peer', 'name', OUTSIDE_END, 'netns', outside];
  await run(['ip', 'link', 'add', device, ...pair]);
  await ipBatch(outside, [
    `address add ${outsideAddress}/${LINK_LENGTH} dev ${OUTSIDE_END}`,
    `link set ${OUTSIDE_END} up`,
  ]);
  await run(['ip', 'address', 'add', `${machineAddress}/${LINK_LENGTH}`, 'dev', device]);
  await run(['ip', 'link', 'set', device, 'up']);
  await run(['ip', 'route', 'add', publicPrefix, 'via', outsideAddress, 'dev', device]);
  const taken = await run(['ip', '-4', 'route', 'get', firstAddress]);
  if (taken.includes(` dev ${device} `)) return;
  throw new SdnError(
    'SDN_ROUTE_CONFLICT',
    `a routing rule of this machine sends ${publicPrefix} elsewhere: ${taken.trim().split('\n')[0]}`,
    { remedy: REMEDY },
  );
}

/** Removes the machine's end, and so the link and the route. Absent is fine, and what is not ours to remove stays. */
export async function removeMachineLink(fabric: string): Promise<void> {
  await attempt(['ip', 'link', 'del', 'dev', machineInterface(fabric)]);
}
