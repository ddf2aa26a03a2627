/** Load balancers and their backends as the northbound API has them (MS-NCNBI §3.1.5.5), read for the commands of `weft lb`. */
import type { Resource } from '../../../fabric/northbound-client.ts';
import { UsageFault } from '../../fault-report.ts';
import { isObject, type Json, lastName, listAt, nameIn, textAt } from '../../fields.ts';
import { configuration } from '../../resources.ts';
import type { Session } from '../../session.ts';

export const COLLECTION = '/loadBalancers';
export const balancerPath = (name: string): string => `${COLLECTION}/${name}`;

/** An ipConfiguration that is, or shall be, a backend: its interface, and its name there. */
export interface BackendName {
  readonly nic: string;
  readonly configuration: string;
}

export interface Frontend {
  readonly name: string;
  readonly address: string;
  readonly isInternal: boolean;
  /** Name of its publicIPAddress. */
  readonly publicIp: string;
  /** What hosts, muxes and edges have made of it. */
  readonly configuration: string;
}

/** `shop-a`, or `shop-a/second` of one that has several addresses. */
export async function backendName(session: Session, text: string): Promise<BackendName> {
  const [nic = '', wanted] = text.split('/');
  const found = await session.northbound().get(`/networkInterfaces/${nic}`);
  const all = listAt(found, 'properties', 'ipConfigurations');
  const isPrimary = (each: unknown): boolean => textAt(each, 'properties', 'isPrimary') === 'true';
  const chosen =
    wanted === undefined
      ? (all.find(isPrimary) ?? all[0])
      : all.find((each) => textAt(each, 'resourceId') === wanted);
  if (chosen !== undefined) return { nic, configuration: textAt(chosen, 'resourceId') };
  throw new UsageFault(
    `${nic} has no address ${wanted ?? ''}`.trimEnd(),
    `See weft nic show ${nic}.`,
  );
}

export function backendRef({ nic, configuration }: BackendName): string {
  return `/networkInterfaces/${nic}/ipConfigurations/${configuration}`;
}

/** References of the ipConfigurations in the load balancer's pools, each once. */
export function backendRefs(balancer: Resource): readonly string[] {
  const refs = children(balancer, 'backendAddressPools').flatMap((pool) =>
    listAt(pool, 'properties', 'backendIPConfigurations').map((each) =>
      textAt(each, 'resourceRef'),
    ),
  );
  return [...new Set(refs)];
}

export function children(balancer: unknown, type: string): readonly Json[] {
  return listAt(balancer, 'properties', type).filter(isObject);
}

/** Addresses of frontends; those that are a publicIPAddress's are looked up in `publicIps`. */
export function frontends(balancer: Resource, publicIps: readonly Resource[]): readonly Frontend[] {
  return children(balancer, 'frontendIPConfigurations').map((each) => {
    const publicIp = lastName(textAt(each, 'properties', 'publicIPAddress', 'resourceRef'));
    const holder = publicIps.find(({ resourceId }) => same(resourceId, publicIp));
    const subnet = textAt(each, 'properties', 'subnet', 'resourceRef');
    return {
      name: textAt(each, 'resourceId'),
      address:
        textAt(holder, 'properties', 'ipAddress') || textAt(each, 'properties', 'privateIPAddress'),
      isInternal: publicIp === '' && nameIn(subnet, 'virtualNetworks') !== '',
      publicIp,
      configuration: configuration(each),
    };
  });
}

/** Names compare without regard to case (MS-NCNBI §2.2). */
export function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** `tcp 80 → 8080` */
export function ruleLine(rule: unknown): string {
  const property = (name: string): string => textAt(rule, 'properties', name);
  const [front, back] = [property('frontendPort'), property('backendPort')];
  if (front === '') return 'goes out';
  const protocol = property('protocol').toLowerCase();
  if (front === '0' || protocol === 'all') return 'all ports';
  return back === '' || back === front ? `${protocol} ${front}` : `${protocol} ${front} → ${back}`;
}

/** `http 8080/health every 5 s, 2 in a row` */
export function probeLine(probe: unknown): string {
  const property = (name: string): string => textAt(probe, 'properties', name);
  const what = `${property('protocol').toLowerCase()} ${property('port')}${property('requestPath')}`;
  return `${what} every ${property('intervalInSeconds')} s, ${property('numberOfProbes')} in a row`;
}
