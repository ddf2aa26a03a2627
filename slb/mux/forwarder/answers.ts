/**
 * Questions about the mux, answered from the tables that forward and changing none: what each virtual address and backend has got, how full the memory is,
 * and where a packet would go. Called by mux-loop.ts between two bursts; mux-agent.ts adds what only goal state knows.
 */
import { formatIpWords, type IpWords, ipWordsFromBytes } from '../../../base/ip-words.ts';
import { NONE } from '../../../base/lpm.ts';
import type { LinkCounts } from '../../../dataplane/port/link-counters.ts';
import { EtherType } from '../../../packet/ethernet.ts';
import { newFlowKey } from '../../../packet/flow-key.ts';
import { rowOf } from '../../hashing/distribution.ts';
import { TABLE_SEED } from '../../hashing/maglev.ts';
import type { AddressCounts } from './address-counters.ts';
import { Via } from './balancer.ts';
import { NO_STEP } from './groups.ts';
import { LINK_NAMES } from './links.ts';
import type { MuxCore } from './mux-core.ts';

export interface TracedPacket {
  readonly source: IpWords;
  readonly destination: IpWords;
  readonly isIpv4: boolean;
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** TCP flags. */
  readonly flags: number;
}

export type MuxQuestionToForwarder =
  /** `keys`: of virtual addresses; undefined: all. */
  | { readonly kind: 'addresses'; readonly keys: readonly string[] | undefined }
  | { readonly kind: 'groups'; readonly keys: readonly string[] }
  | { readonly kind: 'counters' }
  | { readonly kind: 'trace'; readonly packet: TracedPacket };

export interface AddressReading extends AddressCounts {
  readonly key: string;
  readonly flows: number;
}

export interface MemberReading {
  readonly name: string;
  /** Of the table's. */
  readonly rows: number;
  readonly isDown: boolean;
  readonly isDraining: boolean;
  readonly flows: number;
  readonly packets: number;
  readonly bytes: number;
}

export interface CountersReading {
  readonly links: readonly (LinkCounts & {
    readonly name: string;
  })[];
  readonly memory: {
    readonly confirmed: number;
    readonly unconfirmed: number;
    readonly displaced: number;
    readonly unplaced: number;
  };
  readonly addresses: number;
  readonly targets: number;
  readonly hosts: number;
}

export interface TraceReading {
  /** Key of the virtual address; undefined: the destination is none. */
  readonly address: string | undefined;
  readonly via: Via;
  /** Its host returns it if it does not know the connection. */
  readonly isAsked: boolean;
  readonly ruleId: string;
  readonly row: number;
  /** Of the backend, or of whoever has the lease; '': nobody. */
  readonly backend: string;
  readonly host: string;
  readonly vni: number;
  /** Of the backend. */
  readonly mac: number;
}

export type MuxAnswer =
  | { readonly kind: 'addresses'; readonly addresses: readonly AddressReading[] }
  | { readonly kind: 'groups'; readonly groups: Readonly<Record<string, readonly MemberReading[]>> }
  | { readonly kind: 'counters'; readonly counters: CountersReading }
  | { readonly kind: 'trace'; readonly trace: TraceReading };

export function answerAbout(core: MuxCore, question: MuxQuestionToForwarder): MuxAnswer {
  switch (question.kind) {
    case 'addresses':
      return { kind: 'addresses', addresses: addressesOf(core, question.keys) };
    case 'groups':
      return { kind: 'groups', groups: groupsOf(core, question.keys) };
    case 'counters':
      return { kind: 'counters', counters: countersOf(core) };
    case 'trace':
      return { kind: 'trace', trace: traceOf(core, question.packet) };
  }
}

function addressesOf(core: MuxCore, keys: readonly string[] | undefined): AddressReading[] {
  const { addresses } = core.tables;
  const wanted = keys ?? addresses.all().map(({ goal }) => goal.key);
  return wanted.flatMap((key) => {
    const number = addresses.numberOf(key);
    if (number === NONE) return [];
    return [{ key, flows: core.tables.flowsOf(number), ...core.addressCounters.read(number) }];
  });
}

function groupsOf(core: MuxCore, keys: readonly string[]): Record<string, MemberReading[]> {
  const { tables } = core;
  return Object.fromEntries(
    keys.map((key) => [
      key,
      (tables.groupOf(key)?.members() ?? []).map(({ target, ...member }) => ({
        ...member,
        ...(target === NONE ? { flows: 0, packets: 0, bytes: 0 } : tables.targets.read(target)),
      })),
    ]),
  );
}

function countersOf(core: MuxCore): CountersReading {
  const { memory, tables } = core;
  return {
    links: LINK_NAMES.map((name, link) => ({ name, ...core.counters.read(link) })),
    memory: {
      confirmed: memory.confirmed,
      unconfirmed: memory.unconfirmed,
      displaced: memory.displaced,
      unplaced: memory.unplaced,
    },
    addresses: tables.addresses.count,
    targets: tables.targets.count,
    hosts: tables.hosts.count,
  };
}

function traceOf(core: MuxCore, packet: TracedPacket): TraceReading {
  const { addresses, targets } = core.tables;
  const number = addresses.find(...packet.destination);
  const nothing = {
    via: Via.NOTHING,
    isAsked: false,
    ruleId: '',
    row: NONE,
    backend: '',
    host: '',
    vni: 0,
    mac: 0,
  };
  if (number === NONE) return { address: undefined, ...nothing };
  const key = newFlowKey();
  key.etherType = packet.isIpv4 ? EtherType.IPV4 : EtherType.IPV6;
  [key.src0, key.src1, key.src2, key.src3] = packet.source;
  [key.dst0, key.dst1, key.dst2, key.dst3] = packet.destination;
  key.protocol = packet.protocol;
  key.srcPort = packet.sourcePort;
  key.dstPort = packet.destinationPort;
  key.tcpFlags = packet.flags;
  const { target, via, rule, step } = core.balancer.explain(number, key, core.nowSec);
  const address = addresses.keyOf(number);
  const ruleId = rule === NONE ? '' : addresses.ruleId(rule);
  if (target === NONE) return { address, ...nothing, ruleId };
  const way = targets.way(target);
  const words = way === undefined ? undefined : ipWordsFromBytes(way.host);
  const group = rule === NONE ? undefined : addresses.group(rule);
  return {
    address,
    via,
    isAsked: step !== NO_STEP,
    ruleId,
    row: via === Via.LEASE ? NONE : rowOf(key, addresses.distribution(rule), TABLE_SEED),
    backend:
      via === Via.LEASE ? core.tables.leaseholderName(target) : (group?.nameOf(target) ?? ''),
    host: words === undefined ? '' : formatIpWords(words),
    vni: way?.vni ?? 0,
    mac: way?.mac ?? 0,
  };
}
