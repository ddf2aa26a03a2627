/**
 * Questions about what applies to network interfaces, under `/networking/weft/v1/`: learned addresses, routes and rules in force, and what they say of
 * one destination or flow. Part of DIAGNOSTIC_ROUTES.
 */
import type { Question } from '../../schema/southbound/diagnostics/methods.ts';
import { ROUTES_PAGE_MAX } from '../../schema/southbound/diagnostics/routes.ts';
import { RULES_PAGE_MAX, type RuleDirection } from '../../schema/southbound/diagnostics/rules.ts';
import { type FlowEnd, parseFlowEnd } from '../diagnostics/flow-end.ts';
import { learnedAddresses } from '../diagnostics/learned-addresses.ts';
import { attachedInterface } from './asked-resource.ts';
import type { DiagnosticRoute } from './diagnostic-route.ts';
import { fault } from './fault.ts';
import { limitOf } from './query-parameters.ts';

export const POLICY_ROUTES: readonly DiagnosticRoute[] = [
  {
    method: 'GET',
    path: 'learnedIpAddresses',
    query: '',
    summary:
      'every learned address: the interfaces that share it, the one that has it now and its host; both are absent while none has it',
    answer: async (context) => ({ value: learnedAddresses(context) }),
  },
  {
    method: 'GET',
    path: 'networkInterfaces/{id}/effectiveRoutes',
    query: '?limit=',
    summary:
      'routes of the subnets that a network interface is in, at most `limit`: origin, next hop, the resource that asks for each, ' +
      'whether another of the same prefix counts instead, and why packets that follow it are dropped',
    answer: async (context, { id, query }) => {
      const { nic, host } = attachedInterface(context, id);
      const limit = limitOf(query, { usual: ROUTES_PAGE_MAX, max: ROUTES_PAGE_MAX });
      const question = { portId: nic.instanceId, limit };
      const { subnets } = await context.ask(host, 'effectiveRoutes', question);
      return { host, value: subnets };
    },
  },
  {
    method: 'GET',
    path: 'networkInterfaces/{id}/nextHop',
    query: '?destination=&source=',
    summary:
      'next hop of what a network interface sends to an address, and the route that says so; `source`: one of its addresses, ' +
      'by default the first of the family',
    answer: async (context, { id, query }) => {
      const { nic, host } = attachedInterface(context, id);
      const destination = query.get('destination');
      if (destination === null) {
        throw fault('InvalidParameterValue', 'name a destination address', 'destination');
      }
      const source = query.get('source');
      const question = { portId: nic.instanceId, destination, ...(source !== null && { source }) };
      return { host, ...(await context.ask(host, 'nextHop', question)) };
    },
  },
  {
    method: 'GET',
    path: 'networkInterfaces/{id}/effectiveRules',
    query: '?direction=&limit=',
    summary:
      'access control lists that apply to a network interface, in the order in which they are asked, with at most `limit` rules: addresses that ' +
      'tags stand for, and how often each rule has decided; `direction`: `inbound` or `outbound`',
    answer: async (context, { id, query }) => {
      const { nic, host } = attachedInterface(context, id);
      const limit = limitOf(query, { usual: RULES_PAGE_MAX, max: RULES_PAGE_MAX });
      const direction = query.has('direction') ? directionOf(query) : undefined;
      const question = { portId: nic.instanceId, limit, ...(direction && { direction }) };
      const { addresses } = await context.ask(host, 'effectiveRules', question);
      return { host, value: addresses };
    },
  },
  {
    method: 'GET',
    path: 'networkInterfaces/{id}/flowVerify',
    query: '?direction=&protocol=&local=&remote=',
    summary:
      'would access control let a new flow in or out: `Allow` or `Deny`, and what each list says by which rule; `direction`: `inbound` or `outbound`; ' +
      '`protocol`: `tcp`, `udp`, `icmp` or a number; `local`, `remote`: `ADDRESS:PORT`, `[ADDRESS]:PORT`, an address alone where there are no ports',
    answer: async (context, { id, query }) => {
      const { nic, host } = attachedInterface(context, id);
      const question = { portId: nic.instanceId, ...flowOf(query) };
      return { host, ...(await context.ask(host, 'flowVerify', question)) };
    },
  },
];

function flowOf(query: URLSearchParams): Omit<Question<'flowVerify'>, 'portId'> {
  const local = endOf(query, 'local');
  const remote = endOf(query, 'remote');
  const { address } = remote;
  if (address === undefined) {
    throw fault('InvalidParameterValue', 'the other end needs an address', 'remote');
  }
  return {
    direction: directionOf(query),
    protocol: protocolOf(query, address),
    remote: address,
    ...(local.address !== undefined && { local: local.address }),
    ...(local.port !== undefined && { localPort: local.port }),
    ...(remote.port !== undefined && { remotePort: remote.port }),
  };
}

function endOf(query: URLSearchParams, name: 'local' | 'remote'): FlowEnd {
  const text = query.get(name) ?? '';
  const end = parseFlowEnd(text);
  if (end !== undefined) return end;
  const message = `'${text}' is no end of a flow: ADDRESS:PORT, [ADDRESS]:PORT, or an address`;
  throw fault('InvalidParameterValue', message, name);
}

/** ICMP is that of the addresses' family. */
function protocolOf(query: URLSearchParams, address: string): number {
  const name = query.get('protocol')?.toLowerCase() ?? '';
  if (name === 'icmp') return address.includes(':') ? 58 : 1;
  const number = PROTOCOLS[name] ?? (/^[0-9]{1,3}$/.test(name) ? Number(name) : 256);
  if (number <= 255) return number;
  throw fault('InvalidParameterValue', 'say tcp, udp, icmp, or a number up to 255', 'protocol');
}

const PROTOCOLS: Readonly<Record<string, number>> = { tcp: 6, udp: 17, icmpv6: 58 };

function directionOf(query: URLSearchParams): RuleDirection {
  const text = query.get('direction')?.toLowerCase();
  if (text === 'inbound' || text === 'outbound') return text;
  throw fault('InvalidParameterValue', 'say inbound or outbound', 'direction');
}
