/**
 * Questions about traffic, under `/networking/weft/v1/`: flows, records of what rules with logging have decided, and counters of ports and rules. Part
 * of DIAGNOSTIC_ROUTES.
 */
import { FLOW_LOG_PAGE_MAX } from '../../schema/southbound/diagnostics/flow-log.ts';
import { FLOWS_PAGE_MAX } from '../../schema/southbound/diagnostics/limits.ts';
import { RULE_COUNTERS_MAX } from '../../schema/southbound/diagnostics/rule-counters.ts';
import { type JoinedFlowLog, joinedFlowLog, parsePositions } from '../diagnostics/flow-log.ts';
import { askAll, type Explained, refOfPort } from '../diagnostics/hosts.ts';
import { countedRules } from '../diagnostics/list-counters.ts';
import { attachedInterface, networkInterface, resourceNamed } from './asked-resource.ts';
import type { Call, DiagnosticRoute } from './diagnostic-route.ts';
import { fault } from './fault.ts';
import { limitOf } from './query-parameters.ts';

export const TRAFFIC_ROUTES: readonly DiagnosticRoute[] = [
  {
    method: 'GET',
    path: 'flows',
    query: '?host=&limit=',
    summary: 'flows in the switches of all hosts, or of one, at most `limit` of each',
    answer: async (context, { query }) => {
      const host = query.get('host') ?? undefined;
      const question = { limit: limitOf(query, FLOWS_LIMIT) };
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
      const { nic, host } = attachedInterface(context, id);
      const question = { portId: nic.instanceId, limit: limitOf(query, FLOWS_LIMIT) };
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
      const { instanceId } = networkInterface(context, call.id);
      return flowLog(context, call, instanceId);
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
      const { nic, host } = attachedInterface(context, id);
      const { ports } = await context.ask(host, 'counters', { portId: nic.instanceId });
      return { value: ports.map((port) => ({ host, ...named(context, port) })), missing: [] };
    },
  },
  {
    method: 'GET',
    path: 'accessControlLists/{id}/counters',
    query: '',
    summary:
      'what each rule of an access control list has decided, over all hosts: first packets of flows, and packets refused',
    answer: async (context, { id }) => {
      const list = resourceNamed(context, 'accessControlLists', id);
      const question = { listId: list.instanceId, limit: RULE_COUNTERS_MAX };
      const { answers, missing } = await askAll(context, 'ruleCounters', question);
      return { value: countedRules(list, answers), missing };
    },
  },
];

const FLOWS_LIMIT = { usual: 100, max: FLOWS_PAGE_MAX };

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

/** Beside the port's identifier, what people call it. */
function named<T extends { readonly portId: string }>(
  context: Explained,
  row: T,
): T & { resourceRef: string } {
  return { ...row, resourceRef: refOfPort(context, row.portId) };
}
