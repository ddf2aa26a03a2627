/**
 * diagnostics/ConnectivityCheck — MS-NCNBI §3.1.5.22.1, §3.1.5.22.2: checks that clients have asked for, while they run and afterwards. They live in
 * memory and end with the process: they say how the network was at a moment. At most CONNECTIVITY_CHECKS_RUNNING_MAX run, and the
 * last CONNECTIVITY_CHECKS_KEPT_MAX can be read.
 *
 * Between virtual machines a check sends a real packet through the sender's port (diagnostics/connectivity); with logical networks it goes
 * from host to host (diagnostics/provider-check). Called by connectivity-routes and read-only-routes.
 */
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { randomGuid } from '../../base/guid.ts';
import { parseIp } from '../../base/ip.ts';
import type { ConnectivityCheck } from '../../schema/northbound/connectivity-checks.ts';
import type { TraceStep } from '../../schema/southbound/diagnostics/trace.ts';
import { addressOwners } from '../diagnostics/address-owner.ts';
import type { CheckVerdict } from '../diagnostics/check-verdict.ts';
import { type CheckAnswer, checkConnectivity } from '../diagnostics/connectivity.ts';
import { type Explained, hostOf } from '../diagnostics/hosts.ts';
import {
  CONNECTIVITY_CHECKS_KEPT_MAX,
  CONNECTIVITY_CHECKS_RUNNING_MAX,
} from '../diagnostics/limits.ts';
import { serverAt } from '../diagnostics/provider-address.ts';
import { checkProvider, type ProviderCheckAnswer } from '../diagnostics/provider-check.ts';
import type { Hop } from '../diagnostics/trace.ts';
import { treeKeyOf } from '../model/resource-ref.ts';
import type { OperationOutcome } from '../operations/operation-history.ts';
import { QuestionFault } from '../southbound/questions.ts';
import type { JsonObject } from '../store/store.ts';
import { fault } from './fault.ts';

export interface ConnectivityChecksParts {
  readonly explained: Explained;
  readonly clock: Clock;
}

interface Check {
  readonly id: string;
  readonly asked: ConnectivityCheck;
  /** Milliseconds since 1970. */
  readonly submittedAt: number;
  /** Undefined while it runs. */
  result: Result | undefined;
}

interface Result {
  readonly status: 'Success' | 'Failure';
  readonly roundTripTimeMSec?: number;
  readonly errorMessage: string;
  readonly nodeOutput: readonly JsonObject[];
  /** It could not be made: some host was away, or has too many already. */
  readonly fault?: string;
}

export const CHECK_REF = '/diagnostics/ConnectivityCheck';
export const RESULTS_REF = '/diagnostics/ConnectivityCheckResults';

export class ConnectivityChecks {
  readonly #parts: ConnectivityChecksParts;
  /** By id, oldest first. */
  readonly #checks = new Map<string, Check>();

  constructor(parts: ConnectivityChecksParts) {
    this.#parts = parts;
  }

  /** Begins a check; throws the fault of one that makes no sense. The resource as it is now. */
  start(asked: ConnectivityCheck): { readonly id: string; readonly body: JsonObject } {
    const run = this.#prepare(asked);
    this.#makeRoom();
    const { clock, explained } = this.#parts;
    const id = randomGuid(explained.rng);
    const check: Check = { id, asked, submittedAt: clock.wallNow(), result: undefined };
    this.#checks.set(id, check);
    void run().then(
      (result) => {
        check.result = result;
      },
      (thrown: unknown) => {
        const message = messageOf(thrown);
        const code = thrown instanceof QuestionFault ? ` (${thrown.code})` : '';
        const text = `${message}${code}`;
        check.result = { status: 'Failure', errorMessage: text, nodeOutput: [], fault: text };
      },
    );
    return { id, body: checkView(check) };
  }

  /** The result resource; undefined where it is not known, or no longer. */
  result(id: string): JsonObject | undefined {
    const check = this.#checks.get(id.toLowerCase());
    return check && resultView(check);
  }

