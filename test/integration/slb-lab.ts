/** Load balancers of a topology (MS-NCNBI §3.1.5.5), written through its northbound API in one call. Used by the slb-*.test.ts. */
import type { Resource } from '../../fabric/northbound-client.ts';
import type { Machine } from '../kit/machine.ts';
import { type Target, visit } from '../kit/tcp-clients.ts';
import type { RunningTopology } from '../kit/topology.ts';

/** In the public pool of a topology with an edge, beyond what is given out in order. */
export const VIP = '203.0.113.100';
export const VIP6 = '2001:db8:203::100';
export const POOL = 'backends';

export interface BalancerSpec {
  /** Public, or of `subnet`. */
  readonly address: string;
  /** resourceRef; internal. */
  readonly subnet?: string;
  readonly port: number;
  /** Names of machines. */
  readonly backends: readonly string[];
  /** More of the rule, of the probe, of the outbound rule; without the last there is none. */
  readonly rule?: object;
  readonly probe?: object;
  readonly outbound?: object;
  /** Beside the rule of `port`, to the same backends. */
  readonly more?: readonly RuleSpec[];
  /** To one backend each: see `leadTo`. */
  readonly inbound?: readonly RuleSpec[];
}

export interface RuleSpec {
  readonly name: string;
  readonly port: number;
  /** Default: the port. */
  readonly backendPort?: number;
  /** More of it. */
  readonly rule?: object;
  /** Of its own, at the port of the backends; default: that of the balancer's `port`. */
  readonly probe?: object;
}

const reference = (resourceRef: string) => ({ resourceRef });
export const balancerPath = (name: string): string => `/loadBalancers/${name}`;
const poolRef = (name: string): string => `${balancerPath(name)}/backendAddressPools/${POOL}`;

/** Also writes its public address, and says on each backend that it is one. */
export async function putBalancer(
  { client }: RunningTopology,
  name: string,
  spec: BalancerSpec,
): Promise<void> {
  const { address, subnet, backends } = spec;
  if (subnet === undefined) {
    const publicIPAddressVersion = familyOf(address);
    const publicIPAllocationMethod = 'Static';
    const properties = { publicIPAllocationMethod, publicIPAddressVersion, ipAddress: address };
    await client.put(`/publicIPAddresses/${name}`, { resourceId: name, properties });
  }
  await writeBalancer(client, name, spec);
  const configuration = familyOf(address) === 'IPv6' ? 'ipv6' : 'primary';
  for (const backend of backends) await join(client, name, backend, configuration);
}

function familyOf(address: string): 'IPv4' | 'IPv6' {
  return address.includes(':') ? 'IPv6' : 'IPv4';
}

async function writeBalancer(
  client: RunningTopology['client'],
  name: string,
  spec: BalancerSpec,
): Promise<void> {
  const { address, subnet, port, rule, probe = {}, outbound, more = [], inbound = [] } = spec;
  const path = balancerPath(name);
  const frontend =
    subnet === undefined
      ? { publicIPAddress: reference(`/publicIPAddresses/${name}`) }
      : {
          subnet: reference(subnet),
          privateIPAllocationMethod: 'Static',
          privateIPAddress: address,
        };
  const toFrontend = [reference(`${path}/frontendIPConfigurations/frontend`)];
  const ends = {
    frontendIPConfigurations: toFrontend,
    backendAddressPool: reference(poolRef(name)),
  };
  const rules: readonly RuleSpec[] = [
    { name: 'rule', port, ...(rule && { rule }), probe },
    ...more,
  ];
  await client.put(path, {
    resourceId: name,
    properties: {
      frontendIPConfigurations: [{ resourceId: 'frontend', properties: frontend }],
      backendAddressPools: [{ resourceId: POOL, properties: {} }],
      probes: rules.flatMap((each) => {
        if (each.probe === undefined) return [];
        const usual = { protocol: 'Tcp', port: toPort(each), ...{ intervalInSeconds: 5 } };
        const properties = { ...usual, numberOfProbes: 1, ...each.probe };
        return [{ resourceId: each.name, properties }];
      }),
      loadBalancingRules: rules.map((each) => ({
        resourceId: each.name,
        properties: {
          ...ends,
          ...portsOf(each),
          probe: reference(`${path}/probes/${each.probe === undefined ? 'rule' : each.name}`),
          ...each.rule,
        },
      })),
      inboundNatRules: inbound.map((each) => ({
        resourceId: each.name,
        properties: { frontendIPConfigurations: toFrontend, ...portsOf(each), ...each.rule },
      })),
      outboundNatRules:
        outbound === undefined
          ? []
          : [{ resourceId: 'outbound', properties: { ...ends, protocol: 'All', ...outbound } }],
    },
  });
}

