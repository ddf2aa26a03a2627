/**
 * Questions about what the network does, under `/networking/weft/v1/`: each is put to the hosts' switches and answered from the tables
 * that forward (controller/diagnostics). Nothing here changes anything; a check sends packets. Called by weft-routes; docs/api.md lists DIAGNOSTIC_ROUTES.
 */
import Type from 'typebox';
import { messageOf } from '../../base/errors.ts';
import { parseIp } from '../../base/ip.ts';
import { FLOW_LOG_PAGE_MAX } from '../../schema/southbound/diagnostics/flow-log.ts';
import { FLOWS_PAGE_MAX } from '../../schema/southbound/diagnostics/limits.ts';
import type { Question } from '../../schema/southbound/diagnostics/methods.ts';
import { ROUTES_PAGE_MAX } from '../../schema/southbound/diagnostics/routes.ts';
import { RULE_COUNTERS_MAX } from '../../schema/southbound/diagnostics/rule-counters.ts';
import { RULES_PAGE_MAX, type RuleDirection } from '../../schema/southbound/diagnostics/rules.ts';
import { PacketSpec } from '../../schema/southbound/diagnostics/trace.ts';
import { checkConnectivity } from '../diagnostics/connectivity.ts';
import { type FlowEnd, parseFlowEnd } from '../diagnostics/flow-end.ts';
import { type JoinedFlowLog, joinedFlowLog, parsePositions } from '../diagnostics/flow-log.ts';
import { askAll, type Explained, findInterface, hostOf, refOfPort } from '../diagnostics/hosts.ts';
import { learnedAddresses } from '../diagnostics/learned-addresses.ts';
import { countedRules } from '../diagnostics/list-counters.ts';
import { providerAddress } from '../diagnostics/provider-address.ts';
import { checkProvider } from '../diagnostics/provider-check.ts';
import { traceAcrossHosts, traceReply } from '../diagnostics/trace.ts';
import type { Resource } from '../model/desired-state.ts';
import { QuestionFault } from '../southbound/questions.ts';
import { methodRefused } from './api-exchange.ts';
import { type Call, checkedBody, type DiagnosticRoute } from './diagnostic-route.ts';
import { EDGE_ROUTES } from './edge-routes.ts';
import { fault, type NorthboundFault } from './fault.ts';
import { MUX_ROUTES } from './mux-routes.ts';
import type { ApiPath } from './resource-path.ts';