  /** Newest first. */
  results(): JsonObject[] {
    return [...this.#checks.values()].reverse().map(resultView);
  }

  /** As operations tell it. A check that shows that nothing arrives has succeeded. */
  operation(id: string): OperationOutcome | undefined {
    const check = this.#checks.get(id.toLowerCase());
    if (check === undefined) return undefined;
    const { submittedAt, result } = check;
    const record = {
      ...{ id: check.id, method: 'PUT' as const, resourceRef: CHECK_REF },
      ...{ revision: 0, startedAt: submittedAt },
    };
    if (result === undefined) return { record, status: 'InProgress', error: undefined };
    if (result.fault === undefined) return { record, status: 'Succeeded', error: undefined };
    const error = { code: 'ServiceUnavailable', message: result.fault };
    return { record, status: 'Failed', error };
  }

  #makeRoom(): void {
    const running = [...this.#checks.values()].filter(({ result }) => result === undefined);
    if (running.length >= CONNECTIVITY_CHECKS_RUNNING_MAX) {
      const message = `${CONNECTIVITY_CHECKS_RUNNING_MAX} connectivity checks are under way; try again when one has ended`;
      throw fault('ServiceUnavailable', message, CHECK_REF);
    }
    for (const { id, result } of this.#checks.values()) {
      if (this.#checks.size < CONNECTIVITY_CHECKS_KEPT_MAX) return;
      if (result !== undefined) this.#checks.delete(id);
    }
  }

  #prepare(asked: ConnectivityCheck): () => Promise<Result> {
    for (const name of ['senderIpAddress', 'receiverIpAddress'] as const) {
      if (parseIp(asked[name]) === undefined) {
        throw fault('InvalidIPAddress', `'${asked[name]}' is no address`, `properties.${name}`);
      }
    }
    for (const name of NETWORKS) this.#checkReference(asked, name);
    const isLogical =
      asked.senderLogicalNetwork !== undefined || asked.receiverLogicalNetwork !== undefined;
    const isVirtual =
      asked.senderVirtualNetwork !== undefined || asked.receiverVirtualNetwork !== undefined;
    if (isLogical && isVirtual) {
      const message = 'sender and receiver are both in virtual networks, or both in logical ones';
      throw fault('InvalidParameterValue', message, 'properties');
    }
    if (asked.protocol === 'TCP' && asked.tcpProtocolConfig === undefined) {
      const message = 'TCP needs a port: tcpProtocolConfig.destinationPort';
      throw fault('InvalidParameterValue', message, 'properties.protocol');
    }
    return isLogical ? this.#logical(asked) : this.#virtual(asked);
  }

  #checkReference(asked: ConnectivityCheck, name: (typeof NETWORKS)[number]): void {
    const ref = asked[name]?.resourceRef;
    if (ref === undefined) return;
    const type = name.endsWith('VirtualNetwork') ? 'virtualnetworks' : 'logicalnetworks';
    if (this.#parts.explained.desired.byRef(ref)?.type === type) return;
    const code =
      type === 'virtualnetworks' ? 'InvalidResourceReference' : 'InvalidLogicalNetworkReference';
    throw fault(code, `there is no ${ref}`, `properties.${name}`);
  }

  #logical(asked: ConnectivityCheck): () => Promise<Result> {
    const { explained } = this.#parts;
    if (asked.protocol !== 'ICMP') {
      const message = 'between hosts only ICMP is checked';
      throw fault('OperationNotSupported', message, 'properties.protocol');
    }
    const host = serverAt(explained.desired, asked.senderIpAddress);
    if (host === undefined) {
      const message = `no server has the provider address ${asked.senderIpAddress}`;
      throw fault('InvalidParameterValue', message, 'properties.senderIpAddress');
    }
    const { length, sequence = 1 } = icmpOf(asked);
    if (sequence !== 1) {
      const message = 'between hosts the only echo request has sequence number 1';
      throw fault('OperationNotSupported', message, 'properties.icmpProtocolConfig.sequenceNumber');
    }
    const destination = asked.receiverIpAddress;
    const spec = { destination, ...(length !== undefined && { length }) };
    return async () => providerResult(await checkProvider(explained, host, spec));
  }

  #virtual(asked: ConnectivityCheck): () => Promise<Result> {
    const { explained } = this.#parts;
    const ref = asked.senderVirtualNetwork?.resourceRef;
    const networks = ref === undefined ? undefined : new Set([treeKeyOf(ref)]);
    const owners = addressOwners(explained.desired, asked.senderIpAddress, networks);
    const [nic, another] = owners;
    if (nic === undefined) {
      const message = `no network interface has the address ${asked.senderIpAddress}${ref === undefined ? '' : ` in ${ref}`}`;
      throw fault('InvalidParameterValue', message, 'properties.senderIpAddress');
    }
    if (another !== undefined) {
      const message = `${owners.length} network interfaces have the address ${asked.senderIpAddress}: name senderVirtualNetwork`;
      throw fault('InvalidParameterValue', message, 'properties.senderVirtualNetwork');
    }
    const host = hostOf(explained, nic);
    if (host === undefined) {
      const message = `${nic.ref} is attached to no host, so it can send nothing`;
      throw fault('ReferencedResourceNotProvisioned', message, nic.ref);
    }
    const destinationPort = asked.tcpProtocolConfig?.destinationPort;
    const spec = {
      source: asked.senderIpAddress,
      destination: asked.receiverIpAddress,
      ...(asked.protocol === 'TCP'
        ? { protocol: 'tcp' as const, ...(destinationPort !== undefined && { destinationPort }) }
        : { protocol: 'icmp' as const, ...icmpOf(asked) }),
    };
    return async () => resultOf(await checkConnectivity(explained, nic, host, spec));
  }
}