function toPort({ port, backendPort = port }: RuleSpec): number {
  return backendPort;
}

function portsOf(rule: RuleSpec): object {
  return { protocol: 'Tcp', frontendPort: rule.port, backendPort: toPort(rule) };
}

/** Replaces what the load balancer's rule, probe or outbound rule says; its backends stay. */
export async function changeBalancer(
  { client }: RunningTopology,
  name: string,
  spec: BalancerSpec,
): Promise<void> {
  await writeBalancer(client, name, spec);
}

type References = readonly { readonly resourceRef: string }[];
type Configuration = Resource<{
  readonly loadBalancerBackendAddressPools?: References;
  readonly loadBalancerInboundNatRules?: References;
}>;

export async function join(
  client: RunningTopology['client'],
  name: string,
  backend: string,
  configuration = 'primary',
): Promise<void> {
  const path = configurationPath(backend, configuration);
  await changePools(client, path, (pools) => [...pools, poolRef(name)]);
}

function configurationPath(backend: string, configuration: string): string {
  return `/networkInterfaces/${backend}/ipConfigurations/${configuration}`;
}

export async function leave(
  client: RunningTopology['client'],
  name: string,
  backend: string,
  configuration = 'primary',
): Promise<void> {
  const isOther = (pool: string) => pool.toLowerCase() !== poolRef(name).toLowerCase();
  const path = configurationPath(backend, configuration);
  await changePools(client, path, (pools) => pools.filter(isOther));
}

async function changePools(
  client: RunningTopology['client'],
  path: string,
  changed: (pools: readonly string[]) => readonly string[],
): Promise<void> {
  const found: Configuration = await client.get(path);
  const { loadBalancerBackendAddressPools: pools = [], ...rest } = found.properties;
  const wanted = changed(pools.map(({ resourceRef }) => resourceRef)).map(reference);
  const properties = { ...rest, loadBalancerBackendAddressPools: wanted };
  await client.put(path, { ...found, properties });
}

/** The inbound rule leads to this backend alone. */
export async function leadTo(
  client: RunningTopology['client'],
  name: string,
  rule: string,
  backend: string,
): Promise<void> {
  const path = `/networkInterfaces/${backend}/ipConfigurations/primary`;
  const found: Configuration = await client.get(path);
  const { loadBalancerInboundNatRules: rules = [], ...rest } = found.properties;
  const own = reference(`${balancerPath(name)}/inboundNatRules/${rule}`);
  const properties = { ...rest, loadBalancerInboundNatRules: [...rules, own] };
  await client.put(path, { ...found, properties });
}

/** True if each of these answers at the address; else an error that says who did, for `eventually` to show. */
export async function isServedBy(
  from: Machine,
  target: Target,
  ...servers: readonly string[]
): Promise<true> {
  const report = await visit(from, target, { connections: 40, firstPort: 61_000 });
  const missing = servers.filter((server) => report.byServer[server] === undefined);
  if (missing.length === 0) return true;
  throw new Error(`nothing of ${missing.join(', ')}: ${JSON.stringify(report)}`);
}
