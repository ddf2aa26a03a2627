/**
 * A mux's answers to questions (schema/southbound/diagnostics/slb.ts): what the forwarder has counted, with the names that goal state has for it.
 * Called by mux-agent.ts.
 */

import { SdnError } from '../../../base/errors.ts';
import {
  formatIpWords,
  type IpWords,
  ipWordsFromBytes,
  isIpv4Words,
  parseIpWords,
} from '../../../base/ip-words.ts';
import { formatMac } from '../../../base/mac.ts';
import { IpProtocol } from '../../../packet/ip-protocol.ts';
import * as tcp from '../../../packet/tcp.ts';
import { QUESTION_SHAPES } from '../../../schema/southbound/diagnostics/question-shapes.ts';
import { shapeFault } from '../../../schema/southbound/diagnostics/shape.ts';
import type {
  MuxAddress,
  MuxAnswer,
  MuxBackend,
  MuxMethod,
  MuxQuestion,
  MuxRule,
} from '../../../schema/southbound/diagnostics/slb.ts';
import { HEALTH_NAMES, ruleWords } from '../../../schema/southbound/diagnostics/slb-names.ts';
import type { LoadBalancingRule, VirtualIp } from '../../../schema/southbound/messages.ts';
import { MAGLEV_ROWS } from '../../hashing/maglev.ts';
import { FLOWS_CONFIRMED_MAX, FLOWS_UNCONFIRMED_MAX } from '../../limits.ts';
import type { AddressReading, MemberReading, MuxAnswer as Reading } from '../forwarder/answers.ts';
import { Via } from '../forwarder/balancer.ts';
import type { ForwarderHandle } from '../forwarder/start-forwarder.ts';
import type { Announcements } from './announcements.ts';
import { groupKeyOf, type MuxGoal } from './mux-goal.ts';

export interface AnsweringMux {
  readonly goal: MuxGoal;
  readonly announcements: Announcements;
  readonly forwarder: Pick<ForwarderHandle, 'ask'>;
}

type Answers = {
  readonly [M in MuxMethod]: (mux: AnsweringMux, question: MuxQuestion<M>) => Promise<MuxAnswer<M>>;
};

const ANSWERS: Answers = { muxStatus: statusOf, muxTrace: traceOf, muxCounters: countersOf };

export const MUX_METHODS = Object.keys(ANSWERS) as readonly MuxMethod[];

export function isMuxMethod(method: string): method is MuxMethod {
  return Object.hasOwn(ANSWERS, method);
}

export function answerMux<M extends MuxMethod>(
  mux: AnsweringMux,
  method: M,
  question: unknown,
): Promise<MuxAnswer<M>> {
  const fault = shapeFault(QUESTION_SHAPES[method], question);
  if (fault !== undefined) throw new SdnError('SDN_QUESTION_INVALID', `'${method}': ${fault}`);
  return ANSWERS[method](mux, question as MuxQuestion<M>);
}

async function statusOf(
  mux: AnsweringMux,
  { address }: MuxQuestion<'muxStatus'>,
): Promise<MuxAnswer<'muxStatus'>> {
  const wanted = address === undefined ? undefined : textOfAddress(address);
  const vips = [...mux.goal.vips()].filter(
    ([, vip]) => wanted === undefined || addressText(vip.address) === wanted,
  );
  const keys = vips.map(([key]) => key);
  const groupKeys = new Set(
    vips.flatMap(([, { rules }]) =>
      rules.map(({ poolId, healthId }) => groupKeyOf(poolId, healthId)),
    ),
  );
  const readings = expect(await mux.forwarder.ask({ kind: 'addresses', keys }), 'addresses');
  const groups = expect(
    await mux.forwarder.ask({ kind: 'groups', keys: [...groupKeys] }),
    'groups',
  );
  const byKey = new Map(readings.addresses.map((reading) => [reading.key, reading]));
  const overloads = new Map(mux.announcements.withdrawn().map(({ key, reason }) => [key, reason]));
  return {
    inSync: mux.announcements.isInSync,
    addresses: vips.map(([key, vip]) => {
      const state = mux.announcements.state(key);
      const overload = overloads.get(key);
      return {
        address: addressText(vip.address),
        resourceRef: vip.resourceRef,
        announced: state === 'announced',
        state,
        ...(overload !== undefined && { overload }),
        ...countsOf(byKey.get(key)),
        leases: mux.goal.leasesOf(vip.id),
        rules: rulesOf(mux.goal, vip, groups.groups),
      };
    }),
  };
}

function countsOf(
  reading: AddressReading | undefined,
): Pick<MuxAddress, 'packets' | 'bytes' | 'syns' | 'returned' | 'unclaimed' | 'flows' | 'drops'> {
  const { rxFrames = 0, rxBytes = 0, syns = 0, returned = 0, unclaimed = 0 } = reading ?? {};
  const { flows = 0, drops = {} } = reading ?? {};
  return { packets: rxFrames, bytes: rxBytes, syns, returned, unclaimed, flows, drops };
}

