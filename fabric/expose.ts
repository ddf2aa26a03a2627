/**
 * `up --expose`: a way from the machine's own network namespace, the one `up` was called in, to the fabric's public addresses, so that
 * a browser on the laptop reaches a VM.
 *
 *   machine: weft-F ═══ machine0 :weft-F-outside: eth0 ═══ outside0 :weft-F-edge
 *     100.64.255.254    .253                     192.0.2.1          .2
 *     fd57:4546:5401::2 ::1               2001:db8:ffff::1          ::2
 *
 * The machine gets one interface, and a route for each family that it has; all go with the interface, and that with the outside's namespace.
 * Nothing of the machine is replaced: what has a route to these addresses already is told so before anything is made. The link's addresses are of
 * shared space (RFC 6598) and unique local (RFC 4193), which no network of the machine's own should use. The other way, VMs that may reach the
 * outside reach the machine's end of the link, and no other address of the machine.
 *
 * Called by settings.ts, deploy.ts, fabric.ts and commands.ts.
 */
import { readFileSync } from 'node:fs';
import { assert } from '../base/assert.ts';
import { SdnError } from '../base/errors.ts';
import {
  familyBits,
  type IpFamily,
  ipFamily,
  ipPrefixesOverlap,
  parseIp,
  parseIpPrefix,
} from '../base/ip.ts';
import { attempt, run } from './command.ts';
import {
  type EdgeNetwork,
  OUTSIDE,
  type PublicNetwork,
  setKernelForwarding,
} from './edge-network.ts';
import { INTERFACE_NAME_BYTES_MAX } from './limits.ts';
import { ipBatch } from './links.ts';
import { namespaceName } from './namespaces.ts';

/** One for each family that the machine has, IPv4 first. */
export type Exposure = readonly ExposedWay[];

export interface ExposedWay {
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

const LINKS = [
  {
    linkPrefix: '100.64.255.252/30',
    machineAddress: '100.64.255.254',
    outsideAddress: '100.64.255.253',
  },
  {
    linkPrefix: 'fd57:4546:5401::/126',
    machineAddress: 'fd57:4546:5401::2',
    outsideAddress: 'fd57:4546:5401::1',
  },
] as const;

export function exposure({ publicNetworks }: EdgeNetwork, hasIpv6: boolean): Exposure {
  const [ipv4, ipv6] = publicNetworks;
  const [link4, link6] = LINKS;
  const ways = [wayTo(ipv4, link4), wayTo(ipv6, link6)];
  return hasIpv6 ? ways : ways.slice(0, 1);
}

function wayTo({ prefix, vipPool }: PublicNetwork, link: (typeof LINKS)[number]): ExposedWay {
  return { ...link, publicPrefix: prefix, firstAddress: vipPool.first };
}

/** Will a new interface of this machine have IPv6? */
export function machineHasIpv6(): boolean {
  try {
    return ['all', 'default'].every(
      (name) => readFileSync(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, 'utf8').trim() === '0',
    );
  } catch {
    return false; // a kernel without it
  }
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
export async function checkMachineRoutes(wanted: Exposure): Promise<void> {
  for (const { linkPrefix, publicPrefix } of wanted) {
    const family = familyOption(publicPrefix);
    const stdout = await run(['ip', family, '-json', 'route', 'show', 'table', 'all']);
    const found = conflictingRoute(stdout, [publicPrefix, linkPrefix]);
    if (found === undefined) continue;
    throw new SdnError(
      'SDN_ROUTE_CONFLICT',
      `--expose needs ${found.wanted}, and this machine has a route to ${found.route} already`,
      { remedy: REMEDY },
    );
  }
}

function familyOption(text: string): '-4' | '-6' {
  return text.includes(':') ? '-6' : '-4';
}

/** Routes that are no longer stand for everything: halves of the default route, and 2000::/3, all that is public (RFC 4291 §2.5.4). */
const DEFAULT_LEN_MAX: Readonly<Record<IpFamily, number>> = { 4: 1, 6: 3 };

/**
 * The first of `ip -json route`'s routes that overlaps with one of the prefixes. Default routes do not: neither the real one, nor
 * what some VPN clients set in its place, since a longer prefix wins against them.
 */
export function conflictingRoute(
  routesJson: string,
  wanted: readonly string[],
): { readonly route: string; readonly wanted: string } | undefined {
  const routes: unknown = JSON.parse(routesJson.trim() || '[]');
  for (const route of Array.isArray(routes) ? routes : []) {
    const { dst, dev } = route as { readonly dst?: unknown; readonly dev?: unknown };
    if (typeof dst !== 'string') continue;
    const own = parseIpPrefix(dst.includes('/') ? dst : hostPrefix(dst)); // 'default' is none
    if (own === undefined || own.len <= DEFAULT_LEN_MAX[own.family]) continue;
    for (const text of wanted) {
      const prefix = parseIpPrefix(text);
      if (prefix === undefined || !ipPrefixesOverlap(own, prefix)) continue;
      return { route: typeof dev === 'string' ? `${dst} by ${dev}` : dst, wanted: text };
    }
  }
  return undefined;
}

function hostPrefix(text: string): string {
  const address = parseIp(text);
  return address === undefined ? text : `${text}/${familyBits(ipFamily(address))}`;
}

/** Makes the link and the routes; the namespace of the outside exists. The last step sees that each route is the one that is taken. */
export async function createMachineLink(fabric: string, wanted: Exposure): Promise<void> {
  const device = machineInterface(fabric);
  const outside = namespaceName(fabric, OUTSIDE);
  await setKernelForwarding(outside, true);
  const pair = ['type', 'veth', 'peer', 'name', OUTSIDE_END, 'netns', outside];
  await run(['ip', 'link', 'add', device, ...pair]);
  await ipBatch(outside, [
    ...wanted.map((way) => `address add ${outsideAddress(way)} dev ${OUTSIDE_END} ${once(way)}`),
    `link set ${OUTSIDE_END} up`,
  ]);
  for (const way of wanted) {
    const { machineAddress } = way;
    const address = `${machineAddress}/${lengthOf(way)}`;
    const isOnce = once(way) === '' ? [] : [once(way)];
    await run(['ip', 'address', 'add', address, 'dev', device, ...isOnce]);
  }
  await run(['ip', 'link', 'set', device, 'up']);
  for (const way of wanted) await addRoute(device, way);
}

function outsideAddress(way: ExposedWay): string {
  return `${way.outsideAddress}/${lengthOf(way)}`;
}

function lengthOf({ linkPrefix }: ExposedWay): string {
  return linkPrefix.split('/')[1] ?? '';
}

/** An IPv6 address is there at once, without looking for others that have it (RFC 4862 §5.4). */
function once({ machineAddress }: ExposedWay): 'nodad' | '' {
  return familyOption(machineAddress) === '-6' ? 'nodad' : '';
}

async function addRoute(device: string, way: ExposedWay): Promise<void> {
  const { publicPrefix, outsideAddress: via, firstAddress } = way;
  await run(['ip', 'route', 'add', publicPrefix, 'via', via, 'dev', device]);
  const taken = await run(['ip', familyOption(firstAddress), 'route', 'get', firstAddress]);
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
