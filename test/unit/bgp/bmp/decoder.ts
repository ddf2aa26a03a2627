/** BMP (RFC 7854 §4) as a monitoring station reads it: messages off a stream. For tests; undefined or an error for whatever is not BMP. */
import { Safi } from '../../../../bgp/message/capability.ts';
import { frame } from '../../../../bgp/message/framing.ts';
import * as open from '../../../../bgp/message/open.ts';
import * as update from '../../../../bgp/message/update.ts';

export const TYPES = [
  'route-monitoring',
  'statistics',
  'peer-down',
  'peer-up',
  'initiation',
  'termination',
] as const;

export interface Decoded {
  readonly type: (typeof TYPES)[number];
  /** Last octet of the address. */
  readonly peer?: number;
  readonly asn?: number;
  readonly flags?: number;
  /** `+10.1.0.0/16 1` with path identifiers, `-…` withdrawn, `eor 1` for a family. */
  readonly routes?: readonly string[];
  readonly tlvs?: ReadonlyMap<number, readonly Uint8Array[]>;
  readonly reason?: number;
  readonly rest?: Uint8Array;
}

const PEER_LEN = 42;

/** The first message and where it ends; undefined where there is not all of it. */
export function decode(
  bytes: Uint8Array,
  at: number,
): { readonly message: Decoded; readonly end: number } | undefined {
  if (bytes.length - at < 6) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint8(at) !== 3) throw new Error('not version 3');
  const end = at + view.getUint32(at + 1);
  if (end < at + 6) throw new Error('shorter than its header');
  if (end > bytes.length) return undefined;
  const type = TYPES[view.getUint8(at + 5)];
  if (type === undefined) throw new Error('unknown type');
  return { message: body(type, view, at + 6, end), end };
}

export function decodeAll(bytes: Uint8Array): Decoded[] {
  const messages: Decoded[] = [];
  for (let at = 0; at < bytes.length; ) {
    const next = decode(bytes, at);
    if (next === undefined) throw new Error('the stream ends within a message');
    messages.push(next.message);
    at = next.end;
  }
  return messages;
}

function body(type: Decoded['type'], view: DataView, at: number, end: number): Decoded {
  if (type === 'initiation' || type === 'termination') return { type, tlvs: tlvs(view, at, end) };
  if (end - at < PEER_LEN) throw new Error('no per-peer header');
  const peer = {
    type,
    flags: view.getUint8(at + 1),
    peer: view.getUint8(at + 25),
    asn: view.getUint32(at + 26),
  };
  const next = at + PEER_LEN;
  const rest = new Uint8Array(view.buffer, view.byteOffset + next, end - next).slice();
  switch (type) {
    case 'route-monitoring':
      return { ...peer, routes: routesOf(view, next, end) };
    case 'statistics':
      if (end - next < 4) throw new Error('no count');
      return { ...peer, tlvs: tlvs(view, next + 4, end) };
    case 'peer-down':
      if (end === next) throw new Error('no reason');
      return { ...peer, reason: view.getUint8(next), rest: rest.slice(1) };
    case 'peer-up': {
      if (end - next < 20) throw new Error('no ends');
      const sent = openAt(view, next + 20, end);
      if (openAt(view, sent, end) !== end) throw new Error('two OPENs and something');
      return { ...peer, rest };
    }
    default:
      throw new Error(type);
  }
}

function openAt(view: DataView, at: number, end: number): number {
  const framed = frame(view, at, end, 4_096);
  if (framed.kind !== 'message' || framed.type !== 1) throw new Error('no OPEN');
  if ('fault' in open.parse(view, framed.at, framed.end)) throw new Error('a bad OPEN');
  return framed.end;
}

function routesOf(view: DataView, at: number, end: number): string[] {
  const framed = frame(view, at, end, 65_535);
  if (framed.kind !== 'message' || framed.end !== end || framed.type !== 2) {
    throw new Error('no UPDATE');
  }
  const families = [1, 2].map((afi) => ({ afi, safi: Safi.Unicast, addPathReceive: false }));
  const context = { fourOctetAs: true, isInternal: true, families };
  const result = update.parse(view, framed.at, framed.end, context);
  if ('fault' in result) throw new Error('a bad UPDATE');
  const { routes, endOfRib } = result.update;
  if (endOfRib !== undefined) return [`eor ${endOfRib.afi}`];
  return routes.flatMap(({ afi, announced, withdrawn }) => [
    ...texts('+', afi, announced),
    ...texts('-', afi, withdrawn),
  ]);
}

function texts(
  sign: string,
  afi: number,
  { count, words }: { readonly count: number; readonly words: Uint32Array },
): string[] {
  return Array.from({ length: count }, (_, index) => {
    const [word = 0, second = 0, , , len] = words.subarray(index * 6, index * 6 + 6);
    const octets = [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff).join('.');
    const groups = [word >>> 16, word & 0xffff, second >>> 16].map((part) => part.toString(16));
    return `${sign}${afi === 1 ? octets : `${groups.join(':')}::`}/${len}`;
  });
}

function tlvs(view: DataView, at: number, end: number): Map<number, readonly Uint8Array[]> {
  const found = new Map<number, readonly Uint8Array[]>();
  for (let next = at; next < end; ) {
    if (end - next < 4) throw new Error('half a TLV');
    const type = view.getUint16(next);
    const valueAt = next + 4;
    next = valueAt + view.getUint16(next + 2);
    if (next > end) throw new Error('a TLV past the end');
    const value = new Uint8Array(view.buffer, view.byteOffset + valueAt, next - valueAt).slice();
    found.set(type, [...(found.get(type) ?? []), value]);
  }
  return found;
}