export const DIAGNOSTIC_ROUTES: readonly DiagnosticRoute[] = [
  {
    method: 'GET',
    path: 'flows',
    query: '?host=&limit=',
    summary: 'flows in the switches of all hosts, or of one, at most `limit` of each',
    answer: async (context, { query }) => {
      const host = query.get('host') ?? undefined;
      const question = { limit: limitOf(query) };
      const { answers, missing } = await askAll(context, 'flows', question, host);
      if (host !== undefined && answers.length + missing.length === 0) {
        throw fault('NotFound', `there is no host '${host}'`, 'host');
      }
      const value = answers.flatMap(({ host, answer }) =>
        answer.flows.map((flow) => ({ host, ...named(context, flow) })),
      );
      return { value, missing };
    },
  },
  {
    method: 'GET',
    path: 'networkInterfaces/{id}/flows',
    query: '?limit=',
    summary: 'flows of one network interface',
    answer: async (context, { id, query }) => {
      const { nic, host } = attached(context, id);
      const question = { portId: nic.instanceId, limit: limitOf(query) };
      const { flows } = await context.ask(host, 'flows', question);
      return { value: flows.map((flow) => ({ host, ...named(context, flow) })), missing: [] };
    },
  },
  {
    method: 'GET',
    path: 'flowLog',
    query: '?limit=&after=',
    summary:
      'newest records of the flow logs of all hosts: what rules with logging have decided, what the flows that they allow have carried; ' +
      '`after`: what has come since the answer that had it',
    answer: (context, call) => flowLog(context, call),
  },
  {
    method: 'GET',
    path: 'networkInterfaces/{id}/flowLog',
    query: '?limit=&after=',
    summary: 'newest records of the flow logs about one network interface',
    answer: (context, call) => {
      const nic = findInterface(context, call.id);
      if (nic === undefined) throw noInterface(call.id);
      return flowLog(context, call, nic.instanceId);
    },
  },
  {
    method: 'GET',
    path: 'counters',
    query: '',
    summary: 'packets, bytes and drops by reason, of every port and uplink',
    answer: async (context) => {
      const { answers, missing } = await askAll(context, 'counters', {});
      const value = answers.flatMap(({ host, answer }) => [
        ...answer.ports.map((port) => ({ host, ...named(context, port) })),
        ...(answer.uplink === undefined ? [] : [{ host, portId: 'uplink', ...answer.uplink }]),
      ]);
      return { value, missing };
    },
  },
  {
    method: 'GET',
    path: 'networkInterfaces/{id}/counters',
    query: '',
    summary: 'packets, bytes and drops by reason, of one network interface',
    answer: async (context, { id }) => {
      const { nic, host } = attached(context, id);
      const { ports } = await context.ask(host, 'counters', { portId: nic.instanceId });
      return { value: ports.map((port) => ({ host, ...named(context, port) })), missing: [] };
    },
  },
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
    path: 'accessControlLists/{id}/counters',
    query: '',
    summary:
      'what each rule of an access control list has decided, over all hosts: first packets of flows, and packets refused',
    answer: async (context, { id }) => {
      const list = findList(context, id);
      const question = { listId: list.instanceId, limit: RULE_COUNTERS_MAX };
      const { answers, missing } = await askAll(context, 'ruleCounters', question);
      return { value: countedRules(list, answers), missing };
    },
  },
  {
    method: 'GET',
    path: 'networkInterfaces/{id}/effectiveRoutes',
    query: '?limit=',
    summary:
      'routes of the subnets that a network interface is in, at most `limit`: origin, next hop, the resource that asks for each, ' +
      'whether another of the same prefix counts instead, and why packets that follow it are dropped',
    answer: async (context, { id, query }) => {
      const { nic, host } = attached(context, id);
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
      const { nic, host } = attached(context, id);
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
      const { nic, host } = attached(context, id);
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
      const { nic, host } = attached(context, id);
      const question = { portId: nic.instanceId, ...flowOf(query) };
      return { host, ...(await context.ask(host, 'flowVerify', question)) };
    },
  },
  {
    method: 'POST',
    path: 'networkInterfaces/{id}/trace',
    query: '?both=',
    summary:
      'what would happen to a packet that the interface sends: each rule that decides, each rewrite, across hosts, to the verdict; with `both=true` also of the answer; ' +
      'body `{"destination", "protocol", "destinationPort"?, "sourcePort"?, "icmpType"?, "ttl"?, "length"?, …}`',
    answer: async (context, { id, query, body }) => {
      const { nic, host } = attached(context, id);
      const packet = checkedBody(PacketSpec, body);
      const trace = await traceAcrossHosts(context, { host, portId: nic.instanceId }, packet);
      if (query.get('both') !== 'true') return trace;
      const reply = await traceReply(context, trace, packet);
      return { ...trace, ...(reply !== undefined && { reply }) };
    },
  },
  {
    method: 'POST',
    path: 'networkInterfaces/{id}/check',
    query: '',
    summary:
      'sends one real packet as though the interface’s VM had, and says whether it was answered, in what time, or where it or its answer was lost; ' +
      'body `{"destination", "protocol": "icmp" or "tcp", "destinationPort"?, "source"?, "sequence"?, "length"?}`',
    answer: async (context, { id, body }) => {
      const { nic, host } = attached(context, id);
      const spec = checkedBody(CheckBody, body);
      if (spec.protocol === 'tcp' && spec.destinationPort === undefined) {
        throw fault('InvalidParameterValue', 'TCP needs a port', 'destinationPort');
      }
      return await checkConnectivity(context, nic, host, spec);
    },
  },
  {
    method: 'POST',
    path: 'servers/{id}/check',
    query: '',
    summary:
      'sends one echo request from a server’s provider address to another’s; body `{"destination": address or server, "length"?}`',
    answer: async (context, { id, body }) => {
      const spec = checkedBody(ProviderCheckBody, body);
      return await checkProvider(context, serverNamed(context, id, 'server'), {
        ...spec,
        destination: providerAddressOf(context, spec.destination),
      });
    },
  },
  ...EDGE_ROUTES,
  ...MUX_ROUTES,
];

const Port = Type.Integer({ minimum: 1, maximum: 65_535 });
const Sequence = Type.Integer({ minimum: 0, maximum: 65_535 });
const Length = Type.Integer({ minimum: 8, maximum: 8960 });
const Address = Type.String({ minLength: 1, maxLength: 64 });

const CheckBody = Type.Object(
  {
    destination: Address,
    protocol: Type.Union([Type.Literal('icmp'), Type.Literal('tcp')]),
    destinationPort: Type.Optional(Port),
    source: Type.Optional(Address),
    sequence: Type.Optional(Sequence),
    length: Type.Optional(Length),
  },
  { additionalProperties: false },
);

const ProviderCheckBody = Type.Object(
  {
    destination: Type.String({ minLength: 1, maxLength: 128 }),
    length: Type.Optional(Length),
  },
  { additionalProperties: false },
);

function serverNamed(context: Explained, id: string, target: string): string {
  const server = context.desired.byRef(`/servers/${id}`);
  if (server !== undefined) return server.resourceId;
  throw fault('NotFound', `there is no server '${id}'`, target);
}

