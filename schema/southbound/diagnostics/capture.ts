/**
 * Packet capture in words: what to record, as everybody who asks for it says it — the host's control API, the controller's questions to
 * hosts (captures.ts) and the command line. JSON throughout.
 *
 * A filter is a conjunction: every condition that is given must hold. Its text form follows tcpdump's where tcpdump has a word for it:
 *
 *   [tcp|udp|icmp|icmp6|arp|ip|ip6|proto N] [src|dst] host A · [src|dst] net P · [src|dst] port N[-M] · inbound · outbound ·
 *   vni N · dropped          terms may be joined by `and`; there is no `or` and no `not`
 *
 * Called by dataplane/capture and host-agent, cli.
 */
import { parseIpPrefixWords, parseIpWords } from '../../../base/ip-words.ts';

/** The VM port's view, as everywhere; on the uplink: outbound leaves the host. */
export type CaptureDirection = 'inbound' | 'outbound';

export interface CaptureEndpoint {
  /** `10.0.0.4`, `10.0.0.0/24`, `fd00::/64`. */
  readonly prefix?: string;
  /** TCP or UDP port, or the first and last of a range. */
  readonly ports?: readonly [from: number, to: number];
}

export interface CaptureFilter {
  /** instanceIds of network interfaces; absent: every port of the host, the uplink included. */
  readonly portIds?: readonly string[];
  readonly direction?: CaptureDirection;
  /** `arp`, `ip`, `ip6`, or an IP protocol number. */
  readonly protocol?: 'arp' | 'ip' | 'ip6' | number;
  readonly source?: CaptureEndpoint;
  readonly destination?: CaptureEndpoint;
  /** Source or destination. */
  readonly either?: CaptureEndpoint;
  /** VXLAN network identifier: frames that come through or go into a tunnel with it. */
  readonly vni?: number;
  /** Only what the switch drops. */
  readonly dropped?: boolean;
}

/** Absent bounds are the switch's own (dataplane/limits.ts), which no request exceeds. */
export interface CaptureRequest {
  readonly filter: CaptureFilter;
  /** Bytes kept of each frame. */
  readonly snapLen?: number;
  readonly packetsMax?: number;
  /** Of the file. */
  readonly bytesMax?: number;
  readonly secondsMax?: number;
}

export type CaptureEnd = 'stopped' | 'packets' | 'bytes' | 'seconds' | 'unread';

export interface CaptureStatus {
  readonly id: number;
  readonly filter: CaptureFilter;
  /** Absent while it runs. */
  readonly ended?: CaptureEnd;
  readonly packets: number;
  /** Written so far, read or not. */
  readonly bytes: number;
  /** Frames that matched and were not recorded, since nobody read fast enough. */
  readonly lost: number;
}

type Words = readonly string[];
type Writable = { -readonly [Name in keyof CaptureFilter]: CaptureFilter[Name] };

const PROTOCOLS: Readonly<Record<string, CaptureFilter['protocol']>> = {
  tcp: 6,
  udp: 17,
  icmp: 1,
  icmp6: 58,
  arp: 'arp',
  ip: 'ip',
  ip6: 'ip6',
};

/** Reads the text form. A string as result says what is wrong with it. */
export function parseCaptureFilter(text: string): CaptureFilter | string {
  const words = text.split(/\s+/).filter((word) => word !== '' && word !== 'and');
  const filter: Writable = {};
  let at = 0;
  while (at < words.length) {
    const taken = takeTerm(words, at, filter);
    if (typeof taken === 'string') return taken;
    at += taken;
  }
  return captureFilterFault(filter) ?? filter;
}

