/**
 * What `weft lb create` asks for, as a loadBalancer's body (MS-NCNBI §3.1.5.5): one frontend, one pool, a rule for each port, one probe, and
 * on request a rule for outbound connections. Pure; called by lb-create.
 */
import { UsageFault } from '../../fault-report.ts';
import type { Json } from '../../fields.ts';

export const FRONTEND = 'frontend';
export const POOL = 'backends';
const PROBE = 'probe';
const OUTBOUND = 'outbound';

export interface BalancerOptions {
  /** `80`, `80:8080`, or `all`. */
  readonly port: readonly string[];
  readonly protocol: string;
  /** `tcp`, `tcp:8080`, `http:8080/health`, `none`. */
  readonly probe?: string;
  readonly probeInterval?: number;
  readonly probeCount?: number;
  readonly distribution?: string;
  readonly idleTimeout?: number;
  readonly tcpReset?: boolean;
  readonly floatingIp?: boolean;
  readonly outbound?: boolean;
}

interface PortPair {
  /** 0: every port. */
  readonly frontend: number;
  readonly backend: number;
}

/** By the words of the command line. */
export const DISTRIBUTIONS: Readonly<Record<string, string>> = {
  'five-tuple': 'Default',
  source: 'SourceIP',
  'source-protocol': 'SourceIPProtocol',
};

/** `frontend`: where the address comes from. */
export function balancerProperties(path: string, frontend: Json, options: BalancerOptions): Json {
  const pairs = options.port.map(portPair);
  const probe = probeProperties(options, pairs[0]);
  const toFrontend = [{ resourceRef: `${path}/frontendIPConfigurations/${FRONTEND}` }];
  const toPool = { resourceRef: `${path}/backendAddressPools/${POOL}` };
  const ends = { frontendIPConfigurations: toFrontend, backendAddressPool: toPool };
  const life = {
    ...(options.idleTimeout !== undefined && { idleTimeoutInMinutes: options.idleTimeout }),
    ...(options.tcpReset === true && { enableTcpReset: true }),
  };
  return {
    frontendIPConfigurations: [{ resourceId: FRONTEND, properties: frontend }],
    backendAddressPools: [{ resourceId: POOL, properties: {} }],
    probes: probe === undefined ? [] : [{ resourceId: PROBE, properties: probe }],
    loadBalancingRules: pairs.map((pair) => ({
      resourceId: ruleName(pair, options.protocol),
      properties: {
        ...ends,
        ...life,
        protocol: pair.frontend === 0 ? 'All' : options.protocol === 'udp' ? 'Udp' : 'Tcp',
        frontendPort: pair.frontend,
        backendPort: pair.backend,
        loadDistribution: DISTRIBUTIONS[options.distribution ?? 'five-tuple'] ?? 'Default',
        enableFloatingIP: options.floatingIp === true,
        ...(probe !== undefined && { probe: { resourceRef: `${path}/probes/${PROBE}` } }),
      },
    })),
    outboundNatRules:
      options.outbound === true
        ? [{ resourceId: OUTBOUND, properties: { ...ends, protocol: 'All' } }]
        : [],
  };
}

function ruleName({ frontend }: PortPair, protocol: string): string {
  return frontend === 0 ? 'all-ports' : `${protocol}-${frontend}`;
}

const PORT_MAX = 65_535;
const PORT_REMEDY = 'Write a port, two of them as 80:8080, or all.';

function portPair(text: string): PortPair {
  if (text === 'all') return { frontend: 0, backend: 0 };
  const [front = '', back = front, ...rest] = text.split(':');
  const [frontend, backend] = [front, back].map(portNumber);
  if (frontend === undefined || backend === undefined || rest.length > 0)
    throw new UsageFault(`'${text}' is no port`, PORT_REMEDY);
  return { frontend, backend };
}

function portNumber(text: string): number | undefined {
  const number = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  return number >= 1 && number <= PORT_MAX ? number : undefined;
}

const PROBE_WORDS = /^(tcp|http|https)(?::([0-9]{1,5}))?(\/.*)?$/;

/** Of TCP the backend port is asked, unless something else is said; UDP says nothing of itself. */
function probeProperties(options: BalancerOptions, first: PortPair | undefined): Json | undefined {
  const { probe = options.protocol === 'tcp' && first?.backend !== 0 ? 'tcp' : 'none' } = options;
  if (probe === 'none') return undefined;
  const [, kind, portText, requestPath] = PROBE_WORDS.exec(probe) ?? [];
  const port = portText === undefined ? first?.backend : portNumber(portText);
  if (kind === undefined || port === undefined || port === 0)
    throw new UsageFault(
      `'${probe}' is no probe`,
      'Write tcp, tcp:PORT, http:PORT/PATH, https:PORT/PATH, or none.',
    );
  if (kind === 'tcp' && requestPath !== undefined)
    throw new UsageFault('a TCP probe asks for no path', 'Write http instead of tcp.');
  return {
    protocol: { tcp: 'Tcp', http: 'Http', https: 'Https' }[kind],
    port,
    ...(kind !== 'tcp' && { requestPath: requestPath ?? '/' }),
    intervalInSeconds: options.probeInterval ?? PROBE_INTERVAL_SEC,
    numberOfProbes: options.probeCount ?? PROBE_COUNT,
  };
}

/** The quickest that the API takes: who tries it out does not want to wait. */
const PROBE_INTERVAL_SEC = 5;
const PROBE_COUNT = 2;
