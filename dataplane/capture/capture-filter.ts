/**
 * A capture's filter (schema/southbound/diagnostics/capture.ts), compiled: numbers to compare with a frame's flow key, nothing allocated
 * per frame. The key of an ARP packet has its sender and target as source and destination. Called by captures.ts for every frame while a capture runs.
 */
import {
  type IpPrefixWords,
  parseIpPrefixWords,
  parseIpWords,
  wordMask,
} from '../../base/ip-words.ts';
import { EtherType } from '../../packet/ethernet.ts';
import { type FlowKey, Fragment } from '../../packet/flow-key.ts';
import { IpProtocol } from '../../packet/ip-protocol.ts';
import type {
  CaptureEndpoint,
  CaptureFilter,
} from '../../schema/southbound/diagnostics/capture.ts';
import { Seen } from '../port/pcapng-file.ts';

const ANY = -1;

export class CompiledFilter {
  /** instanceIds; undefined: every port. */
  readonly portIds: ReadonlySet<string> | undefined;
  readonly onlyDropped: boolean;
  /** Some condition can only be judged by a frame's headers. */
  readonly #needsKey: boolean;
  readonly #seen: number;
  readonly #etherType: number;
  readonly #protocol: number;
  readonly #vni: number;
  readonly #source: Endpoint | undefined;
  readonly #destination: Endpoint | undefined;
  readonly #either: Endpoint | undefined;

  constructor(filter: CaptureFilter) {
    const { portIds, direction, protocol } = filter;
    this.portIds = portIds === undefined ? undefined : new Set(portIds);
    this.onlyDropped = filter.dropped === true;
    this.#seen =
      direction === undefined ? ANY : direction === 'inbound' ? Seen.INBOUND : Seen.OUTBOUND;
    this.#etherType = typeof protocol === 'string' ? ETHER_TYPES[protocol] : ANY;
    this.#protocol = typeof protocol === 'number' ? protocol : ANY;
    this.#vni = filter.vni ?? ANY;
    this.#source = endpointOf(filter.source);
    this.#destination = endpointOf(filter.destination);
    this.#either = endpointOf(filter.either);
    this.#needsKey =
      protocol !== undefined ||
      this.#source !== undefined ||
      this.#destination !== undefined ||
      this.#either !== undefined;
  }

  /** All conditions but those of port and verdict. `vni`: −1 outside tunnels; `isParsed`: `key` means something. */
  matches(seen: Seen, vni: number, key: FlowKey, isParsed: boolean): boolean {
    if (this.#seen !== ANY && this.#seen !== seen) return false;
    if (this.#vni !== ANY && this.#vni !== vni) return false;
    if (!this.#needsKey) return true;
    return isParsed && this.#matchesKey(key);
  }

  #matchesKey(key: FlowKey): boolean {
    if (this.#etherType !== ANY && this.#etherType !== key.etherType) return false;
    if (this.#protocol !== ANY && (!isIp(key) || this.#protocol !== key.protocol)) return false;
    const either = this.#either;
    return (
      (this.#source === undefined || this.#source.isSource(key)) &&
      (this.#destination === undefined || this.#destination.isDestination(key)) &&
      (either === undefined || either.isSource(key) || either.isDestination(key))
    );
  }
}

const ETHER_TYPES = { arp: EtherType.ARP, ip: EtherType.IPV4, ip6: EtherType.IPV6 } as const;

class Endpoint {
  readonly #prefix: IpPrefixWords | undefined;
  readonly #from: number;
  readonly #to: number;

  constructor(prefix: IpPrefixWords | undefined, ports: readonly [number, number] | undefined) {
    this.#prefix = prefix;
    this.#from = ports?.[0] ?? ANY;
    this.#to = ports?.[1] ?? ANY;
  }

  isSource(key: FlowKey): boolean {
    return (
      this.#hasPort(key, key.srcPort) && this.#has(key, key.src0, key.src1, key.src2, key.src3)
    );
  }

  isDestination(key: FlowKey): boolean {
    return (
      this.#hasPort(key, key.dstPort) && this.#has(key, key.dst0, key.dst1, key.dst2, key.dst3)
    );
  }

  #hasPort(key: FlowKey, port: number): boolean {
    if (this.#from === ANY) return true;
    const hasPorts = key.protocol === IpProtocol.TCP || key.protocol === IpProtocol.UDP;
    const isKnown = hasPorts && key.fragment !== Fragment.LATER;
    return isKnown && port >= this.#from && port <= this.#to;
  }

  #has(key: FlowKey, w0: number, w1: number, w2: number, w3: number): boolean {
    const prefix = this.#prefix;
    if (prefix === undefined) return true;
    if (!isIp(key) && key.etherType !== EtherType.ARP) return false;
    const { words, len } = prefix;
    return (
      ((w0 ^ words[0]) & wordMask(len, 0)) === 0 &&
      ((w1 ^ words[1]) & wordMask(len, 1)) === 0 &&
      ((w2 ^ words[2]) & wordMask(len, 2)) === 0 &&
      ((w3 ^ words[3]) & wordMask(len, 3)) === 0
    );
  }
}

function isIp(key: FlowKey): boolean {
  return key.etherType === EtherType.IPV4 || key.etherType === EtherType.IPV6;
}

function endpointOf(endpoint: CaptureEndpoint | undefined): Endpoint | undefined {
  if (endpoint === undefined) return undefined;
  const text = endpoint.prefix;
  const address = text === undefined ? undefined : parseIpWords(text);
  const prefix =
    address !== undefined
      ? { words: address, len: 128 }
      : text === undefined
        ? undefined
        : parseIpPrefixWords(text);
  return new Endpoint(prefix, endpoint.ports);
}