/** Reads one term; how many words it was, or what is wrong. */
function takeTerm(words: Words, at: number, filter: Writable): number | string {
  const word = words[at] ?? '';
  const protocol = PROTOCOLS[word];
  if (protocol !== undefined) return once(filter, 'protocol', protocol, 1);
  switch (word) {
    case 'inbound':
    case 'outbound':
      return once(filter, 'direction', word, 1);
    case 'dropped':
      return once(filter, 'dropped', true, 1);
    case 'proto':
      return once(filter, 'protocol', Number(words[at + 1]), 2);
    case 'vni':
      return once(filter, 'vni', Number(words[at + 1]), 2);
    case 'src':
      return takeEndpoint(words, at + 1, filter, 'source', 3);
    case 'dst':
      return takeEndpoint(words, at + 1, filter, 'destination', 3);
    default:
      return takeEndpoint(words, at, filter, 'either', 2);
  }
}

function takeEndpoint(
  words: Words,
  at: number,
  filter: Writable,
  side: 'source' | 'destination' | 'either',
  taken: number,
): number | string {
  const kind = words[at] ?? '';
  const value = words[at + 1];
  if (!['host', 'net', 'port'].includes(kind)) return `'${kind}' is no word of a filter`;
  if (value === undefined) return `'${kind}' is not followed by a value`;
  const old = filter[side] ?? {};
  const field = kind === 'port' ? 'ports' : 'prefix';
  if (old[field] !== undefined) return `'${kind} ${value}' is a second condition of one kind`;
  const [from = '', to = from] = value.split('-');
  filter[side] =
    kind === 'port' ? { ...old, ports: [Number(from), Number(to)] } : { ...old, prefix: value };
  return taken;
}

function once<Name extends keyof CaptureFilter>(
  filter: Writable,
  name: Name,
  value: Writable[Name],
  taken: number,
): number | string {
  if (filter[name] !== undefined) return `'${String(value)}' is a second condition of one kind`;
  filter[name] = value;
  return taken;
}

const FIELDS: ReadonlySet<string> = new Set([
  'portIds',
  'direction',
  'protocol',
  'source',
  'destination',
  'either',
  'vni',
  'dropped',
]);

/** What is wrong with a filter that came as JSON; undefined: nothing. */
export function captureFilterFault(value: unknown): string | undefined {
  if (!isObject(value)) return 'the filter is not an object';
  const unknown = Object.keys(value).find((name) => !FIELDS.has(name));
  if (unknown !== undefined) return `the filter has an unknown condition '${unknown}'`;
  const { portIds, direction, protocol, vni, dropped } = value;
  const isIds = Array.isArray(portIds) && portIds.every((id) => typeof id === 'string');
  if (portIds !== undefined && !isIds) return "'portIds' is not a list of texts";
  if (direction !== undefined && direction !== 'inbound' && direction !== 'outbound') {
    return "'direction' is neither inbound nor outbound";
  }
  const isName = protocol === 'arp' || protocol === 'ip' || protocol === 'ip6';
  if (protocol !== undefined && !isName && !isWithin(protocol, 0, 255)) {
    return 'the protocol is neither arp, ip, ip6 nor a number of 0 … 255';
  }
  if (vni !== undefined && !isWithin(vni, 0, 0xff_ffff)) return 'the VNI is none of 0 … 16777215';
  if (dropped !== undefined && typeof dropped !== 'boolean') return "'dropped' is not a boolean";
  return (
    endpointFault(value['source']) ??
    endpointFault(value['destination']) ??
    endpointFault(value['either'])
  );
}

function endpointFault(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (!isObject(value)) return 'an endpoint is not an object';
  const { prefix, ports, ...rest } = value;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) return `an endpoint has an unknown condition '${unknown}'`;
  if (prefix !== undefined) {
    const isRight =
      typeof prefix === 'string' &&
      (parseIpWords(prefix) ?? parseIpPrefixWords(prefix)) !== undefined;
    if (!isRight) return `'${String(prefix)}' is neither an address nor a prefix`;
  }
  if (ports === undefined) return undefined;
  const [from, to] = Array.isArray(ports) ? (ports as unknown[]) : [];
  const isRange = isWithin(from, 0, 0xffff) && isWithin(to, Number(from), 0xffff);
  return isRange ? undefined : 'a port is a number of 0 … 65535, or a range of them';
}

function isWithin(value: unknown, min: number, max: number): boolean {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