function rulesOf(
  goal: MuxGoal,
  { rules }: VirtualIp,
  groups: Readonly<Record<string, readonly MemberReading[]>>,
): MuxRule[] {
  return rules.map((rule) => {
    const { poolId, healthId } = rule;
    const members = groups[groupKeyOf(poolId, healthId)] ?? [];
    return {
      ...ruleWords(rule),
      backends: backendsOf(goal, rule, members),
    };
  });
}

function backendsOf(
  goal: MuxGoal,
  { poolId, healthId }: LoadBalancingRule,
  members: readonly MemberReading[],
): MuxBackend[] {
  const byName = new Map(members.map((member) => [member.name, member]));
  return (goal.pool(poolId)?.backends ?? []).map((backend) => {
    const address = addressText(backend.address);
    const reading = byName.get(address);
    const host = addressText(backend.providerAddress);
    return {
      address,
      resourceRef: backend.resourceRef,
      ...(host !== '' && { host }),
      weight: backend.weight,
      health: HEALTH_NAMES[goal.stateOf(healthId, address)],
      draining: backend.draining,
      share: (reading?.rows ?? 0) / MAGLEV_ROWS,
      flows: reading?.flows ?? 0,
      packets: reading?.packets ?? 0,
      bytes: reading?.bytes ?? 0,
    };
  });
}

async function traceOf(
  mux: AnsweringMux,
  question: MuxQuestion<'muxTrace'>,
): Promise<MuxAnswer<'muxTrace'>> {
  const source = wordsOf(question.source);
  const destination = wordsOf(question.destination);
  const isIpv4 = isIpv4Words(source);
  if (isIpv4 !== isIpv4Words(destination)) {
    throw new SdnError('SDN_QUESTION_INVALID', "'muxTrace': addresses of two families");
  }
  const { protocol = IpProtocol.TCP, sourcePort = 49_152, destinationPort } = question;
  const isOpening = protocol === IpProtocol.TCP && question.opening !== false;
  const flags = isOpening ? tcp.Flag.SYN : tcp.Flag.ACK;
  const packet = { source, destination, isIpv4, protocol, sourcePort, destinationPort, flags };
  const { trace } = expect(await mux.forwarder.ask({ kind: 'trace', packet }), 'trace');
  const { address, via, isAsked, ruleId, row, backend, host, vni, mac } = trace;
  const vip = address === undefined ? undefined : mux.goal.vip(address);
  if (vip === undefined) return { verdict: 'NotForUs' };
  const rule = vip.rules.find(({ id }) => id === ruleId);
  const found = {
    resourceRef: vip.resourceRef,
    ...(rule !== undefined && { ruleRef: rule.resourceRef }),
  };
  if (via === Via.NOTHING || backend === '') {
    return { verdict: rule === undefined ? 'VirtualPortUnknown' : 'NoLiveBackend', ...found };
  }
  return {
    verdict: host === '' ? 'BackendUnattached' : 'forwarded',
    via: VIA_WORDS[via],
    ...(isAsked && { asked: true as const }),
    ...found,
    ...(row >= 0 && { row }),
    backend,
    ...(host !== '' && { host, vni, mac: formatMac(mac) }),
  };
}

async function countersOf({ forwarder }: AnsweringMux): Promise<MuxAnswer<'muxCounters'>> {
  const { counters } = expect(await forwarder.ask({ kind: 'counters' }), 'counters');
  const { links, memory, ...counts } = counters;
  return {
    links: links.map((link) => ({ ...link, drops: { ...link.drops } })),
    memory: {
      ...memory,
      confirmedMax: FLOWS_CONFIRMED_MAX,
      unconfirmedMax: FLOWS_UNCONFIRMED_MAX,
    },
    ...counts,
  };
}

const VIA_WORDS: Readonly<Record<Via, string>> = {
  [Via.NOTHING]: 'nothing',
  [Via.LEASE]: 'leased port',
  [Via.MEMORY]: 'remembered',
  [Via.CURRENT_TABLE]: 'current table',
  [Via.SEARCH]: 'asked in turn',
};

/** The answer is of the kind that was asked for. */
function expect<K extends Reading['kind']>(
  reading: Reading,
  kind: K,
): Reading & { readonly kind: K } {
  if (reading.kind === kind) return reading as Reading & { readonly kind: K };
  throw new SdnError('SDN_MUX_INTERNAL', `asked for ${kind}, told ${reading.kind}`);
}

function addressText(bytes: Uint8Array): string {
  const words = ipWordsFromBytes(bytes);
  return words === undefined ? '' : formatIpWords(words);
}

function textOfAddress(text: string): string {
  return formatIpWords(wordsOf(text));
}

function wordsOf(text: string): IpWords {
  const words = parseIpWords(text);
  if (words !== undefined) return words;
  throw new SdnError('SDN_QUESTION_INVALID', `'${text}' is no address`);
}
