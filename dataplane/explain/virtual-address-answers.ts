/**
 * Internal virtual addresses as this host serves them to its VMs: backends with what is known of them, their part of new flows, and the open flows
 * that VMs here have begun. Read from the tables that choose and from the flow table, of which a bounded part is read, since forwarding waits
 * meanwhile. Called by answers.
 */
import { formatIpWords, parseIpWords } from '../../base/ip-words.ts';
import { newFlowKey } from '../../packet/flow-key.ts';
import type { Answer, Question } from '../../schema/southbound/diagnostics/methods.ts';
import type { HostRule, MuxBackend } from '../../schema/southbound/diagnostics/slb.ts';
import { HEALTH_NAMES, ruleWords } from '../../schema/southbound/diagnostics/slb-names.ts';
import type { LoadBalancingRule } from '../../schema/southbound/messages.ts';
import type { FlowView } from '../engine/flow-view.ts';
import { VIRTUAL_ADDRESS_FLOWS_READ_MAX, VIRTUAL_ADDRESSES_LISTED_MAX } from '../limits.ts';
import {
  type BalancingRule,
  type NetworkFrontends,
  ruleKey,
  ruleOf,
} from '../load-balancing/frontends.ts';
import type { Backend } from '../load-balancing/pools.ts';
import type { Selection } from '../load-balancing/selection.ts';
import type { InternalAddress } from '../load-balancing/virtual-addresses.ts';
import { invalid } from './asked-port.ts';
import type { TracerParts } from './trace-walk.ts';

interface Carried {
  flows: number;
  packets: number;
  bytes: number;
}

/** What open flows carry, by rule and name of the backend. */
type Usage = ReadonlyMap<BalancingRule, Map<string, Carried>>;

const NOTHING: Readonly<Carried> = { flows: 0, packets: 0, bytes: 0 };

export function answerVirtualAddresses(
  parts: Pick<TracerParts, 'tables' | 'flows'>,
  { address }: Question<'virtualAddresses'>,
): Answer<'virtualAddresses'> {
  const words = address === undefined ? undefined : parseIpWords(address);
  if (address !== undefined && words === undefined) throw invalid(`'${address}' is no address`);
  const wanted = words && formatIpWords(words);
  const chosen = [...parts.tables.internalAddresses()].filter(
    ({ frontend }) => wanted === undefined || formatIpWords(frontend.address) === wanted,
  );
  const listed = chosen.slice(0, VIRTUAL_ADDRESSES_LISTED_MAX);
  const { usage, isPartial } = usageOf(parts, listed);
  const addresses = listed.map((own) => rowOf(own, usage));
  return { addresses, total: chosen.length, isPartial };
}

function usageOf(
  { tables, flows }: Pick<TracerParts, 'tables' | 'flows'>,
  listed: readonly InternalAddress[],
): { readonly usage: Usage; readonly isPartial: boolean } {
  const usage = new Map(
    listed.flatMap(({ frontend }) =>
      [...frontend.rules.values()].map((rule) => [rule, new Map<string, Carried>()] as const),
    ),
  );
  let left = VIRTUAL_ADDRESS_FLOWS_READ_MAX;
  for (const { index, configured } of usage.size === 0 ? [] : tables.ports.all()) {
    if (configured === undefined) continue;
    const { frontends } = configured.network;
    let request: FlowView | undefined;
    for (const view of flows.views(index)) {
      if (left === 0) return { usage, isPartial: true };
      left -= 1;
      // A flow's answers follow on its requests.
      if (!view.isReply) request = view;
      else if (request !== undefined) count(usage, frontends, { flows, request, reply: view });
    }
  }
  return { usage, isPartial: false };
}

const beyond = newFlowKey();

function count(
  usage: Usage,
  frontends: ReadonlyMap<number, NetworkFrontends>,
  flow: Pick<TracerParts, 'flows'> & { readonly request: FlowView; readonly reply: FlowView },
): void {
  const { flows, request, reply } = flow;
  const rule = ruleServing(frontends, request);
  const ofRule = rule && usage.get(rule);
  if (rule?.selection === undefined || ofRule === undefined) return;
  flows.readBeyond(request.flow, beyond);
  const { dst0, dst1, dst2, dst3 } = beyond;
  const backend = rule.isFloating
    ? rule.selection.backendWithMac(flows.beyondMac(request.flow))
    : rule.selection.backend(formatIpWords([dst0, dst1, dst2, dst3]));
  if (backend === undefined) return;
  const carried = ofRule.get(backend.name) ?? { ...NOTHING };
  ofRule.set(backend.name, carried);
  carried.flows += 1;
  carried.packets += request.packets + reply.packets;
  carried.bytes += request.bytes + reply.bytes;
}

function ruleServing(
  frontends: ReadonlyMap<number, NetworkFrontends>,
  { dst, protocol, dstPort }: FlowView,
): BalancingRule | undefined {
  for (const each of frontends.values()) {
    const frontend = each.atWords(dst);
    if (frontend?.isInternal === true) return ruleOf(frontend, protocol, dstPort);
  }
  return undefined;
}

function rowOf(
  { settings, frontend }: InternalAddress,
  usage: Usage,
): Answer<'virtualAddresses'>['addresses'][number] {
  const rules = settings.rules.flatMap((own) => {
    const rule = frontend.rules.get(ruleKey(own.protocol, own.port));
    return rule === undefined ? [] : [ruleRow(own, rule, usage.get(rule) ?? new Map())];
  });
  const sum = (of: (rule: HostRule) => number) => rules.reduce((all, rule) => all + of(rule), 0);
  return {
    vipId: settings.id,
    resourceRef: settings.resourceRef,
    address: formatIpWords(frontend.address),
    flows: sum(({ backends }) => backends.reduce((all, { flows }) => all + flows, 0)),
    opened: sum(({ opened }) => opened),
    unserved: sum(({ unserved }) => unserved),
    rules,
  };
}

function ruleRow(
  own: LoadBalancingRule,
  { counters, selection }: BalancingRule,
  carried: ReadonlyMap<string, Carried>,
): HostRule {
  const members = selection?.backends ?? [];
  return {
    ...ruleWords(own),
    opened: counters.opened.decisions,
    unserved: counters.unserved.decisions,
    backends:
      selection === undefined ? [] : members.map((each) => backendRow(each, selection, carried)),
  };
}

function backendRow(
  backend: Backend,
  selection: Selection,
  carried: ReadonlyMap<string, Carried>,
): MuxBackend {
  const { name, resourceRef, host, weight, isDraining } = backend;
  return {
    address: name,
    resourceRef,
    ...(host !== undefined && { host: formatIpWords(host) }),
    weight,
    health: HEALTH_NAMES[selection.stateOf(backend)],
    draining: isDraining,
    share: shareOf(backend, selection),
    ...(carried.get(name) ?? NOTHING),
  };
}

/** By weights, to which tables keep within a percent: making a table here would keep packets waiting. */
function shareOf(backend: Backend, { candidates }: Selection): number {
  if (!candidates.includes(backend)) return 0;
  return backend.weight / candidates.reduce((all, { weight }) => all + weight, 0);
}