/** An address as it stands; of a server, its provider address. */
function providerAddressOf(context: Explained, text: string): string {
  if (parseIp(text) !== undefined) return text;
  const address = providerAddress(context.desired, serverNamed(context, text, 'destination'));
  if (address !== undefined) return address;
  const message = `the server '${text}' has no provider address yet`;
  throw fault('ReferencedResourceNotProvisioned', message, text);
}

/** Undefined where the path is none of these. */
export async function diagnosticRoute(
  { method, body }: { readonly method: string; readonly body: Buffer | undefined },
  path: ApiPath,
  context: Explained,
): Promise<object | undefined> {
  const match = DIAGNOSTIC_ROUTES.flatMap((route) => {
    const id = idIn(route.path, path.segments);
    return id === undefined ? [] : [{ route, id }];
  });
  const [first] = match;
  if (first === undefined) return undefined;
  const found = match.find(({ route }) => route.method === method);
  if (found === undefined) throw methodRefused(method, first.route.method);
  try {
    const call = { id: found.id, query: path.query, body: parsedBody(found.route, body) };
    return await found.route.answer(context, call);
  } catch (thrown) {
    if (thrown instanceof QuestionFault) throw northboundFault(thrown);
    throw thrown;
  }
}

function parsedBody({ method }: DiagnosticRoute, body: Buffer | undefined): unknown {
  if (method === 'GET') return undefined;
  try {
    return JSON.parse(body?.toString('utf8') ?? '');
  } catch (thrown) {
    throw fault('InvalidRequestFormat', `the body is not JSON: ${messageOf(thrown)}`);
  }
}

/** What stands in the place of `{id}` ('' where there is none); undefined where the path does not match. */
function idIn(pattern: string, segments: readonly string[]): string | undefined {
  const parts = pattern.split('/');
  if (parts.length !== segments.length) return undefined;
  let id = '';
  for (const [at, part] of parts.entries()) {
    const segment = segments[at] ?? '';
    if (part === '{id}') id = segment;
    else if (part.toLowerCase() !== segment.toLowerCase()) return undefined;
  }
  return id;
}

function noInterface(id: string): NorthboundFault {
  return fault('NotFound', `there is no network interface '${id}'`, id);
}

function flowLog(context: Explained, { query }: Call, portId?: string): Promise<JoinedFlowLog> {
  const limit = limitOf(query, { usual: FLOWS_LIMIT.usual, max: FLOW_LOG_PAGE_MAX });
  const after = query.get('after');
  const positions = after === null ? undefined : parsePositions(after);
  if (after !== null && positions === undefined) {
    const message = `'${after}' is not what an earlier answer says in 'after'`;
    throw fault('InvalidParameterValue', message, 'after');
  }
  return joinedFlowLog(context, limit, { portId, positions });
}

function attached(
  context: Explained,
  id: string,
): { readonly nic: Resource; readonly host: string } {
  const nic = findInterface(context, id);
  if (nic === undefined) throw noInterface(id);
  const host = hostOf(context, nic);
  if (host !== undefined) return { nic, host };
  const message = `${nic.ref} is attached to no host, so no switch knows it`;
  throw fault('ReferencedResourceNotProvisioned', message, nic.ref);
}

function findList({ desired }: Explained, id: string): Resource {
  const byId = desired.byInstanceId(id);
  const list =
    byId?.type === 'accesscontrollists' ? byId : desired.byRef(`/accessControlLists/${id}`);
  if (list !== undefined) return list;
  throw fault('NotFound', `there is no access control list '${id}'`, id);
}

/** Beside the port's identifier, what people call it. */
function named<T extends { readonly portId: string }>(
  context: Explained,
  row: T,
): T & { resourceRef: string } {
  return { ...row, resourceRef: refOfPort(context, row.portId) };
}

const FLOWS_LIMIT = { usual: 100, max: FLOWS_PAGE_MAX };

function limitOf(
  query: URLSearchParams,
  { usual, max }: { readonly usual: number; readonly max: number } = FLOWS_LIMIT,
): number {
  const text = query.get('limit') ?? String(usual);
  const limit = /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= max) return limit;
  const message = `'${text}' is no whole number from 1 to ${max}`;
  throw fault('InvalidParameterValue', message, 'limit');
}

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

/** The host's own words; what it stands for here follows from who could do better. */
export function northboundFault({ code, message, target }: QuestionFault): NorthboundFault {
  switch (code) {
    case 'SDN_HOST_PORT_UNKNOWN':
    case 'SDN_SWITCH_PORT_UNKNOWN':
    case 'SDN_BGP_NOT_RUNNING':
      return fault('ReferencedResourceNotProvisioned', message, target);
    case 'SDN_BGP_CONFIG':
    case 'SDN_BGP_NEIGHBOUR_UNKNOWN':
    case 'SDN_QUESTION_INVALID':
      return fault('InvalidParameterValue', message, target);
    default:
      return fault('ServiceUnavailable', `${message} (${code})`, target);
  }
}
