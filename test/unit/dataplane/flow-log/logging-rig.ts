/** A switch whose host keeps a flow log, with lists that log; and its records in the words of the log. */
import { formatIpWords } from '../../../../base/ip-words.ts';
import {
  type FlowCounts,
  FlowEvent,
  type FlowRecord,
  readRecords,
} from '../../../../dataplane/flow-log/flow-record.ts';
import type { Resource } from '../../../../schema/southbound/messages.ts';
import { aclResource, type RuleWords, withList } from '../switch/policies.ts';
import { BLUE, hostResource, portResource, type TenantRig, tenantRig } from '../switch/tenants.ts';

export const INTERVAL_SEC = 60;
/** Another VM of the network at this host, and one at another host. */
export const VM = '10.0.0.4';
export const NEIGHBOUR = '10.0.0.5';
export const REMOTE = '10.0.0.6';

export function loggingHost(intervalSec: number = INTERVAL_SEC): Resource {
  const resource = hostResource();
  if (resource.host === undefined) throw new TypeError('not a host');
  return { ...resource, host: { ...resource.host, flowLog: { intervalSec, directory: '' } } };
}

/** `VM` with a list of these rules at its interface. */
export function loggingRig(
  rules: Readonly<Record<string, RuleWords>>,
  options: Parameters<typeof tenantRig>[0] = {},
): TenantRig {
  const net = tenantRig(options);
  apply(net, loggingHost(), aclResource('web', rules), withList(portResource(BLUE, VM), 'web'));
  return net;
}

export function apply(net: TenantRig, ...upserts: readonly Resource[]): void {
  const errors = net.core.applyGoal({ upserts, removes: [] });
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
}

/** Everything logged since the last call. */
export function takeRecords(net: TenantRig): FlowRecord[] {
  const found: FlowRecord[] = [];
  for (;;) {
    const batch = net.core.recorder.take();
    found.push(...readRecords(batch));
    if (!batch.hasMore) return found;
  }
}

const LETTERS = { [FlowEvent.BEGIN]: 'B', [FlowEvent.CONTINUING]: 'C', [FlowEvent.END]: 'E' };

/** `10.0.0.4 10.0.0.6 4000 5000 17 O A B allow 1,60,0,0` */
export function inWords(record: FlowRecord): string {
  const { src, dst, srcPort, dstPort, protocol, isOutbound, isDenied, event, counts } = record;
  const rule = record.source.ruleRef.slice(record.source.ruleRef.lastIndexOf('/') + 1);
  return [
    ...[formatIpWords(src), formatIpWords(dst), srcPort, dstPort, protocol],
    ...[isOutbound ? 'O' : 'I', isDenied ? 'D' : 'A', LETTERS[event], rule, counts.join()],
  ].join(' ');
}

export function logged(net: TenantRig): string[] {
  return takeRecords(net).map(inWords);
}

/** Lets time pass, and the switch do what it does once a second. */
export function wait(net: TenantRig, sec: number): void {
  for (let passed = 0; passed < sec; passed += 1) {
    net.clock.advance(1000 as Parameters<typeof net.clock.advance>[0]);
    net.core.forward(0);
    while (net.core.expireFlows());
    while (net.core.recordFlows());
  }
}

export function sum(records: readonly FlowRecord[]): FlowCounts {
  const total: [number, number, number, number] = [0, 0, 0, 0];
  for (const { counts } of records) {
    for (const [at, count] of counts.entries()) total[at] = (total[at] ?? 0) + count;
  }
  return total;
}
