/**
 * Questions about load balancing, under `/networking/weft/v1/`: what muxes make of virtual addresses, and what hosts know of the backends behind
 * them. Part of DIAGNOSTIC_ROUTES.
 */
import { messageOf } from '../../base/errors.ts';
import { formatIp, parseIp } from '../../base/ip.ts';
import { LoadBalancingRuleSchema } from '../../schema/northbound/load-balancers.ts';
import { askAll, type Explained } from '../diagnostics/hosts.ts';
import type { Resource } from '../model/desired-state.ts';
import { resourceNamed } from './asked-resource.ts';
import type { DiagnosticRoute } from './diagnostic-route.ts';
import { fault } from './fault.ts';
import { typed } from './resource-node.ts';
import { frontendAddress } from './slb-states.ts';

export const MUX_ROUTES: readonly DiagnosticRoute[] = [
  {
    method: 'GET',
    path: 'virtualAddresses/{id}',
    query: '',
    summary:
      'a load balancer’s address: what each mux says of it (announced or not, backends with health, shares and flows, drops), of an internal one what each host does; what hosts’ probes have ' +
      'found out about backends, the ports that these go out by, and what the frontend’s configurationState says',
    answer: async (context, { id }) => {
      const ip = parseIp(id);
      if (ip === undefined) throw fault('InvalidParameterValue', `'${id}' is no IP address`, id);
      const address = formatIp(ip);
      const frontends = frontendsAt(context, address);
      const asked = probesOf(context, frontends);
      const [muxes, hosts, probes, snat] = await Promise.all([
        askMuxes(context, address),
        askAll(context, 'virtualAddresses', { address }),
        askAll(context, 'probes', {}),
        askAll(context, 'snat', {}),
      ]);
      return {
        address,
        muxes: muxes.answers,
        hosts: hosts.answers.flatMap(({ host, answer }) =>
          answer.addresses.map((own) => ({ host, ...own })),
        ),
        probes: probes.answers.flatMap(({ host, answer }) =>
          answer.backends
            .filter(({ probeId }) => asked.has(probeId))
            .map((backend) => ({ host, ...backend })),
        ),
        leases: snat.answers.flatMap(({ host, answer }) =>
          answer.leases
            .filter(({ publicAddress }) => publicAddress === address)
            .map((lease) => ({ host, ...lease })),
        ),
        details: frontends.flatMap(
          ({ instanceId }) => context.realised.configurationState(instanceId)?.detailedInfo ?? [],
        ),
        missing: [...muxes.missing, ...probes.missing],
      };
    },
  },
  {
    method: 'GET',
    path: 'loadBalancerMuxes/{id}/status',
    query: '',
    summary: 'every virtual address that a mux has, and whether it is in sync with the controller',
    answer: async (context, { id }) => context.askMux(muxAt(context, id), 'muxStatus', {}),
  },
  {
    method: 'GET',
    path: 'loadBalancerMuxes/{id}/counters',
    query: '',
    summary: 'packets, bytes and drops of a mux, and how full its memory of flows is',
    answer: async (context, { id }) => context.askMux(muxAt(context, id), 'muxCounters', {}),
  },
  {
    method: 'GET',
    path: 'loadBalancerMuxes/{id}/bgpPeers',
    query: '',
    summary: 'BGP sessions of a mux: state, what was exchanged, and why one is not up',
    answer: async (context, { id }) => context.askMux(muxAt(context, id), 'bgpPeers', {}),
  },
];

function muxAt(context: Explained, id: string): string {
  return resourceNamed(context, 'loadBalancerMuxes', id).resourceId;
}

/** Several, where networks have the same internal address. */
function frontendsAt({ desired }: Explained, address: string): readonly Resource[] {
  return [...desired.list('loadBalancers/frontendIPConfigurations').values()].filter(
    (frontend) => frontendAddress(frontend, desired) === address,
  );
}

/** instanceIds of the probes that the rules of frontends name. */
function probesOf({ desired }: Explained, frontends: readonly Resource[]): ReadonlySet<string> {
  const rules = frontends.flatMap(({ ref }) => [...desired.referrers(ref)]);
  return new Set(
    rules.flatMap(({ from }) => {
      const { probe } = typed(LoadBalancingRuleSchema, from);
      return desired.byRef(probe?.resourceRef ?? '')?.instanceId ?? [];
    }),
  );
}

async function askMuxes({ desired, askMux }: Explained, address: string) {
  const answers: object[] = [];
  const missing: { host: string; reason: string }[] = [];
  const names = [...desired.list('loadBalancerMuxes').values()].map(({ resourceId }) => resourceId);
  await Promise.all(
    names.map(async (mux) => {
      try {
        const { inSync, addresses } = await askMux(mux, 'muxStatus', { address });
        answers.push({ mux, inSync, ...addresses[0] });
      } catch (thrown) {
        missing.push({ host: mux, reason: messageOf(thrown) });
      }
    }),
  );
  const byName = (a: object, b: object): number =>
    String(Reflect.get(a, 'mux')) < String(Reflect.get(b, 'mux')) ? -1 : 1;
  return { answers: answers.sort(byName), missing };
}