const NETWORKS = [
  'senderVirtualNetwork',
  'receiverVirtualNetwork',
  'senderLogicalNetwork',
  'receiverLogicalNetwork',
] as const;
/** An ICMP header. */
const ICMP_LENGTH_MIN = 8;

function icmpOf({ icmpProtocolConfig }: ConnectivityCheck): {
  readonly length?: number;
  readonly sequence?: number;
} {
  const { length = 0, sequenceNumber } = icmpProtocolConfig ?? {};
  return {
    ...(length > 0 && { length: Math.max(length, ICMP_LENGTH_MIN) }),
    ...(sequenceNumber !== undefined && { sequence: sequenceNumber }),
  };
}

function checkView({ id, asked, submittedAt }: Check): JsonObject {
  return {
    resourceRef: CHECK_REF,
    resourceId: 'ConnectivityCheck',
    instanceId: id,
    properties: {
      provisioningState: 'Succeeded',
      ...(asked as JsonObject),
      operationId: id,
      connectivityCheckResult: { resourceRef: `${RESULTS_REF}/${id}` },
      submitTime: new Date(submittedAt).toISOString(),
    },
  };
}

function resultView({ id, asked, submittedAt, result }: Check): JsonObject {
  const { fault: _, ...told } = result ?? {
    ...{ status: 'InProgress', errorMessage: '', nodeOutput: [], fault: undefined },
  };
  return {
    resourceRef: `${RESULTS_REF}/${id}`,
    resourceId: id,
    instanceId: id,
    properties: {
      provisioningState: 'Succeeded',
      ...(asked as JsonObject),
      operationId: id,
      submitTime: new Date(submittedAt).toISOString(),
      result: { ...told },
    },
  };
}

function resultOf({ verdict, hops, replyHops }: CheckAnswer): Result {
  const isReached = verdict.kind === 'reached';
  const there = hops.map((hop, index) => nodeOutput(hop, index, hops.length, isReached));
  const back = replyHops.map((hop, index) => ({
    ...{ nodeType: 'transit', nodeSequenceNumber: hops.length + index + 1 },
    traceOutput: `the answer\n${traceText(hop)}`,
  }));
  return {
    status: isReached ? 'Success' : 'Failure',
    ...(isReached && { roundTripTimeMSec: verdict.rttMs }),
    errorMessage: verdictText(verdict),
    nodeOutput: [...there, ...back],
  };
}

function nodeOutput(hop: Hop, index: number, count: number, isReached: boolean): JsonObject {
  const isLast = index > 0 && index === count - 1;
  const nodeType = index === 0 ? 'sender' : isLast && isReached ? 'receiver' : 'transit';
  return { nodeType, nodeSequenceNumber: index + 1, traceOutput: traceText(hop) };
}

function traceText({ host, steps }: Hop): string {
  return [`host ${host}`, ...steps.map(stepText)].join('\n');
}

function stepText(step: TraceStep): string {
  const { portRef, direction, layer, group, rule, resourceRef, outcome } = step;
  const of = resourceRef === '' ? '' : ` of ${resourceRef}`;
  return `${portRef || 'uplink'} ${direction} ${layer}/${group}: rule '${rule}'${of}: ${outcome}`;
}

function verdictText(verdict: CheckVerdict | ProviderCheckAnswer['verdict']): string {
  if (verdict.kind === 'reached') return '';
  const { reason, meaning, remedy } = verdict;
  if (verdict.kind === 'unanswered') return `${reason}: ${meaning}. ${remedy}`;
  const { host, of, rule } = verdict;
  const by =
    rule === undefined
      ? ''
      : ` by rule '${rule.id}'${rule.resourceRef === '' ? '' : ` of ${rule.resourceRef}`}`;
  const what = of === 'request' ? 'the packet' : 'the answer';
  return `${what} was dropped at ${host}${by}: ${reason}: ${meaning}. ${remedy}`;
}

function providerResult({ host, verdict }: ProviderCheckAnswer): Result {
  const isReached = verdict.kind === 'reached';
  const traceOutput = `host ${host}`;
  return {
    status: isReached ? 'Success' : 'Failure',
    ...(isReached && { roundTripTimeMSec: verdict.rttMs }),
    errorMessage: verdictText(verdict),
    nodeOutput: [{ nodeType: 'sender', nodeSequenceNumber: 1, traceOutput }],
  };
}
